"""Filters: conditions on a picture's properties, `tags.any=cat,dog`, `taken>=2020`, `!folder=/photos/raw`.

`FIELDS` is the table of them. A new filter is one more row: how it is read, what Weaviate is asked, `/api`, the help of
the command, docs/filters.md and the page's column follow from it.

    condition = ["!"] FIELD OPERATOR VALUE          "!" in front negates it; a question's conditions all have to hold
"""

import csv
import io
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Self

from errors import FilterError
from pictures.looks import COLOURS
from schema.names import composed, folder_of
from schema.phrases import words_of

Kind = Enum("Kind", "TEXT FOLDER FORMAT ANY ALL NONE COLOUR DATE WHOLE BYTES DECIMAL CHOICE FLAG KNOWN PHRASE CIRCLE")
"""What a filter's values are: how they are read (here), and which test they are (`search.conditions`).

ANY, ALL, NONE: lists, of which a picture has one at least, all, none. COLOUR: a list of `Field.choices`, like ANY.
WHOLE, BYTES, DECIMAL: numbers; BYTES takes kB, MB, GB too. CHOICE: one of `Field.choices`. FLAG: yes or no, stored as a
boolean. KNOWN: yes or no, whether the property, which is never below -90, is stored.
"""
TAGS = (Kind.ANY, Kind.ALL, Kind.NONE)
LISTS = (*TAGS, Kind.COLOUR)
CHOICES = (Kind.CHOICE, Kind.FLAG, Kind.KNOWN)
NUMBERS = (Kind.WHOLE, Kind.BYTES, Kind.DECIMAL)
EQUAL, CONTAINS, COMPARISONS = ("=",), ("~",), ("=", ">=", "<=", ">", "<")
YES_NO = ("yes", "no")


@dataclass(frozen=True)
class Field:
    """A row of the table: one filter."""

    key: str
    kind: Kind
    prop: str
    """Of the stored picture. A library of an older Loupe that lacks it refuses the filter until its next ingest."""
    operators: tuple[str, ...]
    examples: tuple[str, ...]
    words: str
    """What it finds, for people."""
    label: str = ""
    """In the page's column of filters; "" for a filter that has no widget there."""
    choices: tuple[str, ...] = ()
    """The only values there are."""
    newer: str = ""
    """A property that answers better where it is stored, which an older Loupe did not: the clock at the place, folded
    text."""
    in_all: bool = False
    """Whether every picture has a value, so that what a negated condition finds is a range too."""

    @property
    def is_named(self) -> bool:
        """Whether a library holds its values as names, which can be misspelled."""
        return self.kind in (Kind.TEXT, Kind.FOLDER, Kind.FORMAT, *TAGS) and "=" in self.operators

    @property
    def is_counted(self) -> bool:
        """Whether its values are a facet, called `noun`."""
        counted = (Kind.TEXT, Kind.FOLDER, Kind.FORMAT, Kind.ANY, Kind.COLOUR, Kind.CHOICE)
        return self.kind in counted and "=" in self.operators

    @property
    def noun(self) -> str:
        """One value: `tags.any` -> tag."""
        return self.key.partition(".")[0].removesuffix("s")


