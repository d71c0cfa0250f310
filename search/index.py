"""Asks Weaviate: nearest vectors, words, objects, counts. Knows no term, no encoder and no ranking of its own.

The only module that queries for `Searcher` (invariant I6). Every call raises Unreachable when Weaviate is away,
NoLibrary when the collection was removed, SearchError for what it refuses.
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
from weaviate.classes.aggregate import Metrics
from weaviate.classes.query import Filter, HybridFusion, MetadataQuery, Sort, TargetVectors

from encoder.protocol import Embeddings
from errors import SearchError
from schema.client import answering, check_there
from schema.collection import Pictures
from schema.names import folded, spellings
from schema.patience import Patience
from search.conditions import Passing

CHUNK = 1000
WORD_PROPERTIES = ["caption^2", "tag_words", "file_name"]
HYBRID_ALPHA = 0.5


@dataclass(frozen=True)
class Probe:
    """One unit vector to search one target with. A weighted sum of cosines to several vectors is the product with
    their weighted sum, so a question has one probe for each target, whatever the number of its terms."""

    target: str
    vector: Embeddings  # (dim,)
    weight: float


@dataclass(frozen=True)
class Found:
    """An object as far as it was asked for. `value`: the weighted sum of the probes' cosines, or a fused score."""

    uuid: uuid.UUID
    value: float = 0.0
    vectors: Mapping[str, Embeddings] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What is to come back of a search: of those that pass `condition` at most `limit`, with these vectors and
    properties."""

    condition: Any
    limit: int
    vectors: Sequence[str] = ()
    properties: Sequence[str] = ()

    def options(self) -> dict[str, Any]:
        return {
            "filters": self.condition,
            "limit": self.limit,
            "include_vector": list(self.vectors) or False,
            "return_properties": list(self.properties),
        }


class PictureIndex:
    def __init__(self, pictures: Pictures, patience: Patience) -> None:
        self.pictures = pictures
        self._collection = pictures.collection
        self._patience = patience
        self._watch = threading.local()

    def waited(self) -> float:
        """Seconds that this thread has waited for Weaviate's answers so far."""
        return getattr(self._watch, "seconds", 0.0)

    def near(self, probes: Sequence[Probe], wanted: Wanted) -> list[Found]:
        """The `limit` best of what is among some probe's own nearest `limit`."""
        vector, target = _near(probes)
        with self._answering():
            answer = self._collection.query.near_vector(
                near_vector=vector,
                target_vector=target,
                **wanted.options(),
                return_metadata=MetadataQuery(distance=True),
            )
        weight = sum(probe.weight for probe in probes)
        scale = weight if len(probes) == 1 else 1.0  # the distance of several probes is weighted already
        return [_found(o, weight - scale * float(o.metadata.distance or 0)) for o in answer.objects]

    def near_any(self, target: str, rows: Sequence[Embeddings], wanted: Wanted) -> list[Found]:
        """The `limit` with the smallest distance to any of the rows; `value` is that cosine."""
        with self._answering():
            answer = self._collection.query.near_vector(
                near_vector={target: [row.tolist() for row in rows]},
                target_vector=TargetVectors.minimum([target]),
                **wanted.options(),
                return_metadata=MetadataQuery(distance=True),
            )
        return [_found(o, 1 - float(o.metadata.distance or 0)) for o in answer.objects]

    def near_or_worded(self, words: str, probes: Sequence[Probe], wanted: Wanted) -> list[Found]:
        """Hybrid: vectors and BM25 over captions, tags and file names, fused; `value` is the fused score, 0 to 1."""
        vector, target = _near(probes)
        with self._answering():
            answer = self._collection.query.hybrid(
                query=words,
                alpha=HYBRID_ALPHA,
                vector=vector,
                target_vector=target,
                query_properties=WORD_PROPERTIES,
                fusion_type=HybridFusion.RELATIVE_SCORE,
                **wanted.options(),
                return_metadata=MetadataQuery(score=True),
            )
        return [_found(o, float(o.metadata.score or 0)) for o in answer.objects]

    def fetch(self, uuids: Sequence[uuid.UUID], *, vectors: bool = False) -> dict[uuid.UUID, Found]:
        """Those that are there, with what their records are made of."""
        if not uuids:
            return {}
        with self._answering():
            answer = self._collection.query.fetch_objects_by_ids(
                list(uuids),
                limit=len(uuids),
                include_vector=vectors,
                return_properties=self.pictures.record_properties,
            )
        return {o.uuid: _found(o) for o in answer.objects}

    def listed(self, condition: Any, offset: int, limit: int) -> list[Found]:
        """What passes, the newest first: by the clock at the place where it was taken, and what has no date after that,
        by when it was stored."""
        taken = "taken_local" if "taken_local" in self.pictures.properties else "taken_at"
        newest = Sort.by_property(taken, ascending=False).by_property("added_at", ascending=False)
        with self._answering():
            answer = self._collection.query.fetch_objects(filters=condition, offset=offset, limit=limit, sort=newest)
        return [_found(o) for o in answer.objects]

    def uuids_at(self, path: str) -> list[uuid.UUID]:
        """The pictures that lie at this path, or whose path ends with it; where there is none, in any case."""
        paths = re.sub("/{2,}", "/", path)
        return self._at("paths", spellings(paths)) or self._at("paths_folded", spellings(folded(paths)))

    def _at(self, name: str, paths: Sequence[str]) -> list[uuid.UUID]:
        prop = Filter.by_property(name)
        tests = [prop.contains_any(list(paths))]
        if not any(sign in paths[0] for sign in "*?"):
            tests += [prop.like(f"*/{one.lstrip('/')}") for one in paths]
        with self._answering():
            answer = self._collection.query.fetch_objects(filters=Filter.any_of(tests), limit=2, return_properties=[])
        return [o.uuid for o in answer.objects]

    def count(self, passing: Passing) -> int:
        with self._answering():
            whole, *less = [
                self._collection.aggregate.over_all(filters=one, total_count=True).total_count or 0
                for one in passing.counts
            ]
        return whole - sum(less)

    def occurrences(self, properties: Sequence[str], condition: Any, limit: int) -> dict[str, dict[str, int]]:
        """How often each value of some text properties occurs; one question, several times as fast as a group_by."""
        metrics = [
            Metrics(name).text(top_occurrences_count=True, top_occurrences_value=True, limit=limit)
            for name in properties
        ]
        with self._answering():
            answer: Mapping[str, Any] = self._collection.aggregate.over_all(
                return_metrics=metrics, filters=condition
            ).properties
        return {name: {top.value: top.count for top in answer[name].top_occurrences} for name in properties}

    def positions(self, condition: Any, limit: int) -> list[tuple[float, float]]:
        """Latitude and longitude, in degrees, of at most so many pictures that pass."""
        with self._answering():
            answer = self._collection.query.fetch_objects(
                filters=condition, limit=limit, return_properties=["latitude", "longitude"]
            )
        found = [(o.properties.get("latitude"), o.properties.get("longitude")) for o in answer.objects]
        return [(float(lat), float(lon)) for lat, lon in found if lat is not None and lon is not None]

    def properties(self) -> frozenset[str]:
        """What the collection has now; an ingest adds what an older Loupe left out."""
        with self._answering():
            return frozenset(one.name for one in self._collection.config.get(simple=True).properties)

    @contextmanager
    def question(self) -> Iterator[None]:
        """The block is one question to a library that is there."""
        with self._patience.question() as whole:
            if whole:
                check_there(self.pictures, self._patience)
            yield

    @contextmanager
    def _answering(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with answering(self.pictures, self._patience, SearchError):
                yield
        finally:
            self._watch.seconds = self.waited() + time.perf_counter() - started


class Asking(Protocol):
    @property
    def index(self) -> PictureIndex: ...


Asker = TypeVar("Asker", bound=Asking)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def one_question(method: Callable[Concatenate[Asker, Given], Answer]) -> Callable[Concatenate[Asker, Given], Answer]:
    """A method whose calls to the index are one question, however many they are."""

    @wraps(method)
    def ask(self: Asker, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        with self.index.question():
            return method(self, *args, **kwargs)

    return ask


def _near(probes: Sequence[Probe]) -> tuple[Any, Any]:
    """The client's near_vector and target_vector of some probes."""
    if len(probes) == 1:
        return probes[0].vector.tolist(), probes[0].target
    weights = TargetVectors.manual_weights({probe.target: probe.weight for probe in probes})
    return {probe.target: probe.vector.tolist() for probe in probes}, weights


def _found(found: Any, value: float = 0.0) -> Found:
    vectors = {name: np.asarray(vector, dtype=np.float32) for name, vector in found.vector.items()}
    return Found(found.uuid, value, vectors, found.properties)


@dataclass(frozen=True)
class VectorChunk:
    """Some objects of the library: row i of `vectors` and item i of `properties` belong to `uuids[i]`."""

    uuids: tuple[uuid.UUID, ...]
    vectors: Embeddings  # (n, dim)
    properties: tuple[Mapping[str, Any], ...]
    without: tuple[uuid.UUID, ...] = ()
    """Objects that have no such vector (another program stored them); they are in none of the three above."""


@dataclass(frozen=True)
class Sample:
    """Some objects with all their vectors: row i of every matrix and item i of the others belong together."""

    uuids: tuple[uuid.UUID, ...]
    vectors: Mapping[str, Embeddings]
    properties: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class LibraryVersion:
    """Equal as long as nothing was added, changed or removed."""

    collection: str
    count: int
    changed_at: datetime | None
    """When an object was last written; None for an empty library."""

    def __str__(self) -> str:
        return f"{self.collection} {self.count} {self.changed_at.isoformat() if self.changed_at else '-'}"


def read_vectors(
    pictures: Pictures,
    name: str,
    properties: Sequence[str] = (),
    *,
    only: Sequence[uuid.UUID] | None = None,
    chunk: int = CHUNK,
) -> Iterator[VectorChunk]:
    """The named vector of every object, or of those in `only`, with some of its properties.

    Raises SearchError for a vector the library does not have, Unreachable when Weaviate is away.
    """
    if name not in pictures.identity.dims:
        known = ", ".join(pictures.identity.dims)
        raise SearchError(f"The library {pictures.name} has no vector {name!r}; it has {known}.")
    dim = pictures.identity.dims[name]
    for objects in _pages(pictures, only, chunk, include_vector=[name], return_properties=list(properties)):
        yield _chunk(objects, name, dim)


def read_sample(pictures: Pictures, most: int, properties: Sequence[str] = ("captioned",)) -> Sample:
    """At most so many objects that have every vector: the first by uuid. Raises what `read_vectors` raises."""
    names = list(pictures.identity.dims)
    objects: list[Any] = []
    for page in _pages(pictures, None, min(CHUNK, most), include_vector=names, return_properties=list(properties)):
        objects += [found for found in page if all(name in found.vector for name in names)]
        if len(objects) >= most:
            break
    objects = objects[:most]
    rows = {
        name: np.array([found.vector[name] for found in objects], dtype=np.float32).reshape(-1, dim)
        for name, dim in pictures.identity.dims.items()
    }
    return Sample(tuple(found.uuid for found in objects), rows, tuple(found.properties for found in objects))


def library_version(pictures: Pictures) -> LibraryVersion:
    """Raises what `read_vectors` raises."""
    with answering(pictures, Patience(), SearchError):
        count = pictures.collection.aggregate.over_all(total_count=True).total_count or 0
        last = pictures.collection.query.fetch_objects(
            limit=1,
            sort=Sort.by_update_time(ascending=False),
            return_properties=[],
            return_metadata=MetadataQuery(last_update_time=True),
        ).objects
    return LibraryVersion(pictures.name, count, last[0].metadata.last_update_time if last else None)


def _pages(pictures: Pictures, only: Sequence[uuid.UUID] | None, chunk: int, **wanted: Any) -> Iterator[Sequence[Any]]:
    query = pictures.collection.query
    if only is not None:
        for start in range(0, len(only), chunk):
            some = list(only[start : start + chunk])
            with answering(pictures, Patience(), SearchError):
                objects = query.fetch_objects_by_ids(some, limit=len(some), **wanted).objects
            yield objects
        return
    after = None
    while True:
        with answering(pictures, Patience(), SearchError):
            objects = query.fetch_objects(limit=chunk, after=after, **wanted).objects
        if objects:
            yield objects
        if len(objects) < chunk:
            return
        after = objects[-1].uuid


def _chunk(objects: Sequence[Any], name: str, dim: int) -> VectorChunk:
    there = [found for found in objects if name in found.vector]
    rows = np.array([found.vector[name] for found in there], dtype=np.float32).reshape(-1, dim)
    return VectorChunk(
        tuple(found.uuid for found in there),
        rows,
        tuple(found.properties for found in there),
        tuple(found.uuid for found in objects if name not in found.vector),
    )


def find_nearest(pictures: Pictures, name: str, vector: Embeddings, limit: int) -> list[tuple[uuid.UUID, float]]:
    """Find the `limit` nearest to a vector in one named index as it is: (uuid, cosine similarity), best first. For
    those who judge the index or mine it; what people ask goes through `Searcher`. Raises SearchError."""
    with answering(pictures, Patience(), SearchError):
        answer = pictures.collection.query.near_vector(
            near_vector=vector.tolist(),
            target_vector=name,
            limit=limit,
            return_properties=[],
            return_metadata=MetadataQuery(distance=True),
        )
    return [(found.uuid, 1 - float(found.metadata.distance or 0)) for found in answer.objects]
