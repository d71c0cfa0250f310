"""Counts of pictures by what is known of them: folder, tag, year ..."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from schema.names import composed, folder_of
from search.filters import FIELDS

STORED = ("roots", "year", "captioned")
"""What `pairs_of` reads beside the text properties."""
SAME = {"MPO": "JPEG"}
"""A phone's JPEG with further pictures behind the first counts as what it is called."""
MAX_VALUES = 500

Counts = tuple[tuple[str, int], ...]
Pairs = tuple[tuple[str, str], ...]


def text_properties() -> dict[str, str]:
    """Facet -> the text property that holds its values: of the filters that are counted, and the month."""
    return {row.noun: row.prop for row in FIELDS.values() if row.is_counted} | {"month": "month"}


def pairs_of(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(facet, value) of a picture's stored properties."""
    for name, stored in text_properties().items():
        value = properties.get(stored)
        values = value if isinstance(value, list) else [value] if value else []
        yield from dict.fromkeys((name, _shown(name, one)) for one in values)
    if (year := properties.get("year")) is not None:
        yield "year", str(int(year))
    yield "captioned", "yes" if properties.get("captioned") else "no"


def count(pictures: Iterable[Pairs], roots: Iterable[str]) -> dict[str, Counts]:
    """Each facet's values over some pictures, most frequent first. `roots`: what was ingested of them."""
    counters: dict[str, dict[str, int]] = {name: {} for name in (*text_properties(), "year", "captioned")}
    for (name, value), n in Counter(chain.from_iterable(pictures)).items():
        counters[name][value] = n
    counters["folder"] = below(counters["folder"], roots)
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
