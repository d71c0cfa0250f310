"""The order of the hits: candidates judged, near-duplicates put behind one, difference mixed in.

A wider window lets pictures in that a narrower one did not see, and they may rank high. So that pages neither repeat
nor skip a picture, windows are fixed (`WINDOWS`), and what a narrower one ranked keeps its place.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from schema.record import ImageRecord
from search.candidates import Candidates, Known
from search.diversity import mmr
from search.duplicates import TARGET, Sameness, collapse, resembling
from search.query import MAX_WINDOW, Query
from search.results import Hit, Share, there_first
from search.scoring import Scores

WINDOWS = (500, MAX_WINDOW)
"""Candidates that are read for the first pages, and for all others. Wider: more of the exact best are found, and each
question takes longer."""


@dataclass(frozen=True)
class Ranked:
    """One window's candidates, judged and in order."""

    candidates: Candidates
    scores: Scores
    below: NDArray[np.bool_]
    """Of each candidate: below the threshold."""
    order: Sequence[int]
    """Rows, the best first."""
    copies: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """Row -> rows of the near-duplicates that stand behind it; they are not in `order`."""
    fused: bool = False

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
    """Grows window by window."""

    places: list[tuple[Ranked, int]] = field(default_factory=list)
    """Window and row of each picture that is shown."""
    _seen: set[bytes] = field(default_factory=set)

    def add(self, window: Ranked) -> None:
        """What comes behind the narrower windows."""
        ids = window.candidates.ids
        rows = [row for row in window.order if ids[row] not in self._seen]
        self.places += [(window, row) for row in rows]
        self._seen.update(ids[row] for row in (*rows, *(copy for row in rows for copy in window.copies.get(row, ()))))

    def page(self, offset: int, limit: int) -> tuple[Hit, ...]:
        return tuple(window.hit(row) for window, row in self.places[offset : offset + limit])

    @property
    def counted(self) -> list[Known]:
        """Those of the first window that are not below the threshold; all of them where none is above it."""
        first = self.places[0][0] if self.places else None
        rows = [row for window, row in self.places if window is first]
        some = self.above > 0
        return [] if first is None else [first.candidates.known[row] for row in rows if not (some and first.below[row])]

    @property
    def above(self) -> int:
        """How many are not below the threshold; without one nobody can say, and all count."""
        return sum(not window.below[row] for window, row in self.places)


def judged(
    candidates: Candidates, scores: Scores, threshold: float | None, query: Query, sameness: Sameness | None
) -> Ranked:
    """In the order of relevance or, with words too, of Weaviate's fused score: a picture that has one of the words is
    not below the threshold. With `sameness`, and where the question wants it, near-duplicates stand behind one."""
    below = np.zeros(len(candidates.ids), bool) if threshold is None else scores.relevance < threshold
    if query.hybrid:
        asked = {word for text in query.texts for word in text.casefold().split()}
        below &= [not asked & _words(known.record) for known in candidates.known]
    order = candidates.order(candidates.values if query.hybrid else scores.relevance).tolist()
    copies = _copies(candidates, order, sameness) if query.collapse and sameness else {}
    hidden = {row for rows in copies.values() for row in rows}
    return Ranked(candidates, scores, below, [row for row in order if row not in hidden], copies, query.hybrid)


def mixed(ranked: Ranked, diversity: float, most: int) -> Ranked:
    """Difference mixed into those above the threshold, as far as the `most` first."""
    above = [row for row in ranked.order if not ranked.below[row]]
    if not diversity or len(above) < 2:
        return ranked
    order = mmr(ranked.scores.relevance[above], ranked.candidates.vectors["image"][above], diversity, most)
    first = [above[place] for place in order]
    placed = set(first)
    order = [*first, *(row for row in ranked.order if row not in placed)]
    return replace(ranked, order=order)


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


def _copies(candidates: Candidates, order: Sequence[int], sameness: Sameness) -> dict[int, list[int]]:
    """Near-duplicates by the row that they stand behind."""
    hashes = [candidates.known[row].record.phash for row in order]
    near = sorted(resembling(hashes, sameness))
    rows = [order[place] for place in near]
    groups = collapse(candidates.vectors[TARGET][rows], [hashes[place] for place in near], sameness)
    return {rows[head]: [rows[copy] for copy in behind] for head, behind in groups if behind}