_ROWS = (
    Field("folder", Kind.FOLDER, "folders", EQUAL, ("folder=/photos/2024",), "in that folder or below", "Folder"),
    Field("camera", Kind.TEXT, "camera", ("=", "~"), ("camera=NIKON D50", "camera~iphone"),
          "exactly; ~ contains it, in any case", "Camera", newer="camera_folded"),
    Field("format", Kind.FORMAT, "format", EQUAL, ("format=JPEG", "format=heic"),
          "also as it is called (jpg, HEIC, tif); a phone's MPO is a JPEG"),
    Field("tags", Kind.ANY, "tags", EQUAL, ("tags=cat",), "the same as tags.any"),
    Field("tags.any", Kind.ANY, "tags", EQUAL, ("tags.any=cat,dog",),
          'at least one of these tags; one with a comma in double quotes: tags.any=cat,"Paris, France"',
          "With any of these tags"),
    Field("tags.all", Kind.ALL, "tags", EQUAL, ("tags.all=cat,night",), "all of these tags", "With all of these"),
    Field("tags.none", Kind.NONE, "tags", EQUAL, ("tags.none=screenshot",), "none of these tags",
          "With none of these"),
    Field("taken", Kind.DATE, "taken_at", COMPARISONS, ("taken>=2020-05-01", "taken<2021", "taken=2020-05"),
          "a year, a month or a day, by the clock at the place; = within it. A date from the file's name or an edit "
          "date counts too, and is marked in the details",
          "Taken", newer="taken_local"),
    Field("added", Kind.DATE, "added_at", COMPARISONS, ("added>=2026",), "when Loupe stored it"),
    Field("megapixels", Kind.DECIMAL, "megapixels", COMPARISONS, ("megapixels>8", "megapixels=2.5"),
          "of 1,000,000 pixels, with a fraction where wanted; = rounded to what is written", "Size", in_all=True),
    Field("width", Kind.WHOLE, "width", COMPARISONS, ("width>=1000",), "in pixels", "At least this wide", in_all=True),
    Field("height", Kind.WHOLE, "height", COMPARISONS, ("height<600",), "in pixels", in_all=True),
    Field("bytes", Kind.BYTES, "bytes", COMPARISONS, ("bytes>1000000", "bytes>5MB"),
          "the size of the file; a number, or one of kB (1,000), MB, GB", in_all=True),
    Field("year", Kind.WHOLE, "year", COMPARISONS, ("year=2024",), "when it was taken, by the clock at the place"),
    Field("colour", Kind.COLOUR, "colours", EQUAL, ("colour=red,blue",),
          f"at least one of these is a dominant colour: {', '.join(COLOURS)}", "Colour", choices=COLOURS),
    Field("orientation", Kind.CHOICE, "orientation", EQUAL, ("orientation=landscape",),
          "landscape, portrait or square", "Shape", choices=("landscape", "portrait", "square")),
    Field("captioned", Kind.FLAG, "captioned", EQUAL, ("captioned=yes",),
          "yes or no: whether it has a caption", "Caption", choices=YES_NO),
    Field("location", Kind.KNOWN, "latitude", EQUAL, ("location=yes",),
          "yes or no: whether it says where it was taken", choices=YES_NO),
    Field("path", Kind.TEXT, "paths_folded", CONTAINS, ("path~holiday",),
          "the path contains it, in any case; * stands for any characters, ? for one", "The path contains"),
    Field("words", Kind.PHRASE, "phrases", CONTAINS, ("words~red car",),
          "these words, one after the other, in the caption, a tag or the file's name"),
    Field("near", Kind.CIRCLE, "cells", EQUAL, ("near=48.85,2.35,10",),
          "taken within 10 km of that latitude and longitude (degrees): everything that is not farther, and nothing "
          "that is farther than 1.1 times that", "Near a place"),
)  # fmt: skip
FIELDS = {row.key: row for row in _ROWS}
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
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
MAX_KM = 20_038
"""Half way round the earth."""
MAX_VALUE = 2000
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_DATE = re.compile(r"[0-9]{4}(-[0-9]{1,2}){0,2}")
_NUMBERS = {  # the digits, and the unit; what is asked for where they are missing
    Kind.WHOLE: (re.compile(r"([0-9]{1,15})()"), "a whole number"),
    Kind.BYTES: (
        re.compile(r"([0-9]{1,15}|[0-9]{1,9}\.[0-9]{1,3}(?=[a-z ]))\s*([kmg]?b|)", re.IGNORECASE),
        "a whole number, or 5MB",
    ),
    Kind.DECIMAL: (re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)()"), "a number such as 8 or 2.5"),
}
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
        if self.field not in FIELDS:
            raise FilterError(f"unknown filter {self.field[:40]!r}; known are {', '.join(FIELDS)}")
        row = self.row
        object.__setattr__(self, "value", _in_one_form(row, self.value))
        if self.operator not in row.operators:
            raise FilterError(f"{self.field!r} takes {' '.join(row.operators)}, got {self.operator!r} in {str(self)!r}")
        if len(self.value) > MAX_VALUE:
            raise FilterError(f"{self.field!r} takes at most {MAX_VALUE} characters, got {len(self.value)}")
        if not self.value:
            example = f"{self.field}{row.operators[0]}..."
            raise FilterError(f"the filter {str(self)!r} has no value; write for example {example}")
        if not is_text(self.value):
            raise FilterError(f"the filter {str(self)!r} holds half a character (a lone surrogate); type it again")
        self._check(row)

    def _check(self, row: Field) -> None:
        """Raises what the value's kind refuses."""
        if row.kind in LISTS:
            self._check_list(row)
        elif row.kind in CHOICES and self.value not in row.choices:
            raise FilterError(f"{self.field!r} is one of {', '.join(row.choices)}, got {self.value!r}")
        elif row.kind in NUMBERS:
            self.number  # noqa: B018  raises
        elif row.kind is Kind.DATE:
            date_range(self.value)
        elif row.kind is Kind.CIRCLE:
            self.circle  # noqa: B018
        elif row.kind is Kind.PHRASE and not words_of(self.value):
            raise FilterError(f"the filter {str(self)[:80]!r} holds no word; write for example {row.examples[0]}")

    def _check_list(self, row: Field) -> None:
        if row.choices and (unknown := next((one for one in self.stored if one not in row.choices), None)):
            known = ", ".join(row.choices)
            raise FilterError(f"{unknown[:40]!r} is no {row.noun} of the list; those are {known}")
        if not self.values:
            example = FIELDS.get(f"{row.noun}s.any", row).examples[0]
            raise FilterError(f"the filter {str(self)!r} names no {row.noun}; write for example {example}")

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
    def row(self) -> Field:
        return FIELDS[self.field]

    @property
    def values(self) -> tuple[str, ...]:
        """The comma-separated parts of a list; one that holds a comma stands in double quotes."""
        rows = csv.reader(io.StringIO(self.value, newline=""), skipinitialspace=True)  # a line break parts them too
        return tuple(part.strip() for row in rows for part in row if part.strip())

    @property
    def stored(self) -> tuple[str, ...]:
        """The values of a list or the formats, as pictures have them."""
        if self.row.kind is Kind.FORMAT:
            name = self.value.removeprefix(".").upper()
            return FORMATS.get(name, (name,))
        if not self.row.choices:
            return self.values
        return tuple(dict.fromkeys("grey" if one.casefold() == "gray" else one.casefold() for one in self.values))

    @property
    def number(self) -> float:
        """What the property is compared with; whole, except megapixels."""
        form, wanted = _NUMBERS[self.row.kind]
        match = form.fullmatch(self.value)
        if match is None:
            raise FilterError(f"{self.field!r} is compared with {wanted}, got {self.value[:80]!r}")
        if self.row.kind is Kind.DECIMAL:
            return float(match[1])
        return round(float(match[1]) * UNITS[match[2].lower()]) if match[2] else int(match[1])

    @property
    def span(self) -> tuple[float, float]:
        """From where (with it) to where (without it) a decimal rounds to the one that is written."""
        half = 0.5 / 10 ** len(self.value.partition(".")[2])
        return self.number - half, self.number + half

    @property
    def circle(self) -> tuple[float, float, float]:
        """Latitude, longitude, kilometres."""
        parts = [part.strip() for part in self.value.split(",")]
        if len(parts) != 3 or not all(_COORDINATE.fullmatch(part) for part in parts):
            raise FilterError(
                f"{self.field!r} takes latitude, longitude and kilometres, got {self.value[:80]!r}; "
                f"write for example {self.row.examples[0]}"
            )
        latitude, longitude, km = (float(part) for part in parts)
        for name, value, limit in (("latitude", latitude, 90), ("longitude", longitude, 180)):
            if abs(value) > limit:
                raise FilterError(
                    f"a {name} is from -{limit} to {limit} degrees, got {value:g} in {str(self)[:80]!r}; "
                    f"{self.field!r} takes latitude, longitude, kilometres"
                )
        if not 0 < km <= MAX_KM:
            raise FilterError(
                f"the distance is above 0 and at most {MAX_KM:,} kilometres (half way round the earth), got {km:g} "
                f"in {str(self)[:80]!r}"
            )
        return latitude, longitude, km

    def __str__(self) -> str:
        return f"{'!' if self.negated else ''}{self.field}{self.operator}{self.value}"


