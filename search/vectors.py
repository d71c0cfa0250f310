"""Every vector of one kind in the library, in a stream of numpy chunks. Knows no question, no ranking and no encoder.

Memory is that of one chunk; whoever wants all of them collects. Objects come in the order of their uuids. Those are
hashes of the pictures (invariant I2), so that the first n are a random sample, and nearly the same one after more were
added.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from weaviate.classes.query import MetadataQuery, Sort

from encoder.protocol import Embeddings
from errors import NoLibrary, SearchError, Unreachable, first_line
from schema.collection import Pictures
from schema.patience import CLIENT_ERRORS, waiting

CHUNK = 1000


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
    with _answering(pictures):
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
            with _answering(pictures):
                objects = query.fetch_objects_by_ids(some, limit=len(some), **wanted).objects
            yield objects
        return
    after = None
    while True:
        with _answering(pictures):
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


@contextmanager
def _answering(pictures: Pictures) -> Iterator[None]:
    """Turns what the client raises into Unreachable, NoLibrary where the collection was removed, or SearchError."""
    try:
        with waiting():
            yield
    except CLIENT_ERRORS as error:
        try:
            with waiting():
                there = pictures.collection.exists()
        except CLIENT_ERRORS:
            raise Unreachable("Weaviate did not answer while vectors were read. Start it, then try again.") from error
        if not there:
            raise NoLibrary(f"The library {pictures.name} was removed meanwhile.") from error
        raise SearchError(f"Weaviate refused to give vectors: {first_line(error)}.") from error
