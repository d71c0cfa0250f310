"""How similar pictures of a library usually are to a question: the level of its similarities on each target.

Words and pictures lie apart in a shared space (Liang et al., "Mind the Gap", 2022), and so do the levels of similarity:
a good match of words has a cosine of .3 where look-alikes have .8. A similarity counts as how far it lies above the
library's mean for that very vector, in standard deviations.
"""

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

    def levels(self, vectors: Embeddings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation, (q,) each, of the cosines of the sample to unit vectors (q, d)."""
        rows = vectors.astype(np.float64)
        variances = np.einsum("qd,qd->q", rows @ self.covariance, rows)
        return rows @ self.mean, np.maximum(np.sqrt(np.maximum(variances, 0.0)), LEAST_SPREAD)

    def level(self, vector: Embeddings) -> tuple[float, float]:
        """The same of one unit vector (d,)."""
        mean, spread = self.levels(vector[None])
        return float(mean[0]), float(spread[0])


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

    def levels(self, name: str, vectors: Embeddings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`Spread.levels` of that target; 0 and 1 where it has none, so that cosines count as they are."""
        if name in self.spreads:
            return self.spreads[name].levels(vectors)
        return np.zeros(len(vectors)), np.ones(len(vectors))

    def level(self, name: str, vector: Embeddings) -> tuple[float, float]:
        """The same of one unit vector (d,)."""
        mean, spread = self.levels(name, vector[None])
        return float(mean[0]), float(spread[0])

    def calibrated(
        self, name: str, vectors: Embeddings, cosines: NDArray[np.float64], captioned: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The cosines (q, n) of q unit vectors (q, d) with n pictures' vectors of that target, as spreads above the
        library's mean. An uncaptioned picture's caption vector is its image vector, and is judged by image's level."""
        mean, spread = self.levels(name, vectors)
        z: NDArray[np.float64] = (cosines - mean[:, None]) / spread[:, None]
        if name != "caption" or captioned.all():
            return z
        mean, spread = self.levels("image", vectors)
        return np.where(captioned, z, (cosines - mean[:, None]) / spread[:, None])
