"""E1: a Siamese net on balanced pairs, cosine + MSE: 1 for one label, 0 for two. The pairs serve E2 too."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.experiments.contrast import Recipe, run_recipe
from training.experiments.fashion import CHOSEN, Epoch, LabelledPictures, Labels, shares
from training.experiments.result import Findings
from training.loop import Plan
from training.losses import cosine_mse

Pairs = tuple[Tensor, Tensor]
"""Pictures (2n, 1, 28, 28), firsts then seconds, and whether each pair is of one label (n,)."""
BALANCED = (
    "Pairs: each epoch half of the training pictures, drawn anew, are anchors; every other one is paired with a random "
    "picture of its label, the rest with one of a random other label."
)


def balanced_pairs(pictures: LabelledPictures, size: int, seed: int, epoch: int) -> Epoch[Pairs]:
    """Half of `size` pairs a batch, as many of one label as of two."""
    rng = np.random.default_rng([seed, epoch])
    half = size // 2
    batches = len(pictures.train) // size
    anchors = rng.permutation(len(pictures.train))[: batches * half]
    same = np.arange(len(anchors)) % 2 == 0
    partners = find_partners(pictures.train_labels, anchors, same, rng)

    def make(chosen: Labels) -> Pairs:
        both = np.concatenate([anchors[chosen], partners[chosen]])
        return shares(pictures.train[torch.from_numpy(both)]), torch.from_numpy(same[chosen])

    return Epoch(list(np.arange(batches * half).reshape(batches, half)), make)


def find_partners(labels: Labels, anchors: Labels, same: NDArray[np.bool_], rng: np.random.Generator) -> Labels:
    """For each anchor another picture: of its label where `same`, else of another label, each label as likely."""
    kinds, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    by_kind = np.argsort(codes, kind="stable")
    starts = np.cumsum(counts) - counts
    rank = np.empty_like(codes)
    rank[by_kind] = np.arange(len(labels)) - starts[codes[by_kind]]
    kind = np.where(same, codes[anchors], (codes[anchors] + rng.integers(1, len(kinds), len(anchors))) % len(kinds))
    step = rng.integers(1, counts[kind])  # a step of the whole count would end at the anchor itself
    place: Labels = by_kind[starts[kind] + (np.where(same, rank[anchors], 0) + step) % counts[kind]]
    return place


def loss(model: nn.Module, batch: Pairs) -> Tensor:
    pictures, same = batch
    first, second = model(pictures).chunk(2)
    return cosine_mse(first, second, same.float())


RECIPE = Recipe("E1", "Siamese, cosine + MSE", Plan(epochs=6, learning_rate=2e-3), 500, balanced_pairs, loss)


def run(seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings:
    return run_recipe(RECIPE, {"kNN20": 0.87, "MAP@R": 0.65}, seeds, small, cache, out, notes=[BALANCED, CHOSEN])
