"""Describe what a decoded picture looks like: its dominant colours by name, and a hash that near-duplicates share.

Colours have the eleven basic colour terms of English (B. Berlin, P. Kay, Basic Color Terms, University of California
Press 1969). A pixel has the name of the nearest of `_PROTOTYPES` in CIELAB (D65): colours that people at their screens
gave these names to, with modifiers such as light, dusty or navy. xkcd colour survey, R. Munroe 2010, 222,500 sessions,
public domain (CC0), https://xkcd.com/color/rgb/

The hash is the imagehash library's `phash`: the signs of the 64 lowest frequencies of a 32 x 32 grey picture against
their median. N. Krawetz, Looks Like It, hackerfactor.com 2011.
"""

from dataclasses import dataclass
from functools import lru_cache

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_PROTOTYPES = {  # the default encoder sees by them: a change needs another encoder.specialists.PREPROCESSING
    "black": "000000 070d0d",
    "white": "ffffff ffffe4 ebebeb",  # the last one is ours: paper in a photograph is seldom brighter
    "grey": "363737 3c4142 59656d 6f828a 7d7f7c 929591 95a3a6 978a84 d8dcd6",
    "red": "e50000 840000 8f1402 980002 9a0200 7b0323 9f2305 a90308 aa2704 b9484e bb3f3f d3494e d9544d db5856 fe2f4a "
    "ff000d ff073a ff474c",
    "orange": "f97306 c04e01 c14a09 c45508 c65102 c87606 d8863b dc4d01 f0833a f0944d fdaa48 fe4b03 ff5b00 ff964f "
    "ffa756",
    "yellow": "ffff14 cdc50a cfff04 d5ab09 d5b60a eedc5b f1f33f fce166 fdee73 fdff38 feff7f ffda03 fffd01 fffe71 "
    "fffe7a ffff84",
    "green": "15b01a 01ff07 02590f 033500 048243 062e03 06470c 0a481e 0add08 0b4008 0cff0c 21fc0d 25ff29 287c37 2fef10 "
    "33b864 35530a 39ad48 3d9973 3f9b0b 4b5d16 50a747 53fca1 5ca904 5fa052 606602 61e160 658b38 658d6d 667e2c 6ba353 "
    "6fc276 74a662 75b84f 76a973 7af9ab 7bb274 88b378 8cff9e 8eab12 8fff9f 96f97b adf802 b0ff9d c7fdb5 c8ffb0 cffdbc "
    "d1ffbd",
    "blue": "0343df 000133 00035b 001146 014182 0165fc 020035 0339f8 03719c 040273 047495 04d9ff 0504aa 0652ff 152eff "
    "276ab3 2c6fbb 2e5a88 3b719f 3d7afd 3f829d 448ee4 475f94 4984b8 49759c 4b57db 5170d7 5684ae 5a7d9a 5a86ad 5b7c99 "
    "6488ea 658cbb 75bbfd 78d1b6 95d0fc a2bffe a2cffe b1d1fc bdf6fe cafffb d0fefe d5ffff d6fffe d7fffe",
    "purple": "7e1e9c 280137 2a0134 35063e 36013f 430541 4b006e 5d1451 734a65 751973 805b87 825f87 84597e 895b7b "
    "916e99 952e8f 9900fa 9e43a2 a552e6 a66fb5 aa23ff ad03de b790d4 bc13fe be03fd bf77f6 ca9bf7 caa0ff cb00f5 f6cefc",
    "pink": "ff81c0 ca7b80 cb0162 cb416b cc7a8b d1768f d58a94 d5869d da467d de9dac f36196 fb5581 fdb0c0 fe019a fe01b1 "
    "fe828c ff028d ff0490 ff7fa7 ffb2d0 ffb7ce ffbacd ffcfdc ffd1df",
    "brown": "653700 1d0200 341c02 410200 411900 60460f 7f5112 876e4b 8b3103 964e02 ad8150 b1916e b2713d c4a661 cba560 "
    "d3b683",
}
COLOURS = tuple(_PROTOTYPES)

SIDE = 96
"""Pixels a side that are looked at; they are picked, not averaged, or thin lines would take colours of their own."""
LEAST_SHARE = 0.06
"""What a name needs to be one of the picture's colours, of the sum of its pixels' weights."""
LEAST_OF_FIGURE = 0.2
"""Or of what is not the ground, where one of black, white and grey has more than half of that sum;"""
LEAST_FIGURE = 0.01
"""then at least this share of the whole."""
CHROMA_UNIT = 40
"""A pixel weighs 1 and its chroma in CIELAB over this: a small red thing is seen before much grey."""
MOST = 5
MIN_HASHED_SIDE = 8
"""Pixels; eight frequencies each way need as many."""
MIN_SPREAD = 2.0
"""Standard deviation of the grey values, 0 … 255; a picture of one colour has only noise below it."""
_SHRUNK = 128
_GROUNDS = ("black", "white", "grey")
_BITS = 5
_STEPS = 1 << _BITS
_D65 = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """The names of a picture's colours, the one of the most pixels first, and the mean of each one's pixels,
    `#rrggbb`."""

    names: tuple[str, ...]
    swatches: tuple[str, ...]


