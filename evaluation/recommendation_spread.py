"""The first pictures for somebody of whom nothing is known: how well they stand for the library. Arrays in, figures
out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from encoder.protocol import Embeddings
from search.ranking import side_by_side, spread_out

SHOWN = 12
DRAWS = 20
PART = 0.8
"""Of the library, drawn for each spread, so that there is something to take a mean of."""
LEAST = 10
"""Pictures of a group that should be met."""

Way = Callable[[Embeddings, int, np.random.Generator], list[int]]


def farthest_point(rows: Embeddings, k: int, rng: np.random.Generator) -> list[int]:
    """First the row most like all others, then each time the one that is farthest from those taken. Gonzalez,
    Clustering to minimize the maximum intercluster distance, 1985."""
    order = [int((rows @ rows.mean(axis=0)).argmax())]
    nearest = rows @ rows[order[0]]
    while len(order) < k:
        nearest[order] = np.inf
        order.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, rows @ rows[order[-1]])
    return order


def medoids(rows: Embeddings, k: int, rng: np.random.Generator) -> list[int]:
    return spread_out(rows, k)


def at_random(rows: Embeddings, k: int, rng: np.random.Generator) -> list[int]:
    return [int(row) for row in rng.choice(len(rows), k, replace=False)]


WAYS: Mapping[str, Way] = {"random": at_random, "farthest point": farthest_point, "k-medoids": medoids}


def judge_spread(
    vectors: Mapping[str, Embeddings], groups: Mapping[str, Sequence[int]], seed: int = 0
) -> dict[str, dict[str, float]]:
    """Way -> `met`: the share of the groups of LEAST pictures and more of which one is among SHOWN; `near`: the mean
    over the library of the cosine, of image vectors, to the nearest that is shown; `farthest`: its 5th percentile."""
    n = len(vectors["image"])
    usable = [frozenset(rows) for rows in groups.values() if LEAST <= len(rows) <= n / 2]
    spaces = {"image": vectors["image"], "all targets": side_by_side(vectors)}
    ways: dict[str, Any] = {"random": ("image", at_random)}
    ways |= {f"{name}, {of}": (of, way) for name, way in WAYS.items() if name != "random" for of in spaces}
    return {
        title: _figures(spaces[of], way, vectors["image"], usable, np.random.default_rng(seed))
        for title, (of, way) in ways.items()
    }


def _figures(
    rows: Embeddings, way: Way, image: Embeddings, groups: Sequence[frozenset[int]], rng: np.random.Generator
) -> dict[str, float]:
    met, near, farthest = [], [], []
    for _ in range(DRAWS):
        part = rng.choice(len(rows), max(1, int(PART * len(rows))), replace=False)
        shown = part[way(rows[part], min(SHOWN, len(part)), rng)]
        cosines = (image @ image[shown].T).max(axis=1)
        met.append(float(np.mean([not group.isdisjoint(shown.tolist()) for group in groups])) if groups else 0.0)
        near.append(float(cosines.mean()))
        farthest.append(float(np.percentile(cosines, 5)))
    return {"met": float(np.mean(met)), "near": float(np.mean(near)), "farthest": float(np.mean(farthest))}
