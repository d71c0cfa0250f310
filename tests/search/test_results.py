"""What a command prints of results, and what the API answers beside them. No database."""

from dataclasses import replace

import pytest
from PIL import Image

from schema.record import ImageRecord, Place
from search.command import text_of
from search.explain import Meant
from search.filters import Condition
from search.query import Query, Term
from search.results import Hit, Results, Share, Timing, note, to_json

CAT = Query((Term(text="cat"),))
LINE = 2.5


def hit(number: int, similarity: float, *, unlikely: bool = False) -> Hit:
    sha = f"{number:02}" * 32
    record = ImageRecord(sha, (Place(f"/photos/{number}.jpg", 1, 0, "/photos"),), 4, 4, 1, "JPEG")
    return Hit(record.uuid, record, similarity, below=unlikely)


def results(*hits: Hit, total: int = 100, offset: int = 0) -> Results:
    likely = sum(not one.below for one in hits)
    return Results(hits, total, offset, 24, Timing(1, 2, 3.4), threshold=LINE, above=likely)


def test_a_line_a_hit_then_facets_then_the_count_and_nothing_steers_the_terminal() -> None:
    """Escape sequences of file names, captions and tags are shown as question marks."""
    place = Place("/photos/a\x1b[2J\n.jpg", 1, 0, "/photos")
    record = ImageRecord("00" * 32, (place,), 4, 4, 1, "JPEG", caption="a cat\x1b]0;title\x07")
    bare = ImageRecord("01" * 32, (), 4, 4, 1, "JPEG")
    hits = (Hit(record.uuid, record, 0.5, copies=(bare.uuid,)), Hit(bare.uuid, bare, -0.25))
    found = Results(hits, 7, 0, 24, Timing(1, 2, 3.4), {"tag": (("red\x9b", 3), ("sea", 1))})
    assert text_of(CAT, found).splitlines() == [
        "  0.500  /photos/a?[2J?.jpg  (+1 alike)  a cat?]0;title?",
        f" -0.250  {bare.uuid}",
        "tag: red? (3), sea (1)",
        "2 of 7 pictures · 3 ms",
    ]


def test_what_is_unlikely_is_folded_away_and_shown_on_demand() -> None:
    found = results(hit(1, 0.3), hit(2, 0.2, unlikely=True), hit(3, 0.1, unlikely=True))
    assert text_of(CAT, found).splitlines() == [
        "  0.300  /photos/1.jpg",
        "2 more, unlikely: --unlikely shows them",
        "1 of 100 pictures · 3 ms",
    ]
    assert text_of(CAT, found, unlikely=True).splitlines() == [
        "  0.300  /photos/1.jpg",
        "? 0.200  /photos/2.jpg",
        "? 0.100  /photos/3.jpg",
        "3 of 100 pictures · 3 ms",
    ]
    assert note(CAT, found).startswith("2 of these 3 are unlikely")


def test_without_a_good_match_the_nearest_three_are_shown() -> None:
    found = results(*(hit(n, 0.1, unlikely=True) for n in range(1, 6)))
    assert text_of(CAT, found).splitlines() == [
        "No good match. The nearest:",
        "? 0.100  /photos/1.jpg",
        "? 0.100  /photos/2.jpg",
        "? 0.100  /photos/3.jpg",
        "2 more, unlikely: --unlikely shows them",
        "3 of 100 pictures · 3 ms",
    ]
    assert note(CAT, found).startswith("No good match: ")
    assert text_of(CAT, replace(found, offset=24)).splitlines()[:2] == [
        "No good match.",
        "5 more, unlikely: --unlikely shows them",
    ]


def test_where_the_library_is_too_small_to_tell_nothing_is_said_to_be_unlikely() -> None:
    found = replace(results(hit(1, 0.3)), threshold=None, above=0)
    assert note(CAT, found) == ""
    assert "No good match" not in text_of(CAT, found)


@pytest.mark.parametrize(
    ("query", "found", "sentence"),
    [
        (
            Query((Term(text="cat"),), filters=(Condition.parse("tags=zeppelin"), Condition.parse("year=2024"))),
            results(total=0),
            "No picture of the library passes tags=zeppelin, year=2024. Take a filter away, or correct it.",
        ),
        (CAT, results(total=0), "There is no picture to search: the library is empty, or all of it asks or is hidden."),
        (CAT, results(total=7, offset=48), "There are 7 pictures, so nothing is at offset 48."),
        (
            CAT,
            results(total=70, offset=48),
            "Nothing is left at offset 48: near-duplicates stand behind the pictures before.",
        ),
        (
            CAT,
            replace(results(total=7000, offset=7000), meant=(Meant(*map(Condition.parse, ("tags=Cat", "tags=cat"))),)),
            "There are 7,000 pictures, so nothing is at offset 7,000.",
        ),
        (CAT, results(total=7), "None of the 7 pictures that pass can be compared with the question any more."),
    ],
)
def test_no_hits_at_all_are_explained(query: Query, found: Results, sentence: str) -> None:
    assert note(query, found) == to_json(query, found)["note"] == sentence
    assert text_of(query, found).splitlines()[0] == sentence


def test_what_each_term_brought_is_named() -> None:
    query = Query((Term(text="cat", weight=2), Term(path="a b.jpg", weight=-1), Term(image=Image.new("RGB", (1, 1)))))
    shares = (Share(0, "image", 0.3, 1.5), Share(1, "look", 0.2, -2.0), Share(2, "look", 0.1, 0.25))
    found = results(replace(hit(1, 0.3), shares=shares))
    assert text_of(query, found, why=True).splitlines()[1:4] == [
        '         -2.00  look: -like:"a b.jpg"',
        "         +1.50  image: 2:cat",
        "         +0.25  look: the picture",
    ]


def test_the_answer_says_what_was_asked_with_a_place_for_every_term() -> None:
    """The shares of a hit count them."""
    picture = Image.new("RGB", (1, 1))
    query = Query((Term(text="cat"), Term(image=picture, weight=-2), Term(path="a.jpg")), diversity=0.5)
    answer = to_json(query, results(hit(1, 0.3)))
    assert answer["asked"]["terms"] == [
        {"text": "cat", "weight": 1.0},
        {"image": True, "weight": -2},
        {"path": "a.jpg", "weight": 1.0},
    ]
    assert answer["asked"]["diversity"] == 0.5
    assert answer["hits"][0]["unlikely"] is False
    assert answer["note"] == ""
