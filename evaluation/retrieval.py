"""How well words find their pictures, and pictures their words, in a captioned folder.

Every distinct caption asks once, and all pictures that bear it are relevant; every picture asks once, and all its
captions are relevant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.encoding import Encoded, Sides
from evaluation.metrics import (
    DEPTH,
    NAMES,
    Judgement,
    Relevant,
    bootstrap,
    bootstrap_median,
    expected_by_chance,
    judge_embeddings,
)

RANDOM = "random"
DIRECTIONS = ("text_to_image", "image_to_text")
FEW = 100
"""Below so many queries a report says that its figures are coarse."""


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
            **{name: round(figure.value, 6) for name, figure in figures.items()},
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
    figures = {}
    for name in NAMES:
        interval = bootstrap(judgement.per_query[name])
        figures[name] = Figure(interval.mean, (interval.low, interval.high))
    return figures | {
        "median_rank": Figure(judgement.mean()["median_rank"], bootstrap_median(judgement.per_query["rank"]))
    }


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
