"""Answers a question from Weaviate: the one funnel (`Searcher.search`). The only module that queries (invariant I6)."""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weaviate.classes.aggregate import GroupByAggregate, Metrics
from weaviate.classes.query import HybridFusion, MetadataQuery, TargetVectors

from encoder.protocol import Embeddings, Encoder, faults, first_line
from schema.client import CLIENT_ERRORS
from schema.collection import Pictures
from schema.errors import NoLibrary, Unreachable
from schema.record import ImageRecord, from_properties
from search.conditions import among, to_weaviate, without
from search.errors import QueryError, SearchError
from search.filters import Condition
from search.query import MAX_WINDOW, Query, Term
from search.results import Hit, Results, Timing

DEFAULT_TARGETS: Mapping[str, Mapping[str, float]] = {
    "text": {"image": 1.0, "caption": 0.5},
    "image": {"look": 1.0, "image": 0.5},
    "item": {"look": 1.0, "image": 0.5},
}
"""Targets by kind of term, where the question names none: words find what is shown, a picture finds look-alikes."""

WINDOWS = (240, 2000, MAX_WINDOW)
FACETS = ("folder", "tag", "year", "camera", "format")
TEXT_FACETS = {"folder": "folders", "tag": "tags", "camera": "camera", "format": "format"}
FACET_VALUES = 200
WORD_PROPERTIES = ["caption^2", "tag_words", "file_name"]
HYBRID_ALPHA = 0.5
SHORTEST = 1e-4
"""Terms whose weighted sum is shorter than this share of their weights point nowhere together."""


@dataclass(frozen=True)
class Probe:
    """One unit vector to search one target with: all of the question's terms on that target in one.

    A weighted sum of cosine similarities to several vectors is the product with their weighted sum, so that a question
    has no more probes than there are targets, whatever the number of its terms. `weight` is the length of that sum.
    """

    target: str
    vector: Embeddings  # (dim,)
    weight: float


