"""Draw other views of pictures by (seed, index), and apply the same draw to PIL pictures or to whole batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor

Array = NDArray[np.float64]
SIGMAS = 3
"""How far the Gaussian reaches."""


@dataclass(frozen=True)
class Drawn:
    """What happens to each of n pictures."""

    side: Array  # (n, 2): width and height that are kept, as shares
    place: Array  # (n, 2): where the rest is cut away, 0 left or top … 1 right or bottom
    flip: NDArray[np.bool_]  # (n,)
    angle: Array  # (n,): degrees, counter-clockwise
    brightness: Array  # (n,): factor
    blur: Array  # (n,): sigma, pixels; 0 is none

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
    """Ranges to draw from, evenly; what is not said does not happen."""

    crop: tuple[float, float] = (1.0, 1.0)
    """Share of the area that is kept, and enlarged to the old size."""
    aspect: tuple[float, float] = (1.0, 1.0)
    """Width to height of the kept part, as a factor; evenly on a logarithmic scale."""
    flip: float = 0.0
    """Share of pictures that are mirrored."""
    rotation: float = 0.0
    """Degrees at most, either way."""
    brightness: tuple[float, float] = (1.0, 1.0)
    blur: tuple[float, float] = (0.0, 0.0)
    """Sigma in pixels."""
    blurred: float = 1.0
    """Share of pictures that `blur` happens to."""
    ground: float = 0.0
    """What is shown where a rotation leaves the picture: 0 black … 1 white."""

    def draw(self, seed: int | Sequence[int], indices: Sequence[int] | NDArray[np.int64]) -> Drawn:
        """`seed` may be several numbers, such as (seed, epoch, view). A picture's draw depends on these and its index,
        not on its neighbours in the batch.
        """
        u = _uniform(seed, np.asarray(indices), 9)  # (n, 9)
        area = _between(self.crop, u[:, 0])
        stretch = np.sqrt(np.exp(_between((np.log(self.aspect[0]), np.log(self.aspect[1])), u[:, 1])))
        side = np.minimum(np.sqrt(area)[:, None] * np.stack([stretch, 1 / stretch], axis=1), 1)
        blur = np.where(u[:, 7] < self.blurred, _between(self.blur, u[:, 8]), 0)
        angle = _between((-self.rotation, self.rotation), u[:, 5])
        return Drawn(side, u[:, 2:4], u[:, 4] < self.flip, angle, _between(self.brightness, u[:, 6]), blur)

    def batch(self, pictures: Tensor, seed: int | Sequence[int], indices: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """(n, c, h, w) float, 0…1 -> the same shape, on the same device."""
        drawn = self.draw(seed, indices)
        height, width = pictures.shape[2:]
        theta = torch.from_numpy(drawn.affine(width, height)).to(pictures)
        grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        # As PIL does it: the ground begins sharply where a point falls outside.
        moved = moved.masked_fill((grid.abs() > 1).any(dim=3)[:, None], self.ground)
        lit = (moved * torch.from_numpy(drawn.brightness).to(moved)[:, None, None, None]).clamp(0, 1)
        return _blurred(lit, drawn.blur, math.ceil(SIGMAS * self.blur[1]))

    def picture(self, picture: Image.Image, seed: int | Sequence[int], index: int) -> Image.Image:
        """An RGB or grey picture -> another of its size."""
        drawn = self.draw(seed, [index])
        width, height = picture.size
        # From −1…1 to pixels, where a pixel's middle is at .5.
        from_pixels = np.array([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
        to_pixels = np.array([[width / 2, 0, width / 2], [0, height / 2, height / 2]])
        matrix = to_pixels @ np.vstack([drawn.affine(width, height)[0], [0, 0, 1]]) @ from_pixels
        ground = round(255 * self.ground)
        fill = ground if picture.mode == "L" else (ground,) * len(picture.getbands())
        coefficients = tuple(float(value) for value in matrix.ravel())
        bilinear, affine = Image.Resampling.BILINEAR, Image.Transform.AFFINE
        moved = picture.transform(picture.size, affine, coefficients, bilinear, fillcolor=fill)
        lit = ImageEnhance.Brightness(moved).enhance(float(drawn.brightness[0]))
        return lit.filter(ImageFilter.GaussianBlur(float(drawn.blur[0]))) if drawn.blur[0] else lit


def _between(ends: tuple[float, float], share: Array) -> Array:
    return ends[0] + (ends[1] - ends[0]) * share


def _blurred(pictures: Tensor, sigmas: Array, reach: int) -> Tensor:
    """Each picture by its own Gaussian, edges repeated: the taps one after another, each for the whole batch."""
    if not reach:
        return pictures
    offsets = np.arange(-reach, reach + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(offsets == 0, 1.0, np.exp(-0.5 * (offsets / sigmas[:, None]) ** 2))  # (n, taps)
    taps = torch.from_numpy(weights / weights.sum(axis=1, keepdims=True)).to(pictures)[:, :, None, None, None]
    for dim in (2, 3):
        size = pictures.shape[dim]
        padding = (reach, reach, 0, 0) if dim == 3 else (0, 0, reach, reach)
        wide = F.pad(pictures, padding, mode="replicate")
        pictures = torch.zeros_like(pictures)
        for tap in range(len(offsets)):
            pictures.addcmul_(taps[:, tap], wide.narrow(dim, tap, size))
    return pictures


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
