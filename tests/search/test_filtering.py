"""Every filter, its opposite and every facet of a library against slow Python versions. A real Weaviate."""

import asyncio
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import PurePath

import pytest
import weaviate

from api.search import about
from errors import FilterError
from ingest.ledger import Ledger
from schema.collection import StorageOptions, ensure_pictures
from schema.record import ImageRecord, Place
from search.__main__ import parse_arguments
from search.conditions import contradiction
from search.filters import COMPARISONS, FIELDS, Condition, Field, Kind, markdown
from search.grammar import parse, show
from search.query import Query, Term
from search.searcher import Searcher
from settings import PROJECT
from tests.colours import ColourEncoder
from tests.search.colour_library import Library, expected, fill

RED = Term(text="red")
FACETS = ("folder", "tag", "year", "month", "camera", "format", "orientation", "captioned", "colour")
ALL = 1000


def passes(record: ImageRecord, text: str) -> bool:
    """The slow, obvious predicate. Uses nothing of search.filters."""
    return PREDICATES[text](record)


def taken(test: Callable[[date], bool]) -> Callable[[ImageRecord], bool]:
    """By the clock at the place."""
    return lambda record: (at := record.taken_local) is not None and test(at.date())


def added(test: Callable[[date], bool]) -> Callable[[ImageRecord], bool]:
    return lambda record: record.added_at is not None and test(record.added_at.date())


def below(folder: str) -> Callable[[ImageRecord], bool]:
    return lambda record: any(PurePath(folder) in PurePath(place.path).parents for place in record.places)


def path_has(part: str) -> Callable[[ImageRecord], bool]:
    return lambda record: any(part.lower() in place.path.lower() for place in record.places)


def has_phrase(phrase: str) -> Callable[[ImageRecord], bool]:
    """The words of one text in a row. In this library a word is a run of a to z and 0 to 9."""

    def words(text: str) -> list[str]:
        return re.findall("[a-z0-9]+", text.lower())

    def inside(wanted: list[str], text: list[str]) -> bool:
        return any(text[at : at + len(wanted)] == wanted for at in range(len(text)))

    return lambda record: any(
        inside(words(phrase), words(text))
        for text in (record.caption, *record.tags, *(PurePath(place.path).name for place in record.places))
    )


def kilometres(record: ImageRecord, latitude: float, longitude: float) -> float:
    """Along the great circle, on a sphere of 6,371 km: the angle between two unit vectors."""
    if record.latitude is None or record.longitude is None:
        return math.inf
    one, other = (
        (math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a))
        for a, b in (
            (math.radians(record.latitude), math.radians(record.longitude)),
            (math.radians(latitude), math.radians(longitude)),
        )
    )
    return 6371 * math.acos(max(-1.0, min(1.0, sum(x * y for x, y in zip(one, other, strict=True)))))


def near(latitude: float, longitude: float, km: float) -> Callable[[ImageRecord], bool]:
    return lambda record: kilometres(record, latitude, longitude) <= km


