"""Figures of a space: worked out by hand, and against slow versions with a loop for every sum."""

import numpy as np
import pytest

from errors import EvaluationError
from evaluation.space import (
    knn_accuracy,
    linear_probe,
    map_at_r,
    silhouette,
)

SQUARE = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def groups(
    rng: np.random.Generator, count: int = 30, labels: int = 3, spread: float = 0.6
) -> tuple[np.ndarray, np.ndarray]:
    own = np.arange(count) % labels
    return rng.normal(size=(labels, 5))[own] + spread * rng.normal(size=(count, 5)), own


def test_knn_takes_the_label_of_most_neighbours() -> None:
    """The point at 0.4 has two neighbours of label 0 and one of label 1; the point at 10 has two of 1."""
    train, labels = np.array([[0.0], [0.1], [0.5], [9], [11]]), [0, 0, 1, 1, 1]
    assert knn_accuracy(train, labels, np.array([[0.4], [10.0]]), [0, 1], k=3) == 1
    assert knn_accuracy(train, labels, np.array([[0.4], [10.0]]), [1, 1], k=3) == 0.5


def test_knn_equals_the_slow_version(rng: np.random.Generator) -> None:
    rows, labels = groups(rng, 90, spread=1.5)
    right = 0
    for row, label in zip(rows[60:], labels[60:], strict=True):
        near = np.argsort(((rows[:60] - row) ** 2).sum(axis=1))[:7]
        right += int(np.bincount(labels[near]).argmax() == label)
    assert 0.4 < right / 30 < 1
    assert knn_accuracy(rows[:60], labels[:60], rows[60:], labels[60:], k=7) == pytest.approx(right / 30)


def slow_map_at_r(rows: np.ndarray, labels: np.ndarray) -> float:
    values = []
    for asking in range(len(rows)):
        others = [row for row in range(len(rows)) if row != asking]
        ranking = sorted(others, key=lambda row: float(((rows[row] - rows[asking]) ** 2).sum()))
        relevant = sum(labels[row] == labels[asking] for row in others)
        if relevant:
            hits = [labels[row] == labels[asking] for row in ranking[:relevant]]
            values.append(sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit) / relevant)
    return float(np.mean(values))


def test_map_at_r_by_hand() -> None:
    """On a line a a b a: R = 2 for the a's. The first finds a, b: 1/2. The second, at 1.0, finds a (0.0), then b (2.1):
    1/2. The last, at 2.9, finds b (0.8 away), then a (1.9): (1/2)/2 = 1/4. The b is alone and asks nothing."""
    rows, labels = np.array([[0.0], [1.0], [2.1], [2.9]]), ["a", "a", "b", "a"]
    assert map_at_r(rows, labels) == pytest.approx((1 / 2 + 1 / 2 + 1 / 4) / 3)


