"""The order of the hits: candidates judged, the line drawn, near-duplicates put behind one, difference mixed in. Pure;
knows no database.

A wider window lets pictures in that a narrower one did not see, and they may rank high. So that pages neither repeat
nor skip a picture, windows are fixed (`WINDOWS`), and what a narrower one ranked keeps its place.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from search.diversity import mmr
from search.duplicates import TARGET, Sameness, collapse, resembling
from search.index import Found
from search.query import MAX_WINDOW, Query
from search.results import Share
from search.scoring import Scores

WINDOWS = (240, 2000, MAX_WINDOW)
VectorsOf = Callable[[str, Sequence[UUID]], Mapping[UUID, Embeddings]]
"""(target, pictures) -> the vectors, (dim,), of those that have one."""


@dataclass(frozen=True)
class Ranked:
    """A picture at its place. What is None was not judged yet: it lies beyond the windows that are judged exactly."""

    uuid: UUID
    relevance: float | None = None
    similarity: float | None = None
    score: float | None = None
    below: bool = False
    copies: tuple[UUID, ...] = ()
    found: Found | None = None
    scores: Scores | None = None
    row: int = 0
    """Its place in `scores`."""

    @property
    def shares(self) -> tuple[Share, ...]:
        """What each term brought on each target. Worked out for those that are shown: most are not."""
        if self.scores is None or self.found is None:
            return ()
        return shares_of(self.scores, self.row, captioned=bool(self.found.properties.get("captioned")))


@dataclass
class Ranking:
    """Grows window by window."""

    threshold: float | None
    places: dict[UUID, Ranked] = field(default_factory=dict)
    behind: set[UUID] = field(default_factory=set)
    """Near-duplicates that stand behind another."""

    def add(self, ranked: Iterable[Ranked]) -> None:
        for one in ranked:
            if one.uuid not in self.behind:
                self.places.setdefault(one.uuid, one)
                self.behind.update(one.copies)

    def page(self, offset: int, limit: int) -> list[Ranked]:
        return list(self.places.values())[offset : offset + limit]

    @property
    def above(self) -> int:
        """Above the line; without a line nobody can say, and all count."""
        return sum(not one.below for one in self.places.values())

    @property
    def counted(self) -> list[Mapping[str, Any]]:
        """The stored properties of the likely ones of the first window; of all of it where none is likely."""
        first = [(one, one.found) for one in self.places.values() if one.found is not None]
        some = self.above > 0
        return [found.properties for one, found in first if not (one.below and some)]


def matrices(found: Sequence[Found], names: Sequence[str], dims: Mapping[str, int]) -> dict[str, Embeddings]:
    """By target, (n, dim); zeros for an object that another program stored without the vector: it is like nothing."""
    return {
        name: np.stack([one.vectors.get(name, np.zeros(dims[name], np.float32)) for one in found])
        if found
        else np.zeros((0, dims[name]), np.float32)
        for name in names
    }


def captioned(found: Sequence[Found]) -> NDArray[np.bool_]:
    return np.array([bool(one.properties.get("captioned")) for one in found], dtype=bool)


def judged(found: Sequence[Found], scores: Scores, threshold: float | None) -> list[Ranked]:
    """In the order of `found`."""
    return [
        Ranked(
            one.uuid,
            float(scores.relevance[i]),
            float(scores.similarity[i]),
            below=threshold is not None and float(scores.relevance[i]) < threshold,
            found=one,
            scores=scores,
            row=i,
        )
        for i, one in enumerate(found)
    ]


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


def by_relevance(ranked: Iterable[Ranked]) -> list[Ranked]:
    return sorted(ranked, key=lambda one: (-(one.relevance or 0.0), one.uuid))


def fused(ranked: Iterable[Ranked], words: Sequence[str]) -> list[Ranked]:
    """In the order of Weaviate's fused score; a picture that has one of the words is not unlikely."""
    asked = {word for text in words for word in text.casefold().split()}
    scored = [
        replace(one, score=one.found.value, below=one.below and not asked & _words(one.found.properties))
        for one in ranked
        if one.found is not None
    ]
    return sorted(scored, key=lambda one: (-(one.score or 0.0), one.uuid))


def _words(properties: Mapping[str, Any]) -> set[str]:
    text = " ".join(str(properties.get(name) or "") for name in ("caption", "tag_words", "file_name"))
    return set("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def arranged(
    ranked: Sequence[Ranked], query: Query, vectors_of: VectorsOf, sameness: Sameness | None = None
) -> list[Ranked]:
    """Near-duplicates behind the best of them, then difference mixed into the likely ones."""
    ordered = _collapsed(ranked, vectors_of, sameness) if query.collapse else list(ranked)
    likely = [one for one in ordered if not one.below]
    if not query.diversity or len(likely) < 2:
        return ordered
    rows = vectors_of("image", [one.uuid for one in likely])
    mixed = [one for one in likely if one.uuid in rows]
    relevance = np.array([one.relevance or 0.0 for one in mixed])
    order = mmr(relevance, np.stack([rows[one.uuid] for one in mixed]), query.diversity, len(mixed))
    first = [mixed[i] for i in order]
    placed = {one.uuid for one in first}
    return [*first, *(one for one in ordered if one.uuid not in placed)]


def _collapsed(ranked: Sequence[Ranked], vectors_of: VectorsOf, sameness: Sameness | None) -> list[Ranked]:
    """Vectors are asked for of those pictures only whose perceptual hashes are close."""
    hashes = [str(one.found.properties.get("phash") or "") if one.found else "" for one in ranked]
    near = sorted(resembling(hashes, sameness))
    rows = vectors_of(TARGET, [ranked[i].uuid for i in near]) if near else {}
    known = [i for i in near if ranked[i].uuid in rows]
    if not known:
        return list(ranked)
    groups = collapse(np.stack([rows[ranked[i].uuid] for i in known]), [hashes[i] for i in known], sameness)
    copies = {known[head]: [known[i] for i in behind] for head, behind in groups}
    hidden = {i for behind in copies.values() for i in behind}
    return [
        replace(one, copies=tuple(ranked[j].uuid for j in copies.get(i, ())))
        for i, one in enumerate(ranked)
        if i not in hidden
    ]
