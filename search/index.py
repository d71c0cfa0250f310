"""Asks Weaviate: nearest vectors, words, objects, counts.

The only module that queries for `Searcher` (invariant I6). Every call raises Unreachable when Weaviate is away,
NoLibrary when the collection was removed, SearchError for what it refuses. Objects come in the order of their uuids
where they are read page by page: those are hashes of the pictures (invariant I2), so the first n are a random sample.
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from weaviate.classes.aggregate import Metrics
from weaviate.classes.query import Filter, HybridFusion, MetadataQuery, Sort, TargetVectors

from encoder.protocol import Embeddings
from errors import SearchError
from schema.client import answering
from schema.collection import Pictures
from schema.names import folded, spellings
from schema.patience import Patience, begin, reading
from search.conditions import Passing

CHUNK = 1000
"""Objects of one call, where many are read."""
WORD_PROPERTIES = ["caption^2", "tag_words", "file_name"]
HYBRID_ALPHA = 0.5
Found = TypeVar("Found")
Method = TypeVar("Method", bound=Callable[..., Any])
Probes = Mapping[str, tuple[float, Embeddings]]
"""Target -> weight and unit vector (dim,) to search it with: one, whatever the number of terms, since a weighted sum of
cosines to several vectors is the product with their weighted sum."""


@dataclass(frozen=True)
class Near:
    """The answer of one search: item i of all belongs to one object."""

    ids: list[bytes]
    """Of the uuids, 16 bytes each."""
    values: NDArray[np.float64]
    """The weighted sum of the probes' cosines, or a fused score."""
    updated: NDArray[np.int64]
    """When each object was last written, in milliseconds: what is held of it is valid as long as this is the same."""


@dataclass(frozen=True)
class Stored:
    """One object: its vectors, (dim,) each, and what its record and its facets are made of."""

    uuid: uuid.UUID
    updated: int
    vectors: Mapping[str, Embeddings]
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class VectorChunk:
    """Some objects of the library: row i of `vectors` and item i of `properties` belong to `uuids[i]`."""

    uuids: tuple[uuid.UUID, ...]
    vectors: Embeddings  # (n, dim)
    properties: tuple[Mapping[str, Any], ...]
    without: tuple[uuid.UUID, ...] = ()
    """Objects that have no such vector (another program stored them); they are in none of the three above."""


@dataclass(frozen=True)
class LibraryVersion:
    """Equal as long as nothing was added, changed or removed."""

    collection: str
    count: int
    changed_at: datetime | None
    """When an object was last written; None for an empty library."""

    def __str__(self) -> str:
        return f"{self.collection} {self.count} {self.changed_at.isoformat() if self.changed_at else '-'}"


