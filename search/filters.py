"""Conditions on a picture's properties: `tags.any=cat,dog`, `taken>=2020`, `!folder=/photos/raw`.

Plain data; knows no database.

Grammar of one condition (a question's conditions all have to hold):

    ["!"] FIELD OPERATOR VALUE          "!" in front turns it round

    folder = /photos/2024               in that folder or below it
    tags any|all|none = a,b             written tags.any=a,b ; tags=a is tags.any=a ; "a, b" is one tag
    taken >= 2020-05-01  taken < 2021   a year, a month or a day; also `=`: within it
    added >= 2026-01-01                 when Loupe stored it
    width > 1000   height <= 600   bytes > 1000000
    orientation = landscape             or portrait, square
    captioned = yes                     or no
    path ~ holiday                      the path contains it, in any case; * stands for any characters, ? for one
    camera = Canon EOS 5D   year = 2024   format = JPEG
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from search.errors import FilterError

NUMBERS = ("width", "height", "bytes", "year")
DATES = ("taken", "added")
CHOICES = {"orientation": ("landscape", "portrait", "square"), "captioned": ("yes", "no")}
TEXTS = ("folder", "camera", "format")
TAGS = ("tags", "tags.any", "tags.all", "tags.none")
FIELDS = (*TEXTS, *TAGS, *DATES, *NUMBERS, *CHOICES, "path")
COMPARISONS = ("=", ">=", "<=", ">", "<")

MAX_VALUE = 2000
_DATE = re.compile(r"[0-9]{4}(-[0-9]{1,2}){0,2}")
_FORM = re.compile(r"(!?)\s*([a-z.]+)\s*(>=|<=|=|>|<|~)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One condition. `value` is as the person wrote it (trimmed); `str` gives back what `parse` reads."""

    field: str
    operator: str
    value: str
    negated: bool = False

    def __post_init__(self) -> None:
        if self.field not in FIELDS:
            raise FilterError(f"unknown filter {self.field[:40]!r}; known are {', '.join(FIELDS)}")
        allowed = {"path": ("~",)}.get(
            self.field, COMPARISONS if self.field in NUMBERS or self.field in DATES else ("=",)
        )
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
        if self.field in NUMBERS and not re.fullmatch(r"[0-9]{1,15}", self.value):
            raise FilterError(f"{self.field!r} is compared with a whole number, got {self.value!r}")
        if self.field in DATES:
            date_range(self.value)
        if self.field in TAGS and not self.values:
            raise FilterError(f"the filter {str(self)!r} names no tag; write for example tags.any=cat,dog")

    @classmethod
    def parse(cls, text: object) -> Self:
        match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise FilterError(
                f"the filter {repr(text)[:200]} cannot be read; write for example tags.any=cat or taken>=2020-05-01"
            )
        negated, field, operator, value = match.groups()
        return cls(field, operator, value.strip(), bool(negated))

    @property
    def values(self) -> tuple[str, ...]:
        """The comma-separated parts of the value (tags); one that holds a comma stands in double quotes."""
        parts = next(csv.reader([self.value], skipinitialspace=True), [])
        return tuple(part.strip() for part in parts if part.strip())

    def __str__(self) -> str:
        return f"{'!' if self.negated else ''}{self.field}{self.operator}{self.value}"


def joined(tags: Sequence[str]) -> str:
    """The value of a condition whose `values` are these tags.

    >>> joined(["cat", "Paris, France"])
    'cat,"Paris, France"'
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(tags)
    return line.getvalue()


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
