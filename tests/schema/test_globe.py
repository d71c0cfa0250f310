"""The grid over the earth: a circle's cells hold what is near and nothing that is far. Distances by haversine."""

import math
from itertools import pairwise

import numpy as np
import pytest

from schema.globe import EARTH_KM, LEVELS, cells_of, cover


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres along the great circle (haversine), which keeps small distances exact."""
    (a, b), (c, d) = (tuple(map(math.radians, place)) for place in (one, other))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def beside(place: tuple[float, float], km: float, bearing: float) -> tuple[float, float]:
    """The place reached by going straight on."""
    a, b, way = math.radians(place[0]), math.radians(place[1]), km / EARTH_KM
    sine = math.sin(a) * math.cos(way) + math.cos(a) * math.sin(way) * math.cos(bearing)
    c = math.asin(max(-1.0, min(1.0, sine)))
    east = math.atan2(math.sin(bearing) * math.sin(way) * math.cos(a), math.cos(way) - math.sin(a) * sine)
    return math.degrees(c), (math.degrees(b + east) + 540) % 360 - 180


def test_a_point_is_in_one_cell_of_each_size_each_inside_the_one_before() -> None:
    cells = cells_of(48.8566, 2.3522)
    assert [len(cell) for cell in cells] == list(range(1, LEVELS + 2))
    assert all(small.startswith(large) for large, small in pairwise(cells))


@pytest.mark.parametrize(
    ("place", "face"),
    [((0, 0), "0"), ((0, 90), "1"), ((90, 0), "2"), ((0, 180), "3"), ((0, -90), "4"), ((-90, 0), "5")],
)
def test_the_six_faces_are_where_the_axes_are(place: tuple[float, float], face: str) -> None:
    assert cells_of(*place)[0] == face


@pytest.mark.parametrize("same", [((12.5, 180.0), (12.5, -180.0)), ((90.0, 0.0), (90.0, 77.0))], ids=str)
def test_one_point_of_two_names_is_near_itself(same: tuple[tuple[float, float], tuple[float, float]]) -> None:
    for here in same:
        assert all(set(cover(*here, 0.001)) & set(cells_of(*there)) for there in same)


@pytest.mark.parametrize("km", [0.001, 0.05, 1, 10, 300, 5000, 20_038])
@pytest.mark.parametrize(
    "place", [(48.8566, 2.3522), (0.0, 0.0), (-17.0, 180.0), (90.0, 0.0), (-89.99, 45.0), (35.2644, 45.0)], ids=str
)
def test_what_is_near_is_found_and_what_is_far_is_not(place: tuple[float, float], km: float) -> None:
    """Poles, the date line, a corner where three faces meet (35.26, 45)."""
    rng = np.random.default_rng(int(km * 1000))
    cells = set(cover(*place, km))
    for share, bearing in zip(rng.uniform(0, 1.4, 60), rng.uniform(0, 2 * math.pi, 60), strict=True):
        other = beside(place, min(share * km, math.pi * EARTH_KM), bearing)
        away, found = distance(place, other), bool(cells & set(cells_of(*other)))
        if away <= km * (1 - 1e-6) - 1e-6:
            assert found, (other, away)
        elif away > 1.1 * km + 0.02:
            assert not found, (other, away)


@pytest.mark.parametrize("km", [0.001, 0.3, 7, 40, 900, 4000])
def test_a_circle_is_covered_by_few_cells(km: float) -> None:
    assert len(cover(48.85, 2.35, km)) < 600
