"""The nearest stored vectors of one kind to a vector: a named index as it is. Knows no question and no encoder.

What people ask goes through `Searcher`, which weighs terms and targets and reads wide windows. This is for those who
judge the index itself, or mine it.
"""

import uuid

from weaviate.classes.query import MetadataQuery

from encoder.protocol import Embeddings
from errors import SearchError, first_line
from schema.collection import Pictures
from schema.patience import CLIENT_ERRORS


def find_nearest(pictures: Pictures, name: str, vector: Embeddings, limit: int) -> list[tuple[uuid.UUID, float]]:
    """(uuid, cosine similarity) of the `limit` nearest, best first. Raises SearchError."""
    try:
        answer = pictures.collection.query.near_vector(
            near_vector=vector.tolist(),
            target_vector=name,
            limit=limit,
            return_properties=[],
            return_metadata=MetadataQuery(distance=True),
        )
    except CLIENT_ERRORS as error:
        raise SearchError(f"Weaviate did not find the nearest of {name!r}: {first_line(error)}.") from error
    return [(found.uuid, 1 - float(found.metadata.distance or 0)) for found in answer.objects]
