"""Project vectors to points that can be drawn, and measure how far such a picture can be trusted.

The app imports this module, so scikit-learn and UMAP are imported only where they are used.

PCA is linear: it shows the directions in which the vectors differ most, and says which share of all differences they
hold. UMAP keeps neighbours together; its axes, distances between groups and empty places mean nothing.
"""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errors import LayoutError
from layout.store import NO_UMAP, umap_is_there

Rows = NDArray[np.floating]  # (n, dim)
Points = NDArray[np.float32]  # (n, 2) or (n, 3)
FEWEST = 3
"""Fewer points than that have no layout worth a picture."""
SEED = 0
NEIGHBOURS = 15
"""Of UMAP, of trustworthiness and of a question's place: one notion of near."""
TRUST_SAMPLE = 5000


class UmapMissing(LayoutError):
    """umap-learn is not installed."""


@dataclass(frozen=True)
class Axes:
    """A fitted PCA: what is needed to place further vectors."""

    mean: NDArray[np.float32]  # (dim,)
    directions: NDArray[np.float32]  # (dims, dim)
    explained: NDArray[np.float32]  # (dims,): the share of the variance that each holds, 0 to 1

    def place(self, vectors: Rows) -> Points:
        """(n, dim) -> (n, dims). Raises LayoutError for vectors of another space."""
        if vectors.shape[-1] != len(self.mean):
            raise LayoutError(f"Expected vectors of {len(self.mean)} dimensions, got {vectors.shape[-1]}.")
        placed: Points = ((vectors - self.mean) @ self.directions.T).astype(np.float32)
        return placed


def pca(vectors: Rows, dims: int) -> tuple[Points, Axes]:
    """The first `dims` principal components; deterministic.

    Where the vectors span fewer directions than `dims`, the rest is 0. Raises LayoutError for fewer than 3.
    """
    check_enough(len(vectors))
    from sklearn.decomposition import PCA

    rows = np.asarray(vectors, dtype=np.float32)
    found = min(dims, *rows.shape)
    solver = "covariance_eigh" if rows.shape[1] <= len(rows) else "full"
    with np.errstate(invalid="ignore", divide="ignore"):  # no variance at all: scikit-learn's own shares are not used
        model = PCA(found, svd_solver=solver).fit(rows)
    directions, explained = np.zeros((dims, rows.shape[1]), np.float32), np.zeros(dims, np.float32)
    whole = float(((rows - model.mean_) ** 2).sum()) / (len(rows) - 1)
    if whole > 0:
        directions[:found] = model.components_
        explained[:found] = model.explained_variance_ / whole
    axes = Axes(np.asarray(model.mean_, np.float32), directions, explained)
    return axes.place(rows), axes


class _Epochs(io.StringIO):
    """Where UMAP's progress bar is written: a sink that reads "n/total" from it."""

    def __init__(self, on_epoch: Callable[[float], object]) -> None:
        super().__init__()
        self._on_epoch = on_epoch

    def write(self, text: str) -> int:
        for done, total in re.findall(r"(\d+)/(\d+)", text):
            self._on_epoch(int(done) / max(int(total), 1))
        return len(text)


def umap(
    vectors: Rows,
    on_epoch: Callable[[float], object] = lambda share: None,
    start: Points | str | None = None,
    epochs: int | None = None,
) -> Points:
    """UMAP in two dimensions by cosine, with a fixed seed: the same vectors give the same picture on one machine.

    `on_epoch` is told which share of the epochs is done, 0 to 1; before the first one the neighbours are found.
    `start`: the points to begin at, or "pca"; by default UMAP's own.
    McInnes, Healy, Melville, UMAP, 2018 (arXiv 1802.03426). Raises UmapMissing, and LayoutError for fewer than 3.
    """
    check_enough(len(vectors))
    if not umap_is_there():
        raise UmapMissing(f"{NO_UMAP}.")

    near = min(NEIGHBOURS, len(vectors) - 1)
    if start is None:
        start = "spectral" if len(vectors) > 4 * NEIGHBOURS else "pca"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap's of what it lacks; numba's and scikit-learn's, about umap's own code
        from umap import UMAP

        model = UMAP(
            n_components=2,
            n_neighbors=near,
            metric="cosine",
            init=start,
            n_epochs=epochs,
            random_state=SEED,
            n_jobs=1,
            tqdm_kwds={"disable": False, "file": _Epochs(on_epoch), "bar_format": "{n}/{total}", "mininterval": 0.5},
        )
        points: Points = np.asarray(model.fit_transform(np.asarray(vectors, np.float32)), np.float32)
    return points


def place_among(points: Points, similarities: Rows) -> Points:
    """Where something belongs that no layout was computed with: the mean of its neighbours' points, weighted by their
    similarity above the least of them.

    UMAP's own transform needs the fitted model in memory, which cannot be stored without pickle.
    """
    if not len(points):
        raise LayoutError("None of its neighbours is in the layout.")
    weights = np.asarray(similarities, np.float64) - np.min(similarities)
    weights = weights + (weights.max() or 1.0) / len(weights)
    placed: Points = (weights @ np.asarray(points, np.float64) / weights.sum()).astype(np.float32)
    return placed


def trust(vectors: Rows, points: Points, near: int = NEIGHBOURS, *, at_most: int = TRUST_SAMPLE) -> float | None:
    """How far the neighbours that a layout shows are neighbours in the space, 0 to 1; None for fewer than 3 points.

    1 − 2 / (n·k·(2n − 3k − 1)) · Σ over points, Σ over those of a point's k nearest in the layout that are not among
    its k nearest in the space, of (their rank in the space − k), by Euclidean distance; k is `near`, lower for few
    points. Above `at_most` points over a random sample of that many, because n² distances are held. Venna and Kaski,
    Neighborhood Preservation in Nonlinear Projection Methods, 2001.
    """
    from sklearn.manifold import trustworthiness

    near = min(near, (len(vectors) - 1) // 2)
    if near < 1:
        return None
    if len(vectors) > at_most:
        chosen = np.sort(np.random.default_rng(SEED).choice(len(vectors), at_most, replace=False))
        vectors, points = vectors[chosen], points[chosen]
    return float(trustworthiness(np.asarray(vectors), np.asarray(points), n_neighbors=near))


def modality_gap(images: Rows, texts: Rows) -> float:
    """‖mean of the pictures − mean of the texts‖.

    Liang et al., Mind the Gap, 2022 (arXiv 2203.02053), section 4.2, where the vector itself is called Δ_gap.
    """
    first, second = (np.asarray(rows, np.float64).mean(axis=0) for rows in (images, texts))
    return float(np.linalg.norm(first - second))


def clusters(vectors: Rows, count: int) -> NDArray[np.uint8]:
    """A cluster for each vector by k-means, numbered from the largest down."""
    from sklearn.cluster import MiniBatchKMeans

    count = max(1, min(count, len(vectors)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct vectors than clusters: there are fewer, then
        found = MiniBatchKMeans(count, random_state=SEED, n_init=3, batch_size=4096).fit_predict(vectors)
    sizes = np.bincount(found, minlength=count)
    number = np.empty(count, np.uint8)
    number[np.argsort(-sizes, kind="stable")] = np.arange(count)
    numbered: NDArray[np.uint8] = number[found]
    return numbered


def check_enough(count: int, what: str = "picture") -> None:
    if count < FEWEST:
        raise LayoutError(
            f"A map needs at least {FEWEST} {what}s; there {'is' if count == 1 else 'are'} {count or 'none'}."
        )
