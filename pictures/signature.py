"""The table of file types, and what a file's bytes say before any decoder sees them: its type, its frames, bombs.

Every function takes the whole file's bytes and never raises on hostile ones.
"""

import re
import struct
from typing import NamedTuple

MAX_FRAMES = 65_535
"""Counting stops here: a hostile file may claim any number."""
# Markers that are followed by their length. All others stand alone: RST, TEM (FF 01), SOI, and the ones that libjpeg
# does not know, over which it passes between restart markers and at which it stops everywhere else.
_JPEG_MARKER = re.compile(rb"\xff([\xc0-\xc7\xc9-\xcf\xd9-\xdd\xe0-\xef\xfe])")
_JPEG_NO_FRAME = {0xC4, 0xCC}  # DHT and DAC lie among the SOFn
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_CRITICAL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


class FileType(NamedTuple):
    """A kind of picture that Loupe reads. One row is what a new one takes, beside its decoder in `pictures.decode`."""

    format: str
    """Pillow's name of the one decoder that may see it."""
    name: str
    """For people."""
    extensions: tuple[str, ...]
    """Files of these names are opened; their first bytes decide what they are."""
    starts: re.Pattern[bytes]
    media_type: str = ""
    """Where browsers show it; the others are sent as JPEG."""


def _type(format_name: str, name: str, extensions: str, starts: bytes, media_type: str = "") -> FileType:
    return FileType(format_name, name, tuple(extensions.split()), re.compile(starts, re.DOTALL), media_type)


_ISO = rb".{4}ftyp"
FILE_TYPES = (
    _type("JPEG", "JPEG", ".jpg .jpeg .jpe .jfif .jif .mpo", rb"\xff\xd8\xff", "image/jpeg"),
    _type("PNG", "PNG", ".png .apng", rb"\x89PNG\r\n\x1a\n", "image/png"),
    _type("WEBP", "WebP", ".webp", rb"RIFF.{4}WEBP", "image/webp"),
    _type("GIF", "GIF", ".gif", rb"GIF8[79]a", "image/gif"),
    _type("BMP", "BMP", ".bmp .dib", rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"),  # the header's size
    _type("TIFF", "TIFF", ".tif .tiff", rb"II[*+]\0|MM\0[*+]"),
    _type("AVIF", "AVIF", ".avif .avifs", _ISO, "image/avif"),  # distinguished from HEIF by their brands
    _type("HEIF", "HEIF", ".heic .heics .heif .heifs .hif", _ISO),
    _type("JPEG2000", "JPEG 2000", ".jp2 .j2k .j2c .jpc .jpf .jpx", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
)
EXTENSIONS = frozenset(extension for one in FILE_TYPES for extension in one.extensions)
MEDIA_TYPES = {one.format: one.media_type for one in FILE_TYPES if one.media_type} | {"MPO": "image/jpeg"}


def format_of(data: bytes) -> str | None:
    """Pillow's name of the one decoder that may see these bytes, or None. The file's name is never asked."""
    found = next((one.format for one in FILE_TYPES if one.starts.match(data)), None)
    if found != "AVIF":
        return found
    size = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
    if brands & _AVIF_BRANDS and data[8:12] not in _HEIF_BRANDS - {b"mif1", b"msf1"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def claimed_size(data: bytes, format_name: str) -> tuple[int, int] | None:
    """Width and height of a PNG or a WebP, by its first 30 bytes: a decoder that is asked may take memory for them."""
    if format_name == "PNG":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if format_name == "WEBP":
        kind, at = data[12:16], (int.from_bytes(data[start : start + 4], "little") for start in (21, 24, 26, 27))
        lossless, canvas_width, frame, canvas_height = at
        if kind == b"VP8X":  # developers.google.com/speed/webp/docs/riff_container
            return (canvas_width & 0xFFFFFF) + 1, (canvas_height & 0xFFFFFF) + 1
        if kind == b"VP8L":
            return (lossless & 0x3FFF) + 1, (lossless >> 14 & 0x3FFF) + 1
        return frame & 0x3FFF, frame >> 16 & 0x3FFF
    return None


class JpegOutline(NamedTuple):
    """What a JPEG asks of its decoder: never less than what libjpeg does."""

    scans: int
    pixels: int
    """Of the largest frame header."""
    frame: int
    """The code of the first SOFn: 0xC0 and 0xC1 are sequential, 0xC2 is progressive, 0 is none."""


def jpeg_outline(data: bytes) -> JpegOutline:
    """Walk over the markers of a JPEG file's first picture as libjpeg does (jdmarker.c: next_marker, read_markers).

    In the data of a scan, libjpeg stops at each 0xFF that is not followed by 0x00, fill bytes (0xFF) passed over. What
    follows the end of the picture (a film, another picture) is not read.
    """
    at, scans, pixels, frame = 2, 0, 0, 0
    while found := _JPEG_MARKER.search(data, at):
        code, at = data[found.end() - 1], found.end()
        if code == 0xD9:
            break
        if code == 0xDA:
            scans += 1
        elif code & 0xF0 == 0xC0 and code not in _JPEG_NO_FRAME:
            frame = frame or code
            height, width = int.from_bytes(data[at + 3 : at + 5], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
            pixels = max(pixels, width * height)
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return JpegOutline(scans, pixels, frame)


def without_extras(data: bytes) -> bytes:
    """A PNG with its critical chunks only, for one whose text, profile or checksum of an ancillary chunk is broken."""
    parts, at = [data[:8]], 8
    while at + 8 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in _CRITICAL_CHUNKS:
            parts.append(data[at:end])
        at = end
    return b"".join(parts)


def gif_frames(data: bytes) -> int:
    """Frames of a GIF, by its block structure alone; no pixel is decoded. A frame that is cut off is not counted."""
    try:
        at, frames = 13 + _palette_bytes(data[10]), 0
        while frames < MAX_FRAMES:
            block, at = data[at], at + 1
            if block == 0x2C:
                at += 9 + _palette_bytes(data[at + 8]) + 1
            elif block == 0x21:
                at += 1
            else:  # the trailer, or garbage
                break
            while data[at]:
                at += 1 + data[at]
            at += 1
            frames += block == 0x2C
    except IndexError:
        pass
    return max(1, frames)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def tiff_frames(data: bytes) -> int:
    """Pages of a TIFF or BigTIFF: the length of its chain of directories, cut where it closes on itself."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    count, entry, offset, start = ("Q", 20, "Q", 8) if big else ("H", 12, "I", 4)
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + offset, data, start)
        while at and at not in seen and len(seen) < MAX_FRAMES:
            (entries,) = struct.unpack_from(order + count, data, at)
            seen.add(at)
            (at,) = struct.unpack_from(order + offset, data, at + struct.calcsize(count) + entries * entry)
    except (struct.error, OverflowError):
        pass
    return max(1, len(seen))
