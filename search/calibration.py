"""How similar pictures of a library usually are to a question: the level of its similarities on each target. Knows no
database.

Words and pictures lie apart in a shared space (Liang et al., "Mind the Gap", 2022), and so do the levels of similarity:
a good match of words has a cosine of .3 where look-alikes have .8. A similarity counts as how far it lies above the
library's mean for that very vector, in standard deviations.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings

FEWEST = 30
"""Pictures; of fewer, mean and spread say little, and similarities count as they are."""
LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Spread:
    """Mean and covariance of one named vector over a sample of the library."""

    mean: NDArray[np.float64]  # (d,)
    covariance: NDArray[np.float64]  # (d, d)
    count: int

    @classmethod
    def of(cls, vectors: Embeddings) -> Self:
        """`vectors` (n, d)."""
        rows = vectors.astype(np.float64)
        mean = rows.mean(axis=0)
        return cls(mean, (rows - mean).T @ (rows - mean) / len(rows), len(rows))

    def level(self, vector: Embeddings) -> tuple[float, float]:
        """Mean and standard deviation of the cosines of the sample to a unit vector (d,)."""
        row = vector.astype(np.float64)
        return float(self.mean @ row), max(math.sqrt(max(float(row @ self.covariance @ row), 0.0)), LEAST_SPREAD)


@dataclass(frozen=True)
class LibrarySpace:
    """A random sample of the library: `sample[target]` (n, d), `captioned` (n,)."""

    sample: Mapping[str, Embeddings]
    captioned: NDArray[np.bool_]
    spreads: Mapping[str, Spread]
    """By target; of `caption` over captioned pictures only, and image's where those are fewer than FEWEST. In a library
    of fewer than FEWEST pictures there is none."""
    count: int
    """Pictures in the library."""
    uuids: tuple[UUID, ...] = ()
    """Of the sample."""

    @classmethod
    def of(
        cls, sample: Mapping[str, Embeddings], captioned: Iterable[bool], count: int, uuids: Sequence[UUID] = ()
    ) -> Self:
        flags = np.fromiter(captioned, bool)
        rows = {name: vectors[flags] if name == "caption" else vectors for name, vectors in sample.items()}
        spreads = {name: Spread.of(vectors) for name, vectors in rows.items() if len(vectors) >= FEWEST}
        if "image" in spreads and "caption" in sample:
            spreads.setdefault("caption", spreads["image"])
        return cls(sample, flags, spreads, count, tuple(uuids))

    @property
    def captioned_share(self) -> float:
        return float(self.captioned.mean()) if len(self.captioned) else 0.0
