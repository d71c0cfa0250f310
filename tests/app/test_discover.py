"""What Discover says and shares, without a page: why a picture is suggested, and a session as an address."""

import re
import uuid

import pytest

from app_pages.discover import why as discover_why
from app_pages.discover.profiles import document_of, read_document
from app_pages.discover.session import Session
from errors import QueryError
from schema.record import ImageRecord
from search.preference import Profile
from search.query import AUTO, MAX_TERMS, Query, Term
from search.results import Hit, Share

A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def record(title: str) -> ImageRecord:
    return ImageRecord("0" * 64, (), 4, 3, 1, "PNG", caption=title)


RECORDS = {A: record("A fox"), B: record("A <b>hen</b>")}
TERMS = (Term(item=A), Term(item=B, weight=-1), Term(text="snow"), Term(path="/photos/owl.jpg"))


def hit(*shares: tuple[int, str, float]) -> Hit:
    return Hit(
        C, record("A wolf"), 0.5, shares=tuple(Share(term, target, 0.25, amount) for term, target, amount in shares)
    )


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([(0, "image", 1.0), (0, "look", 2.0), (2, "image", 1.5)], "How it looks: like “A fox”"),
        ([(0, "image", 1.0), (2, "caption", 1.5)], "What it says: like “snow”"),
        ([(0, "image", -1.0), (1, "look", 0.5)], "How it looks: unlike “A <b>hen</b>”"),
        ([(3, "image", 1.0)], "What it shows: like “owl.jpg”"),
    ],
)
def test_the_biggest_part_says_why(shares: list[tuple[int, str, float]], expected: str) -> None:
    assert discover_why.sentence(hit(*shares), TERMS, RECORDS) == expected


def test_where_nothing_speaks_for_it_that_is_said() -> None:
    assert "No example speaks for it" in discover_why.sentence(hit((0, "image", -1.0)), TERMS, RECORDS)
    assert "No example speaks for it" in discover_why.sentence(hit(), TERMS, RECORDS)


def test_an_example_that_is_gone_is_named_by_its_uuid() -> None:
    assert str(A) in discover_why.sentence(hit((0, "look", 1.0)), TERMS, {})


def test_the_bars_add_up_and_lie_on_their_sides() -> None:
    """Eight parts: six bars, one for the two smaller ones, and the sum."""
    parts = [(0, "image", 4.0), (1, "image", -2.0), *((2, "image", 0.5 - 0.01 * i) for i in range(6))]
    html = discover_why.bars(hit(*parts), TERMS, RECORDS)
    amounts = [float(text) for text in re.findall(r"<td>([+-][0-9.]+)</td>", html)]
    assert len(amounts) == 8
    assert amounts[0] == 4.0 and amounts[1] == -2.0
    assert "2 smaller parts" in html and amounts[6] == pytest.approx(0.46 + 0.45)
    assert amounts[-1] == pytest.approx(sum(amounts[:-1]), abs=0.02)
    assert re.findall(r'loupe-(for|against)"><i style="width: ([0-9.]+)%', html)[:2] == [
        ("for", "100.0"),
        ("against", "50.0"),
    ]


def test_what_people_wrote_stays_text() -> None:
    html = discover_why.details(hit((1, "look", 0.5)), TERMS, RECORDS)
    assert "<b>hen" not in html and "&lt;b&gt;hen" in html


def test_a_session_goes_through_an_address_and_back() -> None:
    profile = Profile(
        "e", likes={A: 1.0, B: 0.5}, dislikes={C: 2.0}, words='red - "two words" 2:sea',
        targets={"image": 1.0, "look": 0.25}, strategy="best_score", diversity=0.3,
    )  # fmt: skip
    params = profile.linked().params()
    assert params == {
        "q": ['red - "two words" 2:sea'],
        "like": [str(A), f"0.5:{B}"],
        "dislike": [f"2:{C}"],
        "target": ["image=1", "look=0.25"],
        "strategy": ["best_score"],
        "diversity": ["0.3"],
    }
    assert Profile.of_link(Query.from_params(params), "e") == profile


def test_an_empty_session_has_an_empty_address() -> None:
    assert Profile("e", seen=(A, B)).linked().params() == {}
    assert Profile.of_link(Query(), "e") == Profile("e")


def test_a_picture_by_its_path_and_a_second_line_become_words() -> None:
    profile = Profile.of_link(Query.from_params({"q": ["red", "2:sea"], "like": ["/photos/a b.jpg", str(A)]}), "e")
    assert profile.words == 'red + 2:sea like:"/photos/a b.jpg"'
    assert profile.likes == {A: 1.0} and profile.targets == AUTO


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"like": ["nonsense"]}, "not the uuid of a picture"),
        ({"like": [f"0:{A}"]}, "weight"),
        ({"like": [str(A)], "dislike": [str(A)]}, "at once"),
        ({"diversity": ["nan"]}, "diversity must be"),
        ({"diversity": ["much"]}, "diversity"),
        ({"strategy": ["best"]}, "strategy is one of"),
        ({"target": ["colour=1"]}, "unknown target"),
        ({"like": [str(uuid.UUID(int=i)) for i in range(65)]}, "at most 64 terms"),
    ],
)
def test_an_address_that_cannot_be_followed_says_why(params: dict[str, list[str]], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        Profile.of_link(Query.from_params(params), "e")


def many(count: int, start: int = 0) -> dict[uuid.UUID, float]:
    return {uuid.UUID(int=number): 1.0 for number in range(start, start + count)}


def test_the_strongest_and_the_latest_are_kept() -> None:
    likes = many(5) | {uuid.UUID(int=1): 2.0}
    kept = Profile("e", likes=likes).within(3)
    assert [one.int for one in kept.likes] == [1, 3, 4]


@pytest.mark.parametrize(
    ("likes", "dislikes", "expected"),
    [(70, 0, (64, 0)), (0, 70, (0, 64)), (70, 5, (59, 5)), (5, 70, (5, 59)), (70, 70, (32, 32)), (40, 24, (40, 24))],
)
def test_neither_kind_takes_the_place_of_all_of_the_other(likes: int, dislikes: int, expected: tuple[int, int]) -> None:
    kept = Profile("e", likes=many(likes), dislikes=many(dislikes, 1000)).within(MAX_TERMS)
    assert (len(kept.likes), len(kept.dislikes)) == expected


def test_words_take_some_of_the_room() -> None:
    assert Profile("e", words="red - sea").room == MAX_TERMS - 2
    assert Profile("e").room == MAX_TERMS


def test_a_kept_session_is_read_as_it_was() -> None:
    """With the titles of judged pictures only."""
    profile = Profile("e", likes={A: 2.0}, dislikes={B: 1.0}, seen=(C,), words="red", diversity=0.2)
    document = document_of(Session(profile, "x", {A: "A fox", B: "A hen", C: "A wolf"}))
    assert read_document(document) == (profile, {A: "A fox", B: "A hen"})


@pytest.mark.parametrize(
    "document", [{}, {"profile": []}, {"profile": {"encoder": "e", "likes": {"x": 1}}}, {"titles": {"x": "y"}}]
)
def test_a_document_that_is_no_profile_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        read_document(document)
