"""E2: the margin loss L = (1 − y)·D² + y·max(0, m − D)², y = 0 for the same, on the pairs of E1."""

from collections.abc import Sequence
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from training.experiments.contrast import Recipe, run_recipe
from training.experiments.fashion import CHOSEN
from training.experiments.result import Findings
from training.experiments.siamese import BALANCED, Pairs, balanced_pairs
from training.loop import Plan
from training.losses import margin_contrastive

MARGIN = 1.0
UNIT = f"D is the distance of unit vectors, 0…2; the margin is {MARGIN:g}, a cosine of ½."


def loss(model: nn.Module, batch: Pairs) -> Tensor:
    pictures, same = batch
    first, second = F.normalize(model(pictures), dim=1).chunk(2)
    return margin_contrastive(first, second, ~same, MARGIN)


RECIPE = Recipe("E2", "margin loss", Plan(epochs=6, learning_rate=2e-3), 500, balanced_pairs, loss)


def run(seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings:
    return run_recipe(RECIPE, {"kNN20": 0.86, "MAP@R": 0.65}, seeds, small, cache, out, notes=[BALANCED, UNIT, CHOSEN])
