"""Near-duplicates (the same picture saved again, resized, cropped a little, a burst) behind the best ranked of them.
Pure; knows no database.

Each picture stands behind at most one, and is compared with that one alone: chains (a like b, b like c) join nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encoder.protocol import Embeddings

BITS = 64


@dataclass(frozen=True)
class Sameness:
    """When two pictures are near-duplicates: cosine of at least `similarity` and perceptual hashes that differ in at
    most `bits`."""

    similarity: float = 0.93
    bits: int = 14


def collapse(
    vectors: Embeddings, phashes: Sequence[str], sameness: Sameness | None = None
) -> list[tuple[int, tuple[int, ...]]]:
    """(index, indices of the near-duplicates behind it) for (n, d) unit rows, best ranked first, and their perceptual
    hashes (16 hex digits). A picture without a hash is a duplicate of nothing."""
    rule = sameness or Sameness()
    hashes, known = _bits_of(phashes)
    left = np.ones(len(vectors), dtype=bool)
    found: list[tuple[int, tuple[int, ...]]] = []
    for index in range(len(vectors)):
        if not left[index]:
            continue
        left[index] = False
        copies: list[int] = []
        if known[index]:
            near = left & known & (np.bitwise_count(hashes ^ hashes[index]) <= rule.bits)
            rows = np.flatnonzero(near)
            copies = [int(row) for row in rows[vectors[rows] @ vectors[index] >= rule.similarity]]
            left[copies] = False
        found.append((index, tuple(copies)))
    return found


def resembling(phashes: Sequence[str], sameness: Sameness | None = None) -> set[int]:
    """Indices of the pictures whose perceptual hash is close to that of another: only these can be near-duplicates."""
    rule = sameness or Sameness()
    hashes, known = _bits_of(phashes)
    close = (np.bitwise_count(hashes[:, None] ^ hashes[None]) <= rule.bits) & known & known[:, None]
    np.fill_diagonal(close, False)
    return set(np.flatnonzero(close.any(axis=1)).tolist())


def _bits_of(phashes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    values = np.zeros(len(phashes), dtype=np.uint64)
    known = np.zeros(len(phashes), dtype=bool)
    for index, text in enumerate(phashes):
        try:
            values[index], known[index] = int(text, 16), len(text) == BITS // 4
        except ValueError:
            continue
    return values, known
