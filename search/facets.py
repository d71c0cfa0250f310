"""Counts of pictures by what is known of them: folder, tag, year ... Knows no database."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schema.names import composed, folder_of
from search.filters import FIELDS

STORED = ("roots", "year", "captioned")
"""What `count` reads beside the text properties."""
SAME = {"MPO": "JPEG"}
"""A phone's JPEG with further pictures behind the first counts as what it is called."""
MAX_VALUES = 500

Counts = tuple[tuple[str, int], ...]


def text_properties() -> dict[str, str]:
    """Facet -> the text property that holds its values: of the filters that are counted, and the month."""
    return {row.noun: row.prop for row in FIELDS.values() if row.is_counted} | {"month": "month"}


def count(pictures: Iterable[Mapping[str, Any]]) -> dict[str, Counts]:
    """Of stored properties: each facet's values, most frequent first."""
    texts = text_properties()
    counters: dict[str, Counter[str]] = {name: Counter() for name in (*texts, "year", "captioned")}
    roots: set[str] = set()
    for properties in pictures:
        roots.update(properties.get("roots") or ())
        for name, values in _values(properties, texts).items():
            counters[name].update(values)
    counters["folder"] = Counter(below(counters["folder"], roots))
    return {name: by_frequency(counter) for name, counter in counters.items()}


def below(folders: Mapping[str, int], roots: Iterable[str]) -> dict[str, int]:
    """The counts of those folders that were ingested, or lie below one that was: a record lists all that it lies in."""
    ingested = [folder_of(root).rstrip("/") + "/" for root in roots]
    return {name: n for name, n in folders.items() if any(f"{name}/".startswith(root) for root in ingested)}


def by_frequency(counts: Mapping[str, int]) -> Counts:
    ordered = sorted(((value, n) for value, n in counts.items() if value and n), key=lambda pair: (-pair[1], pair[0]))
    return tuple(ordered[:MAX_VALUES])


def merged(name: str, counts: Mapping[str, int]) -> Counter[str]:
    """A facet of what Weaviate counted of each stored value."""
    shown: Counter[str] = Counter()
    for value, n in counts.items():
        shown[_shown(name, value)] += n
    return shown


def _shown(name: str, value: str) -> str:
    return SAME.get(value, value) if name == "format" else composed(value)


def _values(properties: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    for name, stored in texts.items():
        value = properties.get(stored)
        values = value if isinstance(value, list) else [value] if value else []
        found[name] = list(dict.fromkeys(_shown(name, one) for one in values))
    if (year := properties.get("year")) is not None:
        found["year"] = [str(int(year))]
    found["captioned"] = ["yes" if properties.get("captioned") else "no"]
    return found
