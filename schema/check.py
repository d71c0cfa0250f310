"""Whether every stored picture is found by its own vectors, and the remedy where one is not (`schema.indexing`)."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import tenacity
import weaviate
from weaviate.classes.query import Filter, MetadataQuery
from weaviate.collections.classes.internal import Object

from host.streams import batched
from schema.collection import PLACES, Pictures, list_pictures
from schema.indexing import finds_itself, index_again, indexed, stored, waiting, write_out
from schema.record import to_places

PAGE = 1000
THREADS = 8
"""Questions at once. On two cores, with 2 of them 60,000 took twice as long as with 8."""
QUEUE_S = 600.0
NEWEST = 1024
"""See `check`; as many pictures as a batch of an ingest may have (LOUPE_BATCH_SIZE)."""
Stored: TypeAlias = Object[Any, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unfound:
    """A picture that is stored, and that some of its own vectors do not find."""

    uuid: UUID
    path: str
    vectors: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    name: str
    pictures: int
    unfound: tuple[Unfound, ...]
    mended: int = 0
    """How many were not found before they were put into the index again."""

    @property
    def counts(self) -> dict[str, int]:
        names = sorted({name for one in self.unfound for name in one.vectors})
        return {name: sum(name in one.vectors for one in self.unfound) for name in names}

    def to_json(self) -> dict[str, Any]:
        unfound = [{"uuid": str(one.uuid), "path": one.path, "vectors": one.vectors} for one in self.unfound]
        return {"collection": self.name, "pictures": self.pictures, "mended": self.mended, "unfound": unfound}

    def __str__(self) -> str:
        mended = f" {self.mended:,} were not, and were put into the index again." if self.mended else ""
        if not self.unfound:
            return f"{self.name}: all {self.pictures:,} pictures are found by their own vectors.{mended}"
        each = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return (
            f"{self.name}: {len(self.unfound):,} of {self.pictures:,} pictures are stored and not found by their own "
            f"vectors ({each}).{mended}"
        )


def check(
    pictures: Pictures,
    *,
    newest: int | None = None,
    on_progress: Callable[[int], object] = lambda pictures: None,
) -> Check:
    """Look at each picture and each of its named vectors: is it in the index, and does it find itself (or its equal)?

    `newest`: ask the second for so many of the newest only. What a killed server had not written out is not in the
    index at all; only pictures of the very last batch can be in it and out of reach.
    """
    _wait_for_queue(pictures)
    recent: list[tuple[float, UUID]] = []
    unfound: dict[UUID, Unfound] = {}
    done = 0
    for page in _pages(pictures, vectors=newest is None):
        unfound |= _unfound(pictures, page)
        if newest is not None:
            recent += [(one.metadata.last_update_time.timestamp(), one.uuid) for one in page]
            recent = sorted(recent, reverse=True)[:newest]
        done += len(page)
        on_progress(len(page))
    for uuids in batched((uuid for _, uuid in recent if uuid not in unfound), PAGE):
        filters = Filter.by_id().contains_any(uuids)
        what = _what(pictures)
        asked = pictures.collection.query.fetch_objects(filters=filters, limit=len(uuids), **what).objects
        unfound |= _unfound(pictures, asked)
    # What was removed meanwhile was not found either.
    there = [one.uuid for one in _read(pictures, sorted(unfound))]
    return Check(pictures.name, done, tuple(unfound[uuid] for uuid in there))


def mend(pictures: Pictures, found: Check) -> Check:
    """Put what was not found into the indexes again, and look at it once more. Vectors, properties and tags stay."""
    if not found.unfound:
        return found
    uuids = [one.uuid for one in found.unfound]
    index_again(pictures.collection, uuids)
    write_out(pictures.collection)
    _wait_for_queue(pictures)
    still: dict[UUID, Unfound] = {}
    for part in batched(iter(uuids), PAGE):
        still |= _unfound(pictures, _read(pictures, part))
    return Check(found.name, found.pictures, tuple(still.values()), len(uuids) - len(still))


def mend_all(client: weaviate.WeaviateClient) -> None:
    """Mend what a server that did not end in order may have lost, of every library in it."""
    log.warning("Weaviate did not end in order last time; looking whether every picture is found.")
    for pictures in list_pictures(client):
        log.warning("%s", mend(pictures, check(pictures, newest=NEWEST)))


def _pages(pictures: Pictures, *, vectors: bool) -> Iterator[list[Stored]]:
    after = None
    what = _what(pictures if vectors else None)
    while page := pictures.collection.query.fetch_objects(limit=PAGE, after=after, **what).objects:
        yield page
        after = page[-1].uuid


def _read(pictures: Pictures, uuids: Iterable[UUID]) -> list[Stored]:
    """Those that are stored, whatever the indexes say."""
    found = (stored(pictures.collection, uuid, **_what(pictures)) for uuid in uuids)
    return [one for one in found if one is not None]


def _what(pictures: Pictures | None) -> dict[str, Any]:
    """What to read of an object; with the vectors, if it is to ask."""
    vectors = list(pictures.identity.dims) if pictures else []
    metadata = MetadataQuery(last_update_time=True)
    return {"include_vector": vectors, "return_properties": [PLACES], "return_metadata": metadata}


def _unfound(pictures: Pictures, page: Sequence[Stored]) -> dict[UUID, Unfound]:
    """Those of the page that are not in the index, and those that are, brought their vectors and do not find
    themselves."""
    missed: dict[UUID, list[str]] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for name, dim in sorted(pictures.identity.dims.items()):
            inside = indexed(pictures.collection, [one.uuid for one in page], name, dim)
            asked = [one for one in page if one.uuid in inside and one.vector]
            reached = pool.map(partial(finds_itself, pictures.collection, name), asked)
            inside -= {one.uuid for one, found in zip(asked, reached, strict=True) if not found}
            for one in page:
                if one.uuid not in inside:
                    missed.setdefault(one.uuid, []).append(name)
    paths = {one.uuid: next((place.path for place in to_places(one.properties)), "") for one in page}
    return {uuid: Unfound(uuid, paths[uuid], tuple(vectors)) for uuid, vectors in missed.items()}


def _wait_for_queue(pictures: Pictures) -> None:
    """What a server with ASYNC_INDEXING has not indexed yet is not lost."""
    tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        wait=tenacity.wait_fixed(0.2),
        stop=tenacity.stop_after_delay(QUEUE_S),
        retry_error_callback=lambda state: None,
    )(waiting, pictures.collection)
