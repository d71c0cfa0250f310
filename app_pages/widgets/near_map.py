"""Where pictures were taken: the library's own points by longitude and latitude, a place to click, a circle around it.

A plain drawing: no map is fetched from anywhere.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

KM_PER_DEGREE = 111.195
"""Of latitude, on a sphere of radius 6,371 km."""
RADII_KM = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)
RADIUS_KM = 25
HEIGHT_PX, WIDTH_PX = 240, 300
SELECTION, ZOOM = "place", "view"
LARGEST = 20
"""Pictures at a place for the largest point, where no place has more."""
CIRCLE_POINTS = 72
Place = tuple[float, float, int]
"""Latitude, longitude, pictures."""


def draw(
    places: Sequence[Place], near: tuple[float, float, float] | None, key: str, on_choose: Callable[..., None]
) -> None:
    """`near`: latitude, longitude, km of the chosen circle. `on_choose(latitude, longitude)` after a click."""

    def chosen() -> None:
        if (place := clicked(st.session_state[key]["selection"].get(SELECTION), places)) is not None:
            on_choose(*place)

    st.vega_lite_chart(
        spec=spec(places, near), key=key, on_select=chosen, selection_mode=SELECTION, width="stretch",
        height=HEIGHT_PX, alt="Places where pictures were taken, by longitude and latitude; a click chooses one",
    )  # fmt: skip


def clicked(points: object, places: Sequence[Place]) -> tuple[float, float] | None:
    """The place whose number a browser says was clicked; None for what is none."""
    first = points[0] if isinstance(points, list) and points else None
    number = first.get("number") if isinstance(first, Mapping) else None
    if not isinstance(number, int | float) or not 0 <= number < len(places):
        return None
    return places[int(number)][0], places[int(number)][1]


def circle(latitude: float, longitude: float, km: float) -> list[tuple[float, float]]:
    """Points (latitude, longitude) that lie `km` from a place, on a sphere. Longitudes may pass 180.

    The formula for a destination from bearing and distance: Snyder, Map Projections, 1987, (5-5) and (5-6).
    """
    angle = km / (KM_PER_DEGREE * 180 / math.pi)
    lat, points = math.radians(latitude), []
    for step in range(CIRCLE_POINTS + 1):
        bearing = 2 * math.pi * step / CIRCLE_POINTS
        sine = math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(bearing)
        there = math.asin(min(max(sine, -1.0), 1.0))
        east = math.atan2(
            math.sin(bearing) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
        )
        points.append((math.degrees(there), longitude + math.degrees(east)))
    return points


def window(places: Sequence[Place]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The longitudes and latitudes to show: all places with some air, as wide as high on the ground in their middle."""
    south, north = min(p[0] for p in places), max(p[0] for p in places)
    west, east = min(p[1] for p in places), max(p[1] for p in places)
    middle = (south + north) / 2
    stretch = max(math.cos(math.radians(middle)), 0.1)
    high = max(1.2 * (north - south), 1.2 * (east - west) * stretch * HEIGHT_PX / WIDTH_PX, 0.05)
    wide = high / stretch * WIDTH_PX / HEIGHT_PX
    across = (west + east) / 2
    return (across - wide / 2, across + wide / 2), (max(middle - high / 2, -90), min(middle + high / 2, 90))


def spec(places: Sequence[Place], near: tuple[float, float, float] | None) -> dict[str, Any]:
    """Vega-Lite: the points, sized by their pictures, zoomed with the wheel; the chosen circle over them."""
    axis = {"format": "~f", "tickCount": 4, "title": None, "labelExpr": "datum.label + '°'"}
    x, y = (
        {"field": name, "type": "quantitative", "scale": {"domain": list(domain), "nice": False}, "axis": axis}
        for name, domain in zip(("longitude", "latitude"), window(places), strict=True)
    )
    most = max(LARGEST, *(count for _, _, count in places))
    values = [
        {"number": number, "latitude": lat, "longitude": lon, "pictures": count}
        for number, (lat, lon, count) in enumerate(places)
    ]
    points = {
        "data": {"values": values},
        "params": [
            {"name": SELECTION, "select": {"type": "point", "fields": ["number"], "nearest": False}},
            {"name": ZOOM, "select": {"type": "interval"}, "bind": "scales"},
        ],
        "mark": {"type": "circle", "cursor": "pointer", "opacity": 0.75, "clip": True},
        "encoding": {
            "x": x, "y": y,
            "size": {
                "field": "pictures", "type": "quantitative", "legend": None,
                "scale": {"type": "sqrt", "domain": [0, most], "range": [25, 400]},
            },
            "tooltip": [
                {"field": "pictures", "type": "quantitative", "title": "Pictures", "format": ",d"},
                {"field": "latitude", "type": "quantitative", "format": ".3f", "title": "Latitude"},
                {"field": "longitude", "type": "quantitative", "format": ".3f", "title": "Longitude"},
            ],
        },
    }  # fmt: skip
    if near is None:
        return {"layer": [points]}
    ring = {
        "data": {"values": [{"order": i, "latitude": a, "longitude": b} for i, (a, b) in enumerate(circle(*near))]},
        "mark": {"type": "line", "color": "#c2762b", "strokeWidth": 2, "clip": True},
        "encoding": {"x": x, "y": y, "order": {"field": "order"}},
    }  # fmt: skip
    return {"layer": [points, ring]}
