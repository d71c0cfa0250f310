"""A file or its bytes -> a small upright RGB picture and its facts. Knows no encoder, no database, no folder.

The one place where strangers' files are decoded. Whatever they do, only PictureError leaves it.
"""

import hashlib
import io
import os
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from PIL import (  # noqa: F401  only these decoders are ever loaded or asked; no EPS, no PSD, no Ghostscript
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from pillow_heif import register_heif_opener

from pictures import signature
from pictures.describe import Description, describe, orientation_of
from pictures.errors import PictureError
from pictures.pixels import drawn_share, small_size, to_rgb, upright

__all__ = ["Facts", "Limits", "Opened", "PictureError", "open_image"]

MIN_DRAWN_SHARE = 0.25
"""A picture that is cut off is kept, and flagged, when at least this share of its rows could be decoded."""

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Pillow's own limit is one number for the whole process, and up to twice that only a warning; `_check_pixels` is ours.
Image.MAX_IMAGE_PIXELS = None
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heics .heif .heifs "
    ".hif .jp2 .j2k .j2c .jpc .jpf .jpx".split()
)
"""Names of files that are looked into; what they hold is told by their first bytes."""


@dataclass(frozen=True)
class Limits:
    """What is refused unopened. A megapixel is 1,000,000 pixels, a megabyte 1,000,000 bytes."""

    max_megapixels: float = 150
    max_file_mb: float = 512


