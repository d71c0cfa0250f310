"""Scores candidates: the calibrated similarities of a question's terms, joined.

Words and pictures lie apart in a shared space (Liang et al., "Mind the Gap", 2022), and so do the levels of similarity:
a good match of words has a cosine of .3 where look-alikes have .8. A cosine counts as z: how far it lies above the
library's mean for that very vector, in standard deviations. A term's value is the mean of its z over its targets. With
f(v) = v up to FULL and FULL + log(1 + v - FULL) beyond:

    relevance = f⁻¹(Σ w·f(v) / W) - UNWANTED · Σ u·max(v, 0) / W

The first sum goes over what is wanted with weights w, W = Σ w; the second over what is not, with weights u. A term that
is met in full gains little by being met even better, so that a picture which answers both words goes before one that
answers a single word perfectly: a quasi-arithmetic mean (Kolmogorov, 1930), which is the term's own value where there
is but one. What a picture has of an unwanted word is taken away; none gains by lacking it more than others do. The
examples together are one wanted term, their value by the strategy. What else was tried: `docs/composed.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings

FEWEST = 30
"""Pictures; of fewer, mean and spread say little, and similarities count as they are."""
LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Spread:
    """Mean and covariance of one named vector over a sample of the library."""

    mean: NDArray[np.float64]  # (d,)
    covariance: NDArray[np.float64]  # (d, d)
    count: int

    @classmethod
    def of(cls, vectors: Embeddings) -> Self:
        """`vectors` (n, d)."""
        rows = vectors.astype(np.float64)
        mean = rows.mean(axis=0)
        return cls(mean, (rows - mean).T @ (rows - mean) / len(rows), len(rows))

    def levels(self, vectors: Embeddings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation, (q,) each, of the cosines of the sample to unit vectors (q, d)."""
        rows = vectors.astype(np.float64)
        variances = np.einsum("qd,qd->q", rows @ self.covariance, rows)
        return rows @ self.mean, np.maximum(np.sqrt(np.maximum(variances, 0.0)), LEAST_SPREAD)


