"""Conditions -> Weaviate filters, by the kind of their field; and conditions that no picture can pass together.

`contradiction` finds what follows from the conditions alone: ranges that do not meet, one-of-a-kind values that differ,
tags wanted and unwanted. Not everything that no picture of a library passes is a contradiction.
"""

import math
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from weaviate.classes.query import Filter

from errors import FilterError
from schema.globe import cover
from schema.names import folded, spellings
from schema.phrases import END, starts_of
from schema.record import DESCRIBED
from search.filters import CHOICES, FIELDS, NUMBERS, Condition, Kind, date_range

CLOCKED = 2
"""The first version of `schema.record.DESCRIBED` that stores the clock at the place."""


@dataclass(frozen=True)
class Passing:
    """The pictures that pass all of `wanted` and none of `unwanted`: Weaviate filters without a negation inside.

    A list or a search may ask Weaviate for what does not pass a filter, a count may not: it also counts the document
    ids of objects that were replaced since, which no list shows. `counts` needs no negation.
    """

    wanted: tuple[Any, ...] = ()
    unwanted: tuple[Any, ...] = ()

    @property
    def filter(self) -> Any:
        """For lists and searches; None where everything passes."""
        return _all_of((*self.wanted, *(Filter.not_(one) for one in self.unwanted)))

    @property
    def counts(self) -> tuple[Any, ...]:
        """Filters to count with: the first one's number less the second one's, where there is a second."""
        if not self.unwanted:
            return (_all_of(self.wanted),)
        return _all_of(self.wanted), _all_of((*self.wanted, _any_of(self.unwanted)))


def to_weaviate(
    conditions: Sequence[Condition], properties: Collection[str] | None = None, left_out: Collection[uuid.UUID] = ()
) -> Passing:
    """What passes all conditions, except the pictures that are left out.

    `properties`: what the collection has, where that is known. Raises FilterError for a condition on one that it lacks.
    """
    for condition in conditions:
        if properties is not None and condition.row.prop not in properties:
            raise FilterError(
                f"the library does not know {condition.field!r} of its pictures: an older Loupe made it. "
                "Ingest its folders again (python -m ingest FOLDER); no picture is encoded again for that"
            )
    found = []
    for one in conditions:
        kind, older = one.row.kind, properties is not None and one.row.newer not in properties
        met = kind is not Kind.NONE and (kind is not Kind.KNOWN or one.value == "yes")  # where it is not negated
        found.append((_TESTS[kind](one, one.row.prop, older), met != one.negated))
    if left_out:
        found.append((Filter.by_id().contains_any(list(left_out)), False))
    return Passing(tuple(test for test, met in found if met), tuple(test for test, met in found if not met))


def undescribed(properties: Collection[str]) -> Passing:
    """The pictures that an older Loupe stored and no ingest has met since: colour, near, words and megapixels do not
    find them."""
    if "described" not in properties:
        return Passing()
    return Passing(unwanted=(Filter.by_property("described").greater_or_equal(DESCRIBED),))


def _all_of(filters: Sequence[Any]) -> Any:
    return None if not filters else filters[0] if len(filters) == 1 else Filter.all_of(list(filters))


def _any_of(filters: Sequence[Any]) -> Any:
    return filters[0] if len(filters) == 1 else Filter.any_of(list(filters))


def _contains_any(name: str, values: Sequence[str]) -> Any:
    return Filter.by_property(name).contains_any(list(values))


def _text(condition: Condition, name: str, older: bool) -> Any:
    """`~`: in any case and form; as it is typed where an older Loupe stored the picture and no ingest has met it
    since."""
    if condition.operator == "=":
        return Filter.by_property(name).equal(condition.value)
    newer = condition.row.newer
    wanted = {
        prop: spellings(folded(condition.value)) if prop.endswith("_folded") else [condition.value]
        for prop in ([newer, name] if newer and not older else [name])
    }
    return _any_of([Filter.by_property(prop).like(f"*{text}*") for prop, texts in wanted.items() for text in texts])


