"""Captioned pictures of coloured shapes, drawn from a seed: small enough to learn in seconds."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from evaluation.folder import CaptionedFolder, CaptionedPicture

COLOURS = {
    "red": (215, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 70, 220),
    "yellow": (235, 210, 40),
    "purple": (140, 50, 170),
    "black": (20, 20, 20),
    "orange": (240, 140, 30),
    "pink": (250, 150, 190),
    "cyan": (60, 200, 210),
    "grey": (130, 130, 130),
}
SHAPES = ("circle", "square", "triangle", "bar")
WHERE = ("left", "right")


def draw(colour: str, shape: str, where: str, seed: int, side: int = 48) -> Image.Image:
    """On a light ground, a little larger or smaller and off centre."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), tuple(int(v) for v in random.integers(225, 255, 3)))
    pen, radius = ImageDraw.Draw(image), int(random.integers(8, 12))
    x = (side // 4 if where == "left" else 3 * side // 4) + int(random.integers(-1, 2))
    y = side // 2 + int(random.integers(-6, 7))
    box, fill = (x - radius, y - radius, x + radius, y + radius), COLOURS[colour]
    if shape == "circle":
        pen.ellipse(box, fill)
    elif shape == "square":
        pen.rectangle(box, fill)
    elif shape == "triangle":
        pen.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill)
    else:
        pen.rectangle((x - 3, 2, x + 3, side - 2), fill)
    return image


def make_folder(folder: Path, count: int = 80) -> Path:
    """Pictures, one for each colour, shape and side, with a metadata.csv."""
    folder.mkdir(parents=True)
    rows = []
    for seed, (colour, shape, where) in enumerate(list(product(COLOURS, SHAPES, WHERE))[:count]):
        name = f"{seed:03d}.png"
        draw(colour, shape, where, seed).save(folder / name)
        rows.append((name, f"a {colour} {shape} on the {where}"))
    write_metadata(folder, rows)
    return folder


def folder_of(*captions: tuple[str, ...]) -> CaptionedFolder:
    """As it would be read, of pictures that are nowhere."""
    pictures = tuple(CaptionedPicture(Path(f"{i}.png"), str(i), told) for i, told in enumerate(captions))
    return CaptionedFolder(
        folder=Path(), pictures=pictures, uncaptioned=(), unread=(), skipped=(), warnings=(), left_out=""
    )


def write_metadata(folder: Path, rows: list[tuple[str, str]]) -> None:
    with (folder / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "text"), *rows])
