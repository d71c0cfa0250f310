"""Positions on the earth -> names of cells, so that "near here" is a question for exact words. Numbers in, text out.

A cube around the earth, each of its six faces halved both ways again and again, as in Google's S2: no poles, no date
line. A cell's name is its face and one digit of 0 … 3 for every halving, so it begins with the name of the cell that
holds it. Weaviate's own geoCoordinates were tried and left: their filter finds 800 objects at most (weaviate#4728), is
0 in the client's counts (weaviate-python-client#932), forgets objects at a restart (weaviate#8747, until 1.36), and
pictures of one spot are stored a hundred times as slowly.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

EARTH_KM = 6371.0
LEVELS = 20
"""Halvings of a face; the smallest cells are up to 12 m wide."""
EXCESS = 0.1
"""How much farther than its radius the cover of a circle may reach, as a share of the radius."""

Points = NDArray[np.float64]  # (n, 3) unit vectors


def cells_of(latitude: float, longitude: float) -> list[str]:
    """The cells that hold a point (degrees), from the whole face down to the smallest.

    >>> [cell[:4] for cell in cells_of(48.85, 2.35)[:4]]
    ['2', '23', '231', '2311']
    """
    point = to_point(latitude, longitude)
    axis = int(np.argmax(np.abs(point)))
    across = (point / abs(point[axis]))[[(axis + 1) % 3, (axis + 2) % 3]]  # (2,) each -1 … 1
    column, row = np.minimum(((across + 1) / 2 * (1 << LEVELS)).astype(int), (1 << LEVELS) - 1).tolist()
    name = str(axis + 3 * int(point[axis] < 0))
    for bit in reversed(range(LEVELS)):
        name += str((column >> bit & 1) + 2 * (row >> bit & 1))
    return [name[: 1 + level] for level in range(LEVELS + 1)]


@lru_cache(maxsize=64)
def cover(latitude: float, longitude: float, km: float) -> tuple[str, ...]:
    """Cells that hold every point within `km` (along the great circle) of a point, and none beyond 1.1 times that and
    20 m. A few hundred."""
    centre, radius = to_point(latitude, longitude), km / EARTH_KM
    names = [str(face) for face in range(6)]
    corners = np.zeros((6, 2))  # of each cell: column and row of its corner with the smallest ones, in cells
    kept: list[str] = []
    for level in range(LEVELS + 1):
        middle, reach = _extent(np.array([int(name[0]) for name in names]), corners, level)
        away = np.arccos(np.clip(middle @ centre, -1, 1))
        touching = away - reach <= radius
        final = touching & ((away + reach <= radius) | (2 * reach <= EXCESS * radius) | (level == LEVELS))
        kept += [names[index] for index in np.flatnonzero(final)]
        split = np.flatnonzero(touching & ~final)
        if not split.size:
            break
        names = [names[index] + digit for index in split for digit in "0123"]
        offsets = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
        corners = (2 * corners[split][:, None] + offsets).reshape(-1, 2)
    return tuple(kept)


def to_point(latitude: float, longitude: float) -> NDArray[np.float64]:
    """(3,) of unit length."""
    a, b = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)])


def _extent(faces: NDArray[np.int64], corners: NDArray[np.float64], level: int) -> tuple[Points, NDArray[np.float64]]:
    """The middle of each cell, (n, 3), and the angle from there to its farthest corner, (n,). Sides of cells lie on
    great circles, so nothing in a cell is farther."""
    width = 2.0 / (1 << level)
    middle = _on_sphere(faces, (corners + 0.5) * width - 1)
    ends = [_on_sphere(faces, (corners + shift) * width - 1) for shift in ((0, 0), (0, 1), (1, 0), (1, 1))]
    nearest = np.min([(middle * end).sum(axis=1) for end in ends], axis=0)
    # Tiny angles are lost in a cosine: 1 - 1e-16 is still 1e-8, or 10 cm.
    return middle, np.arccos(np.clip(nearest, -1, 1)) + 3e-8


def _on_sphere(faces: NDArray[np.int64], across: NDArray[np.float64]) -> Points:
    """Points of the cube's faces, by the two coordinates on a face, moved to the sphere."""
    points, every = np.empty((len(faces), 3)), np.arange(len(faces))
    points[every, faces % 3] = np.where(faces < 3, 1.0, -1.0)
    points[every, (faces + 1) % 3], points[every, (faces + 2) % 3] = across.T
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points
