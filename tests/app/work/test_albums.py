"""Albums on the page and over HTTP: saved, looked at, opened, renamed, deleted; what cannot be is a sentence."""

import uuid
from typing import Any

import pytest
import weaviate
from PIL import Image
from streamlit.testing.v1 import AppTest

from api.context import AppContext
from app_pages.albums import page as page_module
from app_pages.widgets.markdown import escape_markdown
from errors import Unreachable
from schema.collection import delete_library
from search import albums
from search.filters import Condition
from search.query import Query, Term
from tests.app.conftest import http_of, open_page, texts

RED = Query((Term(text="red"),))


def albums_script(context):  # Streamlit copies its source: it may name nothing of this module
    import streamlit as st

    from app_pages.albums.page import albums_page

    albums_page(context, lambda: st.session_state.__setitem__("went", dict(st.session_state["last_address"])))


def saving_script(context):
    import streamlit as st
    from PIL import Image

    from app_pages.albums.page import draw_save_button
    from search.query import Query, Term

    terms = [Term(text=st.query_params["q"])] if "q" in st.query_params else []
    if "picture" in st.query_params:
        terms.append(Term(image=Image.new("RGB", (1, 1))))
    draw_save_button(Query(tuple(terms), limit=60, offset=60), context)


@pytest.fixture
def store(coloured: AppContext) -> Any:
    return coloured.connection.documents("Albums")


def names(store: Any) -> list[str]:
    return [entry.name for entry in store.list()]


def save(page: AppTest, name: str, *, replacing: bool = False) -> None:
    page.text_input(key="album-name").set_value(name)
    page.checkbox(key="album-replace").set_value(replacing)
    [submit] = [button for button in page.button if button.label == "Save"]
    submit.click().run()
    assert not page.exception


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click().run()
    assert not page.exception


# Saving


def test_the_present_question_is_saved_under_a_name(coloured: AppContext, store: Any) -> None:
    page = open_page(saving_script, coloured, q="red")
    save(page, " All that is red ")
    assert [toast.value for toast in page.toast] == ["Saved as “All that is red”. It is on the page Albums."]
    album = albums.find(store, "all that is red")
    assert album.query == RED
    assert album.encoder == coloured.connection.searcher().pictures.identity.id
    assert page.text_input(key="album-name").value == ""


def test_a_name_is_replaced_only_when_that_is_wished(coloured: AppContext, store: Any) -> None:
    albums.keep(store, "Mine", Query((Term(text="blue"),)), "e")
    page = open_page(saving_script, coloured, q="red")
    save(page, "mine")
    assert "There is an album 'mine' already" in texts(page) and "Replace" in texts(page)
    assert albums.find(store, "mine").query.texts == ("blue",)
    assert page.text_input(key="album-name").value == "mine"
    save(page, "mine", replacing=True)
    assert albums.find(store, "mine").query.texts == ("red",)
    assert names(store) == ["mine"]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [({"q": "red", "picture": "1"}, "holds a picture that was uploaded"), ({}, "The question is empty")],
)
def test_what_cannot_be_kept_is_said_before_a_name_is_typed(
    coloured: AppContext, params: dict[str, Any], sentence: str
) -> None:
    page = open_page(saving_script, coloured, **params)
    assert sentence in texts(page)
    assert not page.text_input and not page.exception


@pytest.mark.parametrize(("name", "sentence"), [("", "The name is empty"), ("a\u202eb", "which cannot be seen")])
def test_a_name_that_cannot_be_is_a_sentence(coloured: AppContext, store: Any, name: str, sentence: str) -> None:
    page = open_page(saving_script, coloured, q="red")
    save(page, name)
    assert sentence in texts(page).replace("\\", "")
    assert names(store) == []


# The page


def test_without_albums_the_page_says_how_to_get_one(coloured: AppContext) -> None:
    page = open_page(albums_script, coloured)
    assert "There are no albums yet" in texts(page)