def test_map_at_r_equals_the_slow_version(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of unequal size, among them one that is alone."""
    rows, labels = groups(rng, 60, 4)
    labels[:20] = 0
    labels[7] = 99
    expected = slow_map_at_r(rows, labels)
    monkeypatch.setattr("evaluation.space._CELLS", 250)
    assert 0.2 < expected < 0.95
    assert map_at_r(rows, labels) == pytest.approx(expected)


def test_map_at_r_of_a_collapsed_space_is_chance_in_whatever_order_the_labels_come() -> None:
    """100 rows in one point, half of them of one label, sorted: ranked by place, one half would find itself first and
    the mean pass .5; a random order finds the label half of the time, and MAP@R is near .3."""
    collapsed = map_at_r(np.zeros((100, 3)), np.repeat([0, 1], 50))
    assert 0.2 < collapsed < 0.4
    assert map_at_r(SQUARE[[0, 0, 1, 1]], [0, 0, 1, 1]) == 1


def test_a_linear_probe_separates_what_a_line_separates(rng: np.random.Generator) -> None:
    """Labels by the sign of one coordinate are found; labels by a coin are not."""
    rows = rng.normal(size=(300, 4))
    signs = (rows[:, 1] > 0).astype(int)
    assert linear_probe(rows[:200], signs[:200], rows[200:], signs[200:]) > 0.95
    coins = rng.integers(0, 2, 300)
    assert 0.3 < linear_probe(rows[:200], coins[:200], rows[200:], coins[200:]) < 0.7


def slow_probe(train: np.ndarray, signs: np.ndarray, test: np.ndarray, c: float) -> np.ndarray:
    """The sign of each test row, by gradient descent on ½‖w‖² + c · Σ log(1 + exp(−sign·(w·x + b))) over standardised
    rows."""
    middle, spread = train.mean(axis=0), train.std(axis=0)
    rows, weights, bias = (train - middle) / spread, np.zeros(train.shape[1]), 0.0
    for _ in range(20_000):
        pull = c * signs / (1 + np.exp(signs * (rows @ weights + bias)))
        weights, bias = weights - 0.005 * (weights - pull @ rows), bias + 0.005 * pull.sum()
    return np.sign((test - middle) / spread @ weights + bias)


@pytest.mark.parametrize("c", [1.0, 0.001])
def test_a_linear_probe_equals_the_slow_version(rng: np.random.Generator, c: float) -> None:
    """Coordinates of very different size, labels that overlap, most of them alike; a small c leaves only the bias."""
    rows = rng.normal(size=(160, 3)) * [0.001, 1, 1000]
    signs = np.where(rows @ [1000, 1, 0.001] + rng.normal(size=160) > 1.2, 1, -1)
    found = slow_probe(rows[:80], signs[:80], rows[80:], c)
    right = float((found == signs[80:]).mean())
    assert linear_probe(rows[:80], signs[:80], rows[80:], signs[80:], c=c) == pytest.approx(right)
    assert (found != found[0]).any() == (c == 1)


def test_a_linear_probe_is_fitted_on_the_training_rows_alone(rng: np.random.Generator) -> None:
    """Labelled the other way round there, every test row is wrong."""
    rows = rng.normal(size=(100, 2)) + 10 * np.repeat([[1.0], [-1.0]], 50, axis=0)
    labels = np.repeat([0, 1], 50)
    assert linear_probe(rows, labels, rows, 1 - labels) == 0


def test_a_linear_probe_of_one_label_is_refused() -> None:
    with pytest.raises(EvaluationError, match="at least two labels"):
        linear_probe(SQUARE, [1, 1, 1, 1], SQUARE, [1, 1, 1, 1])


def test_silhouette_by_hand() -> None:
    """On a line 0, 1 against 10, 12. For 0: a = 1, b = 11; for 1: a = 1, b = 10; for 10: a = 2, b = 9.5; for 12: a = 2,
    b = 11.5."""
    rows = np.array([[0.0], [1], [10], [12]])
    expected = (10 / 11 + 9 / 10 + 7.5 / 9.5 + 9.5 / 11.5) / 4
    assert silhouette(rows, [0, 0, 1, 1]) == pytest.approx(expected)


def test_silhouette_is_sampled_above_its_limit(rng: np.random.Generator) -> None:
    """The sample's figure is near, and the same each time."""
    rows, labels = groups(rng, 900)
    whole, sampled = silhouette(rows, labels), silhouette(rows, labels, at_most=300)
    assert sampled == silhouette(rows, labels, at_most=300) != whole
    assert sampled == pytest.approx(whole, abs=0.05)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_silhouette_needs_labels_that_group(labels: list[int]) -> None:
    with pytest.raises(EvaluationError, match="2 to 3 labels among 4 rows"):
        silhouette(SQUARE, labels)


def test_shapes_that_do_not_belong_together_are_refused_with_both_values() -> None:
    with pytest.raises(EvaluationError, match=r"\(4, 2\) and \(4, 3\)"):
        linear_probe(SQUARE, [0, 1, 0, 1], np.zeros((4, 3)), [0, 1, 0, 1])
    with pytest.raises(EvaluationError, match=r"4 rows, labels of shape \(3,\)"):
        map_at_r(SQUARE, [0, 1, 0])
    with pytest.raises(EvaluationError, match="At least 20 rows are needed, got 4"):
        knn_accuracy(SQUARE, [0, 1, 0, 1], SQUARE, [0, 1, 0, 1])
    with pytest.raises(EvaluationError, match="None of the 4 rows shares its label"):
        map_at_r(SQUARE, [0, 1, 2, 3])
