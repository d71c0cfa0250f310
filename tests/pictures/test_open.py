"""open_image: what is decoded, what is refused, and that nothing but PictureError ever leaves it."""

import hashlib
import io
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import PictureError
from pictures.open import Limits
from settings import PROJECT
from tests.pictures.builders import (
    difference,
    encode,
    gif_of,
    opened,
    photo,
    png_claiming,
    reason_of,
    tiff_of,
    with_chunk,
)

FORMATS = {
    "JPEG": lambda: encode(photo(), "JPEG", quality=90),
    "PNG": lambda: encode(photo(), "PNG"),
    "WEBP": lambda: encode(photo(), "WEBP", quality=90),
    "GIF": lambda: encode(photo(), "GIF"),
    "BMP": lambda: encode(photo(), "BMP"),
    "TIFF": lambda: encode(photo(), "TIFF", compression="tiff_lzw"),
    "AVIF": lambda: encode(photo(), "AVIF", quality=90),
    "HEIF": lambda: encode(photo(), "HEIF", quality=90),
    "MPO": lambda: encode(photo(), "MPO", save_all=True, append_images=[photo().rotate(180)]),
    "JPEG2000": lambda: encode(photo(), "JPEG2000"),
}


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_is_decoded_shrunk_and_described(format_name: str) -> None:
    """Short side 2 * side; the facts tell the original's size, its format by its bytes and their SHA-256."""
    data = FORMATS[format_name]()
    result = opened(data)
    assert result.image.size == (171, 128)
    assert difference(result.image, photo().resize((171, 128), Image.Resampling.BICUBIC)) < 8
    assert (result.facts.width, result.facts.height, result.facts.format) == (320, 240, format_name)
    assert result.sha256 == hashlib.sha256(data).hexdigest()
    assert result.facts.bytes == len(data)
    assert not result.facts.truncated


def test_every_order_of_formats_is_decoded() -> None:
    """One process decodes them all, and what it kept of one leaves the next its memory."""
    rng, data = random.Random(1), {name: build() for name, build in FORMATS.items()}
    for name in rng.choices(list(FORMATS), k=150):
        assert opened(data[name]).facts.format == name


def test_a_small_picture_is_not_enlarged() -> None:
    assert opened(encode(photo(9, 5), "PNG")).image.size == (9, 5)


def test_a_file_is_read_as_its_bytes(tmp_path: Path) -> None:
    """A path and its bytes give the same picture; the extension does not matter."""
    path = tmp_path / "it is a png.jpg"
    path.write_bytes(FORMATS["PNG"]())
    from_path, from_bytes = opened(path), opened(path.read_bytes())
    assert from_path.facts == from_bytes.facts and from_path.sha256 == from_bytes.sha256
    assert from_path.image.tobytes() == from_bytes.image.tobytes()


def test_row_01_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "0-byte.jpg").touch()
    assert reason_of(tmp_path / "0-byte.jpg") == reason_of(b"") == "empty"


