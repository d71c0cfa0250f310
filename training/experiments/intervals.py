"""One figure with its spread out of several seeds and many queries. Arrays in, intervals out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import Interval

OVER_SEEDS = "lowest and highest of the seeds"
OVER_QUERIES_AND_SEEDS = "95 % bootstrap interval over queries and seeds"


def over_seeds(values: Sequence[float]) -> Interval:
    """Mean, lowest and highest: three seeds are too few for a quantile."""
    return Interval(mean=float(np.mean(values)), low=float(np.min(values)), high=float(np.max(values)))


def over_queries_and_seeds(
    values: NDArray[np.floating], groups: NDArray[np.integer] | None = None, seed: int = 0, draws: int = 2000
) -> Interval:
    """(seeds, queries) -> the mean of all with a 95 % bootstrap interval, both axes drawn anew with replacement.

    Give it the difference of two methods, query by query, for a paired interval. `groups` (queries,): queries of one
    group are drawn together, since what is true of one picture of a thing is mostly true of the others.
    """
    seeds, queries = values.shape
    members = np.arange(queries) if groups is None else np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(members)  # (groups,)
    sums = np.stack([np.bincount(members, weights=of_seed) for of_seed in values])  # (seeds, groups)
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    for at in range(draws):
        seen, drawn = rng.integers(seeds, size=seeds), rng.integers(len(counts), size=len(counts))
        means[at] = sums[seen].mean(axis=0)[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))
