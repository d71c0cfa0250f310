"""Different pictures rather than many alike: difference among hits, and a spread of a library to begin with. Pure;
knows no database."""

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings

FEWEST_FOR_LEVEL = 3


def mmr(relevance: NDArray[np.floating], vectors: Embeddings, diversity: float, k: int) -> list[int]:
    """Indices of `k` candidates in the order of maximal marginal relevance.

    One after the other, the candidate with the largest (1 - diversity) · relevance - diversity · (its greatest
    likeness to one that was taken). `relevance` (n,) and `vectors` (n, d), unit rows. So that both have one scale,
    relevance is 0 at the candidates' median and 1 at the best, likeness 0 at their mean cosine and 1 for equal ones.
    Of equal candidates the first is taken. diversity 0 is the order by relevance. Carbonell and Goldstein, The Use of
    MMR, 1998.
    """
    values = np.asarray(relevance, dtype=np.float64)
    n, k = len(values), max(0, min(k, len(values)))
    if diversity <= 0 or n < 2:
        return [int(i) for i in np.argsort(-values, kind="stable")[:k]]
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    wanted = (1 - diversity) * _scaled(values, float(np.median(values)))
    usual = _mean_cosine(rows)
    scale = max(1 - usual, 1e-6)
    likeness = np.full(n, -np.inf)
    left = np.ones(n, dtype=bool)
    order: list[int] = []
    for _ in range(k):
        penalty = diversity * likeness if order else np.zeros(n)
        gain = np.where(left, wanted - penalty, -np.inf) if order else np.where(left, values, -np.inf)
        best = int(gain.argmax())
        order.append(best)
        left[best] = False
        np.maximum(likeness, (rows @ rows[best] - usual) / scale, out=likeness)
    return order


def spread_out(vectors: Embeddings, k: int, seed: int = 0) -> list[int]:
    """Indices of `k` rows that stand for the (n, d) unit rows: first the one that is most like all others, then each
    time the one that farthest from those taken (Gonzalez, Clustering to minimize the maximum intercluster distance,
    1985). Another seed starts elsewhere."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    n, k = len(rows), max(0, min(k, len(vectors)))
    if not k:
        return []
    first = int((rows @ rows.mean(axis=0)).argmax()) if seed == 0 else int(np.random.default_rng(seed).integers(n))
    order, nearest = [first], rows @ rows[first]
    nearest[first] = np.inf
    while len(order) < k:
        farthest = int(nearest.argmin())
        order.append(farthest)
        nearest = np.maximum(nearest, rows @ rows[farthest])
        nearest[farthest] = np.inf
    return order


def _scaled(values: NDArray[np.float64], zero: float) -> NDArray[np.float64]:
    top = float(values.max()) - zero
    scaled: NDArray[np.float64] = (values - zero) / top if top > 0 else np.zeros(len(values))
    return scaled


def _mean_cosine(rows: Embeddings) -> float:
    """Between different rows."""
    n, whole = len(rows), rows.sum(axis=0, dtype=np.float64)
    return float((whole @ whole - n) / (n * (n - 1)))
