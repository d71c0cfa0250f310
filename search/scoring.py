"""How well candidates answer a question: calibrated similarities of its terms, joined. Pure; knows no database.

One term's similarity on one target counts as z = (cosine - mean) / spread over the library (`calibration`). A term's
value is the mean of its z over its targets. Words that are wanted add their value; words that are not wanted take away
what a picture has of them, and no picture gains by lacking them more than others. Examples are joined into one value
by the strategy, and stand beside the words as one more term.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from search.calibration import LibrarySpace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """One term, encoded."""

    weight: float
    example: bool
    vectors: Mapping[str, Embeddings]
    """By target, (dim,), unit length."""
    targets: Mapping[str, float]
    """What counts for this term; the weights sum to 1."""


@dataclass(frozen=True)
class Scores:
    """Of n candidates; T terms, M targets in the order of `targets`."""

    relevance: Array  # (n,)
    similarity: Array  # (n,)
    amounts: Array  # (n, T, M); they add up to relevance
    similarities: Array  # (n, T, M); NaN where a term has no such target
    targets: tuple[str, ...]


def targets_of(asked: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(sorted({name for term in asked for name in term.targets}))


def score(
    asked: Sequence[Asked],
    candidates: Mapping[str, Embeddings],
    captioned: NDArray[np.bool_],
    space: LibrarySpace | None,
    strategy: str | None = None,
) -> Scores:
    """`candidates`: target -> (n, dim); `captioned` (n,): an uncaptioned picture's caption vector is its image vector,
    and is judged by image's level."""
    names = targets_of(asked)
    n = len(captioned)
    cosines = np.full((n, len(asked), len(names)), np.nan)
    parts = np.zeros_like(cosines)
    for t, term in enumerate(asked):
        for m, name in enumerate(names):
            if name not in term.targets:
                continue
            cosine = candidates[name].astype(np.float64) @ term.vectors[name].astype(np.float64)
            mean, spread = _level(term, name, space)
            z = (cosine - mean) / spread
            if name == "caption":
                mean, spread = _level(term, "image", space)
                z = np.where(captioned, z, (cosine - mean) / spread)
            cosines[:, t, m] = cosine
            parts[:, t, m] = term.targets[name] * z
    amounts = _joined(asked, parts, strategy or "average")
    weights = np.array([term.weight for term in asked])
    shares = np.array([[term.targets.get(name, 0.0) for name in names] for term in asked])
    similarity = (np.nan_to_num(cosines) * shares).sum(axis=2) @ weights / np.abs(weights).sum()
    return Scores(amounts.sum(axis=(1, 2)), similarity, amounts, cosines, names)


def _joined(asked: Sequence[Asked], parts: Array, strategy: str) -> Array:
    weights = np.array([term.weight for term in asked])
    example = np.array([term.example for term in asked])
    values = parts.sum(axis=2)
    factors = np.zeros_like(values)  # (n, T): what each term's parts are multiplied by
    words = ~example
    factors[:, words] = np.where((weights[words] < 0) & (values[:, words] < 0), 0.0, weights[words])
    whole = weights[words & (weights > 0)].sum()
    liked, disliked = example & (weights > 0), example & (weights < 0)
    if example.any():
        share = weights[liked].mean() if liked.any() else np.abs(weights[disliked]).mean()
        whole += share
        if strategy == "best_score":
            best = np.where(liked, values * weights, -np.inf).argmax(axis=1) if liked.any() else None
            worst = np.where(disliked, values * np.abs(weights), -np.inf).argmax(axis=1) if disliked.any() else None
            rows = np.arange(len(values))
            good = values[rows, best] * weights[best] if best is not None else np.full(len(rows), -np.inf)
            bad = values[rows, worst] * -weights[worst] if worst is not None else np.full(len(rows), -np.inf)
            wins = good > bad
            if best is not None:
                factors[rows[wins], best[wins]] = weights[best[wins]]
            if worst is not None:
                factors[rows[~wins], worst[~wins]] = weights[worst[~wins]]
        elif strategy == "sum_scores":
            factors[:, example] = share * weights[example] / np.abs(weights[example]).sum()
        else:
            if liked.any():
                factors[:, liked] = share * weights[liked] / weights[liked].sum()
            if disliked.any():
                factors[:, disliked] = share * weights[disliked] / np.abs(weights[disliked]).sum()
    if not whole:
        whole = np.abs(weights).sum()
    shared: Array = parts * (factors / whole)[:, :, None]
    return shared


def _level(term: Asked, name: str, space: LibrarySpace | None) -> tuple[float, float]:
    if space is None or name not in space.spreads:
        return 0.0, 1.0
    return space.spreads[name].level(term.vectors[name])


def linear(asked: Sequence[Asked], space: LibrarySpace | None) -> dict[str, tuple[float, Embeddings]]:
    """The weighted sum of the terms on each target that comes nearest to `score`: (weight, unit vector (dim,)), for the
    search of candidates. Targets on which the terms cancel out are not there."""
    sums: dict[str, Array] = {}
    whole = 0.0
    likes = sum(term.weight for term in asked if term.example and term.weight > 0)
    dislikes = sum(-term.weight for term in asked if term.example and term.weight < 0)
    for term in asked:
        weight = term.weight
        if term.example:
            weight /= likes if term.weight > 0 else dislikes
        whole += abs(weight)
        for name, share in term.targets.items():
            factor = weight * share / _level(term, name, space)[1]
            sums[name] = sums.get(name, 0.0) + factor * term.vectors[name].astype(np.float64)
    probes = {}
    longest = max((float(np.linalg.norm(vector)) for vector in sums.values()), default=0.0)
    for name, vector in sums.items():
        length = float(np.linalg.norm(vector))
        if length > 1e-4 * max(longest, whole):
            probes[name] = (length / longest, (vector / length).astype(np.float32))
    return probes
