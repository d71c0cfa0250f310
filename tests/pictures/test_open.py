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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from errors import PictureError
from pictures.open import Limits, Opened, open_image
from settings import PROJECT
from tests.pictures.builders import (
    chunk,
    difference,
    encode,
    gif_of,
    iptc_block,
    naive_cmyk,
    photo,
    png_claiming,
    swapped_cmyk_icc,
    tiff_of,
    tiff_of_samples,
    wide_gamut_icc,
    with_chunk,
    with_segment,
    without_adobe_marker,
    xmp_packet,
)

SIDE = 64
ORIENTATION = 0x0112


def opened(data: bytes | Path, limits: Limits | None = None, side: int = SIDE) -> Opened:
    result = open_image(data, limits or Limits(), side)
    assert result.image.mode == "RGB"
    assert min(result.image.size) >= 1
    return result


def reason_of(data: bytes | Path, limits: Limits | None = None) -> str:
    with pytest.raises(PictureError) as caught:
        open_image(data, limits or Limits(), SIDE)
    assert len(str(caught.value)) > 30, "the message is a sentence"
    return caught.value.reason


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


@pytest.mark.parametrize("adobe", [True, False])
def test_row_10_cmyk_with_and_without_adobes_marker(adobe: bool) -> None:
    """Adobe's CMYK is stored inverted and marked so; without the marker the numbers are as they stand."""
    cmyk = naive_cmyk(np.asarray(photo(), float))
    data = encode(Image.fromarray(cmyk if adobe else 255 - cmyk, "CMYK"), "JPEG", quality=95)
    data = data if adobe else without_adobe_marker(data)
    assert difference(opened(data, side=500).image, photo()) < 12


def test_row_10_cmyk_with_its_printers_profile() -> None:
    """The embedded profile decides: here it exchanges cyan and yellow, so the numbers are those of swapped inks."""
    cmyk = naive_cmyk(np.asarray(photo(), float))[..., [2, 1, 0, 3]]
    data = encode(
        Image.fromarray(np.ascontiguousarray(cmyk), "CMYK"), "JPEG", quality=95, icc_profile=swapped_cmyk_icc()
    )
    assert difference(opened(data, side=500).image, photo()) < 12
    plain = encode(Image.fromarray(np.ascontiguousarray(cmyk), "CMYK"), "JPEG", quality=95)
    assert difference(opened(plain, side=500).image, photo()) > 30, "without the profile the colours are wrong"


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_row_11_sixteen_bit_grey_is_scaled_not_clipped(format_name: str) -> None:
    """A ramp over all 65,536 greys keeps the order and the place of every one: clipped, most would be white; wrapped
    round, the mean would be right and the picture a saw."""
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    expect_ramp(opened(encode(Image.fromarray(ramp), format_name), side=500).image, ramp / 65_535)


def expect_ramp(image: Image.Image, shares: np.ndarray) -> None:
    """Every pixel is grey, and as light as its share of white, to one step of 255."""
    pixels = np.asarray(image).astype(float)
    assert pixels.shape == (*shares.shape, 3)
    assert (pixels == pixels[..., :1]).all()
    assert np.abs(pixels[..., 0] - shares * 255).max() <= 1


SIXTEEN = np.arange(65_536, dtype=np.uint16).reshape(256, 256)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("kind", ["unsigned", "signed", "32 bits", "float 32", "float 64"])
def test_row_11_tiffs_of_many_bits_in_both_byte_orders(order: str, kind: str) -> None:
    """What Pillow calls I;16, I;16B, I;16S, I;32 and F; in a file written byte by byte."""
    values, bits, sample_format = {
        "unsigned": (SIXTEEN, 16, 1),
        "signed": ((SIXTEEN // 2).astype(np.int16), 16, 2),
        "32 bits": (SIXTEEN.astype(np.uint32) * 30_000, 32, 1),
        "float 32": ((SIXTEEN / 65_535).astype(np.float32), 32, 3),
        "float 64": ((SIXTEEN / 65_535).astype(np.float64), 64, 3),
    }[kind]
    sign = "<" if order == "little" else ">"
    data = tiff_of_samples(
        values.astype(values.dtype.newbyteorder(sign)).tobytes(), 256, 256, bits, sample_format, sign
    )
    if bits == 64 or (kind, order) == ("32 bits", "big"):  # Pillow lacks them
        with pytest.raises(PictureError, match=rf"1 x {bits} bits, sample format .* cannot be decoded here; convert"):
            opened(data)
        return
    expect_ramp(opened(data, side=500).image, values / values.max() if kind != "signed" else values / 65_535)


def test_row_11_a_ramp_made_smaller_is_a_ramp() -> None:
    """Also after it was shrunk: rows become lighter from the first to the last, nowhere darker."""
    ramp = np.repeat(np.arange(4096, dtype=np.uint16)[:, None] * 16, 64, axis=1)
    rows = np.asarray(opened(encode(Image.fromarray(ramp), "PNG"), side=8).image)[:, 0, 0].astype(int)
    assert len(rows) == 1024 and (np.diff(rows) >= 0).all() and rows[0] <= 1 and rows[-1] >= 254


def test_row_11_sixteen_bit_colours_are_scaled() -> None:
    """RGB of 16 bits, which Pillow reads by the upper half."""
    rows = b"".join(b"\0" + b"".join(int(v).to_bytes(2, "big") * 3 for v in row) for row in SIXTEEN)
    header = chunk(b"IHDR", (256).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0]))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    expect_ramp(opened(data, side=500).image, SIXTEEN / 65_535)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 1, 65_536, dtype=np.float32), None),
        (np.linspace(0, 255, 65_536, dtype=np.float32), None),
        (np.linspace(0, 65_535, 65_536, dtype=np.float32), None),
        (np.linspace(-1e30, 1e30, 65_536, dtype=np.float32), None),
        (np.linspace(0, 4_000_000, 65_536).astype(np.int32), None),
        (np.full(65_536, np.nan, dtype=np.float32), 0),
        (np.full(65_536, 7.0, dtype=np.float32), 7),
    ],
)
def test_row_11_floats_and_long_integers_use_their_range(values: np.ndarray, expected: int | None) -> None:
    """0..1, 0..255 and 0..65535 are taken as such, anything else from its least to its greatest value; None: a ramp."""
    image = opened(encode(Image.fromarray(values.reshape(256, 256)), "TIFF"), side=500).image
    shares = np.linspace(0, 1, 65_536) if expected is None else np.full(65_536, expected / 255)
    expect_ramp(image, shares.reshape(256, 256))


