"""The specialists from their export: the same vectors as torch's, and what is done about an export that is no good.

The machine's export is made once; the tests that spoil one work on links to its files.
"""

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encoder import export, exported
from encoder.exported import DESCRIPTION, Exported, ExportError, folder_of, load_exported
from encoder.load import load_encoder
from encoder.occlusion import GRID
from encoder.protocol import Encoder
from encoder.specialists import SpecialistsEncoder
from tests.conftest import SAMPLES, SETTINGS

TEXTS = [
    "",
    "  ",
    "a\tb\nc",
    "é" * 400,
    "日本の山",
    "🙂🙂",
    'A Man\'s "dog"',
    "[MASK] [CLS] x",
    "x" * 3000,
    "ﬁ",
    "İ",
    "\u200b",
]


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted((SAMPLES / "photos").glob("*.jpg"))[:5]]


@pytest.fixture(scope="module")
def by_torch() -> SpecialistsEncoder:
    return SpecialistsEncoder("cpu", "float32")


@pytest.fixture
def cache(specialists: Encoder, tmp_path: Path) -> Path:
    """A cache with the machine's export: links to its models, a description of its own."""
    made = folder_of(SETTINGS.loupe_cache)
    folder = folder_of(tmp_path)
    folder.mkdir(parents=True)
    for name in exported.FILES:
        (folder / name).symlink_to(made / name)
    (folder / DESCRIPTION).write_bytes((made / DESCRIPTION).read_bytes())
    return tmp_path


@pytest.fixture
def remade(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where an export was asked to be made; it cannot be."""
    asked: list[Path] = []

    def make(cache: Path) -> None:
        asked.append(cache)
        raise ExportError("the export could not be made: nothing works today")

    monkeypatch.setattr(exported, "make", make)
    return asked


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_exports_vectors_are_torchs(
    by_torch: SpecialistsEncoder, photos: list[Image.Image], cache: Path, threads: int
) -> None:
    """By one core or by several: pictures, words of every kind and length, and pictures without a part."""
    mine = load_encoder("specialists", device="cpu", threads=threads, cache=cache)
    assert mine.identity == by_torch.identity
    for name, rows in by_torch.encode_images(photos).items():
        np.testing.assert_allclose(mine.encode_images(photos)[name], rows, atol=1e-5)
    texts = [*TEXTS, *("word " * count for count in (1, 100, 254, 255, 256, 300))]
    np.testing.assert_allclose(mine.encode_texts(texts), by_torch.encode_texts(texts), atol=1e-5)
    assert isinstance(mine, SpecialistsEncoder)
    without = mine.encode_without(photos[0], GRID)
    np.testing.assert_allclose(without, by_torch.encode_without(photos[0], GRID), atol=1e-5)


def _spoil_half(folder: Path) -> None:
    path = folder / "vision.bin"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[: len(whole) // 2])


def _spoil_a_bit(folder: Path) -> None:
    path = folder / "vision.bin"
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.unlink()
    path.write_bytes(changed)


def _describe(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        about = json.loads((folder / DESCRIPTION).read_text()) | changes
        (folder / DESCRIPTION).write_text(json.dumps(about))

    return change


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut in half": (_spoil_half, "vision.bin is damaged"),
    "one bit": (_spoil_a_bit, "vision.bin is damaged"),
    "a file is missing": (lambda folder: (folder / "sentences.bin").unlink(), "sentences.bin cannot be read"),
    "nothing there": (lambda folder: folder.rename(folder.with_name("away")), "there is none for 2 20"),
    "description cut": (
        lambda folder: (folder / DESCRIPTION).write_text((folder / DESCRIPTION).read_text()[:300]),
        "export.json cannot be read",
    ),
    "description empty": (lambda folder: (folder / DESCRIPTION).write_text("[]"), "export.json cannot be read"),
    "another version": (_describe(openvino="2025.1.0"), "it was made for 2 2025.1.0"),
    "another format": (_describe(format="0"), "it was made for 0 20"),
    "another processor": (_describe(processor="Pentium (FP32)"), r"Pentium \(FP32\), this is"),
    "other weights": (
        _describe(sources={name: {"size": 1, "mtime_ns": 1, "sha256": "a"} for name in exported.SOURCES}),
        "it was made of other weights than efficientnet-lite2",
    ),
    "one model's weights": (_describe(sources={}), "it was made for"),
    "sources are a text": (_describe(sources="a"), "export.json cannot be read"),
    "files are a list": (_describe(files=[]), "export.json cannot be read"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_an_export_that_is_no_good_is_made_again_or_torch_does_the_work(
    cache: Path, remade: list[Path], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Refused with the reason, never used; where no other can be made, None, which means torch."""
    spoil, reason = SPOILT[kind]
    spoil(folder_of(cache))
    with caplog.at_level(logging.INFO), pytest.raises(ExportError, match=reason):
        Exported(cache)
    assert load_exported(cache, 1) is None
    assert remade == [cache]
    assert "runtime=torch (the export could not be made: nothing works today)" in caplog.text


def test_what_is_made_again_is_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_of(cache)
    folder.rename(folder.with_name("away"))
    monkeypatch.setattr(exported, "make", lambda cache: folder.with_name("away").rename(folder))
    with caplog.at_level(logging.INFO):
        assert load_exported(cache, 1) is not None
    assert "Preparing the encoder for this processor, once, up to a minute (there is none for" in caplog.text
    assert "runtime=openvino" in caplog.text


def test_torch_takes_over_with_the_same_identity(
    cache: Path, remade: list[Path], by_torch: SpecialistsEncoder, photos: list[Image.Image]
) -> None:
    _spoil_half(folder_of(cache))
    other = SpecialistsEncoder("cpu", cache=cache)
    assert other.identity == by_torch.identity
    np.testing.assert_array_equal(other.encode_images(photos)["image"], by_torch.encode_images(photos)["image"])


def test_weights_of_the_same_content_and_another_time_are_the_same(cache: Path) -> None:
    """As after the package was installed again."""
    sources = exported.read_description(folder_of(cache)).sources
    moved = {name: source.model_dump() | {"mtime_ns": source.mtime_ns + 1} for name, source in sources.items()}
    _describe(sources=moved)(folder_of(cache))
    assert Exported(cache).digests == {name: source.sha256 for name, source in sources.items()}


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_cache_that_cannot_be_written_is_reported_and_torch_does_the_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, specialists: Encoder
) -> None:
    """Nothing is tried in another process first."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.INFO):
        assert load_exported(tmp_path / "file", 1) is None
    assert "runtime=torch (no export can be kept: " in caplog.text
    assert "is a file where Loupe needs a folder" in caplog.text


def test_without_openvino_torch_does_the_work(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not installed, or a processor that it cannot use."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.INFO):
        assert load_exported(cache, 1) is None
    assert "runtime=torch (OpenVINO cannot be used: import of openvino halted" in caplog.text


def test_a_making_that_fails_is_not_tried_again_for_a_day(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each try takes as long as a success. Its last words are the reason; who asks for an export gets a try at once."""
    runs, fails = cache / "runs", cache / "python"
    fails.write_text(
        f"#!/bin/sh\necho run >>{runs}\necho 'a lot' >&2\necho 'OutOfMemoryError: no memory' >&2\nexit 1\n"
    )
    fails.chmod(0o755)
    monkeypatch.setattr(exported.sys, "executable", str(fails))
    folder = folder_of(cache)
    folder.rename(folder.with_name("away"))
    for _ in range(2):
        assert load_exported(cache, 1) is None
        assert "runtime=torch (the export could not be made: OutOfMemoryError: no memory" in caplog.text
    assert len(runs.read_text().split()) == 1
    exported.forget_failure(cache)
    assert load_exported(cache, 1) is None
    assert len(runs.read_text().split()) == 2
    yesterday = time.time() - exported.AGAIN_S - 1
    os.utime(exported._failed(folder), (yesterday, yesterday))
    assert load_exported(cache, 1) is None
    assert len(runs.read_text().split()) == 3


