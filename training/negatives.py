"""Mine hard negatives: what an index finds near an anchor and that is surely not its positive."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from errors import TrainingError
from evaluation.library import LiveLibrary, read_pictures
from training.atomic import write_text

Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
RANKS = (5, 50)
"""Of an anchor's neighbours: nearer ones are too often further positives, farther ones teach little."""


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
        numbers, similarities = _nothing(len(vectors), k)
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
class LiveNearest:
    """A named vector of a live library as an index of the pictures in `number_of`; others are passed over."""

    library: LiveLibrary
    vector: str
    number_of: Mapping[uuid.UUID, int]

    def nearest(self, vectors: Array, k: int) -> tuple[IntArray, Array]:
        """One question a row: Weaviate answers one at a time."""
        numbers, similarities = _nothing(len(vectors), k)
        for row, asking in enumerate(tqdm(vectors, "asking the index", unit="", leave=False, disable=None)):
            answer = self.library.nearest(self.vector, asking, k)
            known = [(self.number_of[key], similarity) for key, similarity in answer if key in self.number_of]
            for place, (number, similarity) in enumerate(known):
                numbers[row, place], similarities[row, place] = number, similarity
        return numbers, similarities


def _nothing(questions: int, k: int) -> tuple[IntArray, Array]:
    return np.full((questions, k), -1, np.int64), np.full((questions, k), -np.inf, np.float32)


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
    ranks: tuple[int, int] = RANKS,
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


def mine_library(library: LiveLibrary, out: Path, at_most: int) -> str:
    """Ask the live library's index of pictures with each caption, and write what was mined to `out`, as text to print.

    A line of `out` is {"picture": uuid, "caption": …, "negatives": [uuid, …]}, hardest first. Pictures that share a
    caption are one concept. Above `at_most` pictures over a random sample of that many. Raises TrainingError where no
    picture has a caption, and EvaluationError for fewer than three pictures.
    """
    pictured, _ = read_pictures(library, ("image", "caption"), at_most)
    concepts = np.arange(len(pictured.uuids))  # without a caption each is its own
    for number, rows in enumerate(pictured.by_caption().values(), len(concepts)):
        concepts[rows] = number
    captioned = np.array([row for row, caption in enumerate(pictured.captions) if caption], np.int64)
    if not len(captioned):
        raise TrainingError("No picture of the library has a caption to mine with. Ingest captioned pictures first.")
    anchors, positives = pictured.vectors["caption"][captioned], pictured.vectors["image"][captioned]
    index = LiveNearest(library, "image", {key: number for number, key in enumerate(pictured.uuids)})
    similarity = (anchors * positives).sum(axis=1)
    mined = mine(anchors, similarity, index, concepts, concepts[captioned], itself=captioned, positives=positives)
    lines = [
        {
            "picture": str(pictured.uuids[row]),
            "caption": pictured.captions[row],
            "negatives": [str(pictured.uuids[number]) for number in negatives],
        }
        for row, negatives in zip(captioned.tolist(), mined.negatives, strict=True)
    ]
    write_text(out, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    counts = np.array([len(own) for own in mined.negatives])
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in mined.dropped.items())
    return (
        f"{len(counts):,} captions asked {library.name} for ranks {RANKS[0]} to {RANKS[1]}: {counts.mean():.1f} hard "
        f"negatives each, none for {(counts == 0).sum():,}. Left out: {dropped}.\n{out}"
    )
