"""open_image on broken files by the thousand: nothing but PictureError ever leaves it."""

import io
import random
import time
import zlib
from collections import Counter

import pillow_heif
import pytest
from PIL import Image

from errors import PictureError
from pictures.open import Limits
from tests.pictures.builders import (
    encode,
    iptc_block,
    opened,
    photo,
    tiff_of,
    wide_gamut_icc,
    with_chunk,
    with_segment,
    xmp_packet,
)


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
