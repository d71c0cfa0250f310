"""The scans of a JPEG are counted as libjpeg decodes them: nothing that a file holds hides one."""

import io
import random
import time

import numpy as np
import pytest
from PIL import Image

from errors import PictureError
from pictures.open import Limits, open_image
from pictures.signature import JpegOutline, jpeg_outline
from tests.pictures.builders import encode, photo

PIECES = [
    *(b"\xff" + bytes([code]) for code in (0x00, 0x01, 0x02, 0x4F, 0xBF, 0xD0, 0xD3, 0xD7, 0xFF)),
    *(
        b"\xff" + bytes([code]) + length
        for code in (0xE1, 0xFE, 0xDC)
        for length in (b"\0\0", b"\0\1", b"\0\2", b"\0\5")
    ),
    b"\xff\xdd\0\4\0\0",
    b"\xff\xdd\0\4\0\x07",
    b"\0",
    b"\x11\x22\x33",
    b"\xff" * 7,
]
"""What stands between scans in a hostile file: stuffing, markers with and without a length, wrong lengths, garbage."""


def noise(width: int = 48, height: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8))


def slow_scans(data: bytes) -> int:
    """libjpeg's jdmarker.c, byte by byte: next_marker, then read_markers for what it returns."""
    at, scans = 2, 0

    def byte() -> int:
        nonlocal at
        at += 1
        return data[at - 1]

    try:
        while True:
            while byte() != 0xFF:
                pass
            while (code := byte()) == 0xFF:
                pass
            if code == 0x00 or code == 0x01 or 0xD0 <= code <= 0xD7:  # stuffing; no parameters
                continue
            if code == 0xD9:
                return scans
            if code in (0xD8, 0xC8, 0xDE, 0xDF) or code < 0xC0 or 0xF0 <= code <= 0xFD:
                continue  # libjpeg gives up here, or, between restart markers, passes over the marker
            scans += code == 0xDA
            length = byte() << 8 | byte()
            at += max(0, length - 2)
    except IndexError:
        return scans


def scan_starts(jpeg: bytes) -> list[int]:
    """Where each scan's header stands, in a file without traps."""
    return [at for at in range(len(jpeg) - 1) if jpeg[at : at + 2] == b"\xff\xda"]


def test_it_tells_what_the_encoder_wrote() -> None:
    for options, scans, frame in [({}, 1, 0xC0), ({"progressive": True}, 10, 0xC2)]:
        jpeg = encode(photo(70, 50), "JPEG", **options)
        assert jpeg_outline(jpeg) == JpegOutline(scans, 70 * 50, frame)
        assert jpeg_outline(jpeg + encode(photo(), "JPEG", progressive=True)) == JpegOutline(scans, 70 * 50, frame)


@pytest.mark.parametrize("trap", PIECES, ids=bytes.hex)
def test_one_trap_before_every_scan_hides_none(trap: bytes) -> None:
    jpeg = encode(noise(), "JPEG", progressive=True)
    for at in reversed(scan_starts(jpeg)[1:]):
        jpeg = jpeg[:at] + trap + jpeg[at:]
    assert jpeg_outline(jpeg).scans >= slow_scans(jpeg)
    if trap[:2] in (b"\xff\x01", b"\xff\x02", b"\xff\xd0", b"\xff\xff", b"\0", b"\x11\x22\x33"):
        assert jpeg_outline(jpeg).scans == 10


def test_random_traps_never_lead_past_a_scan() -> None:
    """3,000 files: as many scans as the slow parser finds, and as many as libjpeg's picture shows.

    A picture that comes out as the original's, to the bit, was decoded from all ten scans.
    """
    rng, seen = random.Random(10), 0
    jpeg = encode(noise(), "JPEG", progressive=True)
    whole = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    starts = scan_starts(jpeg)
    for _ in range(3000):
        data = jpeg
        for at in sorted(rng.choices(starts[1:], k=rng.choice((1, 1, 2, 4))), reverse=True):
            data = data[:at] + b"".join(rng.choices(PIECES, k=rng.choice((1, 1, 2, 5)))) + data[at:]
        counted = jpeg_outline(data).scans
        assert counted >= slow_scans(data), data
        try:
            with Image.open(io.BytesIO(data)) as image:
                same = np.array_equal(np.asarray(image.convert("RGB")), whole)
        except OSError:
            continue
        if same:
            seen += 1
            assert counted >= 10, data
    assert seen > 1000, "most traps do not keep libjpeg from a scan"


def test_hidden_scans_are_refused_at_once() -> None:
    """677 kB whose 20,000 scans stand behind FF 01 took more than 400 s of processor time."""
    jpeg = encode(photo(1000, 1000), "JPEG", progressive=True)
    last = scan_starts(jpeg)[-1]
    for trap in (b"\xff\x01", b"\xff\x01\xff\xff", b"\xff\xd0", b"\xff" * 9):
        bomb = jpeg[:last] + (trap + jpeg[last:-2]) * 3000 + b"\xff\xd9"
        started = time.process_time()
        with pytest.raises(PictureError, match=r"the JPEG has 3009 scans of 1\.0 megapixels") as caught:
            open_image(bomb, Limits(), 64)
        assert caught.value.reason == "too_large"
        assert time.process_time() - started < 1


def test_a_run_of_fill_bytes_takes_no_time() -> None:
    """10 MB of 0xFF, read once: a pattern that tries each beginning anew would take hours."""
    started = time.process_time()
    assert jpeg_outline(b"\xff\xd8" + b"\xff" * 10_000_000 + b"\0").scans == 0
    assert time.process_time() - started < 2


def test_the_size_that_libjpeg_reads_is_the_size_that_counts() -> None:
    """A second frame header, larger than the one that Pillow reports, is refused."""
    small, large = encode(photo(16, 16), "JPEG"), encode(photo(320, 240), "JPEG")
    at = large.index(b"\xff\xc0")
    header = large[at : at + 2 + int.from_bytes(large[at + 2 : at + 4], "big")]
    first = small.index(b"\xff\xc0")
    for jpeg in (small[:first] + header + small[first:], small[:-2] + header + small[-2:]):
        with pytest.raises(PictureError, match="two frame headers") as caught:
            open_image(jpeg, Limits(), 64)
        assert caught.value.reason == "corrupt"
