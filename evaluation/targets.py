"""Judge whether several target vectors together find more than the best of them alone.

Tags in words, shortened captions and pictures with a tag ask. The similarity of a multi-target search is the weighted
mean of the targets' cosines (`Hit.similarity`); the search's order is judged by `evaluation.composed`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from encoder.protocol import Encoder
from errors import EvaluationError
from evaluation.library import Pictured, sampled
from evaluation.metrics import (
    DECIMALS,
    DECISIVE,
    Floats,
    Interval,
    Relevant,
    as_json,
    expected_by_chance,
    judge,
    paired_bootstrap,
)
from evaluation.retrieval import RANDOM
from evaluation.tables import signed, table

COMPARED = ("S@1", "R@10", "MRR", "nDCG@10")
BELOW_ALL = -2.0
"""A cosine is never so low: what a picture is to itself when it asks."""
FEWEST_WORDS = 4
"""Captions of fewer words are not shortened."""
SAME_AUTHOR = "The author of the captions wrote these words too, which favours the target caption."


@dataclass(frozen=True)
class TargetQuestions:
    """One kind of question to a library."""

    title: str
    cosines: Mapping[str, Floats]
    """Target -> (queries, pictures)."""
    relevant: Relevant
    weights: Mapping[str, float]
    """Of the multi-target search."""
    caveat: str = ""
    """A sentence on what these questions favour."""


@dataclass(frozen=True)
class TargetFigures:
    title: str
    queries: int
    corpus: int
    methods: Mapping[str, Mapping[str, float]]
    """Each target alone, then all of them together, then chance -> metric -> mean."""
    best_single: str
    together: str
    gain: Mapping[str, Interval]
    """Together minus the best single target, query by query, for COMPARED. The single one was chosen on the same
    queries, which favours it a little."""
    caveat: str = ""

    def to_json(self) -> dict[str, Any]:
        gain = {metric: gain.named() for metric, gain in self.gain.items()}
        return {name: as_json(own) for name, own in {**vars(self), "gain": gain}.items() if name != "title"}


def judge_targets(asked: TargetQuestions) -> TargetFigures:
    """Raises EvaluationError when there are fewer than two targets."""
    if len(asked.weights) < 2:
        raise EvaluationError(f"Several targets are needed to compare, got {', '.join(asked.weights) or 'none'}.")
    whole = sum(asked.weights.values())
    together = " + ".join(f"{name} {weight:g}" for name, weight in asked.weights.items())
    mixed = np.sum([weight / whole * asked.cosines[name] for name, weight in asked.weights.items()], axis=0)
    judged = {name: judge(np.round(asked.cosines[name], DECIMALS), asked.relevant) for name in asked.weights}
    best = max(judged, key=lambda name: judged[name].mean()[DECISIVE])
    judged[together] = judge(np.round(mixed, DECIMALS), asked.relevant)
    many, one = judged[together], judged[best]
    gain = {metric: paired_bootstrap(many.per_query[metric], one.per_query[metric]) for metric in COMPARED}
    methods = {name: judgement.mean() for name, judgement in judged.items()}
    methods[RANDOM] = expected_by_chance([len(set(items)) for items in asked.relevant], many.corpus)
    return TargetFigures(asked.title, many.queries, many.corpus, methods, best, together, gain, asked.caveat)


def targets_text(found: TargetFigures) -> str:
    rows = [["", *COMPARED]]
    rows += [[name, *(f"{means[metric]:.3f}" for metric in COMPARED)] for name, means in found.methods.items()]
    gaps = [found.gain[metric] for metric in COMPARED]
    rows.append(["together − best single", *(signed(gap.mean) for gap in gaps)])
    rows.append(["  95 % interval", *(f"{signed(gap.low)} to {signed(gap.high)}" for gap in gaps)])
    title = f"Targets where {found.title} ({found.queries} questions, {found.corpus} pictures)"
    return f"{title}\n{table(rows)}\nBest single target by {DECISIVE}: {found.best_single}.\n{found.caveat}".rstrip()


def ask_targets(
    pictured: Pictured,
    encoder: Encoder,
    weights: Mapping[str, Mapping[str, float]],
    questions: int,
    rng: np.random.Generator,
) -> tuple[list[TargetQuestions], list[str]]:
    """The kinds of question that this library can judge targets by, and a sentence for each that it cannot.

    A whole caption cannot ask here: it would find its own `caption` vector. A tag that more than half of the pictures
    bear tells nothing.
    """
    asked, why = [], []
    half = len(pictured.uuids) / 2
    tags = {tag: set(pictures) for tag, pictures in pictured.by_tag().items() if len(pictures) <= half}
    in_words = {
        "tags ask in words": (tags, "tags that at most half of the pictures bear"),
        "captions ask with half of their words": (
            _shortened_captions(pictured, rng),
            f"captions of at least {FEWEST_WORDS} words",
        ),
    }
    for title, (found, needed) in in_words.items():
        if len(found) < 2:
            why.append(f"Targets are not judged where {title}: there are {len(found)} {needed}, 2 are needed.")
            continue
        chosen = sampled(list(found.items()), questions, rng)
        vectors = encoder.encode_texts([text for text, _ in chosen])
        cosines = {name: vectors @ pictured.vectors[name].T for name in weights["text"]}
        asked.append(
            TargetQuestions(title, cosines, [pictures for _, pictures in chosen], weights["text"], SAME_AUTHOR)
        )
    title, alike = "pictures ask for those that share a tag", _alike(tags)
    if len(alike) < 2:
        return asked, [*why, f"Targets are not judged where {title}: {len(alike)} pictures share one."]
    items = sampled(list(alike.items()), questions, rng)
    rows = np.array([row for row, _ in items])
    cosines = {name: pictured.vectors[name][rows] @ pictured.vectors[name].T for name in weights["item"]}
    for matrix in cosines.values():
        matrix[np.arange(len(rows)), rows] = BELOW_ALL
    asked.append(TargetQuestions(title, cosines, [others for _, others in items], weights["item"]))
    return asked, why


def halved(caption: str, rng: np.random.Generator) -> str:
    """A random half of the words in their order, as a person remembers a picture; "" for a caption of few words."""
    words = caption.split()
    if len(words) < FEWEST_WORDS:
        return ""
    return " ".join(words[place] for place in sorted(rng.choice(len(words), len(words) // 2, replace=False)))


def _shortened_captions(pictured: Pictured, rng: np.random.Generator) -> dict[str, set[int]]:
    """What is left of two captions can be the same; the pictures of both answer it then."""
    found: dict[str, set[int]] = {}
    for caption, pictures in pictured.by_caption().items():
        if short := halved(caption, rng):
            found.setdefault(short, set()).update(pictures)
    return found


def _alike(tags: Mapping[str, set[int]]) -> dict[int, set[int]]:
    """Picture -> the others that share a tag with it, where there are any."""
    found: dict[int, set[int]] = {}
    for pictures in tags.values():
        for row in pictures if len(pictures) > 1 else ():
            found.setdefault(row, set()).update(pictures)
    return {row: others - {row} for row, others in found.items()}
