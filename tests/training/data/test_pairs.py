"""The pairs on the disk, and the manifest beside them."""

from pathlib import Path

import pytest

from errors import TrainingError
from training.data.pairs import (
    PAIRS,
    Manifest,
    NoPairs,
    PicturePair,
    SourceReport,
    load_pairs,
    pair_lines,
    picture_path,
    read_manifest,
    write_manifest,
)


def pair(folder: Path, sha256: str, split: str, source: str) -> PicturePair:
    phrases = ("câble", "b", "c", "d", "e")
    return PicturePair(
        sha256,
        source,
        "n",
        7,
        None,
        split,
        phrases,
        "MIT",
        picture_path(folder, sha256),  # type: ignore[arg-type]
    )


def test_pairs_are_read_as_they_were_written(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, "ab12", "train", "noto"), pair(tmp_path, "cd34", "test", "twemoji")]
    (tmp_path / PAIRS).write_text(pair_lines(pairs), encoding="utf-8")
    assert load_pairs(tmp_path) == pairs
    assert pairs[0].path == tmp_path / "pictures" / "ab" / "ab12.png"
    assert pairs[0].caption == "câble"


def test_a_line_break_of_unicode_within_a_phrase_does_not_end_the_line(tmp_path: Path) -> None:
    one = PicturePair("ab", "s", "n", 0, None, "train", ("a\u2028b\x85c", "d"), "MIT", picture_path(tmp_path, "ab"))
    (tmp_path / PAIRS).write_text(pair_lines([one]), encoding="utf-8")
    assert load_pairs(tmp_path) == [one]


def test_no_pairs_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(NoPairs, match="python -m training data"):
        load_pairs(tmp_path)
    with pytest.raises(TrainingError, match="python -m training data"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"phrases": []}', '{"phrases": 3}', "{}"])
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / PAIRS).write_text(pair_lines([pair(tmp_path, "ab12", "train", "noto")]) + line + "\n")
    with pytest.raises(NoPairs, match="Line 2 of"):
        load_pairs(tmp_path)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    report = SourceReport("npm a", "1", "MIT", "somebody", 3, 2, 1.0, {"blank": 1})
    manifest = Manifest(
        side=260, seed=0, same_concept=0.8, pictures=2, captions=2, concepts=2, largest_concepts=[1, 1],
        split_pictures={"train": 2}, split_captions={"train": 2}, phrases_per_picture=5.0, duplicates=0,
        duplicates_joining_captions=0, sources={"a": report}, words={"b": SourceReport("Debian b", missing="no")},
    )  # fmt: skip
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(TrainingError, match="There is no manifest"):
        read_manifest(tmp_path)
