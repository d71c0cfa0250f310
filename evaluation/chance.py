"""What a ranking by chance gets, worked out exactly. Numbers in, numbers out."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from evaluation.metrics import DEPTH, Values


def expected_by_chance(relevant: Sequence[int], corpus: int) -> dict[str, float]:
    """Expected values of `Judgement.mean` when every order of the corpus is equally likely.

    `relevant` has the number of relevant items of each query. With r of N relevant, and X the first relevant rank,
    P(X > m) = Π over i < m of (N − r − i) / (N − i). Then E[R@k] = k/N, E[S@k] = P(X ≤ k), E[1/X] = Σ P(X = m) / m, and
    each of the first ten places holds a relevant item with probability r/N. `median_rank` is the least m with
    P(X ≤ m) ≥ ½ over all queries.
    """
    totals = dict.fromkeys((*(f"S@{k}" for k in (1, 5, 10)), "MRR", "nDCG@10"), 0.0)
    found = np.zeros(corpus)  # P(X ≤ m) for m = 1…corpus, summed over the queries
    for count, queries in Counter(relevant).items():
        by_rank = _first_found(count, corpus)
        found += queries * by_rank
        for k in (1, 5, 10):
            totals[f"S@{k}"] += queries * by_rank[min(k, corpus) - 1]
        totals["MRR"] += queries * float((np.diff(by_rank, prepend=0) / np.arange(1, corpus + 1)).sum())
        totals["nDCG@10"] += queries * count / corpus * _discounts(corpus) / _discounts(count)
    means = {name: float(total / len(relevant)) for name, total in totals.items()}
    recall = {f"R@{k}": min(k, corpus) / corpus for k in (1, 5, 10)}
    return recall | means | {"median_rank": float(np.argmax(found / len(relevant) >= 0.5) + 1)}


def _first_found(count: int, corpus: int) -> Values:
    """P(X ≤ m) for m = 1…corpus."""
    before = np.arange(corpus)
    found: Values = 1 - np.cumprod(np.maximum(corpus - count - before, 0) / (corpus - before), dtype=np.float64)
    return found


def _discounts(places: int) -> float:
    """Σ of 1 / log₂(place + 1) over the first places, at most ten."""
    return float((1 / np.log2(np.arange(2, min(places, DEPTH) + 2))).sum())
