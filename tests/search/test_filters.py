"""Conditions as they are written, read and refused. No database."""

import time
from datetime import UTC, datetime

import pytest

from search.errors import FilterError, QueryError
from search.filters import FIELDS, Condition, date_range, joined

EXAMPLES = [
    "folder=/photos/2024",
    "folder=/photos/a = b, c",
    "camera=Canon EOS 5D",
    "format=JPEG",
    "tags=cat",
    "tags.any=cat,dog",
    "tags.all=red bicycle, night",
    "tags.none=raw",
    "taken>=2020-05-01",
    "taken<2021",
    "taken=2024-02",
    "added>=2026-01-01",
    "width>1000",
    "height<=600",
    "bytes>1000000",
    "year=2024",
    "orientation=landscape",
    "captioned=no",
    "path~holiday",
    "path~~/=>?*",
    "path~两张\n照片",
]


@pytest.mark.parametrize("negation", ["", "!"])
@pytest.mark.parametrize("text", EXAMPLES)
def test_what_is_written_is_read_and_written_again(text: str, negation: str) -> None:
    condition = Condition.parse(negation + text)
    assert condition.negated == bool(negation)
    assert str(condition) == negation + text
    assert Condition.parse(str(condition)) == condition


def test_the_examples_hold_every_field() -> None:
    assert {Condition.parse(text).field for text in EXAMPLES} == set(FIELDS)


def test_spaces_around_the_parts_do_not_count() -> None:
    assert Condition.parse("  ! tags.any =  cat , dog ") == Condition("tags.any", "=", "cat , dog", True)
    assert Condition.parse("tags= cat ,, dog ,").values == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour=red", "unknown filter 'colour'; known are folder, camera"),
        ("", "the filter '' cannot be read; write for example tags.any=cat"),
        ("cat", "the filter 'cat' cannot be read"),
        ("!!tags=cat", "the filter '!!tags=cat' cannot be read"),
        (None, "the filter None cannot be read"),
        (7, "the filter 7 cannot be read"),
        (["tags=cat"], "cannot be read"),
        ("tags>cat", "'tags' takes =, got '>' in 'tags>cat'"),
        ("path=holiday", "'path' takes ~, got '=' in 'path=holiday'"),
        ("width~100", "'width' takes = >= <= > <, got '~'"),
        ("folder=", "the filter 'folder=' has no value; write for example folder=..."),
        ("path~  ", "the filter 'path~' has no value; write for example path~..."),
        ("tags.all=, ,", "the filter 'tags.all=, ,' names no tag"),
        ("orientation=round", "'orientation' is one of landscape, portrait, square, got 'round'"),
        ("captioned=true", "'captioned' is one of yes, no, got 'true'"),
        ("width>wide", "'width' is compared with a whole number, got 'wide'"),
        ("width>-1", "'width' is compared with a whole number, got '-1'"),
        ("height=1.5", "'height' is compared with a whole number, got '1.5'"),
        ("bytes<=nan", "'bytes' is compared with a whole number, got 'nan'"),
        ("bytes<=9999999999999999", "'bytes' is compared with a whole number, got '9999999999999999'"),
        ("year=٢٠٢٤", "'year' is compared with a whole number, got '٢٠٢٤'"),
        ("taken=yesterday", "'yesterday' is not a date; write 2024, 2024-05 or 2024-05-17"),
        ("taken=2023-02-29", "'2023-02-29' is not a date"),
        ("taken=2023-13", "'2023-13' is not a date"),
        ("taken=2023-00", "'2023-00' is not a date"),
        ("taken=2023-01-01-01", "'2023-01-01-01' is not a date"),
        ("taken=20_24", "'20_24' is not a date"),
        ("taken=+2024", "'+2024' is not a date"),
        ("taken=0000", "'0000' is not a date"),
        ("added>=9999-12-31", "'9999-12-31' is not a date"),
        ("camera=\ud800", "holds half a character"),
        ("path~" + "x" * 10_000, "'path' takes at most 2000 characters, got 10000"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_with_the_value(text: object, sentence: str) -> None:
    with pytest.raises(FilterError) as caught:
        Condition.parse(text)
    assert sentence in str(caught.value)
    assert isinstance(caught.value, QueryError)


@pytest.mark.parametrize("text", [" " * 300_000, "tags=x" + " " * 300_000 + "x", "!" + " " * 300_000, "a" * 300_000])
def test_a_megabyte_of_nonsense_is_refused_at_once_and_in_few_words(text: str) -> None:
    """A condition comes from an address or from an agent. No backtracking: this takes milliseconds."""
    started = time.perf_counter()
    with pytest.raises(FilterError) as caught:
        Condition.parse(text)
    assert time.perf_counter() - started < 0.5
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", (2024, 1, 1), (2025, 1, 1)),
        ("2024-02", (2024, 2, 1), (2024, 3, 1)),
        ("2024-12", (2024, 12, 1), (2025, 1, 1)),
        ("2024-1", (2024, 1, 1), (2024, 2, 1)),
        ("2024-02-28", (2024, 2, 28), (2024, 2, 29)),
        ("2024-02-29", (2024, 2, 29), (2024, 3, 1)),
        ("2023-12-31", (2023, 12, 31), (2024, 1, 1)),
    ],
)
def test_a_date_is_a_stretch_of_time(text: str, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    assert date_range(text) == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize("tags", [["cat"], ["a", "b c"], ["Paris, France", "x"], ['6" print', "y"], ["ü,ö"]])
def test_tags_with_commas_and_quotes_come_back_as_they_were(tags: list[str]) -> None:
    """What the page writes into the address is what is filtered for."""
    condition = Condition.parse(f"tags.any={joined(tags)}")
    assert list(condition.values) == tags
    assert Condition.parse(str(condition)) == condition
