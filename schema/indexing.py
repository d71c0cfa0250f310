"""What is stored and what the vector index holds of it are two things. They are kept together here.

Weaviate acknowledges a batch once its objects are on disk, but it writes its index's log out before the batch is in it.
A server that is killed before its next write has the objects, and no search by vector ever finds them again. Measured
with 1.35.2, and so in the source up to 1.40: the last 8 to 32 pictures of a run, in all three named vectors.

`ASYNC_INDEXING=true` is another remedy, and the worse one. It loses nothing either; but a new picture is found after
0.5 to 0.9 s, a picture with a new caption by nothing for as long, after a kill all that waits is missing until the
queue is done, and a server of the user's own would have to be set up so.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import numpy as np
import weaviate
from weaviate.classes.query import Filter
from weaviate.collections import Collection
from weaviate.exceptions import UnexpectedStatusCodeError

NOBODY = UUID(int=0)


def write_out(collection: Collection[Any, Any]) -> None:
    """Have the index's log written to disk, as every batch delete does in each shard and copy. Takes 1 ms. Nothing is
    deleted: it is a dry run, and no object has that uuid."""
    collection.data.delete_many(where=Filter.by_id().equal(NOBODY), dry_run=True)


def index_again(collection: Collection[Any, Any], uuids: Iterable[UUID]) -> int:
    """Put stored pictures into the index again, with the vectors that they have; gives back how many were there.

    Weaviate leaves out a write that changes no vector, so one number is changed by its last bit, and changed back. What
    is cut off in between leaves that bit; properties are not touched.
    """
    count = 0
    for uuid in uuids:
        found = collection.query.fetch_object_by_id(uuid, include_vector=True, return_properties=[])
        if found is None:
            continue
        name, vector = min(found.vector.items())
        nudged = np.asarray(vector, dtype=np.float32)
        largest = np.abs(nudged).argmax()
        nudged[largest] = np.nextafter(nudged[largest], np.float32(0))
        try:
            collection.data.update(uuid, vector={name: nudged.tolist()})
            collection.data.update(uuid, vector={name: vector})
        except UnexpectedStatusCodeError as error:
            if error.status_code != 404:  # removed meanwhile
                raise
            continue
        count += 1
    return count


def waiting(client: weaviate.WeaviateClient, name: str) -> int:
    """Vectors that are stored and not indexed yet; more than none only on a server with ASYNC_INDEXING."""
    nodes = client.cluster.nodes(name, output="verbose")
    return sum(shard.vector_queue_length or 0 for node in nodes for shard in node.shards or ())
