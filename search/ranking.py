"""The order of the hits: candidates judged, near-duplicates put behind one, difference mixed in.

A wider window lets pictures in that a narrower one did not see, and they may rank high. So that pages neither repeat
nor skip a picture, windows are fixed (`WINDOWS`), and what a narrower one ranked keeps its place.
"""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePath
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from schema.record import ImageRecord
from search.library import Candidates
from search.query import MAX_WINDOW, Query
from search.results import Hit, Known, Share, there_first
from search.scoring import LibrarySpace, Scores

WINDOWS = (500, MAX_WINDOW)
"""Candidates that are read for the first pages, and for all others. Wider: more of the exact best are found, and each
question takes longer."""
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


@dataclass(frozen=True)
class Ranked:
    """One window's candidates, judged and in order."""

    candidates: Candidates
    scores: Scores
    below: NDArray[np.bool_]
    """Of each candidate: below the threshold."""
    order: NDArray[np.intp]
    """Rows, the best first."""
    copies: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """Row -> rows of the near-duplicates that stand behind it; they are not in `order`."""
    fused: bool = False

    @property
    def above(self) -> NDArray[np.intp]:
        """Rows that are not below the threshold; without one nobody can say, and all count."""
        return self.order[~self.below[self.order]]

    def uuid(self, row: int) -> UUID:
        return UUID(bytes=self.candidates.ids[row])

    def hit(self, row: int) -> Hit:
        known = self.candidates.known[row]
        return Hit(
            self.uuid(row),
            there_first(known.record),
            float(self.scores.similarity[row]),
            float(self.candidates.values[row]) if self.fused else None,
            float(self.scores.relevance[row]),
            bool(self.below[row]),
            shares_of(self.scores, row, captioned=known.captioned),
            tuple(self.uuid(copy) for copy in self.copies.get(row, ())),
        )


@dataclass
class Ranking:
    """Grows window by window, until it is long enough for the question's page."""

    query: Query
    threshold: float | None
    space: LibrarySpace
    windows: list[Ranked] = field(default_factory=list)
    """Each without what a narrower one ranked."""

    @property
    def vectors(self) -> set[str]:
        """Targets whose vectors the next window needs, beside those that are asked."""
        if self.windows:
            return set()
        return {*(["image"] if self.query.diversity else []), *([TARGET] if self.query.collapse else [])}

    @property
    def is_long_enough(self) -> bool:
        return sum(len(window.order) for window in self.windows) >= self.query.offset + self.query.limit

    def add(self, candidates: Candidates, scores: Scores) -> None:
        """What comes behind the narrower windows. In the first near-duplicates stand behind one, and difference is
        mixed in."""
        query = self.query
        if self.windows:
            seen = {key for window in self.windows for key in window.candidates.ids}
            window = judged(candidates, scores, self.threshold, query, None)
            new = [row for row in window.order.tolist() if candidates.ids[row] not in seen]
            window = replace(window, order=np.array(new, dtype=np.intp))
        else:
            sameness = Sameness.of(self.space) if query.collapse else None
            window = judged(candidates, scores, self.threshold, query, sameness)
            window = mixed(window, query.diversity, query.offset + query.limit)
        if len(window.order):
            self.windows.append(window)

    @property
    def page(self) -> tuple[Hit, ...]:
        places = ((window, row) for window in self.windows for row in window.order.tolist())
        return tuple(
            window.hit(row) for window, row in islice(places, self.query.offset, self.query.offset + self.query.limit)
        )

    @property
    def counted(self) -> list[Known]:
        """Those of the first window that are not below the threshold; all of them where none is above it."""
        if not self.windows:
            return []
        first = self.windows[0]
        rows = first.above if len(first.above) else first.order
        return [first.candidates.known[row] for row in rows.tolist()]

    @property
    def above(self) -> int:
        return sum(len(window.above) for window in self.windows)


