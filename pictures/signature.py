"""What a file's first bytes say before any decoder sees them: its format, its frames, bombs. Knows no Pillow.

Every function takes the whole file's bytes and never raises on hostile ones.
"""

import re
import struct

MAX_FRAMES = 65_535
"""Counting stops here: a hostile file may claim any number."""
MAX_SCAN_MEGAPIXELS = 5000
"""Scans x megapixels of a progressive JPEG; usual are 10 x 12. Else 100 kB can ask for hours of decoding."""

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_DIB_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
_CRITICAL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def format_of(data: bytes) -> str | None:
    """Pillow's name of the one decoder that may see these bytes, or None. The file's name is never asked."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "TIFF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "JPEG2000"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _DIB_HEADERS:
        return "BMP"
    if data[4:8] == b"ftyp":
        size = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
        if brands & _AVIF_BRANDS and data[8:12] not in _HEIF_BRANDS - {b"mif1", b"msf1"}:
            return "AVIF"
        return "HEIF" if brands & _HEIF_BRANDS else None
    return None


def jpeg_scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has; what follows its end (a film, another one) is not read."""
    at, scans = 2, 0
    # 0xFF in the pixel data is followed by 0x00 or a restart marker; anything else ends the scan.
    marker = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
    while found := marker.search(data, at):
        code, at = data[found.end() - 1], found.end()
        if code == 0xD9:
            break
        scans += code == 0xDA
        at += int.from_bytes(data[at : at + 2], "big")
    return scans


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
