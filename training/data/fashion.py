"""Debian's dataset-fashion-mnist -> arrays. Knows no model.

The data: https://arxiv.org/abs/1708.07747
"""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.packages import SourceMissing, debian

PACKAGE = "dataset-fashion-mnist"
PLACE = Path("usr/share/datasets/fashion-mnist")
CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class FashionPart:
    """Pictures of clothes in grey, white on black, and their classes."""

    images: NDArray[np.uint8]  # (n, 28, 28)
    labels: NDArray[np.int64]  # (n,)


@dataclass(frozen=True)
class Fashion:
    """60,000 pictures for training and 10,000 for test."""

    train: FashionPart
    test: FashionPart
    classes: tuple[str, ...] = CLASSES


def obtain_fashion(cache: Path) -> Fashion:
    """The whole set; raises SourceMissing."""
    return read_fashion(debian(PACKAGE, cache) / PLACE)


def read_fashion(folder: Path) -> Fashion:
    """The four files of a folder."""
    return Fashion(_part(folder, "train"), _part(folder, "t10k"))


def read_idx(path: Path) -> NDArray[np.uint8]:
    """One gzipped idx file of unsigned bytes, whatever its dimensions."""
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES)
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        if zeros or kind != 8:
            raise ValueError("no idx file of bytes")
        return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise SourceMissing(PACKAGE, f"{path} cannot be read ({error}); delete its folder and try again") from None


def _part(folder: Path, name: str) -> FashionPart:
    images = read_idx(folder / f"{name}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{name}-labels-idx1-ubyte.gz")
    if images.shape != (len(labels), 28, 28):
        raise SourceMissing(PACKAGE, f"{folder} holds {images.shape} pictures and {len(labels)} labels; delete it")
    return FashionPart(images, labels.astype(np.int64))
