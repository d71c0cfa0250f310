"""Embed a picture with each of its parts taken away, to show where its embedding comes from.

Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014 (occlusion).
"""

from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from encoder.protocol import Embeddings, Encoder

GRID = 8
PAINTED_GRID = 5
"""Where every cell costs a pass of the model."""


@runtime_checkable
class SeesWithout(Protocol):
    """An encoder that can leave a part of a picture out within its layers, in one pass."""

    def encode_without(self, image: Image.Image, grid: int) -> Embeddings:
        """-> (grid², dim of image), line by line: of the square that holds the whole picture in its middle."""
        ...


def embeddings_without(encoder: Encoder, image: Image.Image) -> tuple[Embeddings, Embeddings]:
    """The picture's embedding (dim,), and (g², dim): that without each cell of a square around the picture, line by
    line."""
    if isinstance(encoder, SeesWithout):
        return encoder.encode_images([image])["image"][0], encoder.encode_without(image, GRID)
    side = max(image.size)
    canvas = Image.new("RGB", (side, side), "white")
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    canvas = canvas.resize((encoder.image_side, encoder.image_side))
    mean = tuple(int(value) for value in np.asarray(canvas).reshape(-1, 3).mean(axis=0))
    edges = np.linspace(0, encoder.image_side, PAINTED_GRID + 1).round().astype(int)
    painted = []
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            copy = canvas.copy()
            copy.paste(mean, (int(left), int(top), int(right), int(bottom)))
            painted.append(copy)
    rows = encoder.encode_images([canvas, *painted])["image"]
    return rows[0], rows[1:]