def test_a_making_that_works_forgets_the_failure(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported._failed(folder_of(cache)).write_text("no memory")
    monkeypatch.setattr(exported.sys, "executable", "true")
    exported.make(cache)
    assert exported.failure_of(folder_of(cache)) == ""


def test_what_is_removed_while_it_is_used_goes_on(
    cache: Path, photos: list[Image.Image], by_torch: SpecialistsEncoder
) -> None:
    """As where the cache is emptied below an app that has answered nothing yet."""
    made, copy = folder_of(cache), cache / "copy"
    shutil.copytree(made, copy)
    shutil.rmtree(made)
    copy.rename(made)
    encoder = SpecialistsEncoder("cpu", cache=cache)
    shutil.rmtree(cache / "exports")
    np.testing.assert_allclose(encoder.encode_texts(["a boat"]), by_torch.encode_texts(["a boat"]), atol=1e-5)
    rows = by_torch.encode_images(photos)["image"]
    np.testing.assert_allclose(encoder.encode_images(photos)["image"], rows, atol=1e-5)
    by_parts = by_torch.encode_without(photos[0], GRID)
    np.testing.assert_allclose(encoder.encode_without(photos[0], GRID), by_parts, atol=1e-5)


def test_two_that_make_it_at_once_make_one(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of one that was killed is removed, and so is an older version's; another processor's stays."""
    above = exported.exports(cache)
    made, done = folder_of(cache).rename(above / "source"), []
    for name, processor in (("older", exported.made_for()["processor"]), ("elsewhere", "Pentium (FP32)")):
        (above / f"specialists-{name}").mkdir()
        (above / f"specialists-{name}" / DESCRIPTION).write_text(json.dumps({"processor": processor}))
    (above / ".part").mkdir()
    (above / ".part" / "vision.xml").write_text("half")

    def fill(folder: Path) -> None:
        done.append(folder)
        assert not list(folder.iterdir())
        for path in made.iterdir():
            (folder / path.name).symlink_to(path)

    monkeypatch.setattr(export, "_fill", fill)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(export.export, [cache, cache]))
    assert len(done) == 1
    Exported(cache)
    left = {path.name for path in above.iterdir()}  # no .part
    assert left == {"source", "export.lock", folder_of(cache).name, "specialists-elsewhere"}


def test_an_export_that_computes_other_numbers_than_torch_is_refused(
    cache: Path, by_torch: SpecialistsEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(cache)
    export._compare(folder, by_torch._vision, by_torch._sentences)
    encode = exported.ExportedSentences.encode
    monkeypatch.setattr(exported.ExportedSentences, "encode", lambda self, texts: encode(self, texts) * 1.001)
    with pytest.raises(ExportError, match="OpenVINO gives other sentences than torch on this processor"):
        export._compare(folder, by_torch._vision, by_torch._sentences)


def test_the_use_is_reported_to_nobody(specialists: Encoder) -> None:
    """OpenVINO tells Intel of every conversion, unless that package of it cannot be had."""
    exported.open_vino()
    assert sys.modules["openvino_telemetry"] is None
