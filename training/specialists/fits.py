"""What is fitted without a gradient: the visual axes, the words' map, the linear map. Arrays in, arrays out.

Nothing here knows pictures, files or models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.projection import Sight, roots
from encoder.protocol import unit
from training.specialists.look import fit_look

Array = NDArray[np.float32]
AXES = 512
SIGHT_POWER = -0.33
WORDS_POWER = -0.2
RIDGE = 1e4
FOLDS = 5


def fit_sight(features: Array, things: NDArray[np.str_], sources: NDArray[np.str_]) -> Sight:
    """(n, features) -> their roots, standardised, the 512 strongest principal axes, each scaled by its
    eigenvalue^-.33; `look` by what each picture shows and who drew it."""
    rooted = roots(features)
    mean, deviation = rooted.mean(axis=0), rooted.std(axis=0) + 1e-6
    standard = (rooted - mean) / deviation
    values, axes = np.linalg.eigh(standard.T @ standard / len(standard))
    strongest = np.argsort(-values)[:AXES]
    scaled = axes[:, strongest] * np.maximum(values[strongest], 1e-8) ** SIGHT_POWER
    mean, raised = mean.astype(np.float32), (scaled / deviation[:, None]).astype(np.float32)
    return Sight(mean, raised, fit_look(unit((rooted - mean) @ raised), things, sources))


@dataclass(frozen=True)
class WordSpace:
    """Sentence vectors, centred, and whitened in part: directions that all captions share weigh less."""

    mean: Array  # (dim,)
    map: Array  # (dim, dim)

    def place(self, sentences: Array) -> Array:
        """(n, dim), unit rows -> (n, dim), not unit."""
        return np.asarray((sentences - self.mean) @ self.map, dtype=np.float32)


def fit_words(captions: Array, power: float = WORDS_POWER) -> WordSpace:
    """(n, dim), unit rows; the covariance of the centred directions to the power given (−½ would whiten wholly)."""
    mean: Array = captions.mean(axis=0)
    centred = unit(captions - mean)
    values, axes = np.linalg.eigh(centred.T @ centred / len(centred) + 1e-4 * np.eye(centred.shape[1]))
    return WordSpace(mean, ((axes * values**power) @ axes.T).astype(np.float32))


@dataclass(frozen=True)
class LinearMap:
    """x -> x·weight + bias."""

    weight: Array  # (features, dim)
    bias: Array  # (dim,)

    def __call__(self, features: Array) -> Array:
        """(n, features) -> (n, dim)."""
        return features @ self.weight + self.bias


def fit_ridge(features: Array, targets: Array, strength: float = RIDGE) -> LinearMap:
    """Ridge regression on standardised features, no intercept: the targets are centred."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = (features - mean) / deviation
    gram = standard.T @ standard + strength * np.eye(standard.shape[1], dtype=np.float32)
    weight = (np.linalg.solve(gram, standard.T @ targets) / deviation[:, None]).astype(np.float32)
    return LinearMap(weight, -mean @ weight)


def out_of_fold(
    fit: Callable[[Array, Array], LinearMap], features: Array, targets: Array, concepts: NDArray[np.int64]
) -> Array:
    """For each row what a map fitted on the other folds says; a concept is never in two folds."""
    said = np.zeros_like(targets)
    for fold in range(FOLDS):
        own = concepts % FOLDS == fold
        if own.any() and not own.all():
            said[own] = fit(features[~own], targets[~own])(features[own])
    return said
