"""Levels of similarity: what is usual for a question in a library."""

import numpy as np
import pytest

from encoder.protocol import unit
from search.scoring import FEWEST, LEAST_SPREAD, LibrarySpace, Spread


def test_the_level_is_mean_and_spread_of_the_cosines() -> None:
    """Worked out by hand: the cosines of (1, 0), (0, 1), (-1, 0), (0, 1) with (0, 1) are 0, 1, 0, 1."""
    spread = Spread.of(np.array([[1, 0], [0, 1], [-1, 0], [0, 1]], np.float32))
    assert spread.levels(np.array([[0, 1]], np.float32)) == ([0.5], [0.5])


def test_the_level_equals_that_of_every_cosine_counted() -> None:
    rng = np.random.default_rng(0)
    rows, vector = unit(rng.normal(0.2, 1, (400, 16))), unit(rng.normal(size=(1, 16)))[0]
    cosines = [sum(float(a) * float(b) for a, b in zip(row, vector, strict=True)) for row in rows]
    mean = sum(cosines) / len(cosines)
    spread = (sum((cosine - mean) ** 2 for cosine in cosines) / len(cosines)) ** 0.5
    assert np.ravel(Spread.of(rows).levels(vector[None])) == pytest.approx((mean, spread), rel=1e-5)


def test_a_library_of_equal_pictures_has_a_least_spread() -> None:
    """Else the smallest difference would be beyond all measure."""
    rows = np.tile(np.array([[0.6, 0.8]], np.float32), (50, 1))
    (mean,), (spread,) = Spread.of(rows).levels(np.array([[1, 0]], np.float32))
    assert mean == pytest.approx(0.6) and spread == LEAST_SPREAD


def space_of(count: int, captioned: int) -> tuple[LibrarySpace, dict[str, np.ndarray]]:
    """`captioned` pictures have the caption (0, 1), the others the vector of their image, (1, 0)."""
    images = np.tile(np.array([[1, 0]], np.float32), (count, 1))
    captions = images.copy()
    captions[:captioned] = (0, 1)
    rows = {"image": images, "caption": captions}
    return LibrarySpace.of(rows, (i < captioned for i in range(count)), count), rows


def test_captions_have_the_level_of_the_captioned_pictures_only() -> None:
    space, _ = space_of(100, 40)
    assert space.spreads["caption"].count == 40
    assert space.spreads["caption"].levels(np.array([[0, 1]], np.float32))[0] == [1]
    assert space.spreads["image"].count == 100
    assert space.captioned.sum() == 40


def test_too_few_captions_have_the_level_of_the_images() -> None:
    """Not none at all: beside a calibrated image, an uncalibrated caption would count next to nothing."""
    space, _ = space_of(100, FEWEST - 1)
    assert space.spreads["caption"] is space.spreads["image"]


def test_a_library_of_few_pictures_has_no_levels() -> None:
    space, _ = space_of(FEWEST - 1, FEWEST - 1)
    assert space.spreads == {}


def test_an_empty_library_has_no_captions() -> None:
    space, _ = space_of(0, 0)
    assert space.spreads == {} and len(space.captioned) == 0
