"""Hard negatives: which samples of a batch, of batches before, or of an index an anchor is to be kept apart from.

Asks an index through `Nearest`; knows no database and no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float32]
IntArray = NDArray[np.int64]


class Nearest(Protocol):
    """An index of rows numbered from 0, such as a Weaviate collection behind an adapter."""

    def nearest(self, vectors: Array, k: int) -> tuple[IntArray, Array]:
        """The numbers and cosine similarities of the k nearest, best first: (n, k), (n, k).

        Where an index has fewer than k the rest is −1 and −inf.
        """
        ...


@dataclass(frozen=True)
class ExactNearest:
    """Every row compared with every other, for what fits into memory."""

    rows: Array  # (m, d), unit rows
    chunk: int = 1024

    def nearest(self, vectors: Array, k: int) -> tuple[IntArray, Array]:
        numbers = np.full((len(vectors), k), -1, np.int64)
        similarities = np.full((len(vectors), k), -np.inf, np.float32)
        count = min(k, len(self.rows))
        for start in range(0, len(vectors) if count else 0, self.chunk):
            part = vectors[start : start + self.chunk] @ self.rows.T  # (chunk, m)
            best = np.sort(np.argpartition(-part, count - 1, axis=1)[:, :count], axis=1)
            order = np.argsort(-np.take_along_axis(part, best, axis=1), axis=1, kind="stable")
            best = np.take_along_axis(best, order, axis=1)
            numbers[start : start + self.chunk, :count] = best
            similarities[start : start + self.chunk, :count] = np.take_along_axis(part, best, axis=1)
        return numbers, similarities


@dataclass(frozen=True)
class Mined:
    negatives: list[IntArray]
    """For each anchor the index's numbers, hardest first; none where nothing was left."""
    dropped: dict[str, int]
    """Candidates between the ranks that were left out, by the first reason that held."""


def mine(
    anchors: Array,
    positives_similarity: Array,
    nearest: Nearest,
    concepts: Sequence[int] | IntArray,
    anchor_concepts: Sequence[int] | IntArray,
    *,
    itself: Sequence[int] | IntArray | None = None,
    positives: Array | None = None,
    ranks: tuple[int, int] = (5, 50),
    ceiling: float = 0.95,
    near_duplicate: float = 0.98,
) -> Mined:
    """Of each anchor's neighbours from rank `ranks[0]` to `ranks[1]` (from 1, the anchor itself not counted) those that
    are surely wrong: not above `ceiling` times the positive's similarity, not of the anchor's concept, and no
    near-duplicate of the anchor or of its positive. The ceiling is NV-Retriever's (arXiv 2407.15831, TopK-PercPos).

    anchors (n, d) and positives_similarity (n,), their cosine with their positives; positives (n, d), their vectors,
    where near-duplicates of them are to be left out too; concepts (m,) of the index's rows; anchor_concepts (n,);
    itself (n,): the anchor's own number in the index, −1 where it is not in it. All vectors have unit length.
    """
    first, last = ranks
    numbers, similarities = nearest.nearest(anchors, last + 1)
    own = np.full(len(anchors), -1) if itself is None else np.asarray(itself)
    twins = _twins(nearest, positives, near_duplicate, last)
    of_rows, of_anchors = np.asarray(concepts), np.asarray(anchor_concepts)
    dropped = dict.fromkeys(("same concept", "near-duplicate", "above the ceiling"), 0)
    negatives = []
    for at, (found, similarity) in enumerate(zip(numbers, similarities, strict=True)):
        others = (found >= 0) & (found != own[at])
        found, similarity = found[others][first - 1 : last], similarity[others][first - 1 : last]
        same = of_rows[found] == of_anchors[at]
        near = ((similarity >= near_duplicate) | np.isin(found, twins[at] if twins else [])) & ~same
        above = (similarity > ceiling * positives_similarity[at]) & ~same & ~near
        for reason, which in zip(dropped, (same, near, above), strict=True):
            dropped[reason] += int(which.sum())
        negatives.append(found[~(same | near | above)])
    return Mined(negatives, dropped)


def _twins(nearest: Nearest, positives: Array | None, near_duplicate: float, count: int) -> list[IntArray]:
    """For each anchor the index's numbers that are nearly its positive, which `nearest` is asked for in turn."""
    if positives is None:
        return []
    numbers, similarities = nearest.nearest(positives, count)
    return [found[similar >= near_duplicate] for found, similar in zip(numbers, similarities, strict=True)]


def in_batch_mask(concepts: Tensor, pictures: Tensor | None = None, *, near_duplicate: float = 0.95) -> Tensor:
    """(n, n) bool: True where the other sample of the batch is no negative: of the same concept, or nearly the same
    picture (cosine of `pictures` (n, d) from `near_duplicate`). The diagonal is False. For `info_nce(…, ignore=…)`.
    """
    alike = concepts[:, None] == concepts[None, :]
    if pictures is not None:
        unit = F.normalize(pictures.float(), dim=1)
        alike = alike | (unit @ unit.T >= near_duplicate)
    return alike & ~torch.eye(len(concepts), dtype=torch.bool, device=concepts.device)


class Memory(nn.Module):
    """The last `size` embeddings with their concepts, as further negatives: cross-batch memory, arXiv 1912.06798.

    Part of the model, so that its rows are in the checkpoints and a run that is taken up goes on bit for bit.
    pytorch-metric-learning's CrossBatchMemory wraps one of its own losses and hands out no rows.
    """

    rows: Tensor
    concepts: Tensor
    count: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, dim))
        self.register_buffer("concepts", torch.full((size,), -1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def push(self, rows: Tensor, concepts: Tensor) -> None:
        """(n, d), (n,). The oldest make room; of more than `size`, the last stay."""
        size = len(self.rows)
        at = (self.count + torch.arange(len(rows), device=rows.device)) % size
        self.rows[at[-size:]] = rows.detach()[-size:].to(self.rows.dtype)
        self.concepts[at[-size:]] = concepts[-size:]
        self.count += len(rows)

    def negatives(self, concepts: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept (m, d), and (n, m) bool: True where it is of the sample's own concept and no negative."""
        kept = min(int(self.count), len(self.rows))
        return self.rows[:kept].clone(), concepts[:, None] == self.concepts[None, :kept]
