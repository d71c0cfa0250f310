"""From packages to pairs: what comes out, what is counted, and that being killed changes nothing."""

import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from errors import CannotWrite, TrainingError
from settings import PROJECT
from tests.training.data.tiny_sets import TINY_SOURCES, lay_all
from training.data import make, rendered
from training.data.make import make_data
from training.data.pairs import Manifest, PicturePair, load_pairs, read_manifest
from training.data.svg import SIDE, render
from training.features import FeatureCache


def embed(captions: Sequence[str]) -> np.ndarray:
    """Every caption has a direction of its own, except the first letter "t", which all share: hand-made concepts."""
    rows = np.eye(len(captions), 512, dtype=np.float32)
    rows[[caption.startswith("t") for caption in captions]] = np.eye(1, 512, 511, dtype=np.float32)
    return rows


def make_tiny(cache: Path, sources: Sequence[str] = TINY_SOURCES) -> Manifest:
    return make_data(cache, sources, progress=False, embed=embed, workers=1)


def files(cache: Path) -> dict[str, bytes]:
    """What was made, without the record of how it was made."""
    folder = cache / "training" / "data"
    kept = [path for path in folder.rglob("*") if path.is_file() and path.name != rendered.RECORDS]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return lay_all(tmp_path / "cache")


def by_name(cache: Path) -> dict[str, PicturePair]:
    return {pair.name: pair for pair in load_pairs(cache / "training" / "data")}


def test_every_picture_gets_its_words_its_concept_and_its_side(cache: Path) -> None:
    manifest = make_tiny(cache)
    pairs = by_name(cache)
    assert list(pairs) == ["dog-face", "fox", "food/apple_01.svg"]
    dog, fox, apple = pairs.values()
    assert (dog.source, dog.code, dog.licence) == ("noto", "1F436", "MIT")
    assert dog.phrases[:4] == ("dog face", "big box", "dog", "pet")
    assert fox.phrases[:2] == ("fox", "a wild animal")
    assert apple.phrases[:3] == ("red apple", "dog", "an apple that is red")
    assert apple.licence == "public domain"
    assert len({dog.concept, fox.concept, apple.concept}) == 3
    assert all(len(pair.phrases) >= 5 and pair.path.read_bytes().startswith(b"\x89PNG") for pair in pairs.values())
    assert manifest.side == SIDE
    assert render("<svg xmlns='http://www.w3.org/2000/svg' width='2' height='2'><rect width='1' height='1'/></svg>")


def test_every_drawing_is_in_exactly_one_count(cache: Path) -> None:
    manifest = make_tiny(cache)
    assert read_manifest(cache / "training" / "data") == manifest
    assert manifest.pictures == 3
    assert manifest.duplicates == manifest.duplicates_joining_captions == 1
    for report in manifest.sources.values():
        assert report.found == report.pictures + sum(report.left_out.values())
    assert manifest.sources["noto"].left_out == {"removed from its set": 1}
    assert manifest.sources["flat-color-icons"].left_out == {"blank": 1, "the same picture as another drawing": 1}
    assert sum(report.share for report in manifest.sources.values()) == pytest.approx(1, abs=0.001)
    assert sum(manifest.split_pictures.values()) == 3
    assert sum(manifest.split_captions.values()) == manifest.captions == 4
    assert (manifest.sources["noto"].version, manifest.sources["noto"].author) == ("1.2.9", "A. Drawer")
    assert {name: (w.version, w.licence, w.pictures) for name, w in manifest.words.items()} == {
        "wordnet-base": ("1:3.0-37", "WordNet3.0", 2),
        "emojibase-data": ("17.0.0", "MIT", 1),
    }


def test_captions_of_one_picture_are_one_concept(cache: Path) -> None:
    """The red square is a dog face to one set and a big box to another."""
    manifest = make_tiny(cache)
    assert manifest.captions == 4
    assert manifest.concepts == 3
    assert manifest.largest_concepts == [2, 1, 1]


def test_called_again_nothing_is_rendered_and_nothing_changes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_tiny(cache)
    made = files(cache)
    monkeypatch.setattr(rendered, "render_all", lambda svgs, workers: iter(dict(svgs).popitem()))
    assert make_tiny(cache) == first
    assert files(cache) == made


def test_a_source_more_is_added_to_what_is_there(cache: Path) -> None:
    make_tiny(cache, ["noto"])
    sides = {name: pair.split for name, pair in by_name(cache).items()}
    make_tiny(cache)
    assert sides["fox"] == by_name(cache)["fox"].split


