"""Conditions on a picture's properties: `tags.any=cat,dog`, `taken>=2020`, `!folder=/photos/raw`.

Plain data; knows no database.

Grammar of one condition (a question's conditions all have to hold):

    ["!"] FIELD OPERATOR VALUE          "!" in front turns it round

    folder = /photos/2024               in that folder or below it
    tags any|all|none = a,b             written tags.any=a,b ; tags=a is tags.any=a ; "a, b" is one tag
    taken >= 2020-05-01  taken < 2021   a year, a month or a day where it was taken; also `=`: within it
    added >= 2026-01-01                 when Loupe stored it
    width > 1000   height <= 600   bytes > 1000000
    orientation = landscape             or portrait, square
    captioned = yes                     or no
    path ~ holiday                      the path contains it, in any case; * stands for any characters, ? for one
    camera = Canon EOS 5D   year = 2024
    camera ~ iphone                     contains it, as path does
    format = JPEG                       also jpg, HEIC, tif; a phone's MPO is a JPEG
    megapixels > 8                      with a fraction where wanted; `=`: rounded to what is written
    bytes > 5MB                         a number, or one of kB (1,000), MB, GB
    colour = red,blue                   one of its dominant colours is any of these
    near = 48.85,2.35,10                latitude, longitude (degrees) and kilometres: everything that is not farther
                                        from there, and nothing that is farther than 1.1 times that
    location = yes                      or no: whether it says where it was taken
    words ~ red car                     these words in this order in the caption, in a tag or in a file's name
"""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from pictures.looks import COLOURS
from schema.names import composed, folder_of
from schema.phrases import words_of
from search.errors import FilterError

NUMBERS = ("width", "height", "bytes", "megapixels", "year")
DATES = ("taken", "added")
CHOICES = {
    "orientation": ("landscape", "portrait", "square"),
    "captioned": ("yes", "no"),
    "location": ("yes", "no"),
}
TEXTS = ("folder", "camera", "format")
TAGS = ("tags", "tags.any", "tags.all", "tags.none")
PARTS = ("path", "words")
FIELDS = (*TEXTS, *TAGS, *DATES, *NUMBERS, *CHOICES, *PARTS, "colour", "near")
COMPARISONS = ("=", ">=", "<=", ">", "<")
PLAIN = (*NUMBERS, *DATES, *CHOICES, "near", "colour")
"""Fields whose values are ASCII: a keyboard's full-width digits and typographic dashes are meant as such."""
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
ALIASES = {"color": "colour"}
FORMATS = {
    "JPEG": ("JPEG", "MPO"),
    **dict.fromkeys(("JPG", "JPE", "JFIF"), ("JPEG", "MPO")),
    **dict.fromkeys(("HEIC", "HIF"), ("HEIF",)),
    **dict.fromkeys(("JP2", "J2K", "JPX", "JPEG 2000"), ("JPEG2000",)),
    "TIF": ("TIFF",),
}
"""What people call formats -> what they are stored as; others are stored as they are called, in capitals. An MPO is a
JPEG with further pictures behind the first."""
UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
MAX_KM = 20_038
"""Half way round the earth."""