def palette(image: Image.Image) -> Palette:
    """One to five colours of an RGB picture.

    White paper, or the white that transparent ground is shown on, is a colour like any other; what is drawn on it is
    measured against the drawing.
    """
    pixels = _picked(image).reshape(-1, 3)  # of 0 … 255
    named, weights = _named(pixels)
    counts = np.bincount(named, minlength=len(COLOURS))
    chosen = sorted(_dominant(_weighed(named, weights)), key=lambda index: (-counts[index], index))
    means = [pixels[named == index].mean(axis=0).round().astype(int) for index in chosen]
    return Palette(
        tuple(COLOURS[index] for index in chosen),
        tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in means),
    )


def shares(image: Image.Image) -> NDArray[np.float64]:
    """(11,): how much of an RGB picture has each of COLOURS, a coloured pixel weighing more; the sum is 1."""
    return _weighed(*_named(_picked(image).reshape(-1, 3)))


def shares_without(image: Image.Image, grid: int) -> NDArray[np.float64]:
    """(grid², 11): `shares` of what is left where one cell is taken away, line by line, of grid x grid cells of the
    square that holds the whole picture in its middle."""
    picked = _picked(image)
    side = max(image.size)
    down = _cells(image.height, side, picked.shape[0], grid)
    across = _cells(image.width, side, picked.shape[1], grid)
    named, weights = _named(picked.reshape(-1, 3))
    cell = (down[:, None] * grid + across).ravel()
    parts = np.bincount(cell * len(COLOURS) + named, weights, grid * grid * len(COLOURS)).reshape(-1, len(COLOURS))
    left: NDArray[np.float64] = parts.sum(axis=0) - parts
    return np.asarray(left / left.sum(axis=1, keepdims=True))


def _cells(length: int, side: int, count: int, grid: int) -> NDArray[np.int64]:
    """For `count` places evenly along a length in the middle of a side: in which of `grid` stretches of the side."""
    places = (side - length) / 2 + (np.arange(count) + 0.5) * length / count
    return np.asarray(places * grid // side, dtype=np.int64)


def _picked(image: Image.Image) -> NDArray[np.uint8]:
    """At most 96 x 96 of the picture's pixels, evenly spread -> (height, width, 3)."""
    size = (min(SIDE, image.width), min(SIDE, image.height))
    few = image.convert("RGB") if size == image.size else image.resize(size, Image.Resampling.NEAREST).convert("RGB")
    return np.asarray(few)


def _named(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """(n, 3) -> for each pixel an index into COLOURS, and its weight."""
    red, green, blue = (pixels >> (8 - _BITS)).T
    names, weights = _table()
    return names[red, green, blue], weights[red, green, blue]


def _weighed(named: NDArray[np.uint8], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    weighed = np.bincount(named, weights, len(COLOURS))
    return np.asarray(weighed / weighed.sum())


def _dominant(shares: NDArray[np.float64]) -> list[int]:
    order = sorted(np.flatnonzero(shares).tolist(), key=lambda index: (-shares[index], index))
    largest = float(shares[order[0]])
    figure = 1 - largest if COLOURS[order[0]] in _GROUNDS and largest > 0.5 else 0.0
    kept = [
        index
        for index in order
        if shares[index] >= LEAST_SHARE or (figure and shares[index] >= max(LEAST_FIGURE, LEAST_OF_FIGURE * figure))
    ]
    return (kept or order[:1])[:MOST]


@lru_cache(maxsize=1)
def _table() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Each (32, 32, 32), by red, green and blue: the name of the colour, as an index into COLOURS, and its weight."""
    from scipy.spatial import cKDTree  # takes long to import, and commands that only show their help need none

    codes = [(index, code) for index, codes in enumerate(_PROTOTYPES.values()) for code in codes.split()]
    prototypes = np.array([list(bytes.fromhex(code)) for _, code in codes], dtype=np.float64)
    levels = np.linspace(0, 255, _STEPS)  # so that the first cell is black itself and the last white
    cells = to_lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3))
    _, nearest = cKDTree(to_lab(prototypes)).query(cells)
    names = np.array([index for index, _ in codes], dtype=np.uint8)[nearest]
    weights = 1 + np.hypot(cells[:, 1], cells[:, 2]) / CHROMA_UNIT
    shape = (_STEPS, _STEPS, _STEPS)
    return names.reshape(shape), weights.reshape(shape)


def to_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 … 255 of sRGB, (n, 3) -> CIELAB, (n, 3): IEC 61966-2-1 and CIE 15:2004, white D65."""
    scaled = rgb / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _D65
    cube = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = cube.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def perceptual_hash(image: Image.Image) -> str:
    """16 hex digits, or "" where they would say nothing: one colour, or less than eight pixels high or wide."""
    if min(image.size) < MIN_HASHED_SIDE:
        return ""
    grey = image.convert("L")
    factor = max(1, min(grey.size) // _SHRUNK)
    if factor > 1:
        grey = grey.reduce(factor)  # imagehash's own filter takes ten times as long on all pixels
    if float(np.asarray(grey).std()) < MIN_SPREAD:
        return ""
    return str(imagehash.phash(grey))
