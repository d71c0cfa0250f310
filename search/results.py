"""What a search gives back: hits, counts of pictures by what is known of them, JSON and a sentence about the answer."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any
from uuid import UUID

from schema.names import composed, folder_of
from schema.record import ImageRecord
from search.conditions import contradiction
from search.explain import Meant
from search.filters import FIELDS
from search.parser import printable
from search.query import Query

STORED = ("roots", "year", "captioned")
"""What `pairs_of` reads beside the text properties."""
SAME = {"MPO": "JPEG"}
"""A phone's JPEG with further pictures behind the first counts as what it is called."""
MAX_VALUES = 500
Counts = tuple[tuple[str, int], ...]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Known:
    """A picture without its vectors."""

    record: ImageRecord
    captioned: bool
    facets: Pairs
    roots: tuple[str, ...]
    """What was ingested that it lies in."""


def text_properties() -> dict[str, str]:
    """Facet -> the text property that holds its values: of the filters that are counted, and the month."""
    return {row.noun: row.prop for row in FIELDS.values() if row.is_counted} | {"month": "month"}


def pairs_of(properties: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(facet, value) of a picture's stored properties; `names`: what `text_properties` gives."""
    for name, stored in names.items():
        value = properties.get(stored)
        values = value if isinstance(value, list) else [value] if value else []
        yield from dict.fromkeys((name, _shown(name, one)) for one in values)
    if (year := properties.get("year")) is not None:
        yield "year", str(int(year))
    yield "captioned", "yes" if properties.get("captioned") else "no"


def count_facets(pictures: Sequence[Known]) -> dict[str, Counts]:
    """Each facet's values over some pictures, most frequent first."""
    counters: dict[str, dict[str, int]] = {name: {} for name in (*text_properties(), "year", "captioned")}
    for (name, value), n in Counter(chain.from_iterable(one.facets for one in pictures)).items():
        counters[name][value] = n
    counters["folder"] = _below(counters["folder"], {root for one in pictures for root in one.roots})
    return {name: _by_frequency(counter) for name, counter in counters.items()}


def facets_of(counts: Mapping[str, Mapping[str, int]], total: int, captioned: int) -> dict[str, Counts]:
    """The same of what Weaviate counted: property -> value -> pictures; of `total`, so many with a caption."""
    shown: dict[str, Mapping[str, int]] = {}
    for name, prop in text_properties().items():
        if prop in counts:
            values: Counter[str] = Counter()
            for value, n in counts[prop].items():
                values[_shown(name, value)] += n
            shown[name] = values
    shown["folder"] = _below(shown["folder"], counts["roots"])
    years: Counter[str] = Counter()
    for month, n in counts.get("month", {}).items():
        years[month[:4]] += n
    shown |= {"year": years, "captioned": {"yes": captioned, "no": total - captioned}}
    return {name: _by_frequency(values) for name, values in shown.items()}


def _below(folders: Mapping[str, int], roots: Iterable[str]) -> dict[str, int]:
    """The counts of those folders that were ingested, or lie below one that was: a record lists all that it lies in."""
    ingested = [folder_of(root).rstrip("/") + "/" for root in roots]
    return {name: n for name, n in folders.items() if any(f"{name}/".startswith(root) for root in ingested)}


def _by_frequency(counts: Mapping[str, int]) -> Counts:
    ordered = sorted(((value, n) for value, n in counts.items() if value and n), key=lambda pair: (-pair[1], pair[0]))
    return tuple(ordered[:MAX_VALUES])


def _shown(name: str, value: str) -> str:
    return SAME.get(value, value) if name == "format" else composed(value)


@dataclass(frozen=True)
class Share:
    """What one term brought on one target; `caption` only where the picture has one."""

    term: int
    """Its place among the question's terms."""
    target: str
    similarity: float
    """Cosine, -1 to 1."""
    amount: float
    """Its part of the hit's relevance; the parts add up to it."""


@dataclass(frozen=True)
class Hit:
    """A picture that was found."""

    uuid: UUID
    record: ImageRecord
    similarity: float | None
    """Weighted mean of the cosine similarities over terms and targets, -1 to 1; None where filters alone were asked."""
    score: float | None = None
    """Fused score of a hybrid search ('words too'); None otherwise. Hits are in its order then, but it can be higher
    again where paging passes into a wider window (`ranking.WINDOWS`): it compares hits of one window."""
    relevance: float | None = None
    """Calibrated: how many spreads of the library the picture lies above what is usual for such a question."""
    below: bool = False
    """Below the threshold, under which questions that have nothing to do with the library find pictures too."""
    shares: tuple[Share, ...] = ()
    copies: tuple[UUID, ...] = ()
    """Near-duplicates that stand behind this one."""

    def to_json(self, prefix: str = "") -> dict[str, Any]:
        """`prefix`: what stands before the paths of the app that answers, for example "/loupe"."""
        record = self.record
        return {
            "uuid": str(self.uuid),
            "path": record.places[0].path if record.places else "",
            "similarity": None if self.similarity is None else round(self.similarity, 6),
            **({} if self.score is None else {"score": round(self.score, 6)}),
            **({} if self.relevance is None else {"relevance": round(self.relevance, 4)}),
            "unlikely": self.below,
            "copies": [str(copy) for copy in self.copies],
            "shares": [
                {**asdict(share), "similarity": round(share.similarity, 6), "amount": round(share.amount, 4)}
                for share in self.shares
            ],
            **{name: getattr(record, name) for name in ("caption", "caption_source")},
            **{name: list(getattr(record, name)) for name in ("tags", "own_tags", "colours", "swatches")},
            "paths": [place.path for place in record.places],
            **{name: getattr(record, name) for name in ("width", "height", "bytes", "format")},
            "taken_at": record.taken_at.isoformat() if record.taken_at else None,
            "taken_local": record.clock.isoformat() if record.clock else None,
            **{name: getattr(record, name) for name in ("taken_source", "camera", "latitude", "longitude", "sha256")},
            "thumbnail": f"{prefix}/app/static/thumbs/{record.sha256}",
        }


@dataclass(frozen=True)
class Timing:
    """Milliseconds: making vectors of the question (stored ones are fetched), waiting for what Weaviate answers and
    reading it, all of it."""

    encode_ms: float
    weaviate_ms: float
    took_ms: float


@dataclass(frozen=True)
class Results:
    hits: tuple[Hit, ...]
    total: int
    """Pictures that pass the filters, but those that ask themselves; paging reaches min(total, 10,000) of them."""
    offset: int
    limit: int
    timing: Timing
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """folder, tag, year, ... -> (value, count), most frequent first."""
    counted: int = 0
    """The pictures that the facets count: those above the threshold, of the window that was read; without one or a
    question, all that pass the filters."""
    threshold: float | None = None
    """The relevance below which hits are unlikely; None where nobody can tell, see `relevance.Background.threshold`."""
    above: int = 0
    """Pictures above the threshold, of the window that was read."""
    targets: Mapping[str, float] = field(default_factory=dict)
    """What counted for the examples, or else for the words: as given, as chosen, or as learned from the likes."""

    meant: tuple[Meant, ...] = ()
    """What filters may have meant that find nothing, or leave nothing out."""

    def to_json(self, prefix: str = "") -> dict[str, Any]:
        return {
            "hits": [hit.to_json(prefix) for hit in self.hits],
            "total": self.total,
            "offset": self.offset,
            "limit": self.limit,
            "line": None if self.threshold is None else round(self.threshold, 4),
            "likely": self.above,
            "targets": {name: round(weight, 4) for name, weight in self.targets.items()},
            "took_ms": round(self.timing.took_ms, 1),
            "encode_ms": round(self.timing.encode_ms, 1),
            "weaviate_ms": round(self.timing.weaviate_ms, 1),
        } | (
            {"facets": {name: dict(counts) for name, counts in self.facets.items()}, "counted": self.counted}
            if self.facets
            else {}
        )


def there_first(record: ImageRecord) -> ImageRecord:
    """The record with the places whose files are there first, else in their order: the first one is what is shown and
    named. On a machine that has none of the files the order stays."""
    if len(record.places) < 2:
        return record
    # Nothing is dropped by this answer, so it does not matter why a file cannot be seen.
    return replace(record, places=tuple(sorted(record.places, key=lambda place: not os.path.lexists(place.path))))


NEAREST = 3
"""So many unlikely pictures are shown where nothing is likely."""
CORRECT_IT = "Take a filter away, or correct it."


def to_json(query: Query, results: Results, prefix: str = "") -> dict[str, Any]:
    """The results, and with them `asked`: the question as it was read, whose terms the hits' shares count from 0 (a
    picture that was handed in is `{"image": true}`), and `note`: a sentence about the answer, or ""."""
    terms = [
        {"image": True, "weight": term.weight} if term.image is not None else json
        for term in query.terms
        for json in (Query((term,)).to_json()["terms"] or [{}])
    ]
    return {**results.to_json(prefix), "asked": query.to_json() | {"terms": terms}, "note": note(query, results)}


def note(query: Query, results: Results) -> str:
    """What the hits alone do not say: that there are none, and why, or that none of them is a good match; else ""."""
    if not results.total:
        if opposed := contradiction(query.filters):
            return opposed
        if query.filters:
            filters = ", ".join(printable(str(condition)[:200]) for condition in query.filters)
            return f"No picture of the library passes {filters}. {did_you_mean(results) or CORRECT_IT}"
        return "There is no picture to search: the library is empty, or all of it asks or is hidden."
    if not results.hits and results.offset >= results.total:
        return f"There are {results.total:,} pictures, so nothing is at offset {results.offset:,}."
    if not results.hits and results.offset:
        return f"Nothing is left at offset {results.offset:,}: near-duplicates stand behind the pictures before."
    if results.meant:
        return did_you_mean(results)
    if not results.hits:
        return f"None of the {results.total:,} pictures that pass can be compared with the question any more."
    if nothing_likely(results):
        return "No good match: these are the nearest pictures, none nearer than for a question about nothing here."
    if unlikely := sum(hit.below for hit in results.hits):
        return f"{unlikely} of these {len(results.hits)} are unlikely: as near as pictures are to any question."
    return ""


def did_you_mean(results: Results) -> str:
    """A sentence or two for each filter that holds a value that the library does not; "" for none."""
    return printable(" ".join(map(str, results.meant)))


def nothing_likely(results: Results) -> bool:
    return results.threshold is not None and results.above == 0