@pytest.mark.parametrize(
    "data",
    [
        b"<!doctype html><title>404</title>",
        random.Random(1).randbytes(5000),
        b"\xff",
        b"BM",
        b"BMW is a car, not a bitmap",
    ],
)
def test_row_02_what_is_no_picture_is_unidentified(data: bytes) -> None:
    assert reason_of(data) == "unidentified"


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "progressive"])
@pytest.mark.parametrize("percent", [60, 99])
def test_row_03_a_picture_cut_off_late_is_kept_and_flagged(format_name: str, percent: int) -> None:
    """What was decoded is right: the top half, where the share kept is 60 % or 99 %."""
    noise = np.random.default_rng(3).integers(0, 60, (240, 320, 3))
    original = Image.fromarray((np.asarray(photo()) * 0.7 + noise).astype(np.uint8))
    data = (
        encode(original, "JPEG", quality=95, progressive=True)
        if format_name == "progressive"
        else encode(original, format_name)
    )
    result = opened(data[: len(data) * percent // 100])
    assert result.facts.truncated
    assert (result.facts.width, result.facts.height) == (320, 240)
    top = (0, 0, 171, 60)
    expected = opened(data).image.crop(top)
    assert difference(result.image.crop(top), expected) < (25 if format_name == "progressive" else 1)
    assert not opened(data).facts.truncated


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_row_03_a_picture_cut_off_early_is_corrupt(format_name: str) -> None:
    """With 10 % of its bytes, less than a quarter of the rows is there: refused, and the message says how many."""
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 255, (240, 320, 3), dtype=np.uint8))
    data = encode(noise, format_name)
    with pytest.raises(PictureError, match=r"\d+% of its rows can be decoded, at least 25% are needed") as caught:
        opened(data[: len(data) // 10])
    assert caught.value.reason == "corrupt"


def test_row_03_other_formats_cut_off_never_pass_as_whole() -> None:
    """Each format cut at 40 % is either flagged or refused."""
    for format_name, build in FORMATS.items():
        data = build()
        try:
            assert opened(data[: len(data) * 4 // 10]).facts.truncated, format_name
        except PictureError as error:
            assert error.reason in ("corrupt", "unidentified"), format_name


def test_row_03_threads_do_not_see_each_others_truncation() -> None:
    """Whole and cut pictures decoded side by side: every flag is right, though Pillow's own switch is one for all."""
    whole = encode(photo(), "PNG")
    jobs = [whole, whole[: len(whole) * 7 // 10]] * 40
    with ThreadPoolExecutor(4) as pool:
        flags = list(pool.map(lambda data: opened(data).facts.truncated, jobs))
    assert flags == [False, True] * 40


def test_row_04_extraneous_bytes_before_a_restart_marker() -> None:
    """immich #8510: libjpeg only warns of them, so the picture is whole."""
    data = encode(photo(), "JPEG", quality=90, restart_marker_blocks=10)
    at = data.index(b"\xff\xd3")
    broken = data[:at] + b"\x11" * 9 + data[at:]
    result = opened(broken)
    assert difference(result.image, opened(data).image) < 3


def measured(tmp_path: Path, data: bytes) -> dict[str, Any]:
    """Outcome, seconds of processor time and growth of the memory in MB, in a process of its own and its children."""
    (tmp_path / "it").write_bytes(data)
    command = [sys.executable, "-m", "tests.pictures.measure", "1", "1500", "5", str(tmp_path / "it")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT)
    return dict(json.loads(done.stdout)["it"])


def test_row_05_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """2,500 megapixels in 100 bytes: refused in 50 ms, without 20 MB of memory."""
    result = measured(tmp_path, png_claiming(50_000, 50_000))
    assert result["outcome"].startswith("too_large: ")
    assert result["thread_s"] < 0.05 and result["mb"] < 20, result


def test_row_06_the_limit_is_ours_not_pillows() -> None:
    """169 megapixels of one bit each: Pillow only warns, we refuse, and a raised limit accepts."""
    data = encode(Image.new("1", (13_000, 13_000), 1), "PNG")
    assert reason_of(data) == "too_large"
    assert opened(data, Limits(max_megapixels=200)).facts.width == 13_000


def test_row_06_the_message_holds_both_values_and_the_remedy() -> None:
    with pytest.raises(PictureError, match=r"2500\.0 megapixels \(50000 x 50000\), at most 150 .*--max-megapixels"):
        opened(png_claiming(50_000, 50_000))


def test_a_webp_bomb_costs_no_memory(tmp_path: Path) -> None:
    """Pillow's WebP decoder allocates the canvas while opening; 16383 x 16383 is refused before it is touched."""
    small = encode(photo(16, 16), "WEBP", save_all=True, append_images=[photo(16, 16).rotate(90)])
    at = small.index(b"VP8X") + 12
    result = measured(tmp_path, small[:at] + (16_382).to_bytes(3, "little") * 2 + small[at + 6 :])
    assert result["outcome"].startswith("too_large: ") and result["mb"] < 20, result


def test_a_heavy_file_is_refused_unread(tmp_path: Path) -> None:
    """By its size on disk: a sparse file of a gigabyte is refused at once."""
    with (tmp_path / "heavy.jpg").open("wb") as file:
        file.truncate(1_000_000_000)
    result = measured(tmp_path, b"x")
    started = time.perf_counter()
    assert reason_of(tmp_path / "heavy.jpg") == "too_heavy"
    assert time.perf_counter() - started < 0.05
    assert result["outcome"].startswith("unidentified: ")
    assert reason_of(b"\xff\xd8\xff" + bytes(2_000_000), Limits(max_file_mb=1)) == "too_heavy"


@pytest.mark.parametrize(("width", "height"), [(65_500, 1000), (1, 20_000), (20_000, 1)])
def test_row_07_extreme_shapes_keep_a_pixel(width: int, height: int) -> None:
    """Long side at most 2048, short side at least 1; the facts keep the true size."""
    result = opened(encode(Image.new("RGB", (width, height), "red"), "JPEG" if width > 1 else "PNG"))
    assert max(result.image.size) == 2048
    assert (result.facts.width, result.facts.height) == (width, height)


@pytest.mark.parametrize("kind", ["zTXt", "zTXt-raw", "TIFF", "GIF", "scans"])
def test_row_08_hostile_extras_cost_little(kind: str, tmp_path: Path) -> None:
    """50 MB of text, 10,000 directories, 5,000 frames, 20,000 scans: under 2 s and 300 MB."""
    bomb = b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)
    raw = b"Comment\0\0" + zlib.compress(random.Random(0).randbytes(50_000_000), 0)
    scans = encode(photo(1000, 1000), "JPEG", progressive=True)
    scan_at = scans.rindex(b"\xff\xda")
    data, outcome = {
        "zTXt": lambda: (with_chunk(encode(photo(), "PNG"), b"zTXt", bomb), "kept 320x240, frames 1"),
        "zTXt-raw": lambda: (with_chunk(encode(photo(), "PNG"), b"zTXt", raw), "kept 320x240, frames 1"),
        "TIFF": lambda: (tiff_of(10_000), "kept 40x30, frames 10000"),
        "GIF": lambda: (gif_of(5000), "kept 200x200, frames 5000"),
        "scans": lambda: (scans[:scan_at] + scans[scan_at:-2] * 20_000 + b"\xff\xd9", "too_large: the JPEG has 20009"),
    }[kind]()
    result = measured(tmp_path, data)
    assert result["outcome"].startswith(outcome)
    assert result["s"] < 2 and result["mb"] < 300, result


def test_a_tiff_whose_pages_form_a_ring_is_counted() -> None:
    ring = bytearray(tiff_of(3))
    ring[-4:] = ring[4:8]  # the last page leads back to the first
    assert opened(bytes(ring)).facts.n_frames == 3


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP", "AVIF", "HEIF", "MPO", "TIFF"])
def test_row_09_the_first_frame_counts(format_name: str) -> None:
    """An animation is its first frame, pixel for pixel as the decoder gives it; its frames are counted."""
    first, others = photo(), [photo().rotate(90), photo().rotate(180)]
    data = encode(first, format_name, save_all=True, append_images=others)
    with Image.open(io.BytesIO(data)) as frames:
        frames.seek(0)
        extracted = frames.convert("RGB")
    result = opened(data, side=500)
    assert result.facts.n_frames == 3
    assert difference(result.image, extracted) < 1.5
    assert difference(result.image, others[1]) > 20


REFUSED = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
    "psd": b"8BPS\0\1" + bytes(6) + b"\0\3" + (10).to_bytes(4, "big") * 2 + b"\0\x08\0\3" + bytes(2000),
    "wmf": b"\xd7\xcd\xc6\x9a\0\0" + bytes(80),
    "emf": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(100),
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "mpeg": b"\0\0\1\xb3" + bytes(200),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(200),
    "pdf": b"%PDF-1.7\n",
    "ico": b"\0\0\1\0\1\0" + bytes(100),
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(100),
    "ppm": b"P6 1 1 255\n\1\2\3",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_row_16_other_formats_are_unidentified(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named .jpg or not, their decoders are never asked, and Ghostscript is not started."""
    canary = tmp_path / "started"
    for name in ("gs", "gswin32c", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / f"{kind}.jpg"
    path.write_bytes(REFUSED[kind])
    assert reason_of(path) == "unidentified"
    assert not canary.exists()


def test_row_20_pipes_devices_and_sockets_are_not_opened(tmp_path: Path) -> None:
    """A pipe that took a picture's place between the walk and the opening is refused at once, not waited for."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.jpg"))
        (tmp_path / "zero.jpg").symlink_to("/dev/zero")
        started = time.perf_counter()
        assert [reason_of(tmp_path / name) for name in ("pipe.jpg", "s.jpg", "zero.jpg")] == ["unreadable"] * 3
        assert time.perf_counter() - started < 1
    assert reason_of(tmp_path) == "unreadable"


def test_row_22_a_file_that_is_gone_has_vanished(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "gone.jpg") == "vanished"


def test_row_22_a_file_that_grows_while_it_is_read_has_changed(tmp_path: Path) -> None:
    """A writer at work is noticed: what is kept is never a mixture."""
    path, data, stop = tmp_path / "growing.bmp", encode(photo(1500, 1500), "BMP"), threading.Event()
    path.write_bytes(data)

    def write() -> None:
        with path.open("ab") as file:
            while not stop.is_set():
                file.write(b"x" * 1000)
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reasons = set()
        deadline = time.monotonic() + 5
        while "changed" not in reasons and time.monotonic() < deadline:
            try:
                opened(path)
            except PictureError as error:
                reasons.add(error.reason)
    finally:
        stop.set()
        writer.join()
    assert reasons == {"changed"}


def test_a_broken_checksum_beside_the_pixels_is_no_damage() -> None:
    """A PNG whose gamma chunk has a wrong checksum opens in every browser; here too."""
    data = with_chunk(encode(photo(), "PNG"), b"gAMA", (45_455).to_bytes(4, "big"))
    at = data.index(b"gAMA") + 8
    broken = data[:at] + b"\0\0\0\0" + data[at + 4 :]
    assert not opened(broken).facts.truncated


def test_twelve_megapixels_are_shrunk_to_what_the_model_needs() -> None:
    """The short side comes out at twice the model's side. (How fast is a matter of `make bench`.)"""
    assert opened(encode(photo(4000, 3000), "JPEG", quality=88), side=260).image.size == (693, 520)
