"""The page Discover, state by state, on the samples."""

import uuid
from pathlib import Path

import pytest
import weaviate
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext
from encoder.protocol import Encoder
from schema.client import Address
from schema.collection import StorageOptions, ensure_pictures
from search.query import Term
from search.searcher import Searcher
from tests.app.conftest import open_page, parts_of, tiles
from tests.app.discovery import (
    CAT,
    DOG,
    ELEPHANT,
    ROOSTER,
    dislike,
    found,
    judged,
    like,
    press,
    profile_of,
    said,
    script,
    tags_of,
)


def test_the_start_is_a_spread_of_the_library_and_no_lottery(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context)
    assert not page.exception
    assert tiles(page) == [str(record.uuid) for record in searcher.spread(24)]
    assert len(set(tiles(page))) == 24
    assert tiles(open_page(script, context)) == tiles(page)
    assert not judged(page) and page.button(key="discover-undo").disabled and page.button(key="discover-reset").disabled


def test_a_like_changes_the_suggestions_and_stands_in_the_address(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context)
    first = tiles(page)[3]
    like(page, first)
    assert judged(page) == [first] and first not in tiles(page)
    assert page.query_params["like"] == first
    assert tiles(page) == found(searcher, Term(item=uuid.UUID(first)))
    second = tiles(page)[0]
    dislike(page, second)
    assert judged(page) == [first, second] and page.query_params["dislike"] == second
    assert tiles(page) == found(searcher, Term(item=uuid.UUID(first)), Term(item=uuid.UUID(second), weight=-1))


def test_only_dislikes_work_too(context: AppContext) -> None:
    page = open_page(script, context)
    first = tiles(page)[0]
    dislike(page, first)
    assert len(tiles(page)) == 24 and first not in tiles(page)


def test_animals_but_no_birds(context: AppContext, searcher: Searcher) -> None:
    """Three animals liked and a bird disliked: most of the first twelve are animals, and birds are rarer among them
    than without the dislike."""
    address = {"like": [str(DOG), str(ELEPHANT), str(CAT)]}
    without = tags_of(searcher, tiles(open_page(script, context, **address))[:12])
    with_it = tags_of(searcher, tiles(open_page(script, context, **address, dislike=str(ROOSTER)))[:12])
    assert sum("animal" in tags for tags in with_it) >= 9
    assert sum("bird" in tags for tags in with_it) <= sum("bird" in tags for tags in without)
    assert sum("bird" in tags for tags in with_it) <= 1


def test_undo_goes_back_step_by_step_and_start_over_can_be_undone(context: AppContext) -> None:
    page = open_page(script, context)
    steps = [tiles(page)]
    for place in (2, 0):
        like(page, tiles(page)[place])
        steps.append(tiles(page))
    press(page, "discover-reset")
    assert tiles(page) == steps[0] and not page.query_params
    for expected in reversed(steps):
        press(page, "discover-undo")
        assert tiles(page) == expected
    assert page.button(key="discover-undo").disabled


def test_a_thumb_is_taken_back_in_the_strip(context: AppContext) -> None:
    page = open_page(script, context)
    start = tiles(page)
    press(like(page, start[5]), f"forget-{start[5]}")
    assert not judged(page) and tiles(page) == start


def test_what_was_seen_does_not_come_back(context: AppContext) -> None:
    page = open_page(script, context)
    seen: list[str] = []
    for _ in range(4):
        assert not set(tiles(page)) & set(seen)
        seen += tiles(page)
        press(page, "discover-others")
    assert len(seen) == 96 and len(tiles(page)) == 4
    press(page, "discover-others")
    assert "You have seen a spread of the whole library" in said(page)
    press(page, "discover-undo")
    assert len(tiles(page)) == 4
    like(page, tiles(page)[0])
    assert len(tiles(page)) == 3 and not set(tiles(page)) & set(seen)
    press(page, "discover-others")
    assert "Nothing is left to suggest" in said(page)


def test_what_was_seen_longest_ago_may_come_back_and_that_is_said(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG))
    session = page.session_state["discover-session"]
    first = uuid.UUID(tiles(page)[0])
    long_ago = (first, *(uuid.UUID(int=number) for number in range(1, 4990)))
    page.session_state["discover-session"] = type(session)(session.profile.seeing(long_ago))
    page.run()
    assert str(first) not in tiles(page)
    press(page, "discover-others")
    assert len(profile_of(page).seen) == 5000
    assert "More than 5,000 pictures were judged or seen: the first seen may come back." in said(page)
    assert str(first) in tiles(page)


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_a_single_like_counts_more_or_less(context: AppContext, searcher: Searcher, weight: float) -> None:
    page = open_page(script, context, like=[str(DOG), str(ELEPHANT)])
    page.segmented_control(key=f"weight-of-{ELEPHANT}").set_value(weight).run()
    assert not page.exception
    assert page.query_params["like"] == [str(DOG), f"{weight:g}:{ELEPHANT}"]
    assert judged(page) == [str(ELEPHANT), str(DOG)]
    assert tiles(page) == found(searcher, Term(item=DOG), Term(item=ELEPHANT, weight=weight))


def test_a_weight_no_widget_offers_is_shown_and_none_of_it_breaks(context: AppContext) -> None:
    page = open_page(script, context, like=f"3.5:{DOG}")
    assert not page.exception
    assert page.segmented_control(key=f"weight-of-{DOG}").value == 3.5


