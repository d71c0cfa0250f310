"""Two encoders over the same questions: the difference, whether it could be chance, and which questions make it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.encoding import Encoded
from evaluation.metrics import NAMES, Interval, Judgement, paired_bootstrap
from evaluation.retrieval import DIRECTIONS, judge_sides

SHOWN = 10


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
                name: {
                    "a": round(self.a[name], 6),
                    "b": round(self.b[name], 6),
                    "difference": round(interval.mean, 6),
                    "interval": [round(interval.low, 6), round(interval.high, 6)],
                }
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