def judged(
    candidates: Candidates, scores: Scores, threshold: float | None, query: Query, sameness: Sameness | None
) -> Ranked:
    """In the order of relevance or, with words too, of Weaviate's fused score: a picture that has one of the words is
    not below the threshold. With `sameness` near-duplicates stand behind one."""
    below = np.zeros(len(candidates.ids), bool) if threshold is None else scores.relevance < threshold
    if query.hybrid:
        asked = {word for text in query.texts for word in text.casefold().split()}
        below &= np.array([not asked & _words(known.record) for known in candidates.known], dtype=bool)
    order = by_value(candidates.ids, candidates.values if query.hybrid else scores.relevance)
    copies: dict[int, list[int]] = {}
    if sameness:
        facts, vectors = candidates.facts[order], candidates.vectors[TARGET][order]
        groups = find_copies(vectors, facts["hash"], facts["hashed"], sameness)
        copies = {int(order[head]): order[behind].tolist() for head, behind in groups.items()}
        order = np.delete(order, [place for behind in groups.values() for place in behind])
    return Ranked(candidates, scores, below, order, copies, query.hybrid)


def by_value(ids: Sequence[bytes], values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows by (n,) values, the largest first; of equal ones the smaller uuid."""
    halves = np.frombuffer(b"".join(ids), dtype=">u8").reshape(-1, 2)
    return np.lexsort((halves[:, 1], halves[:, 0], -values))


def mixed(ranked: Ranked, diversity: float, most: int) -> Ranked:
    """Difference mixed into those above the threshold, as far as the `most` first."""
    if not diversity:
        return ranked
    images = ranked.candidates.vectors["image"]
    above = ranked.above[images[ranked.above].any(axis=1)]
    if len(above) < 2:
        return ranked
    first = above[mmr(ranked.scores.relevance[above], images[above], diversity, most)]
    return replace(ranked, order=np.concatenate([first, ranked.order[~np.isin(ranked.order, first)]]))


def shares_of(scores: Scores, row: int, *, captioned: bool = True) -> tuple[Share, ...]:
    """What each term brought on each target; terms that had no say (best_score) have amount 0 and are left out.

    The caption vector of a picture without a caption is its image vector: what that brought, its image brought.
    """
    found: dict[tuple[int, str], Share] = {}
    terms, columns = np.nonzero(scores.amounts[row])
    for t, m in zip(terms.tolist(), columns.tolist(), strict=True):
        name = scores.targets[m]
        target = "image" if name == "caption" and not captioned else name
        similarity, amount = float(scores.similarities[row, t, m]), float(scores.amounts[row, t, m])
        if (known := found.get((t, target))) is not None:
            amount += known.amount
        found[t, target] = Share(t, target, similarity, amount)
    return tuple(found.values())


def _words(record: ImageRecord) -> set[str]:
    name = PurePath(record.places[0].path).name if record.places else ""
    return set(re.findall(r"[^\W_]+", f"{record.caption} {' '.join(record.tags)} {name}".casefold()))


def mmr(relevance: NDArray[np.floating], vectors: Embeddings, diversity: float, k: int) -> list[int]:
    """Indices of `k` candidates in the order of maximal marginal relevance.

    One after the other, the candidate with the largest (1 - diversity) · relevance - diversity · (its greatest
    likeness to one that was taken). `relevance` (n,) and `vectors` (n, d), unit rows. So that both have one scale,
    relevance is 0 at the candidates' median and 1 at the best, likeness 0 at their mean cosine and 1 for equal ones.
    Of equal candidates the first is taken. diversity 0 is the order by relevance. Carbonell and Goldstein, The Use of
    MMR, 1998.
    """
    values = np.asarray(relevance, dtype=np.float64)
    n, k = len(values), max(0, min(k, len(values)))
    if diversity <= 0 or n < 2:
        return [int(i) for i in np.argsort(-values, kind="stable")[:k]]
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    zero = float(np.median(values))
    top = float(values.max()) - zero
    wanted = (1 - diversity) * ((values - zero) / top if top > 0 else np.zeros(n))
    whole = rows.sum(axis=0, dtype=np.float64)
    usual = float((whole @ whole - n) / (n * (n - 1)))  # mean cosine between different rows
    likeness = np.full(n, -np.inf)
    left = np.ones(n, dtype=bool)
    order: list[int] = []
    for _ in range(k):
        penalty = diversity * likeness if order else np.zeros(n)
        gain = np.where(left, wanted - penalty, -np.inf) if order else np.where(left, values, -np.inf)
        best = int(gain.argmax())
        order.append(best)
        left[best] = False
        np.maximum(likeness, (rows @ rows[best] - usual) / max(1 - usual, 1e-6), out=likeness)
    return order


def spread_out(vectors: Embeddings, k: int, seed: int = 0, *, shown: Sequence[int] = ()) -> list[int]:
    """Indices of `k` rows that stand for all of the (n, d) unit rows, none of them in `shown`.

    Each is the one that brings the rows nearer, summed over all of them, to the nearest that was taken or shown: the
    first phase of k-medoids (BUILD; Kaufman and Rousseeuw, Finding Groups in Data, 1990). Farthest-point takes
    outliers, see `docs/recommendation.md`. Seed 0 chooses among all rows, any other among a random half of them.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    free = np.ones(len(rows), dtype=bool)
    taken = np.asarray(list(shown), dtype=np.intp)
    free[taken] = False
    if seed and free.sum() >= 2 * k:
        places = np.flatnonzero(free)
        free[np.random.default_rng(seed).choice(places, len(places) // 2, replace=False)] = False
    cosines = rows @ rows.T
    nearest = cosines[taken].max(axis=0) if len(taken) else np.full(len(rows), -1.0, dtype=np.float32)
    gains = np.maximum(cosines - nearest, 0).sum(axis=1)
    waiting = [(-float(gains[row]), int(row)) for row in np.flatnonzero(free)]
    heapq.heapify(waiting)
    order: list[int] = []
    while waiting and len(order) < k:
        gain, row = heapq.heappop(waiting)
        now = -float(np.maximum(cosines[row] - nearest, 0).sum())
        if now > gain and waiting and (now, row) > waiting[0]:  # gains only shrink: Minoux's accelerated greedy, 1978
            heapq.heappush(waiting, (now, row))
            continue
        order.append(row)
        nearest = np.maximum(nearest, cosines[row])
    return order


def side_by_side(vectors: Mapping[str, Embeddings]) -> Embeddings:
    """Several targets' unit rows, target -> (n, d), as one: each about its mean, side by side, unit length. What a
    spread is chosen by: a picture is far from another that shows something else, looks or is called otherwise."""
    parts = [rows - rows.mean(axis=0) for _, rows in sorted(vectors.items())]
    whole = np.concatenate(parts, axis=1)
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    one: Embeddings = (whole / np.maximum(lengths, 1e-6)).astype(np.float32)
    return one


def find_copies(
    vectors: Embeddings, hashes: NDArray[np.uint64], hashed: NDArray[np.bool_], sameness: Sameness
) -> dict[int, list[int]]:
    """Row -> rows of the near-duplicates behind it, for (n, d) unit rows of TARGET, best ranked first, and their
    perceptual hashes. A picture without a hash is a duplicate of nothing."""
    differing = np.bitwise_count(hashes[:, None] ^ hashes)  # (n, n)
    close = (differing <= sameness.bits) & hashed & hashed[:, None]
    left = close.sum(axis=1) > hashed  # close to another one: the others cannot be near-duplicates
    found: dict[int, list[int]] = {}
    for row in np.flatnonzero(left).tolist():
        if not left[row]:
            continue
        left[row] = False
        others = np.flatnonzero(close[row] & left)
        apart = differing[row, others] / sameness.bits + (1 - vectors[others] @ vectors[row]) / sameness.distance
        if len(copies := others[apart <= 1 + 1e-6]):
            left[copies] = False
            found[row] = copies.tolist()
    return found
