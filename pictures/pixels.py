"""Any Pillow mode -> a small RGB picture on white, in sRGB, upright."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageCms

MAX_LONG_SIDE = 2048
MAX_ICC_BYTES = 4_000_000
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_TURN = {  # EXIF orientation -> what makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def small_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Short side 2 * side, long side at most max(2048, 2 * side), never larger than `size`, never below one pixel.

    >>> small_size((4000, 3000), 260), small_size((65500, 1000), 260), small_size((40, 30), 260)
    ((693, 520), (2048, 31), (40, 30))
    """
    scale = min(1.0, 2 * side / min(size), max(MAX_LONG_SIDE, 2 * side) / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def to_rgb(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The decoded picture in RGB, resized to `size` first, because every later step then works on few pixels."""
    image = _resizable(image)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)  # premultiplies alpha by itself
    if image.mode in ("I", "F"):
        image = _stretched(image)
    if image.mode == "CMYK" and image.info.get("uninverted"):
        image = ImageChops.invert(image)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        white.info = image.info
        image = white
    converted = _by_profile(image, image.info.get("icc_profile"))
    if converted is None and image.mode == "LAB":
        converted = _transform_of_lab().apply(image)
    if converted is None:
        converted = image.convert("RGB")
    converted.info = {}
    return converted


def upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURN[orientation]) if orientation in _TURN else image


def drawn_share(image: Image.Image) -> float:
    """The share of rows above the flat ones at the bottom: what a decoder has not reached it leaves in one colour."""
    rows = np.asarray(image)  # (height, width, 3)
    drawn = np.flatnonzero((rows != rows[:, :1]).any(axis=(1, 2)))
    return (int(drawn[-1]) + 1) / len(rows) if drawn.size else 0.0


def _resizable(image: Image.Image) -> Image.Image:
    """The same picture in L, RGB, RGBA, CMYK, LAB, I or F: modes that can be averaged."""
    if image.mode.startswith("I;16"):
        # 16 bits to 8 by their upper half. Pillow's own convert("L") clips at 255: nearly everything becomes white.
        return _with_info(Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)), image)
    if image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for Adobe's, which are stored inverted; one without Adobe's marker is not.
        image.info["uninverted"] = True
    has_colour_key = "transparency" in image.info and image.mode in ("1", "L", "RGB")  # one colour stands for nothing
    if has_colour_key or image.mode in ("P", "PA", "LA", "La", "RGBa"):
        if image.mode == "La":
            image = image.convert("LA")
        return _with_info(image.convert("RGBA"), image)
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("YCbCr", "HSV", "RGBX"):
        return _with_info(image.convert("RGB"), image)
    return image


def _with_info(converted: Image.Image, original: Image.Image) -> Image.Image:
    converted.info = {name: value for name, value in original.info.items() if name == "icc_profile"}
    return converted


def _stretched(image: Image.Image) -> Image.Image:
    """32-bit integers and floats to 8 bits by the range they use: 0..1, 0..255, 0..65535, else their own extent."""
    values = np.asarray(image, dtype=np.float64)
    values = np.where(np.isfinite(values), values, 0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and image.mode == "F" and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    with np.errstate(over="ignore"):
        scaled = (values / 2 - low / 2) / max(high / 2 - low / 2, 1e-300) * 255  # halves: high - low may overflow
    return Image.fromarray(np.clip(np.round(scaled), 0, 255).astype(np.uint8))


def _by_profile(image: Image.Image, icc: object) -> Image.Image | None:
    if not isinstance(icc, bytes) or not 0 < len(icc) <= MAX_ICC_BYTES:
        return None
    try:
        return _transform_of(icc, image.mode).apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # a broken profile: the numbers are shown as they are, as browsers do


@lru_cache(maxsize=8)
def _transform_of(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """Cached, because a photo archive has a few cameras. Raises for a profile that is made for another mode."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return ImageCms.ImageCmsTransform(profile, _SRGB, mode, "RGB", ImageCms.Intent.PERCEPTUAL)


@lru_cache(maxsize=1)
def _transform_of_lab() -> ImageCms.ImageCmsTransform:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.ImageCmsTransform(lab, _SRGB, "LAB", "RGB", ImageCms.Intent.PERCEPTUAL)
