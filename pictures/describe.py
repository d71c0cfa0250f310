"""What a picture file says about itself: EXIF, XMP, IPTC. Knows Pillow's open picture; decodes no pixel, reads no file.

Each piece is read by itself, so that one broken piece (a latitude of 1/0, the year 0000) costs that piece only.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from PIL import ExifTags, Image

from pictures.words import clean, clean_caption, clean_tags
from pictures.xmp import Xmp, read_xmp

_T = TypeVar("_T")
_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
_IPTC_IN_TIFF, _IPTC_IN_PHOTOSHOP = 33723, 0x0404
_IPTC_CAPTION, _IPTC_KEYWORD = (2, 120), (2, 25)
_YEARS = range(1800, 2200)
_DATES = (  # when it was taken, when it was digitised, when it was last written; each with its UTC offset
    ("exif", ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
    ("exif_digitised", ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
    ("edited", ExifTags.Base.DateTime, ExifTags.Base.OffsetTime),
)


@dataclass(frozen=True, kw_only=True)
class Description:
    """Caption at most 2,000 characters, at most 64 tags of 100 characters; "" and None where the file says nothing."""

    taken_at: datetime | None = None
    """In UTC. A camera's time without an offset is local time of an unknown place; it is taken as if it were UTC."""
    taken_local: datetime | None = None
    """What the clock at the place showed, without a zone. Its day is the picture's day."""
    taken_source: str = ""
    """"exif", "xmp", "iptc", "exif_digitised", "file_name", "sidecar", "edited", or "" without a date."""
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None
    caption: str = ""
    caption_source: str = ""
    """"xmp", "iptc", "exif", or "" without a caption; the same for tags."""
    tags: tuple[str, ...] = ()
    tags_source: str = ""