@dataclass(frozen=True)
class LibrarySpace:
    """A random sample of the library: `sample[target]` (n, d), `captioned` (n,)."""

    sample: Mapping[str, Embeddings]
    captioned: NDArray[np.bool_]
    spreads: Mapping[str, Spread]
    """By target; of `caption` over captioned pictures only, and image's where those are fewer than FEWEST. In a library
    of fewer than FEWEST pictures there is none."""
    count: int
    """Pictures in the library."""
    uuids: tuple[UUID, ...] = ()
    """Of the sample."""

    @classmethod
    def of(
        cls, sample: Mapping[str, Embeddings], captioned: Iterable[bool], count: int, uuids: Sequence[UUID] = ()
    ) -> Self:
        flags = np.fromiter(captioned, bool)
        rows = {name: vectors[flags] if name == "caption" else vectors for name, vectors in sample.items()}
        spreads = {name: Spread.of(vectors) for name, vectors in rows.items() if len(vectors) >= FEWEST}
        if "image" in spreads and "caption" in sample:
            spreads.setdefault("caption", spreads["image"])
        return cls(sample, flags, spreads, count, tuple(uuids))

    def levels(self, name: str, vectors: Embeddings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`Spread.levels` of that target; 0 and 1 where it has none, so that cosines count as they are."""
        if name in self.spreads:
            return self.spreads[name].levels(vectors)
        return np.zeros(len(vectors)), np.ones(len(vectors))

    def calibrated(
        self, name: str, vectors: Embeddings, cosines: NDArray[np.float64], captioned: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The cosines (q, n) of q unit vectors (q, d) with n pictures' vectors of that target, as spreads above the
        library's mean. An uncaptioned picture's caption vector is its image vector, and is judged by image's level."""
        mean, spread = self.levels(name, vectors)
        z: NDArray[np.float64] = (cosines - mean[:, None]) / spread[:, None]
        if name != "caption" or captioned.all():
            return z
        mean, spread = self.levels("image", vectors)
        return np.where(captioned, z, (cosines - mean[:, None]) / spread[:, None])


Array = NDArray[np.float64]
FULL = 3.0
"""The value, in spreads, from which a term is met in full."""
UNWANTED = 0.75
"""How much of its weight an unwanted word has."""
FEW = 2
SETTLED = 5
"""Disliked pictures: how many are few, and how many more it takes until half of their mean is taken away."""
SHORTEST = 1e-4
"""Terms whose sum on a target is shorter than this share of their weights cancel out there."""


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
    similarity: Array  # (n,): the weighted mean of the cosines
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
    and is judged by image's level. Without `space` cosines count as they are."""
    names = targets_of(asked)
    cosines = np.full((len(captioned), len(asked), len(names)), np.nan)
    parts = np.zeros_like(cosines)
    for m, name in enumerate(names):
        which = [t for t, term in enumerate(asked) if name in term.targets]
        vectors = np.stack([asked[t].vectors[name] for t in which])
        found = vectors.astype(np.float64) @ candidates[name].astype(np.float64).T  # (terms with this target, n)
        z = found if space is None else space.calibrated(name, vectors, found, captioned)
        cosines[:, which, m] = found.T
        parts[:, which, m] = z.T * [asked[t].targets[name] for t in which]
    amounts = parts * _factors(asked, parts.sum(axis=2), strategy or "average")[:, :, None]
    weights = np.array([term.weight for term in asked])
    shares = np.array([[term.targets.get(name, 0.0) for name in names] for term in asked])
    similarity = (np.nan_to_num(cosines) * shares).sum(axis=2) @ weights / np.abs(weights).sum()
    return Scores(amounts.sum(axis=(1, 2)), similarity, amounts, cosines, names)


def linear(
    asked: Sequence[Asked], space: LibrarySpace | None, strategy: str | None = None
) -> dict[str, tuple[float, Embeddings]]:
    """What Weaviate can search candidates with, near to `score`: target -> (weight, unit vector (dim,)).

    A weighted sum of cosines is the product with the weighted sum of the vectors. It knows neither fullness nor where
    an unwanted word begins to count; unwanted terms have half of their weight here. Targets on which the terms cancel
    out are not there.
    """
    sums: dict[str, Array] = {}
    reach: dict[str, float] = {}
    weights = _linear_weights(asked, strategy or "average")
    for name in targets_of(asked):
        which = [t for t, term in enumerate(asked) if name in term.targets]
        rows = np.stack([asked[t].vectors[name] for t in which])  # (terms with this target, dim)
        factors = np.array([weights[t] * asked[t].targets[name] for t in which])
        if space is not None:
            factors /= space.levels(name, rows)[1]
        sums[name], reach[name] = factors @ rows.astype(np.float64), float(np.abs(factors).sum())
    lengths = {name: float(np.linalg.norm(vector)) for name, vector in sums.items()}
    longest = max(lengths.values(), default=0.0)
    return {
        name: (length / longest, (sums[name] / length).astype(np.float32))
        for name, length in lengths.items()
        if length > SHORTEST * reach[name] and length > SHORTEST * longest
    }


def full(values: Array) -> Array:
    """The f of the module's formula.

    >>> full(np.array([-1.0, 3.0, 4.0])).round(3).tolist()
    [-1.0, 3.0, 3.693]
    """
    return np.where(values > FULL, FULL + np.log1p(np.maximum(values - FULL, 0)), values)


def unfull(values: Array) -> Array:
    """The inverse of `full`."""
    return np.where(values > FULL, FULL + np.expm1(np.maximum(values - FULL, 0)), values)


def _factors(asked: Sequence[Asked], values: Array, strategy: str) -> Array:
    """What each term's value is multiplied by, (n, T), so that the products add up to relevance."""
    weights = np.array([term.weight for term in asked])
    example = np.array([term.example for term in asked])
    liked, disliked = example & (weights > 0), example & (weights < 0)
    wanted, unwanted = ~example & (weights > 0), ~example & (weights < 0)
    factors = np.zeros_like(values)
    if not (wanted | liked).any():
        return _least(weights, values, disliked, strategy)
    factors[:, wanted] = weights[wanted]
    voices = [values[:, [t]] for t in np.flatnonzero(wanted)]  # each (n, 1)
    shares = list(weights[wanted])
    if liked.any():
        share = float(weights[liked].mean())
        among = _among_examples(weights, values, liked, disliked, strategy)
        voices.append((among * values).sum(axis=1, keepdims=True))
        shares.append(share)
        factors[:, example] = share * among[:, example]
    whole = sum(shares)
    said = np.concatenate(voices, axis=1)  # (n, voices)
    kept = full(said)
    mean = kept @ np.array(shares) / whole
    outer = _ratio(unfull(mean), mean) / whole  # (n,)
    for place, t in enumerate(np.flatnonzero(wanted)):
        factors[:, t] *= _ratio(kept[:, place], said[:, place]) * outer
    if liked.any():
        factors[:, example] *= (_ratio(kept[:, -1], said[:, -1]) * outer)[:, None]
    factors[:, unwanted] = np.where(values[:, unwanted] > 0, UNWANTED * weights[unwanted] / whole, 0.0)
    if disliked.any() and not liked.any():
        least = _least(np.where(disliked, weights, 0.0), values, disliked, strategy)
        bad = (least * values).sum(axis=1, keepdims=True) < 0
        factors += np.where(bad, UNWANTED * float(np.abs(weights[disliked]).mean()) / whole * least, 0.0)
    return factors


def _ratio(value: Array, of: Array) -> Array:
    """Both are the same up to FULL, and above 0 beyond it."""
    return np.where(of > FULL, value / np.where(of > FULL, of, 1.0), 1.0)


def _among_examples(
    weights: Array, values: Array, liked: NDArray[np.bool_], disliked: NDArray[np.bool_], strategy: str
) -> Array:
    """The examples' factors, (n, T), on the scale of one liked picture of usual weight.

    average: P and D the weighted means over the liked and the disliked, r how much heavier the disliked are. Rocchio's
    formula, P - r·D (Relevance Feedback in Information Retrieval, 1971), takes all of D away, and with it what both
    kinds have in common; P - r·max(D - P, 0) only as far as a picture is nearer to the disliked, which the mean of many
    hardly ever is. So (1 - β) of the second and β of the first, β = (m - FEW) / (m - FEW + SETTLED) for m > FEW
    disliked: see `docs/recommendation.md`.
    best_score: the best weighted liked one, unless a disliked one comes before it, which then is taken away
    (https://qdrant.tech/documentation/concepts/explore/#best-score-strategy).
    sum_scores: all of them added, the disliked with minus (the same page).
    """
    factors = np.zeros_like(values)
    scaled = weights / weights[liked].mean()
    rows = np.arange(len(values))
    if strategy == "sum_scores":
        factors[:, liked | disliked] = scaled[liked | disliked] / scaled[liked].sum()
        return factors
    if strategy == "best_score":
        best = np.where(liked, values * scaled, -np.inf).argmax(axis=1)
        good = values[rows, best] * scaled[best]
        factors[rows, best] = scaled[best]
        if disliked.any():
            worst = np.where(disliked, -values * scaled, -np.inf).argmax(axis=1)
            bad = -values[rows, worst] * scaled[worst]
            lost = rows[(bad >= good) & (-bad < good)]  # far from both is no better than far from the liked
            factors[lost, best[lost]] = 0
            factors[lost, worst[lost]] = scaled[worst[lost]]
        return factors
    mean = np.where(liked, weights, 0.0) / weights[liked].sum()
    factors[:] = mean
    if disliked.any():
        unlike = np.where(disliked, -weights, 0.0) / -weights[disliked].sum()
        nearer = (values @ unlike > values @ mean)[:, None]
        heavier = -scaled[disliked].mean()
        more = max(int(disliked.sum()) - FEW, 0)
        rocchio = more / (more + SETTLED)
        factors += (1 - rocchio) * np.where(nearer, heavier * (mean - unlike), 0.0) - rocchio * heavier * unlike
    return factors


def _least(weights: Array, values: Array, disliked: NDArray[np.bool_], strategy: str) -> Array:
    """Where nothing is wanted, what is least like the unwanted comes first: minus the mean, or with best_score minus
    the nearest example. Weights sum to 1."""
    factors = np.tile(weights / np.abs(weights).sum(), (len(values), 1))
    if strategy == "best_score" and disliked.any():
        rows = np.arange(len(values))
        share = np.abs(weights[disliked]).sum() / np.abs(weights).sum()
        scaled = -weights / np.abs(weights[disliked]).mean()
        worst = np.where(disliked, values * scaled, -np.inf).argmax(axis=1)
        factors[:, disliked] = 0
        factors[rows, worst] = -share * scaled[worst]
    return factors


def _linear_weights(asked: Sequence[Asked], strategy: str) -> list[float]:
    """Each term's weight in `linear`."""
    likes = [term.weight for term in asked if term.example and term.weight > 0]
    dislikes = [-term.weight for term in asked if term.example and term.weight < 0]
    wanted = bool(likes) or any(term.weight > 0 for term in asked)
    weights = []
    for term in asked:
        weight = term.weight
        if term.example and strategy != "sum_scores":
            weight /= len(likes if weight > 0 else dislikes)
        elif term.example:
            weight /= len(likes or dislikes)
        if wanted and term.weight < 0 and not (term.example and strategy == "sum_scores"):
            weight *= 0.5
        weights.append(weight)
    return weights