def _in_one_form(row: Field, value: str) -> str:
    """Letters composed, folders with single slashes; digits and signs of numbers, dates, places and choices in ASCII: a
    keyboard's full-width digits and typographic dashes are meant as such."""
    if not is_text(value):
        return value
    if row.kind is Kind.FOLDER:
        return folder_of(value).strip() if value else value
    if row.kind in (*CHOICES, *NUMBERS, Kind.COLOUR, Kind.DATE, Kind.CIRCLE):
        value = unicodedata.normalize("NFKC", value.translate(dict.fromkeys(map(ord, DASHES), "-")))
        return value.casefold() if row.kind in CHOICES else value
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


def help_text() -> str:
    """Every filter with its examples and what it finds, for a terminal."""
    lines = []
    for row in FIELDS.values():
        examples = f"    {'  '.join(row.examples)}  "
        if len(examples) > 32:
            lines.append(examples.rstrip())
            examples = ""
        lines += textwrap.wrap(row.words, 118, initial_indent=examples.ljust(32), subsequent_indent=" " * 32)
    return "\n".join(lines)


def markdown() -> str:
    """The same as a table: docs/filters.md holds it."""
    rows = [
        f"| {', '.join(f'`{example}`' for example in row.examples)} | `{'` `'.join(row.operators)}` | {row.words} |"
        for row in FIELDS.values()
    ]
    return "\n".join(["| filter | takes | finds |", "|---|---|---|", *rows])
