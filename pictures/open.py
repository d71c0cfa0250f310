"""A file or its bytes -> a small upright RGB picture and its facts. Knows no encoder, no database, no folder.

The one place where strangers' files are decoded. Whatever they do, only PictureError leaves it. Ordinary JPEGs and
PNGs are decoded here, everything else in a process that may die (`pictures.elsewhere`).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pictures import signature
from pictures.decode import Facts, identify, read_header
from pictures.elsewhere import decode_elsewhere
from pictures.errors import PictureError
from pictures.limits import Limits
from pictures.memory import room
from pictures.reading import check_bytes, opened_for_reading, read_whole

__all__ = ["EXTENSIONS", "Facts", "Limits", "Opened", "PictureError", "open_image"]

EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heics .heif .heifs "
    ".hif .jp2 .j2k .j2c .jpc .jpf .jpx".split()
)
"""Names of files that are looked into; what they hold is told by their first bytes."""
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

    @property
    def data_size(self) -> int:
        return self.facts.bytes


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
