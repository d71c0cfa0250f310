"""Ways of scoring composed questions over every picture of a library, side by side. Arrays in, arrays out.

`CALIBRATED` is the search's own (`search.scoring`). The others are what it was chosen against; their sources stand
beside them. None of them knows which pictures answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from search.scoring import Asked, LibrarySpace, score

Array = NDArray[np.float64]
Vectors = Mapping[str, Embeddings]
Captioned = NDArray[np.bool_]
Rule = Callable[[Sequence[Asked], Vectors, Captioned, LibrarySpace], Array]
"""The question's terms, target -> (n, dim), (n,), the library's levels -> (n,), higher is better."""
PLAIN, CALIBRATED = "plain sums", "calibrated"


def plain(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """The weighted sum of the cosines, which one vector search gives."""
    return score(asked, vectors, captioned, space).similarity


def plain_pooled(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """The same with the likes together as heavy as one word, and the dislikes."""
    pooled = []
    for term in asked:
        kin = sum(other.example and other.weight * term.weight > 0 for other in asked) if term.example else 1
        pooled.append(replace(term, weight=term.weight / kin))
    return score(pooled, vectors, captioned, space).similarity


def calibrated(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    return score(asked, vectors, captioned, space).relevance


def best_score(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    return score(asked, vectors, captioned, space, "best_score").relevance


def sum_scores(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    return score(asked, vectors, captioned, space, "sum_scores").relevance


def standard_sums(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """Weighted sums of calibrated values, wanted and unwanted alike; Rocchio (1971) for the examples."""
    values, weights = _values(asked, vectors, captioned, space)
    return values @ weights


def hinged_sums(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """As `standard_sums`, but what is unwanted only takes away."""
    values, weights = _values(asked, vectors, captioned, space)
    return np.where(weights < 0, np.maximum(values, 0), values) @ weights


def soft_minimum(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """-log Σ w·exp(-value) of what is wanted."""
    return _joined(asked, vectors, captioned, space, lambda values, weights: -np.log(np.exp(-values) @ weights))


def logistic_product(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """The product of probabilities, 1 / (1 + exp(3 - value)) each, as its logarithm."""
    return _joined(asked, vectors, captioned, space, lambda values, weights: -np.log1p(np.exp(3 - values)) @ weights)


RULES: Mapping[str, Rule] = {
    PLAIN: plain,
    CALIBRATED: calibrated,
    "plain, likes as one term": plain_pooled,
    "standardised sums": standard_sums,
    "the same, hinged": hinged_sums,
    "soft minimum": soft_minimum,
    "product of logistics": logistic_product,
    "best_score": best_score,
    "sum_scores": sum_scores,
}


def _values(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> tuple[Array, Array]:
    """Calibrated values (n, voices) and their weights: each word, the mean of the liked, the mean of the disliked."""
    columns, weights = [], []
    for term in asked:
        if not term.example:
            columns.append(_of_one([term], vectors, captioned, space))
            weights.append(term.weight)
    for sign in (1, -1):
        own = [term for term in asked if term.example and term.weight * sign > 0]
        if own:
            pulls = np.array([abs(term.weight) for term in own])
            each = np.stack([_of_one([term], vectors, captioned, space) for term in own], axis=1)
            columns.append(each @ pulls / pulls.sum())
            weights.append(sign * float(pulls.mean()))
    return np.stack(columns, axis=1), np.array(weights)


def _of_one(asked: Sequence[Asked], vectors: Vectors, captioned: Captioned, space: LibrarySpace) -> Array:
    """A single term's calibrated value, whatever its sign."""
    [term] = asked
    return score([replace(term, weight=1.0)], vectors, captioned, space).relevance


def _joined(
    asked: Sequence[Asked],
    vectors: Vectors,
    captioned: Captioned,
    space: LibrarySpace,
    join: Callable[[Array, Array], Array],
) -> Array:
    """`join` of what is wanted, weights summing to 1, less what there is of the unwanted."""
    values, weights = _values(asked, vectors, captioned, space)
    wanted = weights > 0
    whole = weights[wanted].sum() if wanted.any() else 1.0
    kept = join(values[:, wanted], weights[wanted] / whole) if wanted.any() else np.zeros(len(values))
    return np.asarray(kept + np.maximum(values[:, ~wanted], 0) @ weights[~wanted] / whole)
