"""Fit what needs no gradient: the visual axes, the map behind `look`, the words' map, the linear map."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.projection import LOOK_DIM, Sight, roots
from encoder.protocol import unit

Array = NDArray[np.float32]
Double = NDArray[np.float64]
AXES = 512
SIGHT_POWER = -0.33
WORDS_POWER = -0.2
RIDGE = 1e4
FOLDS = 5
EVENNESS = 1.0
"""Added to the versions' variance, whose mean is 1: the smaller, the less an artist's version of a thing counts."""
STYLE = 0.25
"""By how much more the directions count in which artists differ as such."""


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


def fit_look(seen: Array, things: NDArray[np.str_], sources: NDArray[np.str_]) -> Array:
    """(n, axes) unit rows with what each shows and who drew it -> (axes, min(axes, LOOK_DIM)).

    Directions in which drawings of one thing by several artists differ are evened out by (W + EVENNESS)^-1/2, W their
    covariance: within-class covariance normalisation, Hatch, Kajarekar and Stolcke, Interspeech 2006. What an artist
    does to all things alike is left out of W, and counts 1 + STYLE times: `look` is also how a picture is drawn. Of
    all that the strongest directions are kept. Where no thing was drawn by two artists, nothing is evened out.
    """
    versions, styles = _versions(seen.astype(np.float64), things, sources)
    axes = seen.shape[1]
    within = versions.T @ versions
    if trace := float(np.trace(within)):
        within *= axes / trace
    values, directions = np.linalg.eigh(within + EVENNESS * np.eye(axes))
    even = (directions * values**-0.5) @ directions.T @ (np.eye(axes) + STYLE * _onto(styles))
    placed = unit(seen @ even)
    values, directions = np.linalg.eigh(placed.T @ placed)
    strongest = np.argsort(-values)[:LOOK_DIM]
    return np.asarray(even @ directions[:, strongest], dtype=np.float32)


def _versions(seen: Double, things: NDArray[np.str_], sources: NDArray[np.str_]) -> tuple[Double, Double]:
    """What sets the drawings of a thing by one artist apart from the mean of its artists, less what sets that artist
    apart everywhere; and the latter. Only things that several artists have drawn. (m, axes), (artists, axes)."""
    keys = np.stack([_numbered(things), _numbered(sources)], axis=1)
    pairs, row = np.unique(keys, axis=0, return_inverse=True)
    drawn, (thing, source) = _means(seen, row.ravel()), pairs.T
    artists = np.bincount(thing)[thing]
    several = artists > 1
    if not several.any():
        return np.zeros((0, seen.shape[1])), np.zeros((0, seen.shape[1]))
    drawn, thing, source, artists = drawn[several], _numbered(thing[several]), source[several], artists[several]
    apart = (drawn - _means(drawn, thing)[thing]) * np.sqrt(artists / (artists - 1))[:, None]
    source = _numbered(source)
    styles = _means(apart, source)
    return apart - styles[source], styles


def _numbered(values: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.asarray(np.unique(values, return_inverse=True)[1].ravel(), dtype=np.int64)


def _means(rows: Double, group: NDArray[np.int64]) -> Double:
    """Of each group, numbered from 0."""
    totals = np.zeros((int(group.max()) + 1, rows.shape[1]))
    np.add.at(totals, group, rows)
    return np.asarray(totals / np.bincount(group)[:, None], dtype=np.float64)


def _onto(rows: Double) -> Double:
    """The projection onto the span of the rows, (axes, axes)."""
    _, sizes, directions = np.linalg.svd(rows, full_matrices=False)
    kept = directions[sizes > 1e-6 * sizes.max(initial=0)]
    return np.asarray(kept.T @ kept)
