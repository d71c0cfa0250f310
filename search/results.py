"""What a search gives back. Plain frozen data."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from schema.record import ImageRecord
from search.meant import Meant


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
    """Below the line under which questions that have nothing to do with the library find pictures too."""
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
                {
                    "term": share.term,
                    "target": share.target,
                    "similarity": round(share.similarity, 6),
                    "amount": round(share.amount, 4),
                }
                for share in self.shares
            ],
            "caption": record.caption,
            "caption_source": record.caption_source,
            "tags": list(record.tags),
            "own_tags": list(record.own_tags),
            "colours": list(record.colours),
            "swatches": list(record.swatches),
            "paths": [place.path for place in record.places],
            "width": record.width,
            "height": record.height,
            "bytes": record.bytes,
            "format": record.format,
            "taken_at": record.taken_at.isoformat() if record.taken_at else None,
            "taken_local": record.clock.isoformat() if record.clock else None,
            "taken_source": record.taken_source,
            "camera": record.camera,
            "latitude": record.latitude,
            "longitude": record.longitude,
            "sha256": record.sha256,
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
    """The pictures that the facets count: those above the line, of the window that was read; without a line or a
    question, all that pass the filters."""
    threshold: float | None = None
    """The relevance below which hits are unlikely; None where nobody can tell, see `relevance.Background.threshold`."""
    above: int = 0
    """Pictures above the line, of the window that was read."""
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
            **(
                {"facets": {name: dict(counts) for name, counts in self.facets.items()}, "counted": self.counted}
                if self.facets
                else {}
            ),
        }


def there_first(record: ImageRecord) -> ImageRecord:
    """The record with the places whose files are there first, else in their order: the first one is what is shown and
    named. On a machine that has none of the files the order stays."""
    if len(record.places) < 2:
        return record
    # Nothing is dropped by this answer, so it does not matter why a file cannot be seen.
    return replace(record, places=tuple(sorted(record.places, key=lambda place: not os.path.lexists(place.path))))
