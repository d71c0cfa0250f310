"""Near-duplicates (the same picture saved again, resized, cropped a little, a burst) behind the best ranked of them.

Each picture stands behind at most one, and is compared with that one alone: chains (a like b, b like c) join nothing.
How the rule was chosen: `docs/recommendation.md`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from search.calibration import LibrarySpace

HASH = re.compile("[0-9a-fA-F]{16}")
TARGET = "look"
"""The vectors that `collapse` wants: what is shown is the same in two drawings of a cat, how it looks is not."""
SHARE = 0.55
"""Of the distance between two random pictures."""


@dataclass(frozen=True)
class Sameness:
    """Two pictures are near-duplicates when

        (bits in which their perceptual hashes differ) / `bits` + (1 - cosine) / `distance` <= 1.

    A picture saved again has the same hash and may have moved far in the space; a cropped one the other way round; two
    pictures of one kind are apart in both.
    """

    bits: int = 16
    distance: float = 0.45

    @classmethod
    def of(cls, space: LibrarySpace) -> Self:
        """For this encoder: SHARE of 1 - the mean cosine between the library's pictures."""
        if TARGET not in space.spreads:
            return cls()
        mean = space.spreads[TARGET].mean
        return cls(distance=max(SHARE * (1 - float(mean @ mean)), 1e-3))


def collapse(
    vectors: Embeddings, phashes: Sequence[str], sameness: Sameness | None = None
) -> list[tuple[int, tuple[int, ...]]]:
    """(index, indices of the near-duplicates behind it) for (n, d) unit rows of TARGET, best ranked first, and their
    perceptual hashes (16 hex digits). A picture without a hash is a duplicate of nothing."""
    rule = sameness or Sameness()
    hashes, known = _numbers(phashes)
    left = np.ones(len(vectors), dtype=bool)
    found: list[tuple[int, tuple[int, ...]]] = []
    for index in range(len(vectors)):
        if not left[index]:
            continue
        left[index] = False
        copies: list[int] = []
        if known[index]:
            differing = np.bitwise_count(hashes ^ hashes[index])
            rows = np.flatnonzero(left & known & (differing <= rule.bits))
            apart = differing[rows] / rule.bits + (1 - vectors[rows] @ vectors[index]) / rule.distance
            copies = [int(row) for row in rows[apart <= 1 + 1e-6]]
            left[copies] = False
        found.append((index, tuple(copies)))
    return found


def resembling(phashes: Sequence[str], sameness: Sameness | None = None) -> set[int]:
    """Indices of the pictures whose perceptual hash is close to that of another: only these can be near-duplicates."""
    rule = sameness or Sameness()
    hashes, known = _numbers(phashes)
    close = (np.bitwise_count(hashes[:, None] ^ hashes[None]) <= rule.bits) & known & known[:, None]
    np.fill_diagonal(close, False)
    return set(np.flatnonzero(close.any(axis=1)).tolist())


def _numbers(phashes: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The hashes, and which of them can be read."""
    values = np.zeros(len(phashes), dtype=np.uint64)
    known = np.zeros(len(phashes), dtype=bool)
    for index, text in enumerate(phashes):
        if HASH.fullmatch(text):
            values[index], known[index] = int(text, 16), True
    return values, known