def test_row_12_transparency_is_composited_on_white() -> None:
    """Fully transparent noise is white in every mode that has alpha; opaque pixels keep their colour."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (50, 60, 4), dtype=np.uint8)
    noise[..., 3] = 0
    grey = np.ascontiguousarray(noise[..., [0, 3]])
    palette = Image.fromarray(noise[..., 0]).convert("P")
    for image, options in [
        (Image.fromarray(noise), {}),
        (Image.fromarray(grey, "LA"), {}),
        (palette, {"transparency": bytes(256)}),
        (Image.new("RGB", (60, 50), (1, 2, 3)), {"transparency": (1, 2, 3)}),
        (Image.new("L", (60, 50), 7), {"transparency": 7}),
    ]:
        for side in (500, 10):
            assert np.asarray(opened(encode(image, "PNG", **options), side=side).image).min() == 255, image.mode
    half = Image.new("RGBA", (60, 50), (255, 0, 0, 128))
    assert np.abs(np.asarray(opened(encode(half, "PNG")).image)[0, 0].astype(int) - (255, 127, 127)).max() <= 1
    red_beside_hidden_green = np.zeros((64, 64, 4), np.uint8)
    red_beside_hidden_green[:, ::2] = (255, 0, 0, 255)
    red_beside_hidden_green[:, 1::2] = (0, 255, 0, 0)
    shrunk = np.asarray(opened(encode(Image.fromarray(red_beside_hidden_green), "PNG"), side=8).image)
    assert shrunk[..., 0].min() > 250, "the hidden green must not bleed into what is seen"


def test_other_modes_are_decoded() -> None:
    """1-bit, LAB, YCbCr, PA, LA and 16-bit RGB."""
    assert opened(encode(photo().convert("1"), "PNG")).image.getpixel((0, 0)) == (0, 0, 0)
    lab = ImageCms.profileToProfile(
        photo(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert difference(opened(encode(lab, "TIFF"), side=500).image, photo()) < 8
    assert difference(opened(encode(photo().convert("YCbCr"), "TIFF"), side=500).image, photo()) < 3
    header = chunk(b"IHDR", (2).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0]))
    rows = (b"\0" + b"\x80\x00\xff\xff\x00\x00" * 2) * 2
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert opened(data).image.getpixel((1, 1)) == (128, 255, 0)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_row_13_all_eight_orientations_are_upright(format_name: str) -> None:
    """One picture stored in eight ways is the same picture, of the same size, also in the facts."""
    inverse = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation, method in inverse.items():
        stored = photo() if method is None else photo().transpose(Image.Transpose(method))
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options: dict[str, object] = {"exif": exif.tobytes(), "quality": 95}  # pillow-heif makes a HEIF property of it
        if format_name == "TIFF":
            options = {"tiffinfo": {ORIENTATION: orientation}}
        result = opened(encode(stored, format_name, **options))
        assert (result.facts.width, result.facts.height) == (320, 240), orientation
        assert difference(result.image, photo().resize((171, 128), Image.Resampling.BICUBIC)) < 6, orientation


def test_row_14_broken_exif_costs_no_picture() -> None:
    """Whatever stands in the EXIF block, the picture is decoded and whole."""
    rng = random.Random(14)
    for block in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + rng.randbytes(60_000)):
        result = opened(encode(photo(), "JPEG", exif=block))
        assert not result.facts.truncated and result.facts.camera == ""


def test_row_15_a_wide_gamut_is_converted_and_a_broken_profile_ignored() -> None:
    """Adobe RGB's mid green is a stronger green in sRGB; a profile of garbage or of another mode changes nothing."""
    green = Image.new("RGB", (40, 40), (100, 180, 100))
    plain = opened(encode(green, "PNG")).image.getpixel((5, 5))
    wide = opened(encode(green, "PNG", icc_profile=wide_gamut_icc())).image.getpixel((5, 5))
    assert plain == (100, 180, 100)
    assert wide[0] < 75 and abs(wide[1] - 181) < 6, wide
    for broken in (b"garbage", wide_gamut_icc()[:200], swapped_cmyk_icc()):
        assert opened(encode(green, "PNG", icc_profile=broken)).image.getpixel((5, 5)) == plain
    grey = encode(Image.new("L", (40, 40), 90), "PNG", icc_profile=wide_gamut_icc())
    assert opened(grey).image.getpixel((5, 5)) == (90, 90, 90)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert opened(encode(green, "PNG", icc_profile=srgb)).image.getpixel((5, 5)) == plain


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


