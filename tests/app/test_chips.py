"""The question's parts: what each is called, and what is left without it."""

import uuid

import pytest

from app_pages.question import Question
from app_pages.search.chips import Chip, chips_of, without

KEY = uuid.UUID("5dd2ae12-02e2-514c-a4fe-306192e392d5")
FULL = Question(
    words=("water + 2:boat - people -tag:drawing", "red"),
    likes=(f"0.5:{KEY}", "photos/eiffel-tower.jpg"),
    dislikes=(str(KEY),),
    filters=("taken>=2020", "tags.none=cat"),
    hidden=(str(KEY), str(uuid.UUID(int=1))),
    words_too="1",
)


def labels(question: Question) -> list[str]:
    return [chip.label for chip in chips_of(question)]


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
    typed = chips_of(Question(words=(f"red like:{KEY} -like:{KEY}",)))
    assert [(chip.item, chip.weight) for chip in typed] == [(None, 1), (KEY, 1), (KEY, -1)]


def test_taking_parts_away_one_after_the_other_leaves_nothing() -> None:
    question = FULL
    while chips := chips_of(question):
        before = labels(question)
        question = without(question, chips[0])
        assert sorted(labels(question)) == sorted(before[1:])
    assert question == Question()


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
    [chip] = [chip for chip in chips_of(FULL) if chip.label == label]
    left = without(FULL, chip)
    assert left.words == (line, "red")
    assert (left.likes, left.filters, left.offset) == (FULL.likes, FULL.filters, "")


def test_a_line_that_cannot_be_read_is_one_chip() -> None:
    question = Question(words=("castle + -night", "red"))
    assert labels(question) == ["castle + -night", "red"]
    assert without(question, chips_of(question)[0]).words == ("red",)


def test_a_like_that_cannot_be_read_can_be_taken_away() -> None:
    question = Question(likes=("nonsense",))
    [chip] = chips_of(question)
    assert without(question, chip) == Question()


def test_a_chip_that_is_gone_already_changes_nothing() -> None:
    """Two clicks, of which the first took it away."""
    stale = Chip("term", "people", -1.0, None, 0, 2)
    once = without(FULL, stale)
    assert without(once, stale) == once


def test_without_wanted_words_none_are_matched() -> None:
    question = Question(words=("red - blue",), words_too="1")
    left = without(question, chips_of(question)[0])
    assert (left.words, left.words_too) == (("-blue",), "")