class PictureIndex:
    def __init__(self, pictures: Pictures, patience: Patience) -> None:
        self.pictures = pictures
        self._collection = pictures.collection
        self._patience = patience
        self._watch = threading.local()
        self._threads = ThreadPoolExecutor(2, "asks Weaviate")

    def waited(self) -> float:
        """Seconds that this thread has waited for Weaviate's answers so far."""
        return getattr(self._watch, "seconds", 0.0)

    def near(self, probes: Probes, condition: Any, limit: int, words: str = "") -> Near:
        """The `limit` best of what is among some probe's own nearest `limit`. With `words` vectors and BM25 over
        captions, tags and file names are fused (hybrid); the values are fused scores then, 0 to 1."""
        vector: Any = {name: row.tolist() for name, (_, row) in probes.items()}
        target: Any = TargetVectors.manual_weights({name: weight for name, (weight, _) in probes.items()})
        if len(probes) == 1:
            [(target, vector)] = vector.items()
        asked = {"target_vector": target, "filters": condition, "limit": limit}
        if words:
            found = self._read(
                "hybrid",
                query=words,
                alpha=HYBRID_ALPHA,
                vector=vector,
                properties=WORD_PROPERTIES,
                fusion_type=HybridFusion.RELATIVE_SCORE,
                **asked,
            )
            return _answer(found, "score")
        near = _answer(self._read("near_vector", near_vector=vector, **asked), "distance")
        weight = sum(weight for weight, _ in probes.values())
        scale = weight if len(probes) == 1 else 1.0  # the distance of several probes is weighted already
        return replace(near, values=weight - scale * near.values)

    def near_any(self, target: str, rows: Sequence[Embeddings], condition: Any, limit: int) -> Near:
        """The `limit` with the smallest distance to any of the rows; the values are those cosines."""
        found = self._read(
            "near_vector",
            near_vector={target: [row.tolist() for row in rows]},
            target_vector=TargetVectors.minimum([target]),
            filters=condition,
            limit=limit,
        )
        near = _answer(found, "distance")
        return replace(near, values=1 - near.values)

    def fetch(
        self, uuids: Sequence[uuid.UUID], properties: Sequence[Any] = (), vectors: Sequence[str] | None = None
    ) -> Iterator[Stored]:
        """Those that are there, with some properties and vectors (None: all of them)."""
        for start in range(0, len(uuids), CHUNK):
            some = list(uuids[start : start + CHUNK])
            asked = {"filters": Filter.by_id().contains_any(some), "limit": len(some)}
            yield from self._whole(asked, properties, vectors)

    def pages(
        self, size: int, properties: Sequence[Any] = (), vectors: Sequence[str] | None = None
    ) -> Iterator[list[Stored]]:
        """Every object, by uuid, in lists of `size`."""
        after = None
        while found := list(self._whole({"limit": size, "after": after}, properties, vectors)):
            yield found
            if len(found) < size:
                return
            after = found[-1].uuid

    def _whole(
        self, asked: Mapping[str, Any], properties: Sequence[Any], vectors: Sequence[str] | None
    ) -> Iterator[Stored]:
        names = list(self.pictures.identity.dims) if vectors is None else list(vectors)
        plain = self._collection.query._BaseExecutor__parse_nonref_properties_result
        for found in self._read("get", properties, names, **asked):
            yield Stored(
                uuid.UUID(bytes=found.metadata.id_as_bytes.rjust(16, b"\0")),
                found.metadata.last_update_time_unix,
                {one.name: np.frombuffer(one.vector_bytes, "<f4") for one in found.metadata.vectors},
                plain(found.properties.non_ref_props),
            )

    def _read(self, kind: str, wanted: Sequence[Any] = (), vectors: Sequence[str] = (), **asked: Any) -> Any:
        """The results as gRPC brought them. The client would make objects of them, and lists of the vectors' numbers,
        which costs ten times what reading the bytes does. `kind` is one of the client's own makers of requests."""
        query = self._collection.query
        metadata = MetadataQuery(distance=kind == "near_vector", score=kind == "hybrid", last_update_time=True)
        with self._answering():
            request = getattr(query._query, kind)(
                **asked,
                return_metadata=query._parse_return_metadata(metadata, list(vectors) or False),
                return_properties=list(wanted),
            )
            return query._connection.grpc_search(request).results

    def records(self, uuids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Mapping[str, Any]]:
        """Those that are there, with what their records are made of."""
        return {one.uuid: one.properties for one in self.fetch(uuids, self.pictures.record_properties, ())}

    def listed(self, condition: Any, offset: int, limit: int) -> list[tuple[uuid.UUID, Mapping[str, Any]]]:
        """What passes, the newest first: by the clock at the place where it was taken, and what has no date after that,
        by when it was stored."""
        taken = "taken_local" if "taken_local" in self.pictures.properties else "taken_at"
        newest = Sort.by_property(taken, ascending=False).by_property("added_at", ascending=False)
        with self._answering():
            answer = self._collection.query.fetch_objects(filters=condition, offset=offset, limit=limit, sort=newest)
        return [(o.uuid, o.properties) for o in answer.objects]

    def uuids_at(self, path: str) -> list[uuid.UUID]:
        """The pictures that lie at this path, or whose path ends with it; where there is none, in any case."""
        paths = re.sub("/{2,}", "/", path)
        for name, forms in (("paths", spellings(paths)), ("paths_folded", spellings(folded(paths)))):
            prop = Filter.by_property(name)
            tests = [prop.contains_any(list(forms))]
            if not any(sign in forms[0] for sign in "*?"):
                tests += [prop.like(f"*/{one.lstrip('/')}") for one in forms]
            asked = {"filters": Filter.any_of(tests), "limit": 2, "return_properties": []}
            with self._answering():
                if found := self._collection.query.fetch_objects(**asked).objects:
                    return [one.uuid for one in found]
        return []

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

    def question(self) -> AbstractContextManager[None]:
        """The block is one question."""
        return self._patience.question()

    def begin(self, work: Callable[[], Found]) -> Callable[[], Found]:
        """Has a part of the question asked by another thread; its result is waited for like any other."""
        result = begin(self._threads, work)

        def waited_for() -> Found:
            with self._timed():
                return result()

        return waited_for

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._timed(), answering(self._patience, SearchError, pictures=self.pictures):
            yield

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._watch.seconds = self.waited() + time.perf_counter() - started