PREDICATES: dict[str, Callable[[ImageRecord], bool]] = {
    "folder=/photos": below("/photos"),
    "folder=/photos/": below("/photos"),
    "folder=/photos/20": below("/photos/20"),
    "folder=/photos/2023": below("/photos/2023"),
    "folder=/photos/2023/summer": below("/photos/2023/summer"),
    "folder=/photos/a*b": below("/photos/a*b"),
    "folder=/scans": below("/scans"),
    "folder=/": below("/"),
    "folder=/scans/old/copies": below("/scans/old/copies"),
    "folder=/photo": below("/photo"),
    "folder=/photos/*": below("/photos/*"),
    "tags=cat": lambda r: "cat" in r.tags,
    "tags=dog": lambda r: "dog" in r.tags,
    "tags=cat,night": lambda r: "cat" in r.tags or "night" in r.tags,
    "tags.any=red bicycle": lambda r: "red bicycle" in r.tags,
    "tags.any=bicycle": lambda r: "bicycle" in r.tags,
    "tags.all=cat, dog": lambda r: {"cat", "dog"} <= set(r.tags),
    "tags.none=cat,dog": lambda r: not {"cat", "dog"} & set(r.tags),
    "taken=2024": taken(lambda d: d.year == 2024),
    "taken=2024-01": taken(lambda d: (d.year, d.month) == (2024, 1)),
    "taken=2024-02-29": taken(lambda d: d == date(2024, 2, 29)),
    "taken=2023-12-31": taken(lambda d: d == date(2023, 12, 31)),
    "taken>2023": taken(lambda d: d.year > 2023),
    "taken>=2024-02": taken(lambda d: d >= date(2024, 2, 1)),
    "taken>2024-02": taken(lambda d: d >= date(2024, 3, 1)),
    "taken<2024-03-01": taken(lambda d: d < date(2024, 3, 1)),
    "taken<=2024-02": taken(lambda d: d < date(2024, 3, 1)),
    "taken=1999-12-31": taken(lambda d: d == date(1999, 12, 31)),
    "taken>=2000 ": taken(lambda d: d.year >= 2000),
    "taken<=2023-12-31": taken(lambda d: d <= date(2023, 12, 31)),
    "added>=2026-01-20": added(lambda d: d >= date(2026, 1, 20)),
    "added=2026-01-01": added(lambda d: d == date(2026, 1, 1)),
    "width>1000": lambda r: r.width > 1000,
    "width>=1000": lambda r: r.width >= 1000,
    "width=1000": lambda r: r.width == 1000,
    "height<=600": lambda r: r.height <= 600,
    "height<1": lambda r: r.height < 1,
    "bytes<30000": lambda r: r.bytes < 30000,
    "year=2024": lambda r: r.taken_local is not None and r.taken_local.year == 2024,
    "year<2000": lambda r: r.taken_local is not None and r.taken_local.year < 2000,
    "orientation=landscape": lambda r: r.width > r.height,
    "orientation=portrait": lambda r: r.width < r.height,
    "orientation=square": lambda r: r.width == r.height,
    "captioned=yes": lambda r: r.caption != "",
    "captioned=no": lambda r: r.caption == "",
    "camera=Canon EOS 5D": lambda r: r.camera == "Canon EOS 5D",
    "camera=canon": lambda r: r.camera == "canon",
    "format=PNG": lambda r: r.format == "PNG",
    "path~holiday": path_has("holiday"),
    "path~2023/SUMMER": path_has("2023/summer"),
    "path~.png": path_has(".png"),
    "path~nowhere": path_has("nowhere"),
    "megapixels>0.6": lambda r: r.width * r.height > 600_000,
    "megapixels>=0.6": lambda r: r.width * r.height >= 600_000,
    "megapixels=0.6": lambda r: 550_000 <= r.width * r.height < 650_000,
    "megapixels=0.60": lambda r: 595_000 <= r.width * r.height < 605_000,
    "megapixels<0.5": lambda r: r.width * r.height < 500_000,
    "bytes>=30kB": lambda r: r.bytes >= 30_000,
    "bytes<0.03MB": lambda r: r.bytes < 30_000,
    "colour=red": lambda r: "red" in r.colours,
    "colour=red,brown": lambda r: "red" in r.colours or "brown" in r.colours,
    "colour=GRAY": lambda r: "grey" in r.colours,
    "colour=pink": lambda r: "pink" in r.colours,
    "near=48.8566,2.3522,0.001": near(48.8566, 2.3522, 0.001),
    "near=48.8566,2.3522,5": near(48.8566, 2.3522, 5),
    "near=48.8566,2.3522,20": near(48.8566, 2.3522, 20),
    "near=-17,180,50": near(-17, 180, 50),
    "near=89.9,90,12": near(89.9, 90, 12),
    "near=0,0,20038": near(0, 0, 20_038),
    "near=0,0,500": near(0, 0, 500),
    "location=yes": lambda r: r.latitude is not None,
    "location=no": lambda r: r.latitude is None,
    "words~red": has_phrase("red"),
    "words~red bicycle": has_phrase("red bicycle"),
    "words~RED and  blue!": has_phrase("red and blue"),
    "words~sea at night": has_phrase("sea at night"),
    "words~night sea": has_phrase("night sea"),
    "words~re": has_phrase("re"),
    "words~img 0007": has_phrase("img 0007"),
    "words~cat": has_phrase("cat"),
    "words~blue cat": has_phrase("blue cat"),
}
NOBODY = {"height<1", "camera=canon", "folder=/photo", "folder=/photos/*", "tags.any=bicycle", "path~nowhere"}
NOBODY |= {"colour=pink", "near=0,0,500", "words~night sea", "words~re", "words~blue cat"}


@pytest.mark.parametrize("negation", ["", "!"], ids=["is", "not"])
@pytest.mark.parametrize("text", list(PREDICATES))
def test_a_filter_and_its_opposite_equal_the_slow_predicate(
    library: Library, searcher: Searcher, text: str, negation: str
) -> None:
    truth = {key for key, one in library.records.items() if passes(one, text) != bool(negation)}
    assert (not truth) == (text in NOBODY and not negation) or text == "folder=/", "the example tells nothing"
    condition = Condition.parse(negation + text)
    results = searcher.search(Query((RED,), filters=(condition,), limit=ALL))
    assert {hit.uuid for hit in results.hits} == truth
    assert len(results.hits) == results.total == searcher.count((condition,)) == len(truth)


def test_all_filters_have_to_hold_and_the_order_stays(library: Library, searcher: Searcher) -> None:
    texts = ["folder=/photos", "!tags=dog", "taken>2023", "orientation=landscape"]
    keys = [
        key
        for key, _ in expected(library, (RED,))
        if all(passes(library.records[key], text.removeprefix("!")) != text.startswith("!") for text in texts)
    ]
    results = searcher.search(Query((RED,), filters=tuple(map(Condition.parse, texts)), limit=ALL))
    assert [hit.uuid for hit in results.hits] == keys
    assert 0 < len(keys) < 20


