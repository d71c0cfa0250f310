"""Bound what a picture may cost (bytes, pixels, decoded memory, processor time), and share the memory for decoding
among all pictures of this process.

The bytes per pixel were measured as growth of the resident memory: 9 to 35 megapixels in every mode, with noise.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from errors import PictureError

MB = 1_000_000
_FLAT = 16 * MB
"""Rows, tables and the reduced picture that `resize` works on."""
WEBP_BYTES = 19
"""Bytes a pixel of a WebP: the canvas twice, what is handed over, and Pillow's picture."""
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes that Pillow keeps a pixel in; 4 in every other mode."""
_CONVERTED = {"1": 2, "P": 9, "PA": 12, "LA": 12, "La": 12, "RGBA": 8, "RGBa": 12, "YCbCr": 8, "HSV": 8, "RGBX": 8}
"""Bytes a pixel at the peak of `pixels.to_rgb`, which copies these modes before it shrinks them."""
_MB_OF_AS_MUCH_TIME_AGAIN = 16
"""A file of this many MB may take twice `max_decode_s`. Photographs in HEIF and lossless JPEG 2000 take 0.2 s a MB
(measured on 12 megapixels with noise), and 48 megapixels of them are no attack."""


@dataclass(frozen=True)
class Limits:
    """Bounds for one file. A megapixel is 1,000,000 pixels, a megabyte 1,000,000 bytes."""

    max_megapixels: float = 150
    max_file_mb: float = 512
    max_decoded_mb: float = 1500
    """Memory that decoding may take: one picture is refused above it, several at once wait for each other."""
    max_decode_s: float = 5
    """Processor time for a picture of a few bytes; see `decode_s`."""

    def decode_s(self, size: int) -> float:
        """Return the processor time in seconds that a file of `size` bytes may take."""
        return self.max_decode_s * (1 + size / 1e6 / _MB_OF_AS_MUCH_TIME_AGAIN)


def decoded_bytes(image: Image.Image, coefficients: int = 0) -> int:
    """Estimate the memory that decoding `image` takes, from its header; a JPEG's draft is set already.

    `coefficients`: pixels of a JPEG of several scans, for each of which libjpeg keeps its coefficients.
    """
    stored = _STORED.get(image.mode, 4)
    converted = 6 if image.mode.startswith("I;16") else _CONVERTED.get(image.mode, stored)
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        converted = stored + 8
    pixels = image.width * image.height
    beside = _beside(image, pixels) + int(coefficients * 2 * _samples(image))
    return _FLAT + max(pixels * stored + beside, pixels * converted) + pixels // 2


def _beside(image: Image.Image, pixels: int) -> int:
    """Bytes that the decoder holds beside Pillow's picture."""
    match image.format:
        case "WEBP":
            return pixels * (WEBP_BYTES - 4)
        case "AVIF":
            return pixels * (13 if image.mode == "RGBA" else 9)
        case "HEIF":
            return pixels * (6 if image.info.get("bit_depth", 8) <= 8 else 14)
        case "JPEG2000":
            return pixels * 5 * len(image.getbands())
        case "TIFF":
            return _block(image)
    return 0


def _samples(image: Image.Image) -> float:
    """Samples of a JPEG for each of its pixels: 3 in 4:4:4, 1.5 in 4:2:0."""
    layers = getattr(image, "layer", None) or [(0, 1, 1, 0)] * 4
    most = max(layer[1] for layer in layers) * max(layer[2] for layer in layers)
    return float(sum(layer[1] * layer[2] for layer in layers) / max(most, 1))


def _block(image: Image.Image) -> int:
    """A TIFF's tile or strip, decoded whole whatever the picture's size is."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258) or (8,)
    samples = max(int(tags.get(277, 1)), 1)
    width, height = tags.get(322), tags.get(323)
    if not (width and height):
        width, height = image.width, min(int(tags.get(278) or image.height), image.height)
    return int(width) * int(height) * max(4, samples * max(bits) // 8)


class Room:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._used = 0

    @contextmanager
    def reserved(self, amount: int, limits: Limits) -> Iterator[None]:
        """Wait until `amount` bytes fit beside what is reserved already. Raises PictureError where they never fit."""
        check_room(amount, limits)
        with self._changed:
            self._changed.wait_for(lambda: self._used + amount <= limits.max_decoded_mb * MB)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


def check_room(amount: int, limits: Limits) -> None:
    if amount > limits.max_decoded_mb * MB:
        raise PictureError(
            "too_large",
            f"decoding it takes about {amount / MB:.0f} MB of memory, at most {limits.max_decoded_mb:g} MB are given; "
            "export a smaller copy, or raise LOUPE_MAX_DECODED_MB (LOUPE_MAX_UPLOAD_DECODED_MB for an upload)",
        )


room = Room()
"""The one of this process."""
