"""Conditions -> Weaviate filters. Knows no connection."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from weaviate.classes.query import Filter

from search.filters import Condition, date_range

NUMBER_TESTS: Mapping[str, Callable[[Any, int], Any]] = {
    "=": lambda prop, value: prop.equal(value),
    ">=": lambda prop, value: prop.greater_or_equal(value),
    "<=": lambda prop, value: prop.less_or_equal(value),
    ">": lambda prop, value: prop.greater_than(value),
    "<": lambda prop, value: prop.less_than(value),
}
DATE_PROPERTIES = {"taken": "taken_at", "added": "added_at"}


def to_weaviate(conditions: Sequence[Condition]) -> Any:
    """One Weaviate filter in which all conditions hold, or None when there are none."""
    parts = [_one(condition) for condition in conditions]
    return None if not parts else parts[0] if len(parts) == 1 else Filter.all_of(parts)


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
    if name == "captioned":
        return Filter.by_property("captioned").equal(value == "yes")
    if name in DATE_PROPERTIES:
        return _date(Filter.by_property(DATE_PROPERTIES[name]), operator, value)
    if name in ("width", "height", "bytes", "year"):
        return NUMBER_TESTS[operator](Filter.by_property(name), int(value))
    return Filter.by_property(name).equal(value)


def _folder(folder: str) -> Any:
    """A record lists its folders from the ingested one down; a folder above that one is known by what lies below it."""
    inside = Filter.by_property("folders").contains_any([folder])
    if "*" in folder or "?" in folder:  # `like` knows no way to say them literally
        return inside
    return Filter.any_of([inside, Filter.by_property("roots").like(folder.rstrip("/") + "/*")])


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