def describe(image: Image.Image) -> Description:
    """Caption and tags come from the first of XMP, IPTC, EXIF that has them. Never raises on a broken file."""
    exif = _directory(image, None)
    more = _directory(image, ExifTags.IFD.Exif)
    gps = _directory(image, ExifTags.IFD.GPSInfo)
    xmp = _piece(lambda: read_xmp(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")), Xmp())
    iptc = _piece(lambda: _iptc(image.info, exif), None) or {}
    latitude, longitude = _piece(lambda: _position(gps), None) or (None, None)
    taken, taken_source = _taken({**exif, **more})
    caption, caption_source = _first(
        xmp=lambda: clean_caption(xmp.description),
        iptc=lambda: clean_caption(" ".join(iptc.get(_IPTC_CAPTION, []))),
        exif=lambda: _exif_caption(exif),
    )
    tags, tags_source = _first(
        xmp=lambda: clean_tags(xmp.subjects),
        iptc=lambda: clean_tags(iptc.get(_IPTC_KEYWORD, [])),
        exif=lambda: clean_tags(_utf16(exif.get(_XP_KEYWORDS)).split(";")),
    )
    return Description(
        taken_at=None if taken is None else taken.astimezone(UTC),
        taken_local=None if taken is None else taken.replace(tzinfo=None),
        taken_source=taken_source,
        camera=_piece(lambda: _camera(exif), ""),
        latitude=latitude,
        longitude=longitude,
        caption=caption or "",
        caption_source=caption_source,
        tags=tags or (),
        tags_source=tags_source,
    )


def _directory(image: Image.Image, number: int | None) -> dict[int, Any]:
    """One EXIF directory; the root without a number."""
    try:
        exif = image.getexif()
        return dict(exif if number is None else exif.get_ifd(number))
    except Exception:  # as in _piece
        return {}


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 when there is none or it makes no sense."""
    value = _piece(lambda: int(image.getexif().get(ExifTags.Base.Orientation, 1)), 1)
    return value if 1 <= value <= 8 else 1


def _piece(read: Callable[[], _T], otherwise: _T) -> _T:
    """One piece of metadata, or `otherwise`: the parsers of EXIF raise almost anything on hostile bytes."""
    try:
        return read()
    except Exception:
        return otherwise


def _first(**sources: Callable[[], _T]) -> tuple[_T | None, str]:
    for name, read in sources.items():
        if found := _piece(read, None):
            return found, name
    return None, ""


def _text(value: object) -> str:
    """An EXIF string: Pillow reads it as Latin-1, most programs today write UTF-8."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _utf16(value: object) -> str:
    if isinstance(value, tuple):
        value = bytes(value)
    return value.decode("utf-16-le", errors="ignore") if isinstance(value, bytes) else ""


def _exif_caption(exif: Mapping[int, Any]) -> str:
    """ImageDescription; the title and comment of Windows' Explorer only when it is missing."""
    return (
        clean_caption(_text(exif.get(ExifTags.Base.ImageDescription)))
        or clean_caption(_utf16(exif.get(_XP_TITLE)))
        or clean_caption(_utf16(exif.get(_XP_COMMENT)))
    )


def _camera(exif: Mapping[int, Any]) -> str:
    """Make and model; a make that the model repeats ("Canon" "Canon EOS 5D", "NIKON CORPORATION" "NIKON D90") once."""
    make = clean(_text(exif.get(ExifTags.Base.Make)), 100)
    model = clean(_text(exif.get(ExifTags.Base.Model)), 100)
    if make and model.casefold().split(" ")[0] == make.casefold().split(" ")[0]:
        make = ""
    return f"{make} {model}".strip()


def _taken(exif: Mapping[int, Any]) -> tuple[datetime | None, str]:
    """With its offset; UTC where none is known."""
    for source, date, offset in _DATES:
        if moment := _piece(lambda date=date, offset=offset: _moment(exif.get(date), exif.get(offset)), None):  # type: ignore[misc]
            return moment, source
    return None, ""


def _moment(date: object, offset: object) -> datetime | None:
    text = clean(_text(date), 40)[:19]
    moment = datetime.strptime(text.replace("-", ":").replace("T", " "), "%Y:%m:%d %H:%M:%S")
    if moment.year not in _YEARS:
        return None
    zone = _piece(lambda: datetime.strptime(clean(_text(offset), 40), "%z").tzinfo, None) or UTC
    return moment.replace(tzinfo=zone)


def _position(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    latitude = _degrees(gps[ExifTags.GPS.GPSLatitude], gps.get(ExifTags.GPS.GPSLatitudeRef), "S", 90)
    longitude = _degrees(gps[ExifTags.GPS.GPSLongitude], gps.get(ExifTags.GPS.GPSLongitudeRef), "W", 180)
    # Exactly 0, 0 is what devices write that had no fix; no picture is taken on that metre of the Atlantic.
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    return latitude, longitude


def _degrees(parts: Any, side: object, negative: str, limit: int) -> float | None:
    degrees, minutes, seconds = (float(part) for part in (*parts, 0, 0)[:3])
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value) or min(degrees, minutes, seconds) < 0 or value > limit:
        return None
    return -value if clean(_text(side), 4).upper() == negative else value


def _iptc(info: Mapping[Any, Any], exif: Mapping[int, Any]) -> dict[tuple[int, int], list[str]]:
    """(record, dataset) -> values. IPTC-IIM 4.2, chapter 3: 0x1C, record, dataset, two bytes of length, value."""
    data = info.get("photoshop", {}).get(_IPTC_IN_PHOTOSHOP) or exif.get(_IPTC_IN_TIFF) or b""
    if isinstance(data, tuple):
        data = b"".join(part if isinstance(part, bytes) else struct.pack("<I", part) for part in data)
    found: dict[tuple[int, int], list[str]] = {}
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        key, size = (data[at + 1], data[at + 2]), int.from_bytes(data[at + 3 : at + 5], "big")
        if size & 0x8000:  # an extended dataset of more than 32 kB: no caption is that long
            break
        found.setdefault(key, []).append(_utf8_or_latin1(data[at + 5 : at + 5 + size]))
        at += 5 + size
    return found


def _utf8_or_latin1(data: bytes) -> str:
    """IPTC declares its encoding in 1:90, but most writers get it wrong; Latin-1 is hardly ever valid UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