def test_an_album_shows_what_the_library_holds_now(
    coloured: AppContext, store: Any, client: weaviate.WeaviateClient
) -> None:
    """Live: what is removed from the library leaves the album too."""
    searcher = coloured.connection.searcher()
    few = Query((Term(text="red"),), filters=(Condition.parse("tags=red"),))
    albums.keep(store, "Red ones", few, searcher.pictures.identity.id)
    page = open_page(albums_script, coloured)
    assert not page.exception
    expected = albums.look(few, searcher.search, lambda _: 0)
    assert expected.text in texts(page) and len(expected.covers) == 4
    assert all(hit.record.sha256 in texts(page) for hit in expected.covers)
    searcher.pictures.collection.data.delete_by_id(expected.covers[0].uuid)
    page_module._look.clear()
    page.run()
    after = texts(page)
    assert expected.covers[0].record.sha256 not in after
    assert albums.look(few, searcher.search, lambda _: 0).text in after
    assert albums.look(few, searcher.search, lambda _: 0).text != expected.text


def test_open_goes_to_the_questions_address(coloured: AppContext, store: Any) -> None:
    query = Query(
        (Term(text="red"), Term(text="dark", weight=-0.5)), filters=(Condition.parse("tags=red"),), diversity=0.3
    )
    albums.keep(store, "Red ones", query, "e")
    page = open_page(albums_script, coloured)
    press(page, "open-album-Red ones")
    went = page.session_state["went"]
    assert Query.from_params(went).check() == query


def test_an_album_can_be_renamed_and_deleted(coloured: AppContext, store: Any) -> None:
    albums.keep(store, "a", RED, "e")
    albums.keep(store, "b", RED, "e")
    page = open_page(albums_script, coloured)
    rename(page, "a", "B")
    assert "There is an album 'B' already" in texts(page)
    rename(page, "a", "c")
    assert names(store) == ["b", "c"]
    press(page, "delete-album-b")
    assert names(store) == ["c"]
    store.delete("c")  # in another window
    page.run()
    assert "There are no albums yet" in texts(page)


def rename(page: AppTest, old: str, new: str) -> None:
    page.text_input(key=f"rename-album-{old}").set_value(new)
    index = [field.key for field in page.text_input].index(f"rename-album-{old}")
    [button for button in page.button if button.label == "Rename"][index].click().run()
    assert not page.exception


def test_an_album_of_another_encoder_says_so_and_still_opens(coloured: AppContext, store: Any) -> None:
    albums.keep(store, "old", RED, "clip-7")
    page = open_page(albums_script, coloured)
    assert "Saved with the encoder 'clip-7'. This library is of 'colours" in texts(page).replace("\\", "")
    assert not page.button(key="open-album-old").disabled


def test_a_deleted_liked_picture_is_a_sentence_beside_the_other_albums(coloured: AppContext, store: Any) -> None:
    albums.keep(store, "broken", Query((Term(item=uuid.UUID(int=3)),)), "e")
    albums.keep(store, "whole", RED, "e")
    page = open_page(albums_script, coloured)
    assert not page.exception
    assert f"There is no picture {uuid.UUID(int=3)} in the library" in texts(page).replace("\\", "")
    assert page.button(key="open-album-whole")
    assert "red" in texts(page)


def test_a_spoiled_album_can_only_be_deleted(coloured: AppContext, store: Any) -> None:
    store.save("spoiled", {"version": 99}, "e")
    page = open_page(albums_script, coloured)
    assert "The album 'spoiled' cannot be read" in texts(page).replace("\\", "")
    assert page.button(key="open-album-spoiled").disabled
    press(page, "delete-album-spoiled")
    assert names(store) == []


def test_hostile_names_stay_text(coloured: AppContext, store: Any) -> None:
    name = '<script>alert(1)</script> :red[x] *y* "q"'
    albums.keep(store, name, RED, "e")
    page = open_page(albums_script, coloured)
    assert not page.exception
    assert any(element.value == f"**{escape_markdown(name)}**" for element in page.markdown)
    press(page, f"delete-album-{name}")
    assert names(store) == []