MAX_VALUE = 2000
_DATE = re.compile(r"[0-9]{4}(-[0-9]{1,2}){0,2}")
_WHOLE = re.compile(r"([0-9]{1,15})()")
_BYTES = re.compile(r"([0-9]{1,15}|[0-9]{1,9}\.[0-9]{1,3}(?=[a-z ]))\s*([kmg]?b|)", re.IGNORECASE)
_FRACTION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)()")
_FORMS = {"bytes": _BYTES, "megapixels": _FRACTION}
_COORDINATE = re.compile(r"[-+]?[0-9]{1,6}(\.[0-9]{1,15})?")
_FORM = re.compile(r"(!?)\s*([a-z.]+)\s*(>=|<=|=|>|<|~)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One condition. `value` is as the person wrote it (trimmed), in the form in which it is stored; `str` gives back
    what `parse` reads."""

    field: str
    operator: str
    value: str
    negated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _in_one_form(self.field, self.value))
        if self.field not in FIELDS:
            raise FilterError(f"unknown filter {self.field[:40]!r}; known are {', '.join(FIELDS)}")
        allowed = operators(self.field)
        if self.operator not in allowed:
            raise FilterError(f"{self.field!r} takes {' '.join(allowed)}, got {self.operator!r} in {str(self)!r}")
        if len(self.value) > MAX_VALUE:
            raise FilterError(f"{self.field!r} takes at most {MAX_VALUE} characters, got {len(self.value)}")
        if not self.value:
            raise FilterError(f"the filter {str(self)!r} has no value; write for example {self.field}{allowed[0]}...")
        if not is_text(self.value):
            raise FilterError(f"the filter {str(self)!r} holds half a character (a lone surrogate); type it again")
        if self.field in CHOICES and self.value not in CHOICES[self.field]:
            raise FilterError(f"{self.field!r} is one of {', '.join(CHOICES[self.field])}, got {self.value!r}")
        if self.field in NUMBERS:
            self.number  # noqa: B018  raises
        if self.field in DATES:
            date_range(self.value)
        if self.field in TAGS and not self.values:
            raise FilterError(f"the filter {str(self)!r} names no tag; write for example tags.any=cat,dog")
        if self.field == "colour":
            self.colours  # noqa: B018
        if self.field == "near":
            self.circle  # noqa: B018
        if self.field == "words" and not words_of(self.value):
            raise FilterError(f"the filter {str(self)[:80]!r} holds no word; write for example words~red car")

    @classmethod
    def parse(cls, text: object) -> Self:
        match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise FilterError(
                f"the filter {repr(text)[:200]} cannot be read; write for example tags.any=cat or taken>=2020-05-01"
            )
        negated, field, operator, value = match.groups()
        return cls(ALIASES.get(field, field), operator, value.strip(), bool(negated))

    @property
    def values(self) -> tuple[str, ...]:
        """The comma-separated parts of the value (tags); one that holds a comma stands in double quotes."""
        rows = csv.reader(io.StringIO(self.value, newline=""), skipinitialspace=True)  # a line break parts them too
        return tuple(part.strip() for row in rows for part in row if part.strip())

    @property
    def number(self) -> float:
        """What width, height, bytes, megapixels and year are compared with; whole but for megapixels."""
        match = _FORMS.get(self.field, _WHOLE).fullmatch(self.value)
        if match is None:
            kind = {"bytes": "a whole number, or 5MB,", "megapixels": "a number such as 8 or 2.5,"}
            raise FilterError(
                f"{self.field!r} is compared with {kind.get(self.field, 'a whole number,')} got {self.value[:80]!r}"
            )
        if self.field == "megapixels":
            return float(match[1])
        return round(float(match[1]) * UNITS[match[2].lower()]) if match[2] else int(match[1])

    @property
    def span(self) -> tuple[float, float]:
        """From where (with it) to where (without it) a number of megapixels rounds to the one that is written."""
        half = 0.5 / 10 ** len(self.value.partition(".")[2])
        return self.number - half, self.number + half

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours that are named, as they are stored."""
        names = ["grey" if one.casefold() == "gray" else one.casefold() for one in self.values]
        if unknown := next((one for one in names if one not in COLOURS), None):
            raise FilterError(f"{unknown[:40]!r} is no colour that is told apart; those are {', '.join(COLOURS)}")
        if not names:
            raise FilterError(f"the filter {str(self)!r} names no colour; write for example colour=red,blue")
        return tuple(dict.fromkeys(names))

    @property
    def formats(self) -> tuple[str, ...]:
        """The stored formats that are meant."""
        name = self.value.removeprefix(".").upper()
        return FORMATS.get(name, (name,))

    @property
    def circle(self) -> tuple[float, float, float]:
        """Latitude, longitude, kilometres."""
        parts = [part.strip() for part in self.value.split(",")]
        if len(parts) != 3 or not all(_COORDINATE.fullmatch(part) for part in parts):
            raise FilterError(
                f"'near' takes latitude, longitude and kilometres, got {self.value[:80]!r}; "
                "write for example near=48.85,2.35,10"
            )
        latitude, longitude, km = (float(part) for part in parts)
        for name, value, limit in (("latitude", latitude, 90), ("longitude", longitude, 180)):
            if abs(value) > limit:
                raise FilterError(
                    f"a {name} is from -{limit} to {limit} degrees, got {value:g} in {str(self)[:80]!r}; "
                    "'near' takes latitude, longitude, kilometres"
                )
        if not 0 < km <= MAX_KM:
            raise FilterError(
                f"the distance is above 0 and at most {MAX_KM:,} kilometres (half way round the earth), got {km:g} "
                f"in {str(self)[:80]!r}"
            )
        return latitude, longitude, km

    def __str__(self) -> str:
        return f"{'!' if self.negated else ''}{self.field}{self.operator}{self.value}"


def operators(field: str) -> tuple[str, ...]:
    """Those that a field takes."""
    if field in PARTS:
        return ("~",)
    if field == "camera":
        return ("=", "~")
    return COMPARISONS if field in NUMBERS or field in DATES else ("=",)


def _in_one_form(field: str, value: str) -> str:
    """Letters composed, folders with single slashes, digits and signs of numbers, dates and places in ASCII."""
    if not isinstance(value, str) or not is_text(value):
        return value
    if field == "folder":
        return folder_of(value).strip() if value else value
    if field in PLAIN:
        value = unicodedata.normalize("NFKC", value.translate(dict.fromkeys(map(ord, DASHES), "-")))
        return value.casefold() if field in CHOICES else value
    return composed(value)


def comma_separated(tags: Sequence[str]) -> str:
    """The value of a condition whose `values` are these tags.

    >>> comma_separated(["cat", "Paris, France"])
    'cat,"Paris, France"'
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(tags)  # it quotes what holds a line break
    return line.getvalue().removesuffix("\r\n")


def date_range(text: str) -> tuple[datetime, datetime]:
    """First moment of a year, month or day, and the first moment after it, in UTC.

    >>> [str(moment) for moment in date_range("2024-02")]
    ['2024-02-01 00:00:00+00:00', '2024-03-01 00:00:00+00:00']
    """
    parts = text.split("-")
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        year, month, day = [*(int(part) for part in parts), 1, 1][:3]
        start = datetime(year, month, day, tzinfo=UTC)
        if len(parts) == 1:
            return start, start.replace(year=year + 1)
        if len(parts) == 2:
            return start, start.replace(year=year + month // 12, month=month % 12 + 1)
        return start, start + timedelta(days=1)
    except (ValueError, OverflowError):
        raise FilterError(f"{text!r} is not a date; write 2024, 2024-05 or 2024-05-17") from None


def is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: JSON can bring half of a surrogate pair, which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
