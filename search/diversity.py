"""Different pictures rather than many alike: difference among hits, and a spread of a library to begin with. Pure;
knows no database."""

import heapq
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings


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
    likenesses = (rows @ rows.T - usual) / max(1 - usual, 1e-6)  # (n, n)
    likeness = np.full(n, -np.inf)
    left = np.ones(n, dtype=bool)
    order: list[int] = []
    for _ in range(k):
        penalty = diversity * likeness if order else np.zeros(n)
        gain = np.where(left, wanted - penalty, -np.inf) if order else np.where(left, values, -np.inf)
        best = int(gain.argmax())
        order.append(best)
        left[best] = False
        np.maximum(likeness, likenesses[best], out=likeness)
    return order


def spread_out(vectors: Embeddings, k: int, seed: int = 0, *, shown: Sequence[int] = ()) -> list[int]:
    """Indices of `k` rows that stand for all of the (n, d) unit rows, none of them in `shown`.

    Each is the one that brings the rows nearer, summed over all of them, to the nearest that was taken or shown: the
    first phase of k-medoids (BUILD; Kaufman and Rousseeuw, Finding Groups in Data, 1990). Farthest-point takes
    outliers, see `docs/recommendation.md`. Seed 0 chooses among all rows, any other among a random half of them.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    free = np.ones(len(rows), dtype=bool)
    taken = np.asarray(list(shown), dtype=np.intp)
    free[taken] = False
    if seed and free.sum() >= 2 * k:
        places = np.flatnonzero(free)
        free[np.random.default_rng(seed).choice(places, len(places) // 2, replace=False)] = False
    cosines = rows @ rows.T
    nearest = cosines[taken].max(axis=0) if len(taken) else np.full(len(rows), -1.0, dtype=np.float32)
    gains = np.maximum(cosines - nearest, 0).sum(axis=1)
    waiting = [(-float(gains[row]), int(row)) for row in np.flatnonzero(free)]
    heapq.heapify(waiting)
    order: list[int] = []
    while waiting and len(order) < k:
        gain, row = heapq.heappop(waiting)
        now = -float(np.maximum(cosines[row] - nearest, 0).sum())
        if now > gain and waiting and (now, row) > waiting[0]:  # gains only shrink: Minoux's accelerated greedy, 1978
            heapq.heappush(waiting, (now, row))
            continue
        order.append(row)
        nearest = np.maximum(nearest, cosines[row])
    return order


def side_by_side(vectors: Mapping[str, Embeddings]) -> Embeddings:
    """Several targets' unit rows, target -> (n, d), as one: each about its mean, side by side, unit length. What a
    spread is chosen by: a picture is far from another that shows something else, looks or is called otherwise."""
    parts = [rows - rows.mean(axis=0) for _, rows in sorted(vectors.items())]
    whole = np.concatenate(parts, axis=1)
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    one: Embeddings = (whole / np.maximum(lengths, 1e-6)).astype(np.float32)
    return one


def _scaled(values: NDArray[np.float64], zero: float) -> NDArray[np.float64]:
    top = float(values.max()) - zero
    scaled: NDArray[np.float64] = (values - zero) / top if top > 0 else np.zeros(len(values))
    return scaled


def _mean_cosine(rows: Embeddings) -> float:
    """Between different rows."""
    n, whole = len(rows), rows.sum(axis=0, dtype=np.float64)
    return float((whole @ whole - n) / (n * (n - 1)))
