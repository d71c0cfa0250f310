"""What a filter may have meant that finds nothing, or leaves nothing out: values that the library holds and that look
like it. Pure; what the library holds is asked by callables.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from schema.names import folded
from search.filters import LISTS, Condition, Kind, comma_separated
from search.grammar import show

ALIKE = 0.7
"""Ratio of `difflib` from which two names look alike. A letter left out, added or exchanged in a word of four or more
reaches it."""
MOST = 20
"""Values of one filter that are looked at: each costs a count."""
SHORTEST = 3
"""Letters that a name has to contain to be offered."""
Count = Callable[[Condition], int]
Known = Mapping[str, int]


@dataclass(frozen=True)
class Meant:
    """A condition that no picture passes, and what was typed with a value that some have."""

    asked: Condition
    """Not negated; of tags those that no picture has."""
    meant: Condition

    def __str__(self) -> str:
        return f"No picture has {show((), [self.asked])}. Did you mean {show((), [self.meant])}?"


def find_meant(
    filters: Sequence[Condition], total: int, count: Count, known_of: Callable[[Sequence[str]], Mapping[str, Known]]
) -> tuple[Meant, ...]:
    """`total`: pictures that pass all filters; where it is 0 every filter is looked at, else those that should leave
    something out. `count`: pictures that pass one. `known_of`: properties -> their values, with their numbers."""
    odd = {}
    for one in filters:
        if one.row.is_named and (not total or one.negated or one.row.kind is Kind.NONE):
            parts = one.values[:MOST] if one.row.kind in LISTS else (one.value,)
            if missing := [part for part in parts if not count(_plain(one, [part]))]:
                odd[one] = missing
    known = known_of(sorted({one.row.prop for one in odd})) if odd else {}
    found = (_other(one, missing, known[one.row.prop], count) for one, missing in odd.items())
    return tuple(one for one in found if one is not None)


def alike(value: str, known: Known, *, of_path: bool = False) -> str | None:
    """The most frequent that is the same in another case, else that ends with it (folders) or contains it, else that is
    spelled most alike, or has a word that is.

    >>> alike("Cat", {"dog": 9, "cat": 1}), alike("brige", {"bridge": 1, "bride": 1}), alike("x", {"fox": 1})
    ('cat', 'bridge', None)
    """
    asked = folded(value)
    forms = {name: folded(name) for name in sorted(known, key=lambda name: (-known[name], len(name), name))}
    tests: tuple[Callable[[str], bool], ...] = (
        lambda form: form == asked,
        lambda form: of_path and form.rsplit("/", 1)[-1] == asked.strip("/"),
        lambda form: len(asked) >= SHORTEST and asked in form,
    )
    for test in tests:
        if found := next((name for name, form in forms.items() if test(form)), None):
            return found
    return _spelled_alike(asked, {form: name for name, form in reversed(forms.items())}) or _spelled_alike(
        asked, {word: name for name, form in reversed(forms.items()) for word in re.split(r"[/\s]+", form)}
    )


def _spelled_alike(asked: str, names: Mapping[str, str]) -> str | None:
    """`names`: what is compared -> what is meant by it."""
    close = get_close_matches(asked, names, n=1, cutoff=ALIKE)
    return names[close[0]] if close else None


def _plain(condition: Condition, parts: Sequence[str]) -> Condition:
    """The condition on some of its values, not negated."""
    if condition.row.kind in LISTS:
        return Condition(condition.field.partition(".")[0], "=", comma_separated(parts))
    return replace(condition, value=parts[0], negated=False)


def _other(condition: Condition, missing: Sequence[str], known: Known, count: Count) -> Meant | None:
    asked = _plain(condition, missing)
    if condition.row.kind in LISTS:
        others = {part: other for part in missing if (other := alike(part, known)) is not None}
        values = list(dict.fromkeys(others.get(part, part) for part in condition.values))
        return Meant(asked, replace(condition, value=comma_separated(values))) if others else None
    if "~" in condition.row.operators and count(replace(asked, operator="~")):
        return Meant(asked, replace(condition, operator="~"))
    other = alike(condition.value, known, of_path=condition.row.kind is Kind.FOLDER)
    return None if other is None else Meant(asked, replace(condition, operator="=", value=other))
