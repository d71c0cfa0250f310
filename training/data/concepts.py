"""Group captions into concepts, and split concepts into train, dev and test.

A concept is a connected component of the graph "cosine > .8" over the captions, so no two captions that are so near
lie on two sides of the split. Components chain; the manifest says how long the longest are.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
SAME_CONCEPT = 0.8
LARGEST = 0.01
CHUNK = 1024


def find_concepts(vectors: Array, same: Sequence[tuple[int, int]] = (), threshold: float = SAME_CONCEPT) -> IntArray:
    """Unit vectors (n, d) -> the concept of each (n,), numbered by first appearance.

    `same`: further pairs that are one concept, such as two captions of one picture.
    """
    edges = np.concatenate([*_near(vectors, threshold), np.array(same, dtype=np.int64).reshape(-1, 2)])
    return components(len(vectors), edges)


def components(count: int, edges: IntArray) -> IntArray:
    """The connected component of each of `count` nodes, numbered by first appearance. `edges` (m, 2)."""
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, first, inverse = np.unique(
        connected_components(graph, directed=False)[1], return_index=True, return_inverse=True
    )
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


def split_concepts(
    concepts: IntArray, captions: Sequence[str], shares: Mapping[str, float], seed: int, largest: float = LARGEST
) -> list[str]:
    """For each caption "train" or a name of `shares`: whole concepts, each by a hash of its first caption and the seed.

    So a concept stays on its side when a source is missing or added. Concepts with more than `largest` of all captions
    stay in "train": one of them would decide a held-out set alone.
    """
    members: dict[int, list[str]] = {}
    for concept, caption in zip(concepts.tolist(), captions, strict=True):
        members.setdefault(concept, []).append(caption)
    most = max(1, largest * len(captions))
    sides = {
        concept: _side(min(own), shares, seed) if len(own) <= most else "train" for concept, own in members.items()
    }
    return [sides[concept] for concept in concepts.tolist()]


def _side(caption: str, shares: Mapping[str, float], seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {caption}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for name, share in shares.items():
        if place < share:
            return name
        place -= share
    return "train"


def _near(vectors: Array, threshold: float) -> list[IntArray]:
    """All pairs above the threshold, in pieces of (m, 2)."""
    pieces = []
    for start in range(0, len(vectors), CHUNK):
        rows, columns = np.nonzero(vectors[start : start + CHUNK] @ vectors.T > threshold)
        rows = rows + start
        pieces.append(np.stack([rows, columns], axis=1)[rows < columns])
    return pieces
