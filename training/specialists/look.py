"""Which directions of the visual space make two pictures look alike: the map behind `look`, without a gradient.

Arrays in, an array out. Nothing here knows pictures, files or models.
"""

import numpy as np
from numpy.typing import NDArray

from encoder.projection import LOOK_DIM
from encoder.protocol import unit

Array = NDArray[np.float32]
Double = NDArray[np.float64]
EVENNESS = 1.0
"""Added to the versions' variance, whose mean is 1: the smaller, the less an artist's version of a thing counts."""
STYLE = 0.25
"""By how much more the directions count in which artists differ as such."""


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