def test_each_suggestion_says_which_example_brought_it(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context, like=[str(DOG), str(ELEPHANT)], dislike=str(ROOSTER))
    why = [e.value for e in page.html if "loupe-why" in e.value]
    assert len(why) == 24
    names = ("“Drawing of a beagle dog", "“Drawing of a grey elephant", "“A rooster")
    assert all(any(name in html for name in names) for html in why)
    assert all("loupe-parts" in html and "Together" in html for html in why)


def test_more_like_this_leaves_the_session_alone(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG), item=str(CAT))
    press(page, "detail-like")
    assert page.session_state["elsewhere"]
    assert list(profile_of(page).likes) == [DOG]


def test_a_thumb_in_the_details_counts(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG), item=str(CAT))
    press(page, f"thumb-up-detail-{CAT}")
    assert judged(page) == [str(CAT), str(DOG)]
    press(page, f"thumb-up-detail-{CAT}")
    assert judged(page) == [str(DOG)]


def test_a_thumb_on_a_search_result_counts_on_discover(context: AppContext) -> None:
    page = AppTest.from_function(script, args=(context,), default_timeout=60)
    page.session_state["elsewhere"] = True
    page.query_params["q"] = "a castle"
    page.run()
    first = tiles(page)[0]
    like(page, first)
    assert first in tiles(page) and page.query_params["q"] == "a castle"
    page.session_state["elsewhere"] = False
    page.query_params.clear()
    page.run()
    assert judged(page) == [first] and page.query_params["like"] == first


def test_an_address_from_outside_takes_the_place_of_the_session_and_undo_brings_it_back(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG))
    page.query_params["like"] = str(CAT)
    page.run()
    assert judged(page) == [str(CAT)]
    press(page, "discover-undo")
    assert judged(page) == [str(DOG)] and page.query_params["like"] == str(DOG)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"like": "nonsense"}, "not the uuid of a picture"),
        ({"like": str(DOG), "dislike": str(DOG)}, "at once"),
        ({"like": f"1e9:{DOG}"}, "weight"),
        ({"diversity": "nan"}, "diversity must be"),
        ({"strategy": "best"}, "strategy is one of"),
        ({"target": "colour=1"}, "unknown target"),
        ({"like": str(DOG), "filter": "hue=red"}, "nknown filter"),
        ({"like": str(DOG), "filter": "taken>=someday"}, "is not a date"),
        ({"q": "x" * 2500}, "2500 characters"),
    ],
)
def test_a_nonsense_address_is_a_sentence(context: AppContext, params: dict[str, str], words: str) -> None:
    page = open_page(script, context, **params)
    assert not page.exception
    assert words in said(page)


def test_liked_pictures_that_left_the_library_are_named_and_the_others_count(
    context: AppContext, searcher: Searcher
) -> None:
    gone = uuid.UUID(int=7)
    page = open_page(script, context, like=[str(DOG), str(gone)])
    assert f"1 liked picture is no longer in the library and does not count: {gone}." in said(page)
    assert judged(page) == [str(DOG)]
    assert tiles(page) == found(searcher, Term(item=DOG))
    press(page, "drop-gone")
    assert "no longer in the library" not in said(page) and list(profile_of(page).likes) == [DOG]


def test_when_all_liked_pictures_are_gone_the_spread_is_shown(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context, like=str(uuid.UUID(int=7)))
    assert "is no longer in the library" in said(page)
    assert tiles(page) == [str(record.uuid) for record in searcher.spread(24)]


def test_beyond_what_one_question_takes_the_strongest_and_latest_count(context: AppContext, searcher: Searcher) -> None:
    ones = [record.uuid for record in searcher.spread(70)]
    page = open_page(script, context)
    for one in ones:
        session = page.session_state["discover-session"]
        page.session_state["discover-session"] = type(session)(session.profile.liking(one))
    page.run()
    assert not page.exception
    assert "70 pictures are judged, one question takes 64 terms: the strongest and the latest 64 count" in said(page)
    assert len(page.query_params["like"]) == 64 and str(ones[-1]) in page.query_params["like"]
    assert len(judged(page)) == 70
    assert not set(tiles(page)) & {str(one) for one in ones}


def test_an_empty_library_offers_the_samples(
    empty: weaviate.WeaviateClient, address: Address, specialists: Encoder, home: Path
) -> None:
    ensure_pictures(empty, specialists.identity, StorageOptions())
    connection = Connection(lambda: address, lambda: specialists)
    page = open_page(script, parts_of(home, connection))
    connection.close()
    assert not page.exception
    assert not tiles(page) and any("sample" in (b.label or "").lower() for b in page.button)


def judging_script():
    import uuid

    from app_pages.discover import session

    session.judge(uuid.UUID(int=1), "one", session.DOWN, [uuid.UUID(int=2)])


def test_near_duplicates_of_a_judged_picture_do_not_come_back_until_that_is_undone() -> None:
    profile = profile_of(AppTest.from_function(judging_script).run())
    assert (profile.dislikes, profile.seen) == ({uuid.UUID(int=1): 1.0}, (uuid.UUID(int=2),))
    assert profile.undone().empty and not profile.undone().seen