def test_many_albums_come_in_pages(coloured: AppContext, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "PER_PAGE", 2)
    for name in "abc":
        albums.keep(store, name, RED, "e")
    page = open_page(albums_script, coloured)
    assert opened(page) == ["a", "b"]
    page.session_state["albums-page"] = 2
    page.run()
    assert opened(page) == ["c"]
    press(page, "delete-album-c")
    page.run()
    assert opened(page) == ["a", "b"]


def opened(page: AppTest) -> list[str]:
    prefix = "open-album-"
    return [str(b.key).removeprefix(prefix) for b in page.button if str(b.key).startswith(prefix)]


def test_albums_outlive_their_library(coloured: AppContext, store: Any, client: weaviate.WeaviateClient) -> None:
    albums.keep(store, "Red ones", RED, "e")
    delete_library(client)
    page = open_page(albums_script, coloured)
    assert not page.exception
    assert "There is no library yet, so nothing is in it" in texts(page)


def test_a_weaviate_that_is_away_is_a_sentence(coloured: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> Any:
        raise Unreachable("Weaviate did not answer. Start it with: python -m server start.")

    monkeypatch.setattr(coloured.connection, "documents", away)
    page = open_page(albums_script, coloured)
    assert "Weaviate did not answer" in texts(page)
    assert page.button(key="albums-again")
    page = open_page(saving_script, coloured, q="red")
    save(page, "x")
    assert "Weaviate did not answer" in texts(page)
    monkeypatch.setattr(coloured.connection, "searcher", lambda: away(""))
    page = open_page(albums_script, coloured)
    assert "goes on by itself" in texts(page)


# Over HTTP


def test_the_api_lists_albums_and_asks_them(coloured: AppContext, store: Any) -> None:
    http = http_of(coloured)
    assert http.get("/api/albums").json() == {"albums": []}
    query = Query((Term(text="red"),), filters=(Condition.parse("tags=red"),))
    albums.keep(store, "Red/ones & more?", query, "clip-7")
    [entry] = http.get("/api/albums").json()["albums"]
    assert (entry["name"], entry["encoder"]) == ("Red/ones & more?", "clip-7")
    answer = http.get(entry["address"]).json()
    direct = http.get("/api/search", params={"q": "red", "filter": "tags=red"}).json()
    assert answer["hits"] == direct["hits"] and len(answer["hits"]) == 4
    assert answer["album"] == "Red/ones & more?"
    assert answer["encoder"].startswith("Saved with the encoder 'clip-7'")
    assert http.get(answer["page"].replace("/?", "/api/search?")).json()["hits"] == direct["hits"]


def test_the_api_takes_a_page_of_an_album(coloured: AppContext, store: Any) -> None:
    albums.keep(store, "red", RED, "e")
    http = http_of(coloured)
    every = http.get("/api/albums/red?limit=12").json()["hits"]
    some = http.get("/api/albums/red?limit=3&offset=2&facets=1").json()
    assert some["hits"] == every[2:5]
    assert "facets" in some


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("none", 404, "There is no album 'none' (any more)."),
        ("red?limit=0", 400, "limit must be 1 to 1000, got 0"),
        ("red?q=blue", 400, "unknown parameter 'q'; an album takes limit, offset, facets"),
        ("x" * 101, 400, "at most 100 are allowed"),
        ("spoiled", 400, "The album 'spoiled' cannot be read"),
        ("gone", 400, "in the library (any more)"),
    ],
)
def test_what_the_api_cannot_answer_is_a_sentence(
    coloured: AppContext, store: Any, path: str, status: int, sentence: str
) -> None:
    albums.keep(store, "red", RED, "e")
    albums.keep(store, "gone", Query((Term(item=uuid.UUID(int=3)),)), "e")
    store.save("spoiled", {"version": 99}, "e")
    answer = http_of(coloured).get(f"/api/albums/{path}")
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_a_picture_in_a_query_has_no_document() -> None:
    with pytest.raises(ValueError, match="uploaded"):
        albums.to_document(Query((Term(image=Image.new("RGB", (1, 1))),)))
