"""Read and change what Weaviate holds of the pictures (invariant I4: it is the ledger).

Each call waits for a Weaviate that is away (`schema.outage`), and then raises Unreachable; a change that Weaviate
answers and does not make raises Refused. Weaviate has no transactions: words and tags are read, changed and written
under `lock`, see `tagging`.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import numpy as np
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter
from weaviate.exceptions import UnexpectedStatusCodeError

from encoder.protocol import Embeddings
from errors import NoLibrary, ReadOnly, Refused
from schema.client import reason_of, translating
from schema.collection import PLACES, Pictures
from schema.indexing import keep_found
from schema.outage import ask_patiently
from schema.patience import START
from schema.record import (
    ImageRecord,
    Place,
    description_properties,
    from_properties,
    place_properties,
    tag_properties,
    to_places,
    to_properties,
    uuid_of,
    word_properties,
)

Vectors = Mapping[str, Embeddings]  # named vector -> (dim,)
Result = TypeVar("Result")
PAGE = 1000
log = logging.getLogger(__name__)


class Ledger:
    def __init__(
        self,
        pictures: Pictures | None,
        wait_s: float,
        remedy: str = START,
        lock: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """`pictures`: None where a dry run finds no library yet, which is an empty ledger. `wait_s`: how long to wait
        for a Weaviate that is away, in seconds."""
        self._collection: Any = pictures and pictures.collection
        self._dims = pictures.identity.dims if pictures else {}
        self._fields = pictures.record_properties if pictures else []
        self._wait_s = wait_s
        self._remedy = remedy
        self.lock = lock

    def by_paths(self, paths: Sequence[str]) -> dict[str, list[ImageRecord]]:
        """For each path the records that say their bytes lie there: one, or two after a run that was cut off."""
        wanted = set(paths)
        found: dict[str, list[ImageRecord]] = {path: [] for path in wanted}
        for record in self._find(Filter.by_property("paths"), sorted(wanted), 2 * len(wanted)):
            for place in record.places:
                if place.path in wanted:
                    found[place.path].append(record)
        return found

    def by_hash(self, hashes: Sequence[str]) -> dict[str, ImageRecord]:
        found = self._find(Filter.by_id(), [uuid_of(one) for one in hashes], len(hashes))
        return {record.sha256: record for record in found}

    def by_uuids(self, uuids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ImageRecord]:
        return {record.uuid: record for record in self._find(Filter.by_id(), list(uuids), len(uuids))}

    def image_vector(self, record: ImageRecord) -> Embeddings:
        found = self._ask(lambda: self._collection.query.fetch_object_by_id(record.uuid, include_vector=["image"]))
        return np.asarray(found.vector["image"], dtype=np.float32)

    def all_places(self) -> Iterator[tuple[str, tuple[Place, ...]]]:
        """The hash and the places of every picture, in the order of their uuids."""
        after = None
        while self._collection is not None:
            next_page = partial(
                self._collection.query.fetch_objects, limit=PAGE, after=after, return_properties=["sha256", PLACES]
            )
            page = self._ask(next_page).objects
            yield from ((str(found.properties["sha256"]), to_places(found.properties)) for found in page)
            if len(page) < PAGE:
                return
            after = page[-1].uuid

    def add(self, records: Sequence[tuple[ImageRecord, Vectors]]) -> list[tuple[ImageRecord, str]]:
        """Store new records with their vectors; gives back those that Weaviate refused, with its reason."""
        objects = [
            DataObject(
                uuid=record.uuid,
                properties=to_properties(record),
                vector={name: vector.tolist() for name, vector in vectors.items()},
            )
            for record, vectors in records
        ]

        if not objects:
            return []
        reported: dict[int, str] = {}
        try:
            with translating():
                added = self._write(lambda: self._collection.data.insert_many(objects), [one.uuid for one in objects])
            reported = {index: reason_of(error.message) for index, error in added.errors.items()}
            whole = next(iter(reported.values()), "")
        except Refused as error:
            if not self._ask(self._collection.exists):
                raise NoLibrary("The library was removed while it was filled. Run the same command again.") from error
            whole = str(error)
        # A read-only shard names one object and stores none: after an error only what is found there counts.
        there = self._stored([record for record, _ in records]) if whole else set()
        return [(r, reported.get(i, whole)) for i, (r, _) in enumerate(records) if whole and r.uuid not in there]

    def _stored(self, records: Sequence[ImageRecord]) -> set[uuid.UUID]:
        """Which of these are in the library in this version, with vectors."""
        found = self._ask(
            lambda: self._collection.query.fetch_objects(
                filters=Filter.by_id().contains_any([record.uuid for record in records]),
                limit=len(records),
                return_properties=["added_at"],
                include_vector=True,
            )
        ).objects
        added = {record.uuid: record.added_at for record in records}
        return {one.uuid for one in found if one.vector and one.properties["added_at"] == added[one.uuid]}

    def read_only(self, reason: str) -> ReadOnly | None:
        """What to raise or report where the library takes no changes at all at present. `reason`: of a refusal."""
        if not any(shard.status == "READONLY" for shard in self._ask(self._collection.config.get_shards)):
            return None
        return ReadOnly(
            f"Weaviate makes no changes at present: {reason}. Free some space if its disk is full, restart Weaviate, "
            "then run the same command again; it goes on where it stopped."
        )

    def set_places(self, record: ImageRecord) -> None:
        """Store where the record's bytes lie; its vectors stay. A record that lies nowhere any more is removed."""
        if not record.places:
            self.remove(record)
            return
        properties = place_properties(record.places)
        if record.sidecars:
            properties["sidecars_place"] = record.sidecars_place
        self._change(lambda: self._collection.data.update(record.uuid, properties=properties))

    def set_words(self, record: ImageRecord, caption_vector: Embeddings | None) -> None:
        """Store the record's words, with the one vector that depends on them where it is another. Tags that were given
        in Loupe stay as they are by now."""
        with self.lock():
            current = self.by_uuids([record.uuid]).get(record.uuid, record)
            self._update(record.uuid, word_properties(record.with_own_tags(current.own_tags)), caption_vector)

    def set_tags(self, record: ImageRecord) -> bool:
        """Store the record's tags; its vectors stay. False when it is not in the library any more. Under `lock`."""
        try:
            self._change(lambda: self._collection.data.update(record.uuid, properties=tag_properties(record)))
        except Refused as error:
            if isinstance(error.__cause__, UnexpectedStatusCodeError) and error.__cause__.status_code == 404:
                return False
            raise
        return True

    def set_descriptions(
        self, described: Sequence[tuple[ImageRecord, Embeddings | None]]
    ) -> list[tuple[ImageRecord, Refused]]:
        """Store what was read anew of known pictures, each with its caption's vector where that is another; gives back
        those that Weaviate refused. Places and tags that were given in Loupe stay as they are by now."""
        refused: list[tuple[ImageRecord, Refused]] = []
        with self.lock():
            current = self.by_uuids([record.uuid for record, _ in described])
            for record, caption_vector in described:
                if (stored := current.get(record.uuid)) is None:
                    continue
                words = word_properties(record.with_own_tags(stored.own_tags))
                properties = description_properties(record) | words | place_properties(stored.places)
                try:
                    self._update(record.uuid, properties, caption_vector)
                except ReadOnly:
                    raise
                except Refused as error:
                    refused.append((record, error))
        return refused

    def _update(self, uuid: uuid.UUID, properties: dict[str, Any], caption_vector: Embeddings | None) -> None:
        update = partial(self._collection.data.update, uuid, properties=properties)
        if caption_vector is None:
            self._change(update)
        else:
            self._change(partial(update, vector={"caption": caption_vector.tolist()}), [uuid])

    def remove(self, record: ImageRecord) -> None:
        self._change(lambda: self._collection.data.delete_by_id(record.uuid))

    def _find(self, prop: Any, values: Sequence[Any], limit: int) -> list[ImageRecord]:
        """The records of which `prop` holds one of the values; there may be no values."""
        if not values or self._collection is None:
            return []
        question = partial(
            self._collection.query.fetch_objects,
            filters=prop.contains_any(list(values)),
            limit=limit,
            return_properties=self._fields,
        )
        return [from_properties(found.properties) for found in self._ask(question).objects]

    def _write(self, write: Callable[[], Result], uuids: Sequence[uuid.UUID]) -> Result:
        """Change something; pictures whose vectors change (`uuids`) are found by them from now on, whatever happens to
        the server (see `schema.indexing`)."""

        def once() -> Result:
            result = write()
            if uuids:
                keep_found(self._collection, self._dims, uuids)
            return result

        return self._ask(once)

    def _ask(self, question: Callable[[], Result]) -> Result:
        return ask_patiently(question, self._collection.exists, self._wait_s, self._remedy, self._say_waiting)

    def _change(self, change: Callable[[], object], vectors_of: Sequence[uuid.UUID] = ()) -> None:
        """Raises Refused, or ReadOnly with what to do. `vectors_of`: the pictures whose vectors change."""
        with translating(lambda reason: self.read_only(reason) or Refused(f"Weaviate refused a change: {reason}")):
            self._write(change, vectors_of)

    def _say_waiting(self) -> None:
        log.warning("Weaviate has not answered yet; waiting for it, up to %.0f s", self._wait_s)
