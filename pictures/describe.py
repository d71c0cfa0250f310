"""What a picture file says about itself: EXIF, XMP, IPTC, PNG's text. Knows Pillow's open picture; decodes no pixel,
reads no file.

Each piece is read by itself, so that one broken piece (a latitude of 1/0, the year 0000) costs that piece only.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from PIL import ExifTags, Image

from pictures.dates import read_date
from pictures.text import clean, clean_caption, clean_tags, clean_title, comment, prompt, user_comment
from pictures.xmp import Xmp, read_xmp

_T = TypeVar("_T")
_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
_IPTC_IN_TIFF, _IPTC_IN_PHOTOSHOP = 33723, 0x0404
_IPTC_CAPTION, _IPTC_HEADLINE, _IPTC_NAME, _IPTC_KEYWORD = (2, 120), (2, 105), (2, 5), (2, 25)
_IPTC_DATE, _IPTC_TIME = (2, 55), (2, 60)


@dataclass(frozen=True)
class Words:
    """A caption of at most 2,000 characters and at most 64 tags of 100, each with its source: "metadata", "sidecar",
    "xmp", "iptc", "exif", "png", or "" where there is none."""

    caption: str = ""
    caption_source: str = ""
    tags: tuple[str, ...] = ()
    tags_source: str = ""

    @classmethod
    def of(cls, source: str, caption: str = "", tags: tuple[str, ...] = ()) -> "Words":
        return Words(caption, source if caption else "", tags, source if tags else "")

    def before(self, other: "Words") -> "Words":
        """Complete them: each that is missing is the other's."""
        first, second = self if self.caption else other, self if self.tags else other
        return Words(first.caption, first.caption_source, second.tags, second.tags_source)


@dataclass(frozen=True, kw_only=True)
class Description(Words):
    """What a file says of its picture; "" and None where it says nothing."""

    taken_at: datetime | None = None
    """In UTC. A camera's time without an offset is local time of an unknown place; it is taken as if it were UTC."""
    taken_local: datetime | None = None
    """What the clock at the place showed, without a zone. Its day is the picture's day."""
    taken_source: str = ""
    """"exif", "xmp", "iptc", "exif_digitised", "file_name", "sidecar", "edited" (when the file was last written, which
    says little), or "" without a date."""
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def at(self, taken: datetime | None, source: str) -> Self:
        """The same, taken at another time: with its offset from UTC, or naive where none is known."""
        if taken is None:
            return replace(self, taken_at=None, taken_local=None, taken_source="")
        moment = taken if taken.tzinfo else taken.replace(tzinfo=UTC)
        return replace(
            self, taken_at=moment.astimezone(UTC), taken_local=taken.replace(tzinfo=None), taken_source=source
        )


