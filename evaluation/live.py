"""The live collection as evaluation asks for it (`stored.Library`)."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from encoder.protocol import Embeddings
from schema.collection import Pictures
from search.index import VectorChunk, find_nearest, library_version, read_vectors


@dataclass(frozen=True)
class LiveLibrary:
    pictures: Pictures

    @property
    def name(self) -> str:
        return self.pictures.name

    def count(self) -> int:
        return library_version(self.pictures).count

    def vectors(self, name: str, properties: Sequence[str] = ()) -> Iterator[VectorChunk]:
        return read_vectors(self.pictures, name, properties)

    def nearest(self, name: str, vector: Embeddings, k: int) -> Sequence[tuple[uuid.UUID, float]]:
        return find_nearest(self.pictures, name, vector, k)
