"""The question's parts: what each is called, and what is left without it."""

import uuid
from dataclasses import replace

import pytest

from app_pages.search.chips import chips_of, without
from search.query import Query

KEY = uuid.UUID("5dd2ae12-02e2-514c-a4fe-306192e392d5")
FULL = Query.from_params(
    {
        "q": ["water + 2:boat - people -tag:drawing", "red"],
        "like": [f"0.5:{KEY}", "photos/eiffel-tower.jpg"],
        "dislike": [str(KEY)],
        "filter": ["taken>=2020", "tags.none=cat"],
        "hide": [str(KEY), str(uuid.UUID(int=1))],
        "words": ["1"],
    }
)


def asked(**params: list[str]) -> Query:
    return Query.from_params(params)


def labels(query: Query) -> list[str]:
    return [chip.label for chip in chips_of(query)]


def test_every_part_is_named_terms_first() -> None:
    assert labels(FULL) == [
        "water",
        "2 × boat",
        "− people",
        "red",
        f"0.5 × {KEY}",
        "eiffel-tower.jpg",
        f"− {KEY}",
        "-tag:drawing",
        "taken>=2020",
        "tags.none:cat",
        "2 hidden",
    ]


def test_pictures_of_the_library_are_known_by_their_uuid() -> None:
    assert [chip.item for chip in chips_of(FULL) if chip.item] == [KEY, KEY]
    typed = chips_of(asked(q=[f"red like:{KEY} -like:{KEY}"]))
    assert [(chip.item, chip.weight) for chip in typed] == [(None, 1), (KEY, 1), (KEY, -1)]


def test_taking_parts_away_one_after_the_other_leaves_nothing() -> None:
    query = FULL
    while chips := chips_of(query):
        before = labels(query)
        query = without(query, chips[0])
        assert sorted(labels(query)) == sorted(before[1:])
    assert query == Query()


@pytest.mark.parametrize(
    ("label", "line"),
    [
        ("water", "2:boat - people -tag:drawing"),
        ("2 × boat", "water - people -tag:drawing"),
        ("− people", "water + 2:boat -tag:drawing"),
        ("-tag:drawing", "water + 2:boat - people"),
    ],
)
def test_the_rest_of_a_line_stays_as_it_means(label: str, line: str) -> None:
    query = replace(FULL, offset=24)
    [chip] = [chip for chip in chips_of(query) if chip.label == label]
    left = without(query, chip)
    assert left.params() == {**FULL.params(), "q": [line, "red"]}


def test_a_line_that_cannot_be_read_is_one_chip() -> None:
    query = asked(q=["castle + -night", "red"])
    assert labels(query) == ["castle + -night", "red"]
    assert without(query, chips_of(query)[0]).lines == ("red",)


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("like", "nonsense", "nonsense"),
        ("dislike", "nonsense", "− nonsense"),
        ("filter", "x", "x"),
        ("limit", "x", "x"),
    ],
)
def test_what_cannot_be_read_can_be_taken_away(name: str, value: str, label: str) -> None:
    query = asked(**{name: [value]})
    [chip] = chips_of(query)
    assert (chip.label, without(query, chip)) == (label, Query())


def test_a_chip_that_is_gone_already_changes_nothing() -> None:
    """Two clicks, of which the first took it away."""
    [stale] = [chip for chip in chips_of(FULL) if chip.text == "people"]
    once = without(FULL, stale)
    assert without(once, stale) == once != FULL


def test_without_wanted_words_none_are_matched() -> None:
    query = asked(q=["red - blue"], words=["1"])
    left = without(query, chips_of(query)[0])
    assert (left.lines, left.hybrid) == (("-blue",), False)