def describe(image: Image.Image) -> Description:
    """Each from the first that has it: docs/metadata.md gives the order. Never raises on a broken file."""
    exif = _directory(image, None)
    exif |= _directory(image, ExifTags.IFD.Exif)
    gps = _directory(image, ExifTags.IFD.GPSInfo)
    xmp = _piece(lambda: read_xmp(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")), Xmp())
    iptc = _piece(lambda: _iptc(image.info, exif), None) or {}
    png = _png_texts(image)
    latitude, longitude = _piece(lambda: _position(gps), None) or xmp_position(xmp) or (None, None)
    taken, taken_source = _taken(exif, xmp, iptc)
    caption, caption_source = _caption(exif, xmp, iptc, png)
    tags, tags_source = _first(
        ("xmp", lambda: clean_tags(xmp.subjects)),
        ("iptc", lambda: clean_tags(iptc.get(_IPTC_KEYWORD, []))),
        ("exif", lambda: clean_tags(_utf16(exif.get(_XP_KEYWORDS)).split(";"))),
    )
    return Description(
        camera=_piece(lambda: _camera(exif), ""),
        latitude=latitude,
        longitude=longitude,
        caption=caption or "",
        caption_source=caption_source,
        tags=tags or (),
        tags_source=tags_source,
    ).at(taken, taken_source)


def _caption(
    exif: Mapping[int, Any], xmp: Xmp, iptc: Mapping[tuple[int, int], list[str]], png: Mapping[str, str]
) -> tuple[str | None, str]:
    """A description before a title, a title before a comment, and last the prompt that a picture was made from."""
    return _first(
        ("xmp", lambda: clean_caption(xmp.description)),
        ("iptc", lambda: clean_caption(" ".join(iptc.get(_IPTC_CAPTION, [])))),
        ("exif", lambda: clean_caption(_text(exif.get(ExifTags.Base.ImageDescription)))),
        ("png", lambda: comment(png.get("description", ""))),
        ("xmp", lambda: clean_title(xmp.title)),
        ("iptc", lambda: clean_title(" ".join(iptc.get(_IPTC_HEADLINE, [])))),
        ("iptc", lambda: clean_title(" ".join(iptc.get(_IPTC_NAME, [])))),
        ("exif", lambda: clean_title(_utf16(exif.get(_XP_TITLE)))),
        ("png", lambda: clean_title(png.get("title", ""))),
        ("exif", lambda: comment(_utf16(exif.get(_XP_COMMENT)))),
        ("exif", lambda: user_comment(exif.get(ExifTags.Base.UserComment))),
        ("png", lambda: comment(png.get("comment", ""))),
        ("png", lambda: prompt(png.get("parameters", ""))),
    )


def _png_texts(image: Image.Image) -> dict[str, str]:
    """Keyword in lower case -> text of a PNG's tEXt, zTXt and iTXt chunks (PNG 1.2, 11.3.4). None of other formats."""
    if image.format != "PNG":
        return {}
    return {key.lower(): value for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str)}


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


def _first(*sources: tuple[str, Callable[[], _T]]) -> tuple[_T | None, str]:
    for name, read in sources:
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


def _camera(exif: Mapping[int, Any]) -> str:
    """Make and model; a make that the model repeats ("Canon" "Canon EOS 5D", "NIKON CORPORATION" "NIKON D90") once."""
    make = clean(_text(exif.get(ExifTags.Base.Make)), 100)
    model = clean(_text(exif.get(ExifTags.Base.Model)), 100)
    if make and model.casefold().split(" ")[0] == make.casefold().split(" ")[0]:
        make = ""
    return f"{make} {model}".strip()


def _taken(exif: Mapping[int, Any], xmp: Xmp, iptc: Mapping[tuple[int, int], list[str]]) -> tuple[datetime | None, str]:
    """With its offset; naive where none is known. The date of the last edit only when there is no other."""
    base = ExifTags.Base
    return _first(
        ("exif", lambda: _exif_date(exif, base.DateTimeOriginal, base.OffsetTimeOriginal)),
        ("xmp", lambda: read_date(xmp.original)),
        ("iptc", lambda: read_date(" ".join([iptc[_IPTC_DATE][0], *iptc.get(_IPTC_TIME, [])[:1]]))),
        ("xmp", lambda: read_date(xmp.created)),
        ("exif_digitised", lambda: _exif_date(exif, base.DateTimeDigitized, base.OffsetTimeDigitized)),
        ("edited", lambda: _exif_date(exif, base.DateTime, base.OffsetTime)),
        ("edited", lambda: read_date(xmp.modified)),
    )


def _exif_date(exif: Mapping[int, Any], date: int, offset: int) -> datetime | None:
    return read_date(_text(exif.get(date)), _text(exif.get(offset)))


def _position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(gps[ExifTags.GPS.GPSLatitude], gps.get(ExifTags.GPS.GPSLatitudeRef), "S")
    longitude = _degrees(gps[ExifTags.GPS.GPSLongitude], gps.get(ExifTags.GPS.GPSLongitudeRef), "W")
    return on_earth(latitude, longitude)


def xmp_position(xmp: Xmp) -> tuple[float, float] | None:
    """`48,51.5N` or `48,51,30N` (XMP part 2, 4.2.3), and the plain degrees that some write."""
    return _piece(lambda: on_earth(_xmp_degrees(xmp.latitude), _xmp_degrees(xmp.longitude)), None)


def on_earth(latitude: float, longitude: float) -> tuple[float, float] | None:
    """The position, or None for one that is impossible or means that there is none."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # not a number either
        return None
    # Exactly 0, 0 is what devices write that had no fix; no picture is taken on that metre of the Atlantic.
    return None if latitude == 0 and longitude == 0 else (latitude, longitude)


def _degrees(parts: Any, side: object, negative: str) -> float:
    """Degrees, minutes, seconds, or one number; below zero in the south and west, which a sign may say as well."""
    numbers = [float(part) for part in (parts if isinstance(parts, tuple | list) else (parts,))]
    degrees, minutes, seconds = (*numbers, 0.0, 0.0)[:3]
    if min(minutes, seconds) < 0:
        return math.nan
    value = abs(degrees) + minutes / 60 + seconds / 3600
    # "S", "s", "South", b"S\0": devices write all of them.
    return -value if degrees < 0 or clean(_text(side), 8).upper().startswith(negative) else value


def _xmp_degrees(text: str) -> float:
    found = re.fullmatch(r"([+-]?[\d.]+)(?:,([\d.]+))?(?:,([\d.]+))?\s*([NSEW])?", clean(text, 40).upper())
    if found is None:
        return math.nan
    value = abs(float(found[1])) + float(found[2] or 0) / 60 + float(found[3] or 0) / 3600
    return -value if found[1].startswith("-") or found[4] in ("S", "W") else value


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
