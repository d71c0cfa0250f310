"""When two ways of computing vectors count as one, by hand."""

import numpy as np
import pytest

from encoder.gate import agree, fault_of, ranking_fault
from encoder.protocol import unit


def rows(rng: np.random.Generator, count: int = 40) -> np.ndarray:
    return unit(rng.normal(size=(count, 16)))


def test_the_same_vectors_agree(rng: np.random.Generator) -> None:
    found = agree(rows(rng), rows(np.random.default_rng(0)))
    assert (found.mean, found.least, found.overlap) == (pytest.approx(1), pytest.approx(1), 1)
    assert found.fault == ""
    assert str(found) == "cosine 1.0000, least 1.0000, nearest ten in common 1.000"


def test_one_picture_that_moved_is_the_least(rng: np.random.Generator) -> None:
    """Turned so far that its cosine is .9: the mean of forty is .9975, which alone would do."""
    exact = rows(rng)
    other = exact.copy()
    across = unit((other[1] - (other[1] @ other[0]) * other[0])[None])[0]
    other[0] = 0.9 * other[0] + np.sqrt(1 - 0.81) * across
    found = agree(exact, other)
    assert (found.mean, found.least) == (pytest.approx(0.9975, abs=1e-4), pytest.approx(0.9, abs=1e-4))
    assert "least cosine 0.9000 below 0.98" in found.fault
    assert "mean cosine" not in found.fault


def test_the_nearest_ten_are_compared_without_the_picture_itself() -> None:
    """Eleven pictures have the ten others as their nearest, in whatever order."""
    first, second = (rows(np.random.default_rng(seed), 11) for seed in (1, 2))
    assert agree(first, second).overlap == 1


def test_vectors_that_are_none_do_not_agree(rng: np.random.Generator) -> None:
    other = rows(rng)
    other[3] = np.nan
    assert "mean cosine nan below 0.995" in agree(rows(rng), other).fault


def test_the_fault_names_its_vector(rng: np.random.Generator) -> None:
    exact = rows(rng)
    fault = fault_of({"image": exact, "look": exact}, {"image": exact, "look": exact[::-1]})
    assert fault.startswith("look: mean cosine")
    assert fault_of({"image": exact}, {"image": exact}) == ""


def test_figures_may_move_by_half_a_hundredth_either_way() -> None:
    exact = {"R@10": 0.8, "MRR": 0.5}
    assert ranking_fault(exact, {"R@10": 0.804, "MRR": 0.496}) == ""
    assert ranking_fault(exact, {"R@10": 0.806, "MRR": 0.5}) == "R@10 moves by +0.0060"
    assert ranking_fault(exact, {"R@10": 0.8, "MRR": float("nan")}) == "MRR moves by +nan"
