"""Conditions -> Weaviate filters. Knows no connection."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weaviate.classes.query import Filter

from schema.globe import cover
from schema.names import folded, spellings
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
NEWER = {
    ("colour", "="): "colours",
    ("near", "="): "cells",
    ("words", "~"): "phrases",
    **{("megapixels", operator): "megapixels" for operator in NUMBER_TESTS},
}
"""Tests whose property a library lacks that an older Loupe made, until its next ingest."""

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

    def without(self, uuids: Collection[uuid.UUID]) -> "Passing":
        """Except those pictures."""
        if not uuids:
            return self
        return replace(self, unwanted=(*self.unwanted, Filter.by_id().contains_any(list(uuids))))


def to_weaviate(conditions: Sequence[Condition], properties: Collection[str] | None = None) -> Passing:
    """What passes all conditions.

    `properties`: what the collection has, where that is known. Raises FilterError for a condition on one that it lacks.
    """
    for condition in conditions:
        if properties is not None and NEWER.get((condition.field, condition.operator), "sha256") not in properties:
            raise FilterError(
                f"the library does not know {condition.field!r} of its pictures: an older Loupe made it. "
                "Ingest its folders again (python -m ingest FOLDER); no picture is encoded again for that"
            )
    found = [(*_test(condition, properties), condition.negated) for condition in conditions]
    return Passing(
        tuple(test for test, is_met, negated in found if is_met != negated),
        tuple(test for test, is_met, negated in found if is_met == negated),
    )


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


def _test(condition: Condition, properties: Collection[str] | None) -> tuple[Any, bool]:
    """A filter without a negation, and whether a picture that passes the condition (not negated) passes it."""
    name, value = condition.field, condition.value
    if name == "tags.none":
        return Filter.by_property("tags").contains_any(list(condition.values)), False
    if name == "location":
        return Filter.by_property("latitude").greater_or_equal(-90), value == "yes"
    if name == "taken":
        return _taken(condition, older=properties is not None and "taken_local" not in properties), True
    if name == "camera" and condition.operator == "~":
        return _camera(value, older=properties is not None and "camera_folded" not in properties), True
    return _positive(condition), True


def _positive(condition: Condition) -> Any:
    name, operator, value = condition.field, condition.operator, condition.value
    if name == "folder":
        return _folder(value)
    if name == "path":
        return _any_of([Filter.by_property("paths_folded").like(f"*{one}*") for one in spellings(folded(value))])
    if name == "format":
        return Filter.by_property("format").contains_any(list(condition.formats))
    if name == "tags.all":
        return Filter.by_property("tags").contains_all(list(condition.values))
    if name in ("tags", "tags.any"):
        return Filter.by_property("tags").contains_any(list(condition.values))
    if name == "words":
        return Filter.any_of([_phrase(prop, starts_of(value)) for prop in ("phrases", "name_phrases")])
    if name == "colour":
        return Filter.by_property("colours").contains_any(list(condition.colours))
    if name == "near":
        return Filter.by_property("cells").contains_any(list(cover(*condition.circle)))
    if name == "captioned":
        return Filter.by_property("captioned").equal(value == "yes")
    if name == "added":
        return _date("added_at", operator, value)
    if name == "megapixels" and operator == "=":
        low, high = condition.span
        prop = Filter.by_property(name)
        return Filter.all_of([prop.greater_or_equal(low), prop.less_than(high)])
    if name in NUMBERS:
        return NUMBER_TESTS[operator](Filter.by_property(name), condition.number)
    return Filter.by_property(name).equal(value)


def _folder(folder: str) -> Any:
    """A record lists every folder that it lies in. An older Loupe stored those from the ingested one down (a folder
    above that one is known by what lies below it), and names as the disk writes them."""
    written = spellings(folder)
    inside = Filter.by_property("folders").contains_any(list(written))
    if "*" in folder or "?" in folder:  # `like` knows no way to say them literally
        return inside
    roots = Filter.by_property("roots")
    return Filter.any_of([inside, *(roots.like(one.rstrip("/") + "/*") for one in written)])


def _phrase(name: str, starts: Sequence[str]) -> Any:
    prop = Filter.by_property(name)
    return _all_of([prop.like(f"{start}*") if start.endswith(END) else prop.contains_any([start]) for start in starts])


def _camera(value: str, *, older: bool) -> Any:
    """In any case and form; as it is typed where an older Loupe stored the picture and no ingest has met it since."""
    typed = Filter.by_property("camera").like(f"*{value}*")
    return typed if older else _any_of([Filter.by_property("camera_folded").like(f"*{folded(value)}*"), typed])


def _taken(condition: Condition, *, older: bool) -> Any:
    """By the clock at the place; of pictures that an older Loupe stored and no ingest has met since by the moment.
    `older`: the whole library is one."""
    if older:
        return _date("taken_at", condition.operator, condition.value)
    test = _date("taken_local", condition.operator, condition.value)
    before = Filter.by_property("described").less_than(CLOCKED)
    return Filter.any_of([test, Filter.all_of([before, _date("taken_at", condition.operator, condition.value)])])


def _date(name: str, operator: str, value: str) -> Any:
    """A year, a month or a day is a stretch of time: `>` means after it, `<=` up to its end, `=` within it."""
    start, end = date_range(value)
    prop = Filter.by_property(name)
    if operator == "=":
        return Filter.all_of([prop.greater_or_equal(start), prop.less_than(end)])
    return {
        ">=": lambda: prop.greater_or_equal(start),
        ">": lambda: prop.greater_or_equal(end),
        "<": lambda: prop.less_than(start),
        "<=": lambda: prop.less_than(end),
    }[operator]()
