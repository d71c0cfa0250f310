"""Conditions that exclude each other, and those that only look so."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest

from schema.record import ImageRecord, Place
from search.conditions import contradiction
from search.filters import Condition
from tests.search.test_filtering import PREDICATES, passes


def check(*texts: str) -> str:
    return contradiction([Condition.parse(text) for text in texts])


@pytest.mark.parametrize(
    "texts",
    [
        ("taken>2020", "taken<2019"),
        ("taken>=2020-05", "taken<2020-05-01"),
        ("taken=2020", "taken=2021"),
        ("taken>2020", "taken<=2020-06"),
        ("year=2020", "year=2021"),
        ("year=2020", "taken>2020"),
        ("year<2000", "taken>=2000"),
        ("added=2026-01-01", "added>2026-01"),
        ("width>1000", "width<1000"),
        ("width>1000", "width<1001"),
        ("width=7", "!width=7"),
        ("width>=7", "!width>3"),
        ("bytes>5MB", "bytes<=5000000"),
        ("megapixels>8", "megapixels<8"),
        ("megapixels=8", "megapixels>8.5"),
        ("height=1", "height=2"),
        ("tags.all=a,b", "tags.none=b,c"),
        ("tags=a", "tags.none=a"),
        ("tags.any=a,b", "tags.none=a", "tags.none=b"),
        ("tags.any=a", "!tags.any=a,x"),
        ("!tags.none=a", "tags.none=a"),
        ("orientation=square", "orientation=portrait"),
        ("!orientation=square", "!orientation=portrait", "!orientation=landscape"),
        ("captioned=yes", "captioned=no"),
        ("camera=X100", "camera=X200"),
        ("format=PNG", "!format=PNG"),
        ("format=HEIC", "format=tif"),
        ("colour=red", "!colour=red"),
        ("words~red car", "!words~red car"),
        ("folder=/a", "!folder=/a"),
        ("location=no", "near=48,2,10"),
        ("near=48,2,10", "near=52,13,10"),
    ],
)
def test_what_excludes_each_other_is_named(texts: tuple[str, ...]) -> None:
    sentence = check("path~x", *texts, "format=JPEG" if "format" not in texts[0] else "path~y")
    assert sentence.startswith("No picture can pass ")
    assert all(text in sentence for text in texts)
    assert "path~x" not in sentence
    assert check(*reversed(texts))


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("taken>2020",),
        ("taken>=2020", "taken<=2020"),
        ("taken=2020", "taken=2020-05"),
        ("year=2020", "taken<2020-02"),
        ("!taken>2020", "!taken<=2020"),  # one without a date
        ("width>1000", "height<1000"),
        ("width>=1000", "width<=1000"),
        ("width>1000", "!width=1001"),
        ("megapixels=8", "megapixels>8"),
        ("tags.any=a,b", "tags.none=a"),
        ("tags.all=a", "!tags.all=a,b"),
        ("orientation=square", "!orientation=portrait"),
        ("colour=red", "colour=blue"),
        ("folder=/a", "folder=/b"),
        ("location=no", "!near=48,2,10"),
        ("near=48,2,10", "near=48,2.2,10"),
        ("captioned=yes", "captioned=yes"),
        ("format=jpg", "format=JPEG"),
        ("format=MPO", "format=jpeg"),
        ("camera~Canon", "camera~EOS"),
        ("camera~canon", "camera=Canon EOS 5D"),
    ],
)
def test_what_can_be_passed_together_is_no_contradiction(texts: tuple[str, ...]) -> None:
    assert check(*texts) == ""


def test_no_picture_passes_what_is_called_a_contradiction() -> None:
    """Random pictures against all pairs of the conditions of the filters' test, by its slow predicate."""
    rng = np.random.default_rng(4)
    pictures = [
        ImageRecord(
            sha256=f"{number:064x}",
            places=(Place("/photos/2023/summer/IMG_0007.jpg", 1, 1, "/photos"),),
            width=int(rng.choice([500, 999, 1000, 1001, 4000])),
            height=int(rng.choice([1, 500, 600, 601])),
            bytes=int(rng.choice([0, 29_999, 30_000, 40_000])),
            format=str(rng.choice(["JPEG", "PNG"])),
            caption=str(rng.choice(["", "red and blue", "sea at night"])),
            file_tags=tuple(tag for tag in ("cat", "dog", "night", "red bicycle") if rng.random() < 0.5),
            taken_at=None if rng.random() < 0.3 else datetime(int(rng.choice([1999, 2023, 2024])), 2, 28, tzinfo=UTC),
            camera=str(rng.choice(["", "Canon EOS 5D"])),
            latitude=(position := (None, 48.86)[int(rng.integers(2))]),
            longitude=None if position is None else 2.35,
            colours=tuple(str(one) for one in rng.choice(["red", "brown", "grey"], 1)),
            added_at=datetime(2026, 1, int(rng.integers(1, 30)), tzinfo=UTC),
        )
        for number in range(300)
    ]
    texts = [negation + text for text in PREDICATES for negation in ("", "!")]
    truth = np.array([[passes(one, t.removeprefix("!")) != t.startswith("!") for one in pictures] for t in texts])
    found = 0
    for first, second in itertools.combinations(range(len(texts)), 2):
        if check(texts[first], texts[second]):
            found += 1
            assert not (truth[first] & truth[second]).any(), (texts[first], texts[second])
    assert found > 150
