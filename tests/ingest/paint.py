"""Small pictures for tests: every one distinct, each of a colour that can be told."""

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}


def paint(path: Path, colour: str | tuple[int, int, int] = "red", seed: int = 0) -> Path:
    """A 40 x 30 PNG of one colour; `seed` is hidden in its last pixel, so that other seeds give other bytes."""
    pixels = np.full((30, 40, 3), COLOURS[colour] if isinstance(colour, str) else colour, dtype=np.uint8)
    pixels[-1, -1] = (seed % 256, seed // 256 % 256, 7)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def paint_many(folder: Path, count: int) -> list[Path]:
    names = list(COLOURS)
    return [paint(folder / f"{index:04}.png", names[index % len(names)], index) for index in range(count)]
