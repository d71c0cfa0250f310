"""Sessions kept under a name, in the page Discover."""

import uuid
from collections.abc import Iterator

import pytest
import weaviate
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext
from errors import Unreachable
from schema.documents import COLLECTIONS
from search.preference import Profile
from tests.app.conftest import open_page, tiles
from tests.app.discovery import CAT, DOG, ROOSTER, judged, like, press, profile_of, said, script


@pytest.fixture
def no_profiles(client: weaviate.WeaviateClient) -> Iterator[None]:
    client.collections.delete(COLLECTIONS["Profiles"])
    yield
    client.collections.delete(COLLECTIONS["Profiles"])


def open_profiles(page: AppTest) -> AppTest:
    page.session_state["profiles"] = True
    return page.run()


def save_as(page: AppTest, name: str) -> AppTest:
    open_profiles(page)
    page.text_input(key="profile-name").set_value(name)
    return press(page, "save-profile")


def load(page: AppTest, name: str) -> AppTest:
    open_profiles(page)
    page.selectbox(key="profile-choice").select(name)
    return press(page, "open-profile")


@pytest.mark.usefixtures("no_profiles")
def test_a_profile_is_kept_changes_with_the_session_and_opens_in_another(context: AppContext) -> None:
    page = save_as(open_page(script, context, like=str(DOG), dislike=str(ROOSTER)), "  Animals,  but no birds ")
    assert page.session_state["discover-session"].name == "Animals, but no birds"
    like(page, tiles(page)[0])
    press(page, "discover-others")
    other = load(open_page(script, context), "Animals, but no birds")
    assert tiles(other) == tiles(page) and judged(other) == judged(page)
    assert profile_of(other).seen == profile_of(page).seen != ()


@pytest.mark.usefixtures("no_profiles")
def test_profiles_are_renamed_left_and_deleted(context: AppContext) -> None:
    page = save_as(open_page(script, context, like=str(DOG)), "one")
    open_profiles(page).text_input(key="profile-rename").set_value("two")
    press(page, "rename-profile")
    press(page, "discover-reset")
    assert not judged(page) and page.session_state["discover-session"].name == ""
    load(page, "two")
    assert judged(page) == [str(DOG)]
    press(open_profiles(page), "delete-profile")
    assert judged(page) == [str(DOG)]
    assert not context.connection.documents("Profiles").list()


@pytest.mark.usefixtures("no_profiles")
@pytest.mark.parametrize(
    ("name", "words"), [("", "The name is empty"), ("taken", "There is a profile 'taken' already")]
)
def test_a_name_that_cannot_be_used_is_a_sentence(context: AppContext, name: str, words: str) -> None:
    save_as(open_page(script, context, like=str(CAT)), "taken")
    page = save_as(open_page(script, context, like=str(DOG)), name)
    assert words in said(page)
    assert page.session_state["discover-session"].name == ""


@pytest.mark.usefixtures("no_profiles")
def test_opening_a_profile_can_be_undone(context: AppContext) -> None:
    save_as(open_page(script, context, like=str(CAT)), "cats")
    page = load(open_page(script, context, like=str(DOG)), "cats")
    assert judged(page) == [str(CAT)]
    press(page, "discover-undo")
    assert judged(page) == [str(DOG)] and page.session_state["discover-session"].name == ""


@pytest.mark.usefixtures("no_profiles")
def test_a_profile_of_another_encoder_offers_what_can_be_kept(context: AppContext) -> None:
    theirs = Profile("clip-9", likes={DOG: 2.0, uuid.UUID(int=7): 1.0}, dislikes={ROOSTER: 1.0}, targets={"look": 1.0})
    titles = {str(uuid.UUID(int=7)): "A unicorn"}
    context.connection.documents("Profiles").save("old", {"profile": theirs.to_json(), "titles": titles}, "clip-9")
    page = load(open_page(script, context), "old")
    assert not judged(page)
    assert "was made in a library of clip-9" in said(page) and "2 liked and 1 disliked pictures" in said(page)
    press(page, "take-over-profile")
    assert judged(page) == [str(DOG), str(ROOSTER)]
    assert page.query_params["like"][0] == f"2:{DOG}" and "target" not in page.query_params
    assert "“A unicorn”" in said(page)
    assert context.connection.documents("Profiles").load("old").encoder == "clip-9"
    page = load(open_page(script, context), "old")
    press(page, "leave-foreign-profile")
    assert not judged(page) and "clip-9" not in said(page)


@pytest.mark.usefixtures("no_profiles")
def test_a_profile_that_another_program_spoiled_is_a_sentence(context: AppContext) -> None:
    context.connection.documents("Profiles").save("spoiled", {"profile": {"encoder": "e", "likes": 7}}, "e")
    page = load(open_page(script, context, like=str(DOG)), "spoiled")
    assert "The profile “spoiled” cannot be read" in said(page)
    assert judged(page) == [str(DOG)]


@pytest.mark.usefixtures("no_profiles")
def test_what_could_not_be_saved_is_said_and_saved_with_the_next_change(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = save_as(open_page(script, context, like=str(DOG)), "mine")
    with monkeypatch.context() as away:
        away.setattr(Connection, "documents", unreachable)
        like(page, tiles(page)[0])
        assert "The last change of the profile “mine” is not saved yet. Weaviate did not answer." in said(page)
        assert len(judged(page)) == 2
    like(page, tiles(page)[0])
    assert "not saved" not in said(page)
    document = context.connection.documents("Profiles").load("mine").document
    assert len(document["profile"]["likes"]) == 3


def unreachable(self: Connection, kind: str) -> None:
    raise Unreachable("Weaviate did not answer. Start it.")
