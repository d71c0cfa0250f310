"""What is stored and what the vector index holds of it are two things. They are kept together here.

Weaviate acknowledges a batch once its objects are on disk, but it writes its index's log out before the batch is in it.
A server that is killed before its next write has the objects, and no search by vector ever finds them again. Measured
with 1.35.2, and so in the source up to 1.40: the last 8 to 32 pictures of a run, in all three named vectors.

A server that is killed within a batch can also leave objects that no filter finds, by uuid and path neither: each index
has a log of its own, and the objects' is the first on disk. The same batch once more changes nothing, because Weaviate
finds the object as it should be. Of 40 such kills 4 lost 3 to 32 pictures so.

`ASYNC_INDEXING=true` is another remedy, and the worse one. It loses nothing either; but a new picture is found after
0.5 to 0.9 s, a picture with a new caption by nothing for as long, after a kill all that waits is missing until the
queue is done, and a server of the user's own would have to be set up so.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from weaviate.classes.query import Filter, MetadataQuery
from weaviate.collections import Collection
from weaviate.collections.classes.internal import Object
from weaviate.exceptions import UnexpectedStatusCodeError

NOBODY = UUID(int=0)
SAME = 1e-5
"""Cosine distance below which a picture that was found may stand for the one that asked: of equal vectors Weaviate's
index reaches some only by others, and which of them it gives is chance."""
WINDOW = 240
"""As many as a question of Loupe's asks for. Where a hundred pictures have one vector, the nearest one alone is missed
now and then, because Weaviate's index looks about among those."""


def write_out(collection: Collection[Any, Any]) -> None:
    """Have the index's log written to disk, as every batch delete does in each shard and copy. Takes 1 ms. Nothing is
    deleted: it is a dry run, and no object has that uuid."""
    collection.data.delete_many(where=Filter.by_id().equal(NOBODY), dry_run=True)


def keep_found(collection: Collection[Any, Any], dims: Mapping[str, int], uuids: Sequence[UUID]) -> None:
    """Make pictures that were just stored found for good, also where the server was killed and came back meanwhile.

    The client repeats a question by itself, so nobody may have noticed: then the objects are there, and the indexes
    lack them. That is seen in 3 ms. Then others of the batch may be in the index, and no way leads to them, because its
    log ended before their links.
    """
    write_out(collection)
    missing = {uuid for name, dim in dims.items() for uuid in set(uuids) - indexed(collection, uuids, name, dim)}
    if missing and not waiting(collection):
        index_again(collection, missing)
        index_again(collection, [uuid for uuid in uuids if not _is_found(collection, dims, uuid)])
        write_out(collection)


def _is_found(collection: Collection[Any, Any], dims: Mapping[str, int], uuid: UUID) -> bool:
    one = stored(collection, uuid, include_vector=True, return_properties=[])
    return one is None or all(finds_itself(collection, name, one, [1]) for name in dims if name in one.vector)


def stored(collection: Collection[Any, Any], uuid: UUID, **what: Any) -> Object[Any, Any] | None:
    """The object, or None; read where objects are kept, and not by an index, as `fetch_object_by_id` does."""
    found = collection.query.fetch_objects(limit=1, after=UUID(int=max(uuid.int - 1, 0)), **what).objects
    return found[0] if found and found[0].uuid == uuid else None


def indexed(collection: Collection[Any, Any], uuids: Sequence[UUID], name: str, dim: int) -> set[UUID]:
    """Those that a filter by uuid finds and whose vector is in the index: of so few candidates Weaviate gives every one
    that is, whatever is asked."""
    found = collection.query.near_vector(
        [1.0] + [0.0] * (dim - 1),
        filters=Filter.by_id().contains_any(list(uuids)),
        limit=len(uuids),
        target_vector=name,
        return_properties=[],
    )
    return {one.uuid for one in found.objects}


def finds_itself(
    collection: Collection[Any, Any], name: str, one: Object[Any, Any], limits: Sequence[int] = (1, WINDOW)
) -> bool:
    """Whether it is among the nearest of its vector, or something as near is; Weaviate looks further for more."""
    for limit in limits:
        found = collection.query.near_vector(
            one.vector[name],
            limit=limit,
            target_vector=name,
            return_properties=[],
            return_metadata=MetadataQuery(distance=True),
        ).objects
        if any(hit.uuid == one.uuid or float(hit.metadata.distance or 0) <= SAME for hit in found):
            return True
    return False


def index_again(collection: Collection[Any, Any], uuids: Iterable[UUID]) -> int:
    """Put stored pictures into every index again, as they are; gives back how many were there.

    Weaviate leaves out a write that changes no vector, so one number is changed by its last bit, and changed back. What
    is cut off in between leaves that bit; properties are not touched. Not for what is found: the index keeps its place
    twice as deleted, and after a restart finds less by way of it. The vector is `image`, which stays the same for
    as long as the picture is there: what another one writes meanwhile is not undone. A picture without it is left out.
    """
    count = 0
    for uuid in uuids:
        found = stored(collection, uuid, include_vector=True, return_properties=[])
        if found is None or (vector := found.vector.get("image")) is None:
            continue
        nudged = np.asarray(vector, dtype=np.float32)
        largest = np.abs(nudged).argmax()
        nudged[largest] = np.nextafter(nudged[largest], np.float32(0))
        try:
            collection.data.update(uuid, vector={"image": nudged.tolist()})
            collection.data.update(uuid, vector={"image": vector})
        except UnexpectedStatusCodeError as error:
            if error.status_code != 404:  # removed meanwhile
                raise
            continue
        count += 1
    return count


def waiting(collection: Collection[Any, Any]) -> int:
    """Vectors that are stored and not indexed yet; more than none only on a server with ASYNC_INDEXING."""
    return sum(shard.vector_queue_length or 0 for shard in collection.shards())