class Searcher:
    def __init__(
        self, pictures: Pictures, encoder: Encoder, remedy: str = "Start it with: python -m schema start"
    ) -> None:
        """`pictures` and `encoder` must belong together: `open_pictures(client, encoder.identity)` sees to it."""
        self.pictures = pictures
        self._encoder = encoder
        self._collection = pictures.collection
        self._remedy = remedy

    def search(self, query: Query) -> Results:
        """Raises QueryError for a question that cannot be asked, Unreachable when Weaviate is away."""
        started = time.perf_counter()
        if not query.terms:
            raise QueryError("The question is empty: type some words, or give a picture.")
        condition = to_weaviate(query.filters)
        probes = self._probes(query)
        encoded = time.perf_counter()
        own = {term.item for term in query.terms if term.item is not None}
        with self._answering():
            total = self._count(condition) - (self._count(among(own, condition)) if own else 0)
            ranking = self._ranking(query, probes, without(own, condition))
            page = ranking[query.offset : query.offset + query.limit]
            hits = self._hits(page, probes, hybrid=query.words)
            facets = self._facets(condition) if query.facets else {}
        done = time.perf_counter()
        timing = Timing(1000 * (encoded - started), 1000 * (done - encoded), 1000 * (done - started))
        return Results(hits, total, query.offset, query.limit, timing, facets)

    def records(self, uuids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ImageRecord]:
        """The stored records of those uuids that are in the library."""
        with self._answering():
            return {o.uuid: from_properties(o.properties) for o in self._fetch(uuids, vectors=False)}

    def vectors(self, query: Query) -> dict[str, Embeddings]:
        """The unit vectors that a question searches with, by target. Raises what `search` raises."""
        return {probe.target: probe.vector for probe in self._probes(query)}

    def facets(self, filters: Sequence[Condition] = ()) -> dict[str, tuple[tuple[str, int], ...]]:
        """Counts by folder (a folder counts what lies below it too), tag, year and camera."""
        condition = to_weaviate(filters)
        with self._answering():
            return self._facets(condition)

    def count(self, filters: Sequence[Condition] = ()) -> int:
        """Pictures that pass the filters."""
        condition = to_weaviate(filters)
        with self._answering():
            return self._count(condition)

    def _probes(self, query: Query) -> list[Probe]:
        """Every term on every target that counts for it."""
        texts = [term.text for term in query.terms if term.text is not None]
        images = [term.image for term in query.terms if term.image is not None]
        items = [term.item for term in query.terms if term.item is not None]
        text_rows = iter(self._encoder.encode_texts(texts)) if texts else iter(())
        image_rows = self._encoder.encode_images(images) if images else {}
        image_order = iter(range(len(images)))
        item_rows = self._vectors_of(items)
        sums: dict[str, NDArray[np.float64]] = {}
        whole = 0.0
        for term in query.terms:
            if term.text is not None:
                row = next(text_rows)
                vectors = {"image": row, "caption": row}
            elif term.item is not None:
                vectors = item_rows[term.item]
            else:
                index = next(image_order)
                row = image_rows["image"][index]
                vectors = {"image": row, "caption": row, "look": image_rows["look"][index]}
            for name, weight in self._weights(term, vectors, query.targets).items():
                sums[name] = sums.get(name, 0) + weight * vectors[name].astype(np.float64)
            whole += term.weight
        probes = []
        for name, vector in sums.items():
            if (length := float(np.linalg.norm(vector))) > SHORTEST * whole:
                probes.append(Probe(name, (vector / length).astype(np.float32), length / whole))
        if not probes:
            raise QueryError("The terms of the question cancel each other out. Take one of them away.")
        return probes

    def _weights(
        self, term: Term, vectors: Mapping[str, Embeddings], targets: Mapping[str, float] | None
    ) -> dict[str, float]:
        """The term's weight, shared among the targets that it can be compared with."""
        wanted = targets if targets is not None else DEFAULT_TARGETS[term.kind]
        usable = {name: weight for name, weight in wanted.items() if weight > 0 and name in vectors}
        if not usable:
            raise QueryError(
                f"Words cannot be compared with {', '.join(name for name, weight in wanted.items() if weight > 0)}, "
                "which holds how a picture looks. Give image or caption a weight too."
            )
        for name in usable:
            [fault] = faults(vectors[name][None], self.pictures.identity.dims[name])
            if fault:
                raise QueryError(
                    f"The question's vector for {name!r} cannot be searched with: {fault}. The library holds vectors "
                    f"of {self.pictures.identity.id!r}, the question was encoded by {self._encoder.identity.id!r}."
                )
        whole = sum(usable.values())
        return {name: term.weight * weight / whole for name, weight in usable.items()}

    def _vectors_of(self, items: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Embeddings]]:
        if not items:
            return {}
        with self._answering():
            found = {o.uuid: _arrays(o.vector) for o in self._fetch(items, vectors=True)}
        if missing := [item for item in items if item not in found]:
            raise QueryError(
                f"There is no picture {missing[0]} in the library (any more). Take it out of the question."
            )
        if bare := [item for item in items if not found[item]]:
            raise QueryError(f"The picture {bare[0]} was stored without vectors, by another program. Ingest it again.")
        return found

    def _ranking(self, query: Query, probes: Sequence[Probe], condition: Any) -> list[tuple[uuid.UUID, float]]:
        """(uuid, similarity or fused score), best first, long enough for the page.

        A wider window lets pictures in that no probe had among its nearest, and they may rank high; a fused score means
        something else in each window. So that pages neither repeat nor skip a picture, the windows are fixed and what a
        narrower one ranked keeps its place.
        """
        ask = self._ask_hybrid if query.words else self._ask_vectors
        ranking: dict[uuid.UUID, float] = {}
        needed = query.offset + query.limit
        for window in WINDOWS:
            found = ask(query, probes, condition, window)
            for key, value in sorted(found, key=lambda pair: (-pair[1], pair[0])):
                ranking.setdefault(key, value)
            if len(ranking) >= needed or len(found) < window:
                break
        return list(ranking.items())

    def _ask_vectors(
        self, query: Query, probes: Sequence[Probe], condition: Any, window: int
    ) -> list[tuple[uuid.UUID, float]]:
        vector, target = _near(probes)
        answer = self._collection.query.near_vector(
            near_vector=vector,
            target_vector=target,
            filters=condition,
            limit=window,
            return_properties=[],
            return_metadata=MetadataQuery(distance=True),
        )
        weight = sum(probe.weight for probe in probes)
        scale = weight if len(probes) == 1 else 1.0  # the distance of several probes is weighted already
        return [(o.uuid, weight - scale * float(o.metadata.distance or 0)) for o in answer.objects]

    def _ask_hybrid(
        self, query: Query, probes: Sequence[Probe], condition: Any, window: int
    ) -> list[tuple[uuid.UUID, float]]:
        vector, target = _near(probes)
        answer = self._collection.query.hybrid(
            query=" ".join(query.texts),
            alpha=HYBRID_ALPHA,
            vector=vector,
            target_vector=target,
            query_properties=WORD_PROPERTIES,
            fusion_type=HybridFusion.RELATIVE_SCORE,
            filters=condition,
            limit=window,
            return_properties=[],
            return_metadata=MetadataQuery(score=True),
        )
        return [(o.uuid, float(o.metadata.score or 0)) for o in answer.objects]

    def _hits(
        self, page: Sequence[tuple[uuid.UUID, float]], probes: Sequence[Probe], *, hybrid: bool
    ) -> tuple[Hit, ...]:
        objects = {o.uuid: o for o in self._fetch([key for key, _ in page], vectors=hybrid)}
        hits = []
        for key, value in page:
            if (found := objects.get(key)) is None:  # removed since it was ranked
                continue
            record = from_properties(found.properties)
            if hybrid:
                hits.append(Hit(key, record, _similarity(probes, _arrays(found.vector)), score=value))
            else:
                hits.append(Hit(key, record, value))
        return tuple(hits)

    def _fetch(self, uuids: Sequence[uuid.UUID], *, vectors: bool) -> Iterator[Any]:
        if uuids:
            yield from self._collection.query.fetch_objects_by_ids(
                list(uuids), limit=len(uuids), include_vector=vectors
            ).objects

    def _count(self, condition: Any) -> int:
        return self._collection.aggregate.over_all(filters=condition, total_count=True).total_count or 0

    def _facets(self, condition: Any) -> dict[str, tuple[tuple[str, int], ...]]:
        """One question for all the texts, which Weaviate answers several times as fast as one group_by for each."""
        over_all = self._collection.aggregate.over_all
        metrics = [
            Metrics(prop).text(top_occurrences_count=True, top_occurrences_value=True, limit=FACET_VALUES)
            for prop in TEXT_FACETS.values()
        ]
        texts: Mapping[str, Any] = over_all(return_metrics=metrics, filters=condition).properties
        by_year = GroupByAggregate(prop="year", limit=FACET_VALUES)
        years = over_all(group_by=by_year, filters=condition, total_count=True).groups
        counts = {
            name: [(top.value, top.count) for top in texts[prop].top_occurrences] for name, prop in TEXT_FACETS.items()
        }
        counts["year"] = [(str(int(year.grouped_by.value)), year.total_count) for year in years]
        return {name: _by_frequency(counts[name]) for name in FACETS}

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turns what the client raises into Unreachable, NoLibrary where the collection was removed, or SearchError.

        The client repeats a question to a server that is away for a minute; `_check_there` says so at once.
        """
        self._check_there()
        try:
            yield
        except CLIENT_ERRORS as error:
            self._check_there()
            raise SearchError(f"Weaviate refused the question: {first_line(error)}.") from error

    def _check_there(self) -> None:
        try:
            there = self._collection.exists()
        except CLIENT_ERRORS as error:
            raise Unreachable(f"Weaviate did not answer the question. {self._remedy}.") from error
        if not there:
            raise NoLibrary(f"The library {self.pictures.name} was removed. Open the search again.")


def _near(probes: Sequence[Probe]) -> tuple[Any, Any]:
    """The client's near_vector and target_vector of some probes."""
    if len(probes) == 1:
        return probes[0].vector.tolist(), probes[0].target
    weights = TargetVectors.manual_weights({probe.target: probe.weight for probe in probes})
    return {probe.target: probe.vector.tolist() for probe in probes}, weights


def _arrays(vectors: Mapping[str, Any]) -> dict[str, Embeddings]:
    return {name: np.asarray(vector, dtype=np.float32) for name, vector in vectors.items()}


def _similarity(probes: Sequence[Probe], vectors: Mapping[str, Embeddings]) -> float:
    """A picture that another program stored without a vector is like nothing there."""
    near = (probe for probe in probes if probe.target in vectors)
    return sum(probe.weight * float(probe.vector @ vectors[probe.target]) for probe in near)


def _by_frequency(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(((label, n) for label, n in counts if label), key=lambda pair: (-pair[1], pair[0])))
