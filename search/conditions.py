"""Conditions -> Weaviate filters. Knows no connection."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from weaviate.classes.query import Filter

from schema.globe import cover
from schema.phrases import END, starts_of
from schema.record import DESCRIBED
from search.errors import FilterError
from search.filters import NUMBERS, Condition, date_range

NUMBER_TESTS: Mapping[str, Callable[[Any, float], Any]] = {
    "=": lambda prop, value: prop.equal(value),
    ">=": lambda prop, value: prop.greater_or_equal(value),
    "<=": lambda prop, value: prop.less_or_equal(value),
    ">": lambda prop, value: prop.greater_than(value),
    "<": lambda prop, value: prop.less_than(value),
}
DATE_PROPERTIES = {"taken": "taken_at", "added": "added_at"}
NEWER = {"colour": "colours", "near": "cells", "words": "phrases", "megapixels": "megapixels"}
"""Fields whose property a library lacks that an older Loupe made, until its next ingest."""


def to_weaviate(conditions: Sequence[Condition], properties: Collection[str] | None = None) -> Any:
    """One Weaviate filter in which all conditions hold, or None when there are none.

    `properties`: what the collection has, where that is known. Raises FilterError for a condition on one that it lacks.
    """
    for condition in conditions:
        if properties is not None and NEWER.get(condition.field, "sha256") not in properties:
            raise FilterError(
                f"the library does not know {condition.field!r} of its pictures: an older Loupe made it. "
                "Ingest its folders again (python -m ingest FOLDER); no picture is encoded again for that"
            )
    parts = [_one(condition) for condition in conditions]
    return None if not parts else parts[0] if len(parts) == 1 else Filter.all_of(parts)


def undescribed(properties: Collection[str]) -> Any:
    """The pictures that an older Loupe stored and no ingest has met since: colour, near, words and megapixels do not
    find them. None where that is all of them."""
    if "described" not in properties:
        return None
    return Filter.not_(Filter.by_property("described").greater_or_equal(DESCRIBED))


def among(uuids: Collection[uuid.UUID], condition: Any) -> Any:
    """Those pictures, as far as they pass the condition too."""
    these = Filter.by_id().contains_any(list(uuids))
    return these if condition is None else Filter.all_of([these, condition])


def without(uuids: Collection[uuid.UUID], condition: Any) -> Any:
    """What passes the condition, but those pictures."""
    if not uuids:
        return condition
    others = Filter.not_(Filter.by_id().contains_any(list(uuids)))
    return others if condition is None else Filter.all_of([others, condition])


def _one(condition: Condition) -> Any:
    positive = _positive(condition)
    return Filter.not_(positive) if condition.negated else positive


def _positive(condition: Condition) -> Any:
    name, operator, value = condition.field, condition.operator, condition.value
    if name == "folder":
        return _folder(value.rstrip("/") or "/")
    if name == "path":
        return Filter.by_property("paths_folded").like(f"*{value.casefold()}*")
    if name == "tags.all":
        return Filter.by_property("tags").contains_all(list(condition.values))
    if name == "tags.none":
        return Filter.not_(Filter.by_property("tags").contains_any(list(condition.values)))
    if name in ("tags", "tags.any"):
        return Filter.by_property("tags").contains_any(list(condition.values))
    if name == "words":
        return Filter.any_of([_phrase(prop, starts_of(value)) for prop in ("phrases", "name_phrases")])
    if name == "colour":
        return Filter.by_property("colours").contains_any(list(condition.colours))
    if name == "near":
        return Filter.by_property("cells").contains_any(list(cover(*condition.circle)))
    if name == "location":
        known = Filter.by_property("latitude").greater_or_equal(-90)
        return known if value == "yes" else Filter.not_(known)
    if name == "captioned":
        return Filter.by_property("captioned").equal(value == "yes")
    if name in DATE_PROPERTIES:
        return _date(Filter.by_property(DATE_PROPERTIES[name]), operator, value)
    if name == "megapixels" and operator == "=":
        low, high = condition.span
        prop = Filter.by_property(name)
        return Filter.all_of([prop.greater_or_equal(low), prop.less_than(high)])
    if name in NUMBERS:
        return NUMBER_TESTS[operator](Filter.by_property(name), condition.number)
    return Filter.by_property(name).equal(value)


def _folder(folder: str) -> Any:
    """A record lists its folders from the ingested one down; a folder above that one is known by what lies below it."""
    inside = Filter.by_property("folders").contains_any([folder])
    if "*" in folder or "?" in folder:  # `like` knows no way to say them literally
        return inside
    return Filter.any_of([inside, Filter.by_property("roots").like(folder.rstrip("/") + "/*")])


def _phrase(name: str, starts: Sequence[str]) -> Any:
    prop = Filter.by_property(name)
    tests = [prop.like(f"{start}*") if start.endswith(END) else prop.contains_any([start]) for start in starts]
    return tests[0] if len(tests) == 1 else Filter.all_of(tests)


def _date(prop: Any, operator: str, value: str) -> Any:
    """A year, a month or a day is a stretch of time: `>` means after it, `<=` up to its end, `=` within it."""
    start, end = date_range(value)
    if operator == "=":
        return Filter.all_of([prop.greater_or_equal(start), prop.less_than(end)])
    return {
        ">=": lambda: prop.greater_or_equal(start),
        ">": lambda: prop.greater_or_equal(end),
        "<": lambda: prop.less_than(start),
        "<=": lambda: prop.less_than(end),
    }[operator]()