@dataclass(frozen=True, kw_only=True)
class Facts(Description):
    """What is known of the original: its size upright, and what `describe` found."""

    width: int
    height: int
    bytes: int
    format: str
    """JPEG, MPO, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIF or JPEG2000: by its bytes, not by its name."""
    n_frames: int = 1
    """Frames of an animation, pages of a TIFF, pictures of an MPO or HEIF. The first is the one that is decoded."""
    truncated: bool = False
    """The file is cut off or damaged inside; the rows that could not be decoded are of one colour."""


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

    Raises PictureError and nothing else.
    """
    data = source if isinstance(source, bytes) else _read(source, limits)
    _check_bytes(len(data), limits)
    if (format_name := signature.format_of(data)) is None:
        raise PictureError(
            "unidentified",
            f"the file starts with {data[:8]!r}, which is no picture format known here; "
            "convert it to JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIF or JPEG 2000",
        )
    try:
        return _decode(data, format_name, limits, side)
    except PictureError:
        raise
    except Exception as error:  # decoders raise almost anything: SyntaxError, struct.error, MemoryError, KeyError, …
        raise PictureError(
            "corrupt",
            f"the {format_name} cannot be decoded ({type(error).__name__}: {str(error)[:200]}); "
            "replace it with an intact copy",
        ) from error


def _read(path: Path, limits: Limits) -> bytes:
    try:
        # Without O_NONBLOCK, a FIFO that took the file's place would be waited for forever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise PictureError("unreadable", "this is not a regular file; put the picture itself in its place")
            _check_bytes(before.st_size, limits)
            data = file.read(before.st_size + 1)
            after = os.fstat(handle)
    except FileNotFoundError:
        raise PictureError("vanished", "the file was there and is gone; run again if it was moved") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PictureError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PictureError("unreadable", f"the file cannot be read ({reason}); check its permissions") from error
    if len(data) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise PictureError(
            "changed",
            f"the file changed while it was read ({before.st_size} bytes expected, {len(data)} read); "
            "run again when it is written completely",
        )
    return data


def _check_bytes(size: int, limits: Limits) -> None:
    if size == 0:
        raise PictureError("empty", "the file has 0 bytes; replace it with an intact copy")
    if size > limits.max_file_mb * 1e6:
        raise PictureError(
            "too_heavy",
            f"the file has {size / 1e6:.1f} MB, at most {limits.max_file_mb:g} MB are read; "
            "raise LOUPE_MAX_FILE_MB or export a smaller copy",
        )


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    megapixels = size[0] * size[1] / 1e6
    if megapixels > limits.max_megapixels:
        raise PictureError(
            "too_large",
            f"the picture has {megapixels:.1f} megapixels ({size[0]} x {size[1]}), at most {limits.max_megapixels:g} "
            "are decoded; raise --max-megapixels (LOUPE_MAX_MEGAPIXELS) or export a smaller copy",
        )


def _decode(data: bytes, format_name: str, limits: Limits, side: int) -> Opened:
    _silence_pillow()
    image = _header(data, format_name)
    _check_pixels(image.size, limits)
    if format_name == "JPEG":
        _check_scans(data, image.size)
    original, target = image.size, small_size(image.size, side)
    if format_name == "PNG":  # its metadata may follow the pixels
        image, truncated = _pixels(image, data, target)
        described, orientation = describe(image), orientation_of(image)
    else:  # a TIFF's cannot be read any more when the pixels are
        described, orientation = describe(image), orientation_of(image)
        image, truncated = _pixels(image, data, target)
    if format_name == "TIFF":  # Pillow turns a TIFF upright by itself, and reports its upright size
        orientation = 1
    if format_name == "HEIF":  # its size may change while it is decoded
        _check_pixels(image.size, limits)
        original, target = image.size, small_size(image.size, side)
    small = to_rgb(image, target)
    if truncated and (share := drawn_share(small)) < MIN_DRAWN_SHARE:
        raise PictureError(
            "corrupt",
            f"the {format_name} is cut off: {share:.0%} of its rows can be decoded, "
            f"at least {MIN_DRAWN_SHARE:.0%} are needed; replace it with an intact copy",
        )
    width, height = original if orientation < 5 else original[::-1]
    facts = Facts(
        width=width,
        height=height,
        bytes=len(data),
        format=image.format or format_name,
        n_frames=_frames(data, image),
        truncated=truncated,
        **vars(described),
    )
    return Opened(upright(small, orientation), facts, hashlib.sha256(data).hexdigest())


def _header(data: bytes, format_name: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=[format_name])
    except Exception:
        if format_name != "PNG":
            raise
        # Compressed text of a gigabyte, a broken profile or checksum beside the pixels: the pixels are read without.
        return Image.open(io.BytesIO(signature.without_extras(data)), formats=[format_name])


def _pixels(image: Image.Image, data: bytes, target: tuple[int, int]) -> tuple[Image.Image, bool]:
    """The picture with its pixels in memory, and whether some are missing.

    Pillow's switch for this, LOAD_TRUNCATED_IMAGES, is one for all threads: with it on, another thread's broken picture
    would pass unflagged. So every decode is strict, and what a failed one left in memory is taken over.
    """
    _draft(image, target)
    try:
        image.load()
        return image, False
    except Exception as error:
        if image.format in ("JPEG", "MPO"):
            # libjpeg hands out rows late, progressive ones not at all; told that the file ends here, it completes them.
            repaired = _header(data + b"\xff\xd9", "JPEG")
            _draft(repaired, target)
            try:
                repaired.load()
                return repaired, True
            except Exception:
                image = repaired
        cast(ImageFile.ImageFile, image).tile = []  # nothing more to decode: load() then returns what is there
        try:
            image.load()
            image.getpixel((0, 0))
        except Exception:
            raise error from None
        return image, True


def _draft(image: Image.Image, target: tuple[int, int]) -> None:
    """A JPEG can be decoded at 1/2, 1/4 or 1/8 for a fraction of the time."""
    if image.format in ("JPEG", "MPO"):
        image.draft("RGB", target)


def _check_scans(data: bytes, size: tuple[int, int]) -> None:
    scans, megapixels = signature.jpeg_scans(data), size[0] * size[1] / 1e6
    if scans * megapixels > signature.MAX_SCAN_MEGAPIXELS:
        raise PictureError(
            "too_large",
            f"the JPEG has {scans} scans of {megapixels:.1f} megapixels, at most {signature.MAX_SCAN_MEGAPIXELS} "
            "megapixels together are decoded; save it again as an ordinary JPEG",
        )


def _frames(data: bytes, image: Image.Image) -> int:
    """Counted without decoding: Pillow's own count walks, and for a GIF or TIFF of 10,000 frames takes seconds."""
    if image.format == "GIF":
        return signature.gif_frames(data)
    if image.format == "TIFF":
        return signature.tiff_frames(data)
    return max(1, min(int(getattr(image, "n_frames", 1)), signature.MAX_FRAMES))


def _silence_pillow() -> None:
    """Pillow warns of broken EXIF and the like; a run over strangers' files is no place for it.

    By module and not with `catch_warnings`, which is not thread-safe; each time, because tests and notebooks reset
    the filters.
    """
    if _QUIET not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