def _folder(condition: Condition, name: str, older: bool) -> Any:
    """A record lists every folder that it lies in. An older Loupe stored those from the ingested one down (a folder
    above that one is known by what lies below it), and names as the disk writes them."""
    written = spellings(condition.value)
    inside = _contains_any(name, written)
    if "*" in condition.value or "?" in condition.value:  # `like` has no escape for them
        return inside
    roots = Filter.by_property("roots")
    return Filter.any_of([inside, *(roots.like(one.rstrip("/") + "/*") for one in written)])


def _phrase(condition: Condition, name: str, older: bool) -> Any:
    starts = starts_of(condition.value)
    return Filter.any_of([_beginning(Filter.by_property(prop), starts) for prop in (name, "name_phrases")])


def _beginning(prop: Any, starts: Sequence[str]) -> Any:
    return _all_of([prop.like(f"{start}*") if start.endswith(END) else prop.contains_any([start]) for start in starts])


def _number(condition: Condition, name: str, older: bool) -> Any:
    if condition.row.kind is Kind.DECIMAL and condition.operator == "=":
        return _within(name, "=", *condition.span)
    return _compared(name, condition.operator, condition.number)


def _date(condition: Condition, name: str, older: bool) -> Any:
    """By the newer property; of pictures that an older Loupe stored and no ingest has met since by the first. `older`:
    the whole library is one."""
    stretch = date_range(condition.value)
    by_first = _within(name, condition.operator, *stretch)
    if older or not condition.row.newer:
        return by_first
    before = Filter.by_property("described").less_than(CLOCKED)
    test = _within(condition.row.newer, condition.operator, *stretch)
    return Filter.any_of([test, Filter.all_of([before, by_first])])


def _within(name: str, operator: str, start: Any, end: Any) -> Any:
    """Of a stretch from `start` up to before `end`: `>` means after it, `<=` up to its end, `=` within it."""
    if operator == "=":
        return Filter.all_of([_compared(name, ">=", start), _compared(name, "<", end)])
    bound, moment = {">=": (">=", start), ">": (">=", end), "<": ("<", start), "<=": ("<", end)}[operator]
    return _compared(name, bound, moment)


def _compared(name: str, operator: str, value: Any) -> Any:
    prop = Filter.by_property(name)
    return {
        "=": prop.equal,
        ">=": prop.greater_or_equal,
        "<=": prop.less_or_equal,
        ">": prop.greater_than,
        "<": prop.less_than,
    }[operator](value)


_TESTS: Mapping[Kind, Callable[[Condition, str, bool], Any]] = {
    Kind.TEXT: _text,
    Kind.FOLDER: _folder,
    **dict.fromkeys(
        (Kind.FORMAT, Kind.ANY, Kind.NONE, Kind.COLOUR), lambda one, name, older: _contains_any(name, one.stored)
    ),
    Kind.ALL: lambda condition, name, older: Filter.by_property(name).contains_all(list(condition.stored)),
    Kind.DATE: _date,
    **dict.fromkeys(NUMBERS, _number),
    Kind.CHOICE: _text,
    Kind.FLAG: lambda condition, name, older: Filter.by_property(name).equal(condition.value == "yes"),
    Kind.KNOWN: lambda condition, name, older: Filter.by_property(name).greater_or_equal(-90),
    Kind.PHRASE: _phrase,
    Kind.CIRCLE: lambda condition, name, older: _contains_any(name, cover(*condition.circle)),
}


SINGLE = (Kind.TEXT, Kind.FORMAT, *CHOICES)
"""A picture has one of each, so it cannot be two."""
EARTH_KM = 6371.0
Range = tuple[float, float]  # from (with it), to (without it)


def contradiction(conditions: Sequence[Condition]) -> str:
    """A sentence with the conditions that exclude each other, or ""."""
    for found in (*_pairs(conditions), _tags(conditions), _choices(conditions)):
        if found:
            texts = [str(condition)[:80] for condition in found]
            named = f"{', '.join(texts[:-1])} and {texts[-1]}"
            return f"No picture can pass {named} together. Take one of them away."
    return ""


def _pairs(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, ...]]:
    """Ranges that meet in pairs have a stretch in common, so it is enough to look at pairs."""
    for one, other in combinations(conditions, 2):
        if _opposite(one, other) or _apart(one, other) or _differ(one, other) or _far(one, other):
            yield one, other
        elif {_simple(one), _simple(other)} == {"location=no", "near"}:
            yield one, other


