"""Judge how well words find pictures and pictures words in a captioned folder, by one encoder or by two side by side.

Every distinct caption asks once, and all pictures that bear it are relevant; every picture asks once, and all its
captions are relevant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.folder import Encoded, Sides
from evaluation.metrics import (
    DEPTH,
    NAMES,
    Interval,
    Judgement,
    Relevant,
    as_json,
    bootstrap,
    expected_by_chance,
    judge_embeddings,
    paired_bootstrap,
)

RANDOM = "random"
DIRECTIONS = ("text_to_image", "image_to_text")
FEW = 100
"""Below so many queries a report notes that its figures are coarse."""
SHOWN = 10


@dataclass(frozen=True)
class Figure:
    """One metric of one method; what chance gets is exact and has no interval."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Direction:
    """One way of asking."""

    queries: int
    corpus: int
    methods: Mapping[str, Mapping[str, Figure]]
    """Method -> metric -> figure; `random` is among them."""

    def to_json(self, method: str) -> dict[str, Any]:
        figures = self.methods[method]
        intervals = {name: [round(end, 6) for end in f.interval] for name, f in figures.items() if f.interval}
        return {
            **as_json({name: figure.value for name, figure in figures.items()}),
            "queries": self.queries,
            "corpus": self.corpus,
            **({"intervals": intervals} if intervals else {}),
        }


def judge_sides(encoded: Encoded, sides: Sides) -> dict[str, Judgement]:
    """DIRECTIONS -> how each query fared."""
    return {
        "text_to_image": judge_embeddings(sides.texts, sides.images, encoded.pictures_of),
        "image_to_text": judge_embeddings(sides.images, sides.texts, encoded.captions_of),
    }


def judge_retrieval(encoded: Encoded) -> dict[str, Direction]:
    """DIRECTIONS -> figures of every encoder and of chance."""
    judged = {name: judge_sides(encoded, sides) for name, sides in encoded.sides.items()}
    relevant = {"text_to_image": encoded.pictures_of, "image_to_text": encoded.captions_of}
    return {
        direction: direction_of({name: found[direction] for name, found in judged.items()}, relevant[direction])
        for direction in DIRECTIONS
    }


def direction_of(judgements: Mapping[str, Judgement], relevant: Relevant) -> Direction:
    """Several methods that were asked the same, and chance."""
    queries, corpus = len(relevant), next(iter(judgements.values())).corpus
    chance = expected_by_chance([len(items) for items in relevant], corpus)
    methods = {name: figures_of(judgement) for name, judgement in judgements.items()}
    return Direction(queries, corpus, methods | {RANDOM: {name: Figure(value) for name, value in chance.items()}})


def figures_of(judgement: Judgement) -> dict[str, Figure]:
    """The means with their 95 % bootstrap intervals, and the median rank with its own."""
    found = {name: bootstrap(judgement.per_query[name]) for name in NAMES}
    found["median_rank"] = bootstrap(judgement.per_query["rank"], statistic=np.median)
    return {name: Figure(interval.mean, (interval.low, interval.high)) for name, interval in found.items()}


def notes_on(encoded: Encoded) -> list[str]:
    """Sentences on what the figures cannot tell."""
    notes = []
    sizes = {"pictures": len(encoded.pictures), "captions": len(encoded.captions)}
    for kind, size in sizes.items():
        if size <= DEPTH:
            sure = "R@5 and R@10 are" if size <= 5 else "R@10 is"
            notes.append(f"Among only {size} {kind} {sure} 1 whatever the encoder does.")
    if (few := min(sizes.values())) < FEW:
        notes.append(f"{few} queries are few: one that succeeds or fails moves a figure by {1 / few:.3f}.")
    if shared := sum(len(pictures) > 1 for pictures in encoded.pictures_of):
        notes.append(
            f"{shared} captions belong to several pictures; R@k is the share of these found, S@k whether any was found."
        )
    return notes


@dataclass(frozen=True)
class Change:
    """One question, and the rank of its first relevant item with either encoder."""

    query: str
    rank_a: int
    rank_b: int


@dataclass(frozen=True)
class Comparison:
    """B beside A in one direction. `difference` is B − A, over the same queries."""

    queries: int
    corpus: int
    a: Mapping[str, float]
    b: Mapping[str, float]
    difference: Mapping[str, Interval]
    won: tuple[Change, ...]
    """Where B's reciprocal rank is above A's, the largest difference first; at most SHOWN."""
    lost: tuple[Change, ...]
    counts: tuple[int, int, int]
    """Queries whose first relevant item ranks better with B, the same, worse."""

    def to_json(self) -> dict[str, Any]:
        better, same, worse = self.counts
        return {
            "queries": self.queries,
            "corpus": self.corpus,
            **{
                name: {"a": round(self.a[name], 6), "b": round(self.b[name], 6), **interval.named()}
                for name, interval in self.difference.items()
            },
            "median_rank": {"a": self.a["median_rank"], "b": self.b["median_rank"]},
            "better": better,
            "same": same,
            "worse": worse,
            "won": [vars(change) for change in self.won],
            "lost": [vars(change) for change in self.lost],
        }


def compare(encoded: Encoded, a: str, b: str, root: Path) -> dict[str, Comparison]:
    """DIRECTIONS -> encoder `b` beside encoder `a`, by the names they have in `encoded`. Pictures are named by their
    paths below `root`."""
    of_a, of_b = judge_sides(encoded, encoded.sides[a]), judge_sides(encoded, encoded.sides[b])
    queries = {
        "text_to_image": encoded.captions,
        "image_to_text": tuple(str(picture.path.relative_to(root)) for picture in encoded.pictures),
    }
    return {
        direction: compare_judgements(of_a[direction], of_b[direction], queries[direction]) for direction in DIRECTIONS
    }


def compare_judgements(a: Judgement, b: Judgement, queries: Sequence[str]) -> Comparison:
    """Both judged the same queries, in the order of `queries`.

    Queries are ordered by the difference of their reciprocal ranks: from rank 1 to 2 is much, from 300 to 500 little.
    """
    gain = b.per_query["MRR"] - a.per_query["MRR"]
    order = np.argsort(-gain, kind="stable")
    ranks_a, ranks_b = a.per_query["rank"], b.per_query["rank"]
    changes = [Change(queries[i], int(ranks_a[i]), int(ranks_b[i])) for i in order]
    counts = (int((gain > 0).sum()), int((gain == 0).sum()), int((gain < 0).sum()))
    return Comparison(
        queries=a.queries,
        corpus=a.corpus,
        a=a.mean(),
        b=b.mean(),
        difference={name: paired_bootstrap(b.per_query[name], a.per_query[name]) for name in NAMES},
        won=tuple(changes[: min(SHOWN, counts[0])]),
        lost=tuple(changes[::-1][: min(SHOWN, counts[2])]),
        counts=counts,
    )
