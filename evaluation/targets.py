"""Whether several target vectors together find more than the best of them alone. Arrays in, figures out.

The similarity of a multi-target search is the weighted mean of the targets' cosines (`Hit.similarity`). The search
itself orders by calibrated similarities: `evaluation.composed` judges those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from errors import EvaluationError
from evaluation.metrics import DECIMALS, Floats, Interval, Relevant, expected_by_chance, judge, paired_bootstrap
from evaluation.retrieval import RANDOM

DECISIVE = "nDCG@10"
"""The metric by which the best single target is chosen."""
COMPARED = ("S@1", "R@10", "MRR", "nDCG@10")
BELOW_ALL = -2.0
"""A cosine is never so low: what a picture is to itself when it asks."""


@dataclass(frozen=True)
class Asked:
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
        return {
            "queries": self.queries,
            "corpus": self.corpus,
            "methods": {name: _rounded(means) for name, means in self.methods.items()},
            "best_single": self.best_single,
            "together": self.together,
            "gain": {
                metric: {"difference": round(gain.mean, 6), "interval": [round(gain.low, 6), round(gain.high, 6)]}
                for metric, gain in self.gain.items()
            },
            "caveat": self.caveat,
        }


def judge_targets(asked: Asked) -> TargetFigures:
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


def _rounded(means: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in means.items()}
