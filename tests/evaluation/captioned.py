"""Folders of plain coloured pictures with captions, for the colour encoder: what is found can be worked out by hand."""

import csv
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def paint(file: Path, colour: str | tuple[int, int, int], size: int = 8) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), COLOURS[colour] if isinstance(colour, str) else colour).save(file)
    return file


def caption(folder: Path, captions: Mapping[str, str]) -> None:
    """A metadata.csv of file name -> caption."""
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file_name", "text"), *captions.items()])


def coloured(folder: Path, captions: Mapping[str, str] | None = None) -> Path:
    """One picture of each colour, `red.png` with the caption "red", or with those given."""
    for colour in COLOURS:
        paint(folder / f"{colour}.png", colour)
    caption(folder, {f"{colour}.png": colour for colour in COLOURS} if captions is None else captions)
    return folder
