"""Draw other views of pictures by (seed, index), and make them of whole batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """What happens to each of n pictures."""

    side: Array  # (n, 2): width and height that are kept, as shares
    place: Array  # (n, 2): where the rest is cut away, 0 left or top … 1 right or bottom
    flip: NDArray[np.bool_]  # (n,)
    angle: Array  # (n,): degrees, counter-clockwise
    brightness: Array  # (n,): factor

    def __len__(self) -> int:
        return len(self.angle)

    def affine(self, width: int, height: int) -> Array:
        """(n, 2, 3): from a point of the result to the point it is taken from, both −1…1 as in torch's affine_grid."""
        turn = np.deg2rad(self.angle)
        cos, sin = np.cos(turn), np.sin(turn)
        x, y = self.side.T
        mirror = np.where(self.flip, -1.0, 1.0)
        ratio = height / width
        linear = np.stack([cos * x * mirror, -sin * y * ratio, sin * x * mirror / ratio, cos * y], axis=1)
        centre = (1 - self.side) * (2 * self.place - 1)  # (n, 2)
        return np.concatenate([linear.reshape(-1, 2, 2), centre[:, :, None]], axis=2)


@dataclass(frozen=True)
class Augmentation:
    """Ranges to draw from, evenly; the defaults change nothing."""

    crop: tuple[float, float] = (1.0, 1.0)
    """Share of the area that is kept, and enlarged to the old size."""
    aspect: tuple[float, float] = (1.0, 1.0)
    """Width to height of the kept part, as a factor; evenly on a logarithmic scale."""
    flip: float = 0.0
    """Share of pictures that are mirrored."""
    rotation: float = 0.0
    """Degrees at most, either way."""
    brightness: tuple[float, float] = (1.0, 1.0)

    def draw(self, seed: int | Sequence[int], indices: Sequence[int] | NDArray[np.int64]) -> Drawn:
        """`seed` may be several numbers, such as (seed, epoch, view). A picture's draw depends on these and its index,
        not on its neighbours in the batch.
        """
        u = _uniform(seed, np.asarray(indices), 7)  # (n, 7)
        area = _between(self.crop, u[:, 0])
        stretch = np.sqrt(np.exp(_between((np.log(self.aspect[0]), np.log(self.aspect[1])), u[:, 1])))
        side = np.minimum(np.sqrt(area)[:, None] * np.stack([stretch, 1 / stretch], axis=1), 1)
        angle = _between((-self.rotation, self.rotation), u[:, 5])
        return Drawn(side, u[:, 2:4], u[:, 4] < self.flip, angle, _between(self.brightness, u[:, 6]))

    def batch(self, pictures: Tensor, seed: int | Sequence[int], indices: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """(n, c, h, w) float, 0…1 -> the same shape, on the same device."""
        drawn = self.draw(seed, indices)
        height, width = pictures.shape[2:]
        theta = torch.from_numpy(drawn.affine(width, height)).to(pictures)
        grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        outside = (grid.abs() > 1).any(dim=3)[:, None]
        moved = moved.masked_fill(outside, 0.0)  # black where a rotation leaves the picture
        return (moved * torch.from_numpy(drawn.brightness).to(moved)[:, None, None, None]).clamp(0, 1)


def _between(ends: tuple[float, float], share: Array) -> Array:
    return ends[0] + (ends[1] - ends[0]) * share


def _uniform(seed: int | Sequence[int], indices: NDArray[np.int64], count: int) -> Array:
    """(n, count) numbers in 0…1, each a function of the seed, its index and its column alone.

    SplitMix64's mixing function (Steele, Lea and Flood, OOPSLA 2014), over the seed's parts, the index and the column.
    """
    state = np.zeros((len(indices), count), np.uint64)
    parts = [seed] if isinstance(seed, int) else list(seed)
    columns = np.arange(count, dtype=np.int64)[None, :]
    for part in (*(np.array([[value]], np.int64) for value in parts), indices.astype(np.int64)[:, None], columns):
        state = _mixed(state + part.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return (state >> np.uint64(11)).astype(np.float64) / 2**53


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
