"""Conditions that no picture can pass together, and a sentence that says which. Pure; asks no database.

Finds what follows from the conditions alone: ranges that do not meet, one-of-a-kind values that differ, tags wanted and
unwanted. Not everything that no picture of a library passes is a contradiction.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations

from search.filters import CHOICES, FIELDS, NUMBERS, Condition, Kind, date_range

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