def seeds() -> list[bytes]:
    small = photo(48, 32)
    exif = Image.Exif()
    exif[0x010E], exif[0x010F], exif[0x0132] = "a caption", "Maker", "2020:01:02 03:04:05"
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    xmp = xmp_packet("<dc:description>hello</dc:description>")
    jpeg = encode(small, "JPEG", exif=exif, xmp=xmp, icc_profile=wide_gamut_icc())
    heif = io.BytesIO()
    pillow_heif.from_pillow(small).save(heif)
    return [
        with_segment(jpeg, iptc_block((120, b"words"), (25, b"tag"))),
        encode(small, "JPEG", progressive=True),
        encode(small.convert("CMYK"), "JPEG"),
        encode(small, "MPO", save_all=True, append_images=[small]),
        with_chunk(encode(small.quantize(8), "PNG", exif=exif), b"zTXt", b"a\0\0" + zlib.compress(b"text")),
        encode(small, "PNG", save_all=True, append_images=[small.rotate(180)]),
        encode(small.convert("RGBA"), "WEBP", exif=exif.tobytes(), save_all=True, append_images=[small]),
        encode(small, "GIF", save_all=True, append_images=[small.rotate(180)]),
        encode(small, "BMP"),
        encode(small, "TIFF", compression="tiff_lzw", description="words"),
        encode(small, "TIFF"),
        tiff_of(3),
        encode(small, "AVIF", exif=exif.tobytes()),
        heif.getvalue(),
        encode(small, "JPEG2000"),
    ]


CASES = 10_000
"""Row 51. They take 20 s of processor time; each part of the test is 500 of them."""


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    return seeds()


def mutated(original: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled or cut off."""
    data = bytearray(original)
    for _ in range(rng.choice((1, 2, 8, 40))):
        at = rng.randrange(rng.choice((len(data) or 1, min(len(data), 200) or 1)))
        if at >= len(data):
            break
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x80"))
        elif kind == 2:
            del data[at : at + rng.randrange(1, 30)]
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 30)]
        elif len(data) > 40:
            del data[max(20, at) :]
    return bytes(data)


@pytest.mark.parametrize("part", range(20))
def test_row_51_mutated_pictures_raise_picture_error_only(part: int, originals: list[bytes]) -> None:
    """10,000 files, through the same door as every picture, processes included: a picture or a PictureError, no message
    with an object's address, none that takes 5 s."""
    rng, reasons, kept = random.Random(part), Counter[str](), 0
    for case in range(CASES // 20):
        data = mutated(originals[case % len(originals)], rng)
        started = time.perf_counter()
        try:
            opened(data, Limits(max_megapixels=10, max_decoded_mb=400))
            kept += 1
        except PictureError as error:
            reasons[error.reason] += 1
            assert " at 0x" not in str(error)
        assert time.perf_counter() - started < 5, data
    assert set(reasons) <= {"empty", "unidentified", "unsupported", "too_large", "corrupt"}
    assert kept > 50 and reasons["corrupt"] > 50, "neither all pass nor all fail at the door"


def test_a_broken_checksum_beside_the_pixels_is_no_damage() -> None:
    """A PNG whose gamma chunk has a wrong checksum opens in every browser; here too."""
    data = with_chunk(encode(photo(), "PNG"), b"gAMA", (45_455).to_bytes(4, "big"))
    at = data.index(b"gAMA") + 8
    broken = data[:at] + b"\0\0\0\0" + data[at + 4 :]
    assert not opened(broken).facts.truncated


def test_twelve_megapixels_are_shrunk_to_what_the_model_needs() -> None:
    """The short side comes out at twice the model's side. (How fast is a matter of `make bench`.)"""
    assert opened(encode(photo(4000, 3000), "JPEG", quality=88), side=260).image.size == (693, 520)
