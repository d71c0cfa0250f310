"""Conditions as they are written, read and refused. No database."""

import time
from datetime import UTC, datetime

import pytest

from errors import FilterError, QueryError
from search.filters import FIELDS, Condition, comma_separated, date_range

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
    "megapixels>8",
    "megapixels=2.50",
    "bytes>5MB",
    "bytes<=1.5 kb",
    "colour=red",
    "colour=Red, GRAY,red",
    "near=48.85,2.35,10",
    "near=-90 , +180.0,20038",
    "location=no",
    'words~"a red, red car"',
    "words~两张照片",
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


def test_what_is_written_in_other_ways_means_the_same() -> None:
    assert Condition.parse("color=gray,RED, red").stored == ("grey", "red")
    assert Condition.parse("color=red") == Condition.parse("colour=red")
    assert Condition.parse("bytes>5MB").number == Condition.parse("bytes>5000000").number == 5_000_000
    assert Condition.parse("bytes>1.5 kb").number == 1500
    assert Condition.parse("bytes>70 B").number == 70
    assert Condition.parse("near=+48.85, -2.350 ,10").circle == (48.85, -2.35, 10)


@pytest.mark.parametrize(("text", "low", "high"), [("12", 11.5, 12.5), ("2.5", 2.45, 2.55), ("0.03", 0.025, 0.035)])
def test_megapixels_equal_what_rounds_to_them(text: str, low: float, high: float) -> None:
    assert Condition.parse(f"megapixels={text}").span == pytest.approx((low, high))


def test_spaces_around_the_parts_do_not_count() -> None:
    assert Condition.parse("  ! tags.any =  cat , dog ") == Condition("tags.any", "=", "cat , dog", True)
    assert Condition.parse("tags= cat ,, dog ,").values == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hue=red", "unknown filter 'hue'; known are folder, camera"),
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
        ("bytes<=nan", "'bytes' is compared with a whole number, or 5MB, got 'nan'"),
        ("bytes<=9999999999999999", "'bytes' is compared with a whole number, or 5MB, got '9999999999999999'"),
        ("bytes<=1.5", "'bytes' is compared with a whole number, or 5MB, got '1.5'"),
        ("bytes>5 parsecs", "'bytes' is compared with a whole number, or 5MB, got '5 parsecs'"),
        ("megapixels>8MP", "'megapixels' is compared with a number such as 8 or 2.5, got '8MP'"),
        ("megapixels>-8", "'megapixels' is compared with a number such as 8 or 2.5, got '-8'"),
        ("megapixels>inf", "'megapixels' is compared with a number such as 8 or 2.5, got 'inf'"),
        ("megapixels>1e3", "'megapixels' is compared with a number such as 8 or 2.5, got '1e3'"),
        ("colour=mauve", "'mauve' is no colour of the list; those are black, white, grey, red, orange"),
        ("colour=red,#ff0000", "'#ff0000' is no colour of the list"),
        ("colour=,", "the filter 'colour=,' names no colour; write for example colour=red,blue"),
        ("colour>red", "'colour' takes =, got '>'"),
        ("near=Paris", "'near' takes latitude, longitude and kilometres, got 'Paris'; write for example near=48.85,"),
        ("near=48.85,2.35", "'near' takes latitude, longitude and kilometres, got '48.85,2.35'"),
        ("near=48,85,2,35,10", "'near' takes latitude, longitude and kilometres, got '48,85,2,35,10'"),
        ("near=nan,2,10", "'near' takes latitude, longitude and kilometres, got 'nan,2,10'"),
        ("near=48,2,inf", "'near' takes latitude, longitude and kilometres, got '48,2,inf'"),
        ("near=48,2,1e3", "'near' takes latitude, longitude and kilometres, got '48,2,1e3'"),
        ("near=91,2,10", "a latitude is from -90 to 90 degrees, got 91 in 'near=91,2,10'"),
        ("near=48,-180.5,10", "a longitude is from -180 to 180 degrees, got -180.5"),
        ("near=48,2,0", "the distance is above 0 and at most 20,038 kilometres (half way round the earth), got 0"),
        ("near=48,2,-1", "the distance is above 0 and at most 20,038 kilometres (half way round the earth), got -1"),
        ("near=48,2,20039", "the distance is above 0 and at most 20,038 kilometres"),
        ("location=paris", "'location' is one of yes, no, got 'paris'"),
        ("words=red car", "'words' takes ~, got '='"),
        ("words~?!*", "the filter 'words~?!*' holds no word; write for example words~red car"),
        ('words~""', "holds no word"),
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


@pytest.mark.parametrize(
    "tags", [["cat"], ["a", "b c"], ["Paris, France", "x"], ['6" print', "y"], ["ü,ö"], ["two\nlines", "a\rb"]]
)
def test_tags_with_commas_and_quotes_come_back_as_they_were(tags: list[str]) -> None:
    """What the page writes into the address is what is filtered for."""
    condition = Condition.parse(f"tags.any={comma_separated(tags)}")
    assert list(condition.values) == tags
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
def test_a_line_break_parts_tags(line_break: str) -> None:
    """An address can bring one; the csv module refuses it where it is not quoted."""
    assert Condition.parse(f"tags=cat{line_break}dog").values == ("cat", "dog")