def one_question(method: Method) -> Method:
    """A method whose calls to its `index` are one question, however many they are."""

    @wraps(method)
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.index.question():
            return method(self, *args, **kwargs)

    return cast(Method, ask)


def _answer(found: Sequence[Any], value: str) -> Near:
    """`value`: the name of what each result is judged by. Weaviate leaves zeros at the beginning of an id out."""
    metadata = [one.metadata for one in found]
    return Near(
        [one.id_as_bytes.rjust(16, b"\0") for one in metadata],
        np.array([getattr(one, value) for one in metadata], dtype=np.float64),
        np.array([one.last_update_time_unix for one in metadata], dtype=np.int64),
    )


def read_vectors(
    pictures: Pictures,
    name: str,
    properties: Sequence[str] = (),
    *,
    only: Sequence[uuid.UUID] | None = None,
    chunk: int = CHUNK,
) -> Iterator[VectorChunk]:
    """The named vector of every object, or of those in `only`, with some of its properties; memory is that of a chunk.

    Raises SearchError for a vector the library does not have, Unreachable when Weaviate is away.
    """
    if name not in pictures.identity.dims:
        known = ", ".join(pictures.identity.dims)
        raise SearchError(f"The library {pictures.name} has no vector {name!r}; it has {known}.")
    index = PictureIndex(pictures, reading())
    if only is None:
        pages = index.pages(chunk, properties, [name])
    else:
        parts = (only[start : start + chunk] for start in range(0, len(only), chunk))
        pages = (list(index.fetch(part, properties, [name])) for part in parts)
    for objects in pages:
        there = [found for found in objects if name in found.vectors]
        rows = np.array([found.vectors[name] for found in there], dtype=np.float32)
        yield VectorChunk(
            tuple(found.uuid for found in there),
            rows.reshape(-1, pictures.identity.dims[name]),
            tuple(found.properties for found in there),
            tuple(found.uuid for found in objects if name not in found.vectors),
        )


def library_version(pictures: Pictures) -> LibraryVersion:
    """Raises what `read_vectors` raises."""
    newest, wanted = Sort.by_update_time(ascending=False), MetadataQuery(last_update_time=True)
    with answering(reading(), SearchError, pictures=pictures):
        count = pictures.collection.aggregate.over_all(total_count=True).total_count or 0
        last = pictures.collection.query.fetch_objects(
            limit=1, sort=newest, return_properties=[], return_metadata=wanted
        ).objects
    return LibraryVersion(pictures.name, count, last[0].metadata.last_update_time if last else None)


def find_nearest(pictures: Pictures, name: str, vector: Embeddings, limit: int) -> list[tuple[uuid.UUID, float]]:
    """Find the `limit` nearest to a vector in one named index as it is: (uuid, cosine similarity), best first."""
    found = PictureIndex(pictures, reading()).near({name: (1.0, vector)}, None, limit)
    return [(uuid.UUID(bytes=key), float(value)) for key, value in zip(found.ids, found.values, strict=True)]