@pytest.mark.parametrize(
    ("text", "pattern"), [("path~IMG_*9.jpg", r"img_.*9\.jpg"), ("path~/a?b/", "/a.b/"), ("path~0?.PNG", r"0.\.png")]
)
def test_a_star_and_a_question_mark_in_a_path_stand_for_anything(
    library: Library, searcher: Searcher, text: str, pattern: str
) -> None:
    hits = searcher.search(Query((RED,), filters=(Condition.parse(text),), limit=ALL)).hits
    truth = {
        key
        for key, one in library.records.items()
        if any(re.search(pattern, place.path.lower()) for place in one.places)
    }
    assert {hit.uuid for hit in hits} == truth
    assert 0 < len(truth) < 60


def by_hand(records: Iterable[ImageRecord]) -> dict[str, tuple[tuple[str, int], ...]]:
    """A folder counts what lies below it; most frequent first, then by name; nothing for no camera and no date."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for one in records:
        folders = set()
        for place in one.places:
            folders |= {str(f) for f in PurePath(place.path).parents if f.is_relative_to(place.root)}
        counts["folder"].update(folders)
        counts["tag"].update(one.tags)
        counts["year"].update([str(one.taken_local.year)] if one.taken_local else [])
        counts["month"].update([f"{one.taken_local:%Y-%m}"] if one.taken_local else [])
        counts["orientation"].update([one.orientation])
        counts["captioned"].update(["yes" if one.captioned else "no"])
        counts["colour"].update(one.colours)
        counts["camera"].update([one.camera] if one.camera else [])
        counts["format"].update([one.format])
    return {name: tuple(sorted(count.items(), key=lambda p: (-p[1], p[0]))) for name, count in counts.items()}


@pytest.mark.parametrize(
    "texts", [(), ("folder=/photos/2023",), ("!year=2024",), ("camera=Canon EOS 5D", "tags=cat"), ("path~nowhere",)]
)
def test_facets_equal_what_is_counted_by_hand(library: Library, searcher: Searcher, texts: tuple[str, ...]) -> None:
    truth = by_hand(
        one
        for one in library.records.values()
        if all(passes(one, text.removeprefix("!")) != text.startswith("!") for text in texts)
    )
    conditions = tuple(map(Condition.parse, texts))
    assert searcher.facets(conditions) == truth
    results = searcher.search(Query((RED,), filters=conditions, facets=True, limit=ALL))
    likely = [hit for hit in results.hits if not hit.below] or results.hits
    assert results.facets == by_hand(library.records[hit.uuid] for hit in likely)
    assert results.counted == len(likely) <= searcher.count(conditions)


def test_facets_forget_what_was_removed_and_changed(client: weaviate.WeaviateClient) -> None:
    """Weaviate counts what is stored now, not what its index once saw."""
    encoder = ColourEncoder(revision="facets")
    library = fill(ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True), encoder, 30)
    try:
        ledger, records = Ledger(library.pictures, wait_s=10), list(library.records.values())
        for one in records[:7]:
            ledger.remove(one)
        renamed = records[8].with_places((Place("/elsewhere/new.jpg", 1, 0, "/elsewhere"),))
        ledger.set_places(renamed)
        assert Searcher(library.pictures, encoder).facets() == by_hand([records[7], renamed, *records[9:]])
    finally:
        client.collections.delete(library.pictures.name)


def test_a_new_filter_is_one_row(
    searcher: Searcher, library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read, refused with a sentence, shown, asked of Weaviate, found to contradict, and listed, all from its
    row."""
    row = Field("frames", Kind.WHOLE, "n_frames", COMPARISONS, ("frames>1",), "pictures of an animation", in_all=True)
    with pytest.raises(FilterError, match="unknown filter 'frames'"):
        Condition.parse("frames>1")
    monkeypatch.setitem(FIELDS, row.key, row)
    terms, conditions = parse("red -frames>1")
    assert (terms, conditions) == ((RED,), (Condition("frames", ">", "1", negated=True),))
    assert show(terms, conditions) == "red -frames>1"
    with pytest.raises(FilterError, match="'frames' is compared with a whole number, got 'many'"):
        Condition.parse("frames=many")
    assert contradiction([Condition.parse("frames>1"), Condition.parse("!frames>=1")])
    for text, number in [("frames=1", 60), ("!frames=1", 0), ("frames>1", 0), ("frames<=1", 60)]:
        assert searcher.count((Condition.parse(text),)) == number
    listed = bytes(asyncio.run(about(None)).body).decode()  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "argv", ["search", "--help"])
    with pytest.raises(SystemExit):
        parse_arguments()
    for text in (listed, capsys.readouterr().out, markdown()):
        assert "frames>1" in text and "pictures of an animation" in text


def test_the_documents_list_every_filter() -> None:
    """Run what stands above the table in docs/filters.md to make it again."""
    assert f"\n{markdown()}\n" in (PROJECT / "docs/filters.md").read_text()
