"""What a search gives back. Plain frozen data."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.record import ImageRecord


@dataclass(frozen=True)
class Hit:
    """A picture that was found."""

    uuid: uuid.UUID
    record: ImageRecord
    similarity: float
    """Weighted mean of the cosine similarities over terms and targets, -1 to 1."""
    score: float | None = None
    """Fused score of a hybrid search ('words too'); None otherwise. Hits are in its order then, but it can be higher
    again where paging passes into a wider window (`searcher.WINDOWS`): it compares hits of one window."""

    def to_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "uuid": str(self.uuid),
            "path": record.places[0].path if record.places else "",
            "similarity": round(self.similarity, 6),
            **({} if self.score is None else {"score": round(self.score, 6)}),
            "caption": record.caption,
            "caption_source": record.caption_source,
            "tags": list(record.tags),
            "paths": [place.path for place in record.places],
            "width": record.width,
            "height": record.height,
            "bytes": record.bytes,
            "format": record.format,
            "taken_at": record.taken_at.isoformat() if record.taken_at else None,
            "camera": record.camera,
            "latitude": record.latitude,
            "longitude": record.longitude,
            "sha256": record.sha256,
            "thumbnail": f"/app/static/thumbs/{record.sha256}",
        }


@dataclass(frozen=True)
class Timing:
    """Milliseconds: encoding the question, waiting for Weaviate, all of it."""

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
    """folder, tag, year, camera, format -> (value, count), most frequent first, of what passes the filters."""

    def to_json(self) -> dict[str, Any]:
        return {
            "hits": [hit.to_json() for hit in self.hits],
            "total": self.total,
            "offset": self.offset,
            "limit": self.limit,
            "took_ms": round(self.timing.took_ms, 1),
            "encode_ms": round(self.timing.encode_ms, 1),
            "weaviate_ms": round(self.timing.weaviate_ms, 1),
            **({"facets": {name: dict(counts) for name, counts in self.facets.items()}} if self.facets else {}),
        }
