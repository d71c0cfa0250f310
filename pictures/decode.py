"""A file's bytes -> a small upright RGB picture and its facts, in two steps: what it will cost, then the pixels.

Called in this process for ordinary JPEGs and PNGs, in a process of its own (`pictures.worker`) for everything else.
"""

import io
import re
import warnings
from dataclasses import dataclass
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
    UnidentifiedImageError,
    WebPImagePlugin,
)
from pillow_heif import register_heif_opener
from pydantic import TypeAdapter

from errors import PictureError
from pictures import signature
from pictures.describe import Description, describe, orientation_of
from pictures.limits import WEBP_BYTES, Limits, check_room, decoded_bytes
from pictures.pixels import drawn_share, small_size, to_rgb, upright

MIN_DRAWN_SHARE = 0.25
"""A picture that is cut off is kept, and flagged, when at least this share of its rows could be decoded."""
MAX_SCAN_MEGAPIXELS = 2500
"""Scans x megapixels of a progressive JPEG; 100 megapixels in 10 scans are 1,000. Else 100 kB can ask for hours."""

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Pillow's own limit is one number for the whole process, and up to twice that only a warning; `_check_pixels` is ours.
Image.MAX_IMAGE_PIXELS = None
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _FORMAT = 256, 257, 258, 259, 277, 339
_SAMPLE_FORMATS = {
    1: "unsigned integer",
    2: "signed integer",
    3: "float",
    4: "undefined",
    5: "complex integer",
    6: "complex",
}
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_OBJECT = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]+>")


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


FACTS = TypeAdapter(Facts)
"""Facts as JSON and back, between processes."""


@dataclass(frozen=True)
class Undecoded:
    """A picture whose header was read and accepted, and the bytes that decoding it takes, `data` included."""

    data: bytes
    format_name: str
    image: Image.Image
    original: tuple[int, int]
    limits: Limits
    side: int
    needed: int

    def decode(self) -> tuple[Image.Image, Facts]:
        """Decode the first frame. Raises PictureError and nothing else."""
        try:
            return _decode(self)
        except PictureError:
            raise
        except MemoryError as error:
            raise PictureError(
                "too_large",
                f"the {self.format_name} needs more memory than the {self.needed / 1e6:.0f} MB that its header lets "
                "expect; export a smaller copy as JPEG or PNG",
            ) from error
        except Exception as error:  # decoders raise almost anything: SyntaxError, struct.error, KeyError, …
            raise _corrupt(self.data, self.format_name, error) from error


def read_header(data: bytes, limits: Limits, side: int, outline: signature.JpegOutline | None = None) -> Undecoded:
    """Check what the first bytes and the header say; decodes no pixel. Raises PictureError and nothing else.

    `side`: the pixels of the short side that the model can use. `outline`: of a JPEG, where it is known already.
    """
    _silence_pillow()
    format_name = identify(data, limits)
    if format_name == "JPEG" and outline is None:
        outline = signature.jpeg_outline(data)
    if outline is not None:
        _check_scans(outline)
    try:
        image = _header(data, format_name)
        _check_pixels(image.size, limits)
        if outline is not None and outline.pixels > image.width * image.height:  # libjpeg goes by its own reading
            raise PictureError(
                "corrupt", "the JPEG has two frame headers of different sizes; replace it with an intact copy"
            )
        original = image.size
        _draft(image, small_size(original, side))
        several = outline is not None and (outline.scans > 1 or outline.frame == 0xC2)
        needed = len(data) + decoded_bytes(image, original[0] * original[1] if several else 0)
    except PictureError:
        raise
    except Exception as error:
        raise _corrupt(data, format_name, error) from error
    return Undecoded(data, format_name, image, original, limits, side, needed)


def identify(data: bytes, limits: Limits) -> str:
    """Return the format that the first bytes (512 are enough) tell. Raises PictureError where they tell none, or more
    pixels than are accepted."""
    if (format_name := signature.format_of(data)) is None:
        raise PictureError(
            "unidentified",
            f"the file starts with {data[:8]!r}, which is no picture format known here; convert it to "
            f"{', '.join(one.name for one in signature.FILE_TYPES[:-1])} or {signature.FILE_TYPES[-1].name}",
        )
    if (size := signature.claimed_size(data, format_name)) is not None:
        _check_pixels(size, limits)
        if format_name == "WEBP":  # Pillow takes memory for the canvas when it reads the header
            check_room(size[0] * size[1] * WEBP_BYTES, limits)
    return format_name


