"""A live library's named vector as something to mine. Knows the library by evaluation's protocol only."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.stored import Library
from training.negatives import Array, IntArray


@dataclass(frozen=True)
class LiveNearest:
    """`negatives.Nearest` over the objects in `number_of`; what else the library holds is passed over."""

    library: Library
    vector: str
    """The named vector that is searched."""
    number_of: Mapping[uuid.UUID, int]

    def nearest(self, vectors: Array, k: int) -> tuple[IntArray, Array]:
        """One question a row: an index answers one at a time."""
        numbers = np.full((len(vectors), k), -1, np.int64)
        similarities = np.full((len(vectors), k), -np.inf, np.float32)
        for row, asking in enumerate(vectors):
            answer = self.library.nearest(self.vector, asking, k)
            known = [(self.number_of[key], similarity) for key, similarity in answer if key in self.number_of]
            for place, (number, similarity) in enumerate(known):
                numbers[row, place], similarities[row, place] = number, similarity
        return numbers, similarities
