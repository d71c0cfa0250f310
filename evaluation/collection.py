"""Judge the live library: its index, its captions as questions, its targets.

Index figures (the share of the exact nearest that approximate search finds, and its time) are over the whole library.
Captions and targets are judged by exact search, over at most AT_MOST pictures and QUESTIONS questions of a kind, drawn
by a fixed seed."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from encoder.protocol import Embeddings, Encoder
from errors import EvaluationError
from evaluation.library import LiveLibrary, Pictured, read_pictures, sampled
from evaluation.metrics import Floats, Interval, Values, as_json, bootstrap, judge_embeddings
from evaluation.retrieval import RANDOM, Direction, direction_of, retrieval_text
from evaluation.tables import between, table
from evaluation.targets import TargetFigures, ask_targets, judge_targets, targets_text
from search.index import VectorChunk

K = 10
WARM_UP = 5
TOLERANCE = 1e-5
"""Two cosines that differ by less are equal: numpy and Weaviate sum in different orders."""
AT_MOST = 20_000
QUESTIONS = 1000
PROBES = 500
CAPTIONS = "captions"
"""The method's name in the figures of captions that ask."""
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
            **self.recall.named(f"recall@{self.k}"),
            "questions": self.probes,
            "stored": self.stored,
            "p50_ms": round(self.p50_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
        }


def judge_index(probes: Probes, chunks: Iterable[VectorChunk], ask: Ask, k: int = K) -> IndexFigures:
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


def exact_similarities(probes: Probes, chunks: Iterable[VectorChunk], k: int) -> tuple[Values, int]:
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


@dataclass(frozen=True)
class CollectionReport:
    stored: int
    judged: int
    """Pictures that captions and targets were judged over; fewer than `stored` when they were sampled."""
    captioned: int
    """Of those judged."""
    index: Mapping[str, IndexFigures]
    """Named vector -> figures; `image, asked by captions` beside those asked by their own kind."""
    captions: Direction | None
    targets: tuple[TargetFigures, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        captions = self.captions
        return {
            "images": self.stored,
            "judged": self.judged,
            "captioned": self.captioned,
            "index": as_json(self.index),
            "text_to_image": captions and {**captions.to_json(CAPTIONS), RANDOM: captions.to_json(RANDOM)},
            "targets": {figures.title: figures.to_json() for figures in self.targets},
            "notes": list(self.notes),
        }


def judge_collection(
    library: LiveLibrary,
    encoder: Encoder,
    weights: Mapping[str, Mapping[str, float]],
    *,
    at_most: int = AT_MOST,
    questions: int = QUESTIONS,
    probes: int = PROBES,
    seed: int = 0,
    on_step: Callable[[str], object] = lambda step: None,
) -> CollectionReport:
    """`weights`: kind of question ("text", "item") -> target -> weight, as the search asks by default.

    Raises EvaluationError for a library of fewer than three pictures.
    """
    rng = np.random.default_rng(seed)
    on_step("reading vectors")
    pictured, lacking = read_pictures(library, tuple(encoder.identity.dims), at_most)
    stored = library.count()
    captions = pictured.by_caption()
    index = {}
    for title, (name, asking) in _all_probes(pictured, captions, probes, rng).items():
        on_step(f"asking the index: {title}")
        index[title] = judge_index(asking, library.vectors(name), partial(library.nearest, name))
    on_step("judging captions and targets")
    found = judge_captions(pictured, captions, questions, rng) if len(captions) > 1 else None
    asked, why = ask_targets(pictured, encoder, weights, questions, rng)
    captioned = sum(bool(caption) for caption in pictured.captions)
    notes = []
    if lacking:
        notes.append(f"{lacking} pictures lack a named vector (another program stored them) and are not judged.")
    if len(pictured.uuids) + lacking < stored:
        notes.append(
            f"Captions and targets are judged over a random {len(pictured.uuids):,} of {stored:,} pictures; among "
            "all of them every figure would be lower."
        )
    if found is None:
        notes.append(f"Captions are not judged: there are {len(captions)} different ones.")
    targets = tuple(map(judge_targets, asked))
    return CollectionReport(stored, len(pictured.uuids), captioned, index, found, targets, (*notes, *why))


def judge_captions(
    pictured: Pictured, captions: Mapping[str, Sequence[int]], questions: int, rng: np.random.Generator
) -> Direction:
    """Captions ask for the `image` vectors with their stored `caption` vectors, which are their words encoded."""
    chosen = sampled(list(captions.values()), questions, rng)
    vectors = pictured.vectors["caption"][[pictures[0] for pictures in chosen]]
    judgement = judge_embeddings(vectors, pictured.vectors["image"], chosen)
    return direction_of({CAPTIONS: judgement}, chosen)


def _all_probes(
    pictured: Pictured, captions: Mapping[str, Sequence[int]], count: int, rng: np.random.Generator
) -> dict[str, tuple[str, Probes]]:
    """Title -> the named vector that is asked, and what asks it. Words lie elsewhere than pictures, and are harder for
    an index that was built over pictures."""
    rows = sampled(range(len(pictured.uuids)), count, rng)
    own = [pictured.uuids[row] for row in rows]
    probes = {name: (name, Probes(vectors[rows], own)) for name, vectors in pictured.vectors.items()}
    if captions:
        chosen = sampled([pictures[0] for pictures in captions.values()], count, rng)
        asking = Probes(pictured.vectors["caption"][chosen], [None] * len(chosen))
        probes["image, asked by captions"] = ("image", asking)
    return probes


def collection_text(report: CollectionReport) -> str:
    rows = [["named vector", "recall@k", "k", "questions", "p50 ms", "p95 ms"]]
    for title, found in report.index.items():
        rows.append(
            [
                title,
                between(found.recall),
                str(found.k),
                str(found.probes),
                f"{found.p50_ms:.1f}",
                f"{found.p95_ms:.1f}",
            ]
        )
    parts = [f"The index: which share of the nearest it finds, one question at a time\n{table(rows)}"]
    if report.captions:
        parts.append(retrieval_text({"text_to_image": report.captions}, {CAPTIONS: CAPTIONS, RANDOM: RANDOM}))
    if report.captions or report.targets:
        parts.insert(1, "From here on by exact search, so that the index has no part in it.")
    return "\n\n".join([*parts, *map(targets_text, report.targets)])
