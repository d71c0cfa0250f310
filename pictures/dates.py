"""Read dates as devices, programs and file names spell them.

A date with a known offset from UTC comes back with it, one without comes back naive: the clock at an unknown place.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from pictures.text import clean

_YEARS = range(1800, 2200)
_LONGEST = 60
"""Characters that are looked at; the longest spelling has 40."""

_CLOCK = r"(?P<hour>\d\d?)(?P<colon>[:.-])\s?(?P<minute>\d\d?)(?:(?P=colon)\s?(?P<second>\d\d?)(?:[.,]\d*)?)?"
_COMPACT_CLOCK = r"(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d*)?)?"
_HALF = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_OFFSET = r"(?:\s*(?P<offset>[Zz]|UTC|GMT|[+-]\d\d:?(?:\d\d)?))?"
_SPELLINGS = (
    # 2019:05:01 10:11:12, 2019-05-01T10:11:12.50+02:00, 2019/5/1 10.11 PM
    re.compile(
        r"(?P<year>\d{4})(?P<dash>[-:/.])\s?(?P<month>\d\d?)(?P=dash)\s?(?P<day>\d\d?)"
        rf"(?:[T\s:]+{_CLOCK}{_HALF}{_OFFSET})?[\s:]*"
    ),
    # 20190501, 20190501T101112+0200: IPTC, compact ISO 8601
    re.compile(rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)(?:[T\s]*{_COMPACT_CLOCK}{_OFFSET})?"),
    # 2019, 2019-05 (XMP), and "2019:  :     :  :  ", the blanks that EXIF asks for where a part is unknown
    re.compile(r"(?P<year>\d{4})(?:[-:/.]\s*(?P<month>\d\d?)?)?[\s:]*"),
)
_SINCE_1990 = r"(?P<year>(?:199|20\d)\d)"
_APP = r"(?:IMG|VID|MVIMG|PANO|BURST|PXL|WIN|DSC|PIC|CAM|DJI|Screenshot|Screen Shot|signal)"
_NAMES = (
    # IMG_20190501_101112, PXL_20201231_213000123, Screenshot_20190501-101112_App, WIN_20190501_10_11_12_Pro
    re.compile(
        rf"(?<![0-9A-Za-z]){_SINCE_1990}(?P<month>\d\d)(?P<day>\d\d)[-_ T]"
        r"(?P<hour>\d\d)(?P<colon>[-_.]?)(?P<minute>\d\d)(?P=colon)(?P<second>\d\d)(?:\d{3})?(?!\d)"
    ),
    # IMG20190501101112, DJI_20190501101112_0001: digits without a break count behind a camera's own word only
    re.compile(
        rf"^{_APP}[-_ ]?{_SINCE_1990}(?P<month>\d\d)(?P<day>\d\d)[-_]?"
        r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:\d{3})?(?!\d)",
        re.IGNORECASE,
    ),
    # 2019-05-01 10.11.12, signal-2019-05-01-101112, Screenshot 2019-05-01 at 10.11.12 PM, photo_2019-05-01_10-11-12
    re.compile(
        rf"(?<![0-9A-Za-z]){_SINCE_1990}(?P<dash>[-_])(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?:[-_T]|\s|\s[^\W\d_]{{1,4}}\s)"
        rf"(?P<hour>\d\d?)(?P<colon>[-_.:]?)(?P<minute>\d\d)(?P=colon)(?P<second>\d\d)(?!\d){_HALF}"
    ),
    # IMG-20190501-WA0001, Screenshot_20190501: the day alone, behind such a word
    re.compile(rf"^{_APP}[-_ ]{_SINCE_1990}(?P<month>\d\d)(?P<day>\d\d)(?![0-9A-Za-z])", re.IGNORECASE),
    # 2019-05-01 birthday
    re.compile(rf"(?<![0-9A-Za-z.-]){_SINCE_1990}-(?P<month>\d\d)-(?P<day>\d\d)(?![0-9A-Za-z]|-\d)"),
)


def read_date(text: str, offset: str = "") -> datetime | None:
    """The moment, with the offset that stands in `text` or beside it; None when the text is no date.

    Without a time it is midnight; without a day or month (EXIF's blanks or zeros, XMP's `2019-05`) the first one.

    >>> read_date("2019/05/01 10:11 PM")
    datetime.datetime(2019, 5, 1, 22, 11)
    """
    text = clean(text, _LONGEST).strip(": ")
    found = next((match for spelling in _SPELLINGS if (match := spelling.fullmatch(text))), None)
    if found is None or (moment := _moment(found.groupdict())) is None:
        return None
    zone = _zone(found.groupdict().get("offset") or clean(offset, _LONGEST))
    return moment if zone is None else plausible(moment.replace(tzinfo=zone))


def date_of_name(stem: str) -> datetime | None:
    """The date that a camera, a messenger or a person put into a file's name; None where digits only look like one.

    >>> date_of_name("IMG-20190501-WA0001")
    datetime.datetime(2019, 5, 1, 0, 0)
    """
    for pattern in _NAMES:
        for found in pattern.finditer(stem[:255]):
            if moment := _moment(found.groupdict()):
                return moment
    return None


def _moment(parts: dict[str, str | None]) -> datetime | None:
    year, month, day, hour, minute, second = (
        int(parts.get(name) or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    if half := parts.get("half"):
        if not 1 <= hour <= 23:
            return None
        hour = hour % 12 + 12 * (half in "Pp") if hour <= 12 else hour
    # 24:00:00 is how some write the end of a day; a minute may have a 61st second.
    if year not in _YEARS or hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        return None
    try:
        return plausible(datetime(year, month or 1, day or 1) + timedelta(hours=hour, minutes=minute, seconds=second))
    except (ValueError, OverflowError):
        return None


def plausible(moment: datetime) -> datetime | None:
    """The moment, or None for one of a year in which no picture was taken."""
    return moment if moment.year in _YEARS else None


def _zone(text: str) -> tzinfo | None:
    """+02:00, +0200, +02, Z; None for anything else and for more than the 14 hours that exist."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if not (found := re.fullmatch(r"([+-])(\d\d):?(\d\d)?", text)):
        return None
    minutes = 60 * int(found[2]) + int(found[3] or 0)
    if minutes > 14 * 60 or int(found[3] or 0) > 59:
        return None
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
