"""Measure an embedding space itself: arrays in, a float out.

Distances are Euclidean on the rows as they are given: for unit rows their order is that of the cosine.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from errors import EvaluationError

Rows = NDArray[np.floating]  # (n, dim)
_CELLS = 8_000_000
"""Distances held together: bounds the memory, not the result."""


def knn_accuracy(train: Rows, train_labels: ArrayLike, test: Rows, test_labels: ArrayLike, k: int = 20) -> float:
    """Share of the test rows whose k nearest training rows mostly bear their label.

    Every neighbour has one vote; of labels with equally many votes the smallest wins, as in scikit-learn.
    """
    _check_split(train, train_labels, test, test_labels)
    if len(train) < k:
        raise EvaluationError(f"At least {k} rows are needed, got {len(train)}.")
    model = KNeighborsClassifier(k, algorithm="brute").fit(train, np.asarray(train_labels))
    return float(model.score(test, np.asarray(test_labels)))


def map_at_r(rows: Rows, labels: ArrayLike) -> float:
    """MAP@R: every row asks for the others of its label.

    With R others of its label, a row's value is 1/R · Σ over i = 1…R of P(i)·[the i-th nearest bears its label], where
    P(i) is the precision of the first i. A row that is alone with its label asks nothing. Rows at one distance rank in
    a random order, so that a collapsed space gets what chance gets. Musgrave, Belongie and Lim, A Metric Learning
    Reality Check, 2020 (arXiv 2003.08505), section 3.2.
    """
    _check_labels(rows, labels)
    shuffled = np.random.default_rng(0).permutation(len(rows))  # ties fall by place, and the places are random
    rows = np.asarray(rows, dtype=np.float64)[shuffled]
    codes = np.unique(np.asarray(labels), return_inverse=True)[1][shuffled]
    others = np.bincount(codes)[codes] - 1
    if not others.any():
        raise EvaluationError(f"None of the {len(rows)} rows shares its label with another; MAP@R has nothing to ask.")
    depth, values = int(others.max()), []
    places = np.arange(1, depth + 1)
    for start in range(0, len(rows), step := max(1, _CELLS // len(rows))):
        asking = np.arange(start, min(start + step, len(rows)))
        squares = metrics.pairwise.euclidean_distances(rows[asking], rows, squared=True)
        squares[np.arange(len(asking)), asking] = np.inf
        near = np.argpartition(squares, depth - 1, axis=1)[:, :depth]
        order = np.argsort(np.take_along_axis(squares, near, axis=1), axis=1, kind="stable")
        nearest = np.take_along_axis(near, order, axis=1)
        hits = (codes[nearest] == codes[asking][:, None]) & (places <= others[asking][:, None])
        sums = (hits * hits.cumsum(axis=1) / places).sum(axis=1)
        values.append(sums[others[asking] > 0] / others[asking][others[asking] > 0])
    return float(np.concatenate(values).mean())


def linear_probe(train: Rows, train_labels: ArrayLike, test: Rows, test_labels: ArrayLike, c: float = 1.0) -> float:
    """Accuracy on the test rows of a logistic regression fitted on the training rows, standardised.

    Alain and Bengio, Understanding intermediate layers using linear classifier probes, 2016 (arXiv 1610.01644).
    """
    _check_split(train, train_labels, test, test_labels)
    if len(np.unique(np.asarray(train_labels))) < 2:
        raise EvaluationError("A linear probe needs training rows of at least two labels.")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=5000))
    return float(model.fit(train, np.asarray(train_labels)).score(test, np.asarray(test_labels)))


def silhouette(rows: Rows, labels: ArrayLike, *, at_most: int = 10_000, seed: int = 0) -> float:
    """Mean of (b − a) / max(a, b): a is a row's mean distance to the others of its label, b to the nearest other label.

    −1 to 1; 0 for a row alone with its label. Above `at_most` rows, over a random sample of that many. Rousseeuw,
    Silhouettes: a graphical aid to the interpretation and validation of cluster analysis, 1987.
    """
    _check_labels(rows, labels)
    chosen = np.arange(len(rows))
    if len(rows) > at_most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, at_most, replace=False))
    labels = np.asarray(labels)[chosen]
    if not 2 <= (found := len(np.unique(labels))) < len(labels):
        raise EvaluationError(
            f"A silhouette needs 2 to {len(labels) - 1} labels among {len(labels)} rows, got {found}."
        )
    return float(metrics.silhouette_score(np.asarray(rows)[chosen], labels))


def _check_split(first: Rows, first_labels: ArrayLike, second: Rows, second_labels: ArrayLike) -> None:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or not (len(first) and len(second)):
        raise EvaluationError(f"Two sets of rows of one dimension are needed, got {first.shape} and {second.shape}.")
    _check_labels(first, first_labels)
    _check_labels(second, second_labels)


def _check_labels(rows: Rows, labels: Any) -> None:
    if np.shape(labels) != (len(rows),):
        raise EvaluationError(f"Each row needs one label: {len(rows)} rows, labels of shape {np.shape(labels)}.")
