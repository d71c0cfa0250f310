"""A file or its bytes -> a small upright RGB picture and its facts.

The one place where strangers' files are decoded. Whatever they do, only PictureError leaves it. Ordinary JPEGs and
PNGs are decoded here, everything else in a process that may die (`pictures.elsewhere`).
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from errors import PictureError
from pictures import signature
from pictures.decode import Facts, identify, read_header
from pictures.elsewhere import decode_elsewhere
from pictures.limits import Limits, room
from pictures.signature import EXTENSIONS, MEDIA_TYPES

__all__ = ["EXTENSIONS", "MEDIA_TYPES", "Facts", "Limits", "Opened", "PictureError", "open_image"]

_HEAD = 512
_HERE_MB = 100
"""Larger files are decoded elsewhere."""
_JPEG_SCAN_MEGAPIXELS = 250
"""JPEGs of more scans x megapixels are decoded elsewhere; 12 megapixels in 10 scans, as usual, are 120."""
_PNG_MEGAPIXELS = 16
"""Larger PNGs are decoded elsewhere."""


@dataclass(frozen=True)
class Opened:
    """`image` is RGB, upright, see `pixels.small_size`; `sha256` is of exactly the bytes that were decoded."""

    image: Image.Image
    facts: Facts
    sha256: str


def open_image(source: Path | bytes, limits: Limits, side: int) -> Opened:
    """Read once, check, decode the first frame. `side`: the pixels of the short side that the model can use.

    Waits while the pictures that other threads decode leave no room within `limits.max_decoded_mb`. Raises
    PictureError and nothing else.
    """
    if isinstance(source, bytes):
        check_bytes(len(source), limits)
        size, data = len(source), source if _may_be_ordinary(source[:_HEAD], len(source), limits) else None
    else:
        with opened_for_reading(source, limits) as (file, size):
            data = read_whole(file, size) if _may_be_ordinary(file.read(_HEAD), size, limits) else None
    outline = signature.jpeg_outline(data) if data is not None and data.startswith(b"\xff\xd8") else None
    if data is None or not (outline is None or _is_ordinary(outline)):
        del data
        return Opened(*decode_elsewhere(source, size, limits, side))
    undecoded = read_header(data, limits, side, outline)
    with room.reserved(undecoded.needed, limits):
        image, facts = undecoded.decode()
    return Opened(image, facts, hashlib.sha256(data).hexdigest())


def _may_be_ordinary(head: bytes, size: int, limits: Limits) -> bool:
    """Whether the whole file has to be seen to tell; raises PictureError for what the first bytes rule out."""
    format_name = identify(head, limits)
    if format_name == "PNG":
        width, height = signature.claimed_size(head, format_name) or (0, 0)
        return size <= _HERE_MB * 1e6 and width * height <= _PNG_MEGAPIXELS * 1e6
    return format_name == "JPEG" and size <= _HERE_MB * 1e6


def _is_ordinary(outline: signature.JpegOutline) -> bool:
    # Sequential or progressive with Huffman codes; lossless and arithmetic ones are rare, and slow.
    return outline.frame in (0xC0, 0xC1, 0xC2) and outline.scans * outline.pixels <= _JPEG_SCAN_MEGAPIXELS * 1e6


@contextmanager
def opened_for_reading(path: Path, limits: Limits) -> Iterator[tuple[BufferedReader, int]]:
    """Open a regular file of an accepted size; the block may raise OSError, which becomes PictureError."""
    try:
        # Without O_NONBLOCK, a FIFO that took the file's place would be waited for forever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise PictureError("unreadable", "this is not a regular file; put the picture itself in its place")
            check_bytes(before.st_size, limits)
            yield file, before.st_size
    except FileNotFoundError:
        raise PictureError("vanished", "the file was there and is gone; run again if it was moved") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PictureError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PictureError("unreadable", f"the file cannot be read ({reason}); check its permissions") from error


def read_whole(file: BinaryIO, size: int) -> bytes:
    """Read from the start the `size` bytes that the file had when it was opened; raises PictureError if it changed."""
    before = os.fstat(file.fileno()).st_mtime_ns
    file.seek(0)
    data = file.read(size + 1)
    if len(data) != size or os.fstat(file.fileno()).st_mtime_ns != before:
        raise PictureError(
            "changed",
            f"the file changed while it was read ({size} bytes expected, {len(data)} read); "
            "run again when it is written completely",
        )
    return data


def check_bytes(size: int, limits: Limits) -> None:
    if size == 0:
        raise PictureError("empty", "the file has 0 bytes; replace it with an intact copy")
    if size > limits.max_file_mb * 1e6:
        raise PictureError(
            "too_heavy",
            f"the file has {size / 1e6:.1f} MB, at most {limits.max_file_mb:g} MB are read; "
            "raise LOUPE_MAX_FILE_MB or export a smaller copy",
        )
