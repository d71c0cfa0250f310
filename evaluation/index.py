"""How much of the exact result an approximate index finds, and how fast. Knows the library by a protocol only.

Approximate search (HNSW) may miss a near one; exact search compares with every vector.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from encoder.protocol import Embeddings
from errors import EvaluationError
from evaluation.metrics import Floats, Interval, Values, bootstrap

K = 10
WARM_UP = 5
TOLERANCE = 1e-5
"""Two cosines that differ by less are equal: numpy and Weaviate sum in different orders."""


class Chunk(Protocol):
    """Some of a library's vectors: row i belongs to `uuids[i]`."""

    @property
    def uuids(self) -> Sequence[uuid.UUID]: ...

    @property
    def vectors(self) -> Embeddings: ...


Ask = Callable[[Embeddings, int], Sequence[tuple[uuid.UUID, float]]]
"""Vector, k -> (uuid, cosine similarity) of the k nearest that the index finds."""


@dataclass(frozen=True)
class Probes:
    """Vectors that ask. `own[i]` is the picture that probe i is the vector of, which is no answer to it."""

    vectors: Embeddings  # (n, dim)
    own: Sequence[uuid.UUID | None]


@dataclass(frozen=True)
class IndexFigures:
    recall: Interval
    """Mean share of the exact nearest that the index finds, by probe. One that ties with the last of them counts."""
    k: int
    probes: int
    stored: int
    p50_ms: float
    p95_ms: float
    """Milliseconds from asking to having the answer, one question at a time."""

    def to_json(self) -> dict[str, Any]:
        return {
            f"recall@{self.k}": round(self.recall.mean, 6),
            "interval": [round(self.recall.low, 6), round(self.recall.high, 6)],
            "questions": self.probes,
            "stored": self.stored,
            "p50_ms": round(self.p50_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
        }


def judge_index(probes: Probes, chunks: Iterable[Chunk], ask: Ask, k: int = K) -> IndexFigures:
    """`chunks` are all vectors of the index, once. With fewer than k others in it, all of them are asked for."""
    exact, stored = exact_similarities(probes, chunks, k)
    k = exact.shape[1]
    for vector in probes.vectors[:WARM_UP]:
        ask(vector, k + 1)
    recalls, times = [], []
    for vector, own, nearest in zip(probes.vectors, probes.own, exact, strict=True):
        started = time.perf_counter()
        answer = ask(vector, k + 1)
        times.append(1000 * (time.perf_counter() - started))
        found = [similarity for key, similarity in answer if key != own][:k]
        recalls.append(min(1.0, sum(value >= nearest[-1] - TOLERANCE for value in found) / k))
    p50, p95 = np.percentile(times, [50, 95])
    return IndexFigures(bootstrap(np.array(recalls)), k, len(times), stored, float(p50), float(p95))


def exact_similarities(probes: Probes, chunks: Iterable[Chunk], k: int) -> tuple[Values, int]:
    """The k highest cosines of each probe, best first, (n, at most k), and how many vectors there were in all."""
    best: Floats = np.empty((len(probes.vectors), 0))
    stored = 0
    for chunk in chunks:
        stored += len(chunk.uuids)
        cosines = probes.vectors.astype(np.float64) @ chunk.vectors.T.astype(np.float64)  # (n, chunk)
        places = {key: place for place, key in enumerate(chunk.uuids)}
        for number, own in enumerate(probes.own):
            if own in places:
                cosines[number, places[own]] = -np.inf
        best = -np.sort(-np.concatenate([best, cosines], axis=1), axis=1)[:, :k]
    others = stored - any(own is not None for own in probes.own)
    if others < 1:
        raise EvaluationError(f"An index of {stored} vectors has no nearest to find; at least 2 are needed.")
    return best[:, : min(k, others)].astype(np.float64), stored
