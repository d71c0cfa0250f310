"""E4: SimCLR. Two views of each picture are the only supervision; the projector is thrown away after training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.augment import Augmentation
from training.experiments.contrast import Recipe, run_recipe
from training.experiments.fashion import DIMS, Epoch, LabelledPictures, Labels, SmallNet, shares
from training.experiments.result import Findings
from training.loop import Plan
from training.losses import nt_xent

Views = Tensor
"""Two views of n pictures (2n, 1, 28, 28), the first ones first."""
TEMPERATURE = 0.2
VIEWS = Augmentation(crop=(0.6, 1.0), aspect=(3 / 4, 4 / 3), flip=0.5, brightness=(0.6, 1.4))


class Projected(nn.Module):
    """The net with the projector of SimCLR (arXiv 2002.05709, section 2.1) behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = SmallNet()
        self.projector = nn.Sequential(
            nn.BatchNorm1d(DIMS),
            nn.ReLU(),
            nn.Linear(DIMS, 256, bias=False),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, DIMS),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        projections: Tensor = self.projector(self.net(pictures))
        return projections


def two_views(pictures: LabelledPictures, size: int, seed: int, epoch: int) -> Epoch[Views]:
    """Two views of size / 2 pictures a batch, each picture once an epoch. The labels are not looked at."""
    half = size // 2
    batches = len(pictures.train) // half
    mixed = np.random.default_rng([seed, epoch]).permutation(len(pictures.train))[: batches * half]

    def make(chosen: Labels) -> Views:
        batch = shares(pictures.train[torch.from_numpy(chosen)])
        return torch.cat([VIEWS.batch(batch, (seed, epoch, view), chosen) for view in (0, 1)])

    return Epoch(list(mixed.reshape(batches, half)), make)


def loss(model: nn.Module, views: Views) -> Tensor:
    first, second = model(views).chunk(2)
    return nt_xent(first, second, TEMPERATURE)


def tower(model: nn.Module) -> nn.Module:
    net: nn.Module = model.get_submodule("net")
    return net


RECIPE = Recipe(
    "E4", "SimCLR, no labels", Plan(epochs=20, learning_rate=2e-3), 512, two_views, loss, model=Projected, tower=tower
)


def run(seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings:
    return run_recipe(RECIPE, {"kNN20": 0.88}, seeds, small, cache, out, notes=[])