def _decode(undecoded: Undecoded) -> tuple[Image.Image, Facts]:
    data, format_name, image = undecoded.data, undecoded.format_name, undecoded.image
    original, target = undecoded.original, small_size(undecoded.original, undecoded.side)
    if format_name == "PNG":  # its metadata may follow the pixels
        image, truncated = _pixels(image, data, target)
        described, orientation = describe(image), orientation_of(image)
    else:  # a TIFF's cannot be read any more when the pixels are
        described, orientation = describe(image), orientation_of(image)
        image, truncated = _pixels(image, data, target)
    if format_name == "TIFF":  # Pillow turns a TIFF upright by itself, and reports its upright size
        orientation = 1
    if format_name == "HEIF":  # its size may change while it is decoded
        _check_pixels(image.size, undecoded.limits)
        original, target = image.size, small_size(image.size, undecoded.side)
    small = to_rgb(image, target)
    if truncated and (share := drawn_share(small)) < MIN_DRAWN_SHARE:
        if format_name == "TIFF" and not share:
            raise PictureError(
                "unsupported",
                f"no row of this TIFF ({_tiff_kind(data)}) can be decoded here: its compression is not known, or it is "
                "damaged; convert it to a TIFF without compression, to PNG or to JPEG",
            )
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
    return upright(small, orientation), facts


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    megapixels = size[0] * size[1] / 1e6
    if megapixels > limits.max_megapixels:
        raise PictureError(
            "too_large",
            f"the picture has {megapixels:.1f} megapixels ({size[0]} x {size[1]}), at most {limits.max_megapixels:g} "
            "are decoded; raise --max-megapixels (LOUPE_MAX_MEGAPIXELS) or export a smaller copy",
        )


def _check_scans(outline: signature.JpegOutline) -> None:
    megapixels = outline.pixels / 1e6
    if outline.scans * megapixels > MAX_SCAN_MEGAPIXELS:
        raise PictureError(
            "too_large",
            f"the JPEG has {outline.scans} scans of {megapixels:.1f} megapixels, at most {MAX_SCAN_MEGAPIXELS} "
            "megapixels together are decoded; save it again as an ordinary JPEG",
        )


def _corrupt(data: bytes, format_name: str, error: Exception) -> PictureError:
    if format_name == "TIFF" and (kind := _tiff_kind(data)):
        if isinstance(error, (UnidentifiedImageError, KeyError)):
            return PictureError(
                "unsupported",
                f"this TIFF ({kind}) cannot be decoded here; convert it to an 8-bit RGB TIFF, to PNG or to JPEG",
            )
        format_name = f"TIFF ({kind})"
    if isinstance(error, UnidentifiedImageError):
        return PictureError(
            "corrupt",
            f"the {format_name} is damaged at its start, or of a kind that cannot be decoded here; "
            "replace it with an intact copy, or convert it to JPEG or PNG",
        )
    said = _OBJECT.sub("the file", str(error))[:200]
    return PictureError(
        "corrupt",
        f"the {format_name} cannot be decoded ({type(error).__name__}: {said}); replace it with an intact copy",
    )


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
    try:
        image.load()
        return image, False
    except MemoryError:
        raise
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


def _tiff_kind(data: bytes) -> str:
    """Describe the first page's samples, for example "compression lzw, 3 x 16 bits, sample format float"; "" where its
    directory cannot be read."""
    try:
        file = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if data[2] == 43 or data[3] == 43 else 8))
        file.seek(tags.next)
        tags.load(file)
        if not (tags.get(_WIDTH) and tags.get(_HEIGHT)):
            return ""  # cut off, or no directory at all
        bits, formats = tags.get(_BITS, (1,)), tags.get(_FORMAT, (1,))
        compression = tags.get(_COMPRESSION, 1)
        name = TiffImagePlugin.COMPRESSION_INFO.get(compression, f"number {compression}")
        samples = max(int(tags.get(_SAMPLES, 1)), len(bits))
        return (
            f"compression {name}, {samples} x {'/'.join(str(n) for n in sorted(set(bits)))} bits, "
            f"sample format {'/'.join(_SAMPLE_FORMATS.get(n, str(n)) for n in sorted(set(formats)))}"
        )[:200]
    except Exception:  # as in describe: a broken directory raises almost anything
        return ""
