"""The drawing of places: what a click chooses, the circle, the window."""

import math

import pytest

from app_pages.widgets import near_map

PLACES = [(52.52, 13.4, 3), (48.86, 2.29, 40)]


def km_between(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Haversine, written down anew."""
    (lat_a, lon_a), (lat_b, lon_b) = (tuple(map(math.radians, point)) for point in (a, b))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(half))


@pytest.mark.parametrize(("latitude", "longitude", "km"), [(0, 0, 100), (60, 179.5, 500), (-80, 10, 25), (48, 2, 2500)])
def test_every_point_of_the_circle_is_as_far_away(latitude: float, longitude: float, km: float) -> None:
    points = near_map.circle(latitude, longitude, km)
    assert points[0] == pytest.approx(points[-1])
    for point in points:
        assert km_between((latitude, longitude), point) == pytest.approx(km, rel=1e-3)


def test_a_click_is_the_number_of_a_place() -> None:
    assert near_map.clicked([{"number": 1}], PLACES) == (48.86, 2.29)
    for nonsense in ([], [{}], [{"number": 2}], [{"number": -1}], [{"number": "1; drop"}]):
        assert near_map.clicked(nonsense, PLACES) is None


def test_the_window_holds_every_place_and_a_kilometre_is_as_wide_as_high() -> None:
    (west, east), (south, north) = near_map.window(PLACES)
    assert all(south < lat < north and west < lon < east for lat, lon, _ in PLACES)
    stretch = math.cos(math.radians((48.86 + 52.52) / 2))
    per_pixel = (east - west) * stretch / near_map.WIDTH_PX, (north - south) / near_map.HEIGHT_PX
    assert per_pixel[0] == pytest.approx(per_pixel[1])


def test_a_single_place_has_a_window_too() -> None:
    (west, east), (south, north) = near_map.window([(10.0, 20.0, 1)])
    assert west < 20 < east and south < 10 < north


def test_the_circle_is_drawn_over_the_points() -> None:
    assert len(near_map.spec(PLACES, None)["layer"]) == 1
    points, ring = near_map.spec(PLACES, (48.86, 2.29, 25.0))["layer"]
    assert [value["pictures"] for value in points["data"]["values"]] == [3, 40]
    assert points["encoding"]["size"]["scale"]["domain"] == [0, 40]
    assert len(ring["data"]["values"]) == near_map.CIRCLE_POINTS + 1