def _simple(condition: Condition) -> str:
    if condition.negated:
        return ""
    return "near" if condition.field == "near" else f"{condition.field}={condition.value}"


def _opposite(one: Condition, other: Condition) -> bool:
    same = (one.field, one.operator, one.value) == (other.field, other.operator, other.value)
    return same and one.negated != other.negated


def _differ(one: Condition, other: Condition) -> bool:
    plain = one.field == other.field and one.row.kind in SINGLE and not one.negated and not other.negated
    if not plain or {one.operator, other.operator} != {"="}:
        return False
    if one.field == "format":
        return not set(one.stored) & set(other.stored)
    return one.value != other.value


def _apart(one: Condition, other: Condition) -> bool:
    """Ranges of one quantity that have nothing in common; a year is a range of dates."""
    if _quantity(one) != _quantity(other):
        return False
    first, second = _ranges(one), _ranges(other)
    overlaps = (max(a, c) < min(b, d) for a, b in first for c, d in second)
    return bool(first and second) and not any(overlaps)


def _quantity(condition: Condition) -> str:
    return "taken" if condition.field == "year" else condition.field


def _ranges(condition: Condition) -> list[Range]:
    """Where a picture that passes has its value; none where the condition says nothing of the kind."""
    kind = condition.row.kind
    if kind is Kind.DATE or condition.field == "year":
        start, end = _moments(condition)
        step = 0.0
    elif kind is Kind.DECIMAL:
        start, end = condition.span if condition.operator == "=" else (condition.number, condition.number)
        step = 1e-9  # the smallest difference that a number shows
    elif kind in NUMBERS:
        start, end, step = condition.number, condition.number, 1.0
    else:
        return []
    whole: list[Range] = {
        "=": [(start, end or start) if end > start else (start, start + step)],
        ">=": [(start, math.inf)],
        ">": [(end + step, math.inf)],
        "<": [(-math.inf, start)],
        "<=": [(-math.inf, end + step)],
    }[condition.operator]
    if not condition.negated:
        return whole
    if not condition.row.in_all:  # a picture without a date passes too
        return []
    [(low, high)] = whole
    return [part for part in ((-math.inf, low), (high, math.inf)) if part[0] < part[1]]


def _moments(condition: Condition) -> Range:
    """Seconds: the first moment of the date or year and the first one after it."""
    if condition.field != "year":
        start, end = date_range(condition.value)
        return start.timestamp(), end.timestamp()
    year = min(max(int(condition.number), 1), 9998)
    return datetime(year, 1, 1, tzinfo=UTC).timestamp(), datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()


def _far(one: Condition, other: Condition) -> bool:
    """Two circles that do not meet."""
    if not one.field == other.field == "near" or one.negated or other.negated:
        return False
    (a, b, first), (c, d, second) = one.circle, other.circle
    a, b, c, d = map(math.radians, (a, b, c, d))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    # Cells reach 1.1 times as far, see schema.globe.
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half))) > 1.1 * (first + second) + 0.04


def _tags(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """One of these is wanted, and all of them are unwanted."""
    unwanted: dict[str, Condition] = {}
    for condition in conditions:
        if condition.field == "tags.none" and not condition.negated:
            unwanted |= dict.fromkeys(condition.values, condition)
        elif condition.field in ("tags", "tags.any") and condition.negated:
            unwanted |= dict.fromkeys(condition.values, condition)
    for condition in conditions:
        any_of = condition.field in ("tags", "tags.any") and not condition.negated
        any_of = any_of or (condition.field == "tags.none" and condition.negated)
        if any_of and all(value in unwanted for value in condition.values):
            return condition, *dict.fromkeys(unwanted[value] for value in condition.values)
        if condition.field == "tags.all" and not condition.negated:
            for value in condition.values:
                if value in unwanted:
                    return condition, unwanted[value]
    return ()


def _choices(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The range of every value there is, negated."""
    for row in FIELDS.values():
        against = {c.value: c for c in conditions if c.field == row.key and c.negated}
        if row.kind in CHOICES and len(against) == len(row.choices):
            return tuple(against.values())
    return ()