def test_a_source_that_cannot_be_had_is_named_with_its_share(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    manifest = make_tiny(cache, ["noto", "twemoji"])
    missing = manifest.sources["twemoji"]
    assert missing.missing.startswith("The package @iconify-json/twemoji cannot be had: there is no npm here")
    assert missing.share == pytest.approx(1909 / (1681 + 1909), abs=0.0001)
    assert missing.pictures == 0
    assert manifest.pictures == 2
    said = "Without twemoji, 53.2 % of the pictures expected: The package @iconify-json/twemoji cannot be had"
    assert caplog.text.count(said) == 1 == caplog.text.count("Without")


def test_a_damaged_package_is_a_missing_source(cache: Path) -> None:
    (cache / "training/packages/npm/iconify-json+noto@1.2.9/icons.json").write_text("{")
    manifest = make_tiny(cache)
    missing = manifest.sources["noto"].missing
    assert missing.startswith(
        "The package npm @iconify-json/noto cannot be had: its files are damaged (JSONDecodeError"
    )
    assert missing.endswith(f"delete {cache}/training/packages/npm/iconify-json+noto@1.2.9 and try again")
    assert manifest.pictures == 2


def test_a_package_without_a_drawing_is_a_missing_source(cache: Path) -> None:
    shutil.rmtree(cache / "training/packages/debian/openclipart-svg@1/usr/share/openclipart")
    manifest = make_tiny(cache)
    assert "there is no drawing in" in manifest.sources["openclipart"].missing
    assert manifest.sources["openclipart"].share == pytest.approx(2850 / (1681 + 329 + 2850), abs=0.0001)


@pytest.mark.parametrize(
    ("package", "file", "without"),
    [
        ("npm/emojibase-data@17.0.0", "en/data.json", ["noto", "flat-color-icons"]),
        ("debian/wordnet-base@1%3a3.0-37", "usr/share/wordnet/data.noun", ["openclipart"]),
    ],
)
@pytest.mark.parametrize("how", ["cut in half", "removed"])
def test_a_damaged_package_of_words_is_named_and_what_does_not_need_it_goes_on(
    cache: Path, package: str, file: str, without: list[str], how: str
) -> None:
    path = cache / "training" / "packages" / package / file
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    manifest = make_tiny(cache)
    name = package.split("/")[1].split("@")[0]
    sentence = rf"The package {name} cannot be had: its files are damaged \(.*\); delete .*/{package} and try again"
    assert re.fullmatch(sentence, manifest.words[name].missing)
    assert [source for source, report in manifest.sources.items() if report.missing] == without
    assert manifest.pictures > 0


def test_without_the_dictionary_there_are_pictures_without_glosses(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "training/packages/debian/wordnet-base@1%3a3.0-37").rename(cache / "away")
    monkeypatch.setenv("PATH", "")
    manifest = make_tiny(cache)
    assert "wordnet-base cannot be had" in manifest.words["wordnet-base"].missing
    assert "wordnet-base cannot be had" in manifest.sources["openclipart"].missing
    assert by_name(cache)["fox"].phrases == (
        "fox", "a drawing of fox", "an icon of fox", "a picture of fox", "fox illustration",
    )  # fmt: skip


def test_no_source_at_all_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TrainingError, match=r"there is no npm here(.|\n)*No source can be had"):
        make_tiny(tmp_path, ["noto"])
    with pytest.raises(TrainingError, match=r"There is no source 'nto'. There are: noto, twemoji, "):
        make_tiny(tmp_path, ["nto"])


def test_a_full_disk_is_a_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWrite, match=r"No space left on device. Free some space and start again"):
        make_tiny(cache)
    monkeypatch.undo()
    monkeypatch.setattr(rendered, "render_missing", full)
    monkeypatch.setattr(make, "render_missing", full)
    with pytest.raises(CannotWrite, match=r"The pairs cannot be written to .*No space left on device. Free some space"):
        make_tiny(cache)
    monkeypatch.undo()
    assert make_tiny(cache).pictures == 3


CODE = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.training.data.test_make import make_tiny
make_tiny(Path(sys.argv[1]))
"""


def start(cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CODE, str(cache)], cwd=PROJECT, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-C", "kill -9"])
def test_killed_in_the_middle_and_called_again_it_is_the_same_bit_for_bit(tmp_path: Path, how: signal.Signals) -> None:
    whole = lay_all(tmp_path / "whole", icons=60)
    make_tiny(whole)
    cut = lay_all(tmp_path / "cut", icons=60)
    records = cut / "training" / "data" / rendered.RECORDS
    running = start(cut)
    try:
        end = time.monotonic() + 60
        while not (records.exists() and len(records.read_bytes().splitlines()) > 5) and time.monotonic() < end:
            assert running.poll() is None
            time.sleep(0.005)
        os.kill(running.pid, how)
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    done = len(records.read_bytes().splitlines())
    assert 5 < done < 60, said
    assert not (cut / "training" / "data" / "pairs.jsonl").exists()
    make_tiny(cut)
    assert files(cut) == files(whole)
    assert len(records.read_bytes().splitlines()) >= 60


def test_the_sentence_models_vectors_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    class Model:
        path = cache / "weights"

        def __init__(self, device: str) -> None:
            assert device == "cpu"

        def encode(self, captions: Sequence[str]) -> np.ndarray:
            asked.append(list(captions))
            return 3 * embed(captions)

    monkeypatch.setattr("training.specialists.views.SentenceModel", Model)
    captions = ["big box", "dog face", "fox", "red apple"]
    Model.path.write_text("weights")
    first = make_data(cache, TINY_SOURCES, progress=False, workers=1)
    assert make_data(cache, TINY_SOURCES, progress=False, workers=1) == first
    assert asked == [captions]
    kept = FeatureCache(cache / "training" / "features", f"minilm-{hashlib.sha256(b'weights').hexdigest()[:12]}")
    hashes = [hashlib.sha256(caption.encode()).hexdigest() for caption in captions]
    assert np.array_equal(kept.rows(hashes, lambda _: pytest.fail("they are there")), 3 * embed(captions))
    Model.path.write_text("other weights")
    make_data(cache, TINY_SOURCES, progress=False, workers=1)
    assert asked == [captions, captions]
