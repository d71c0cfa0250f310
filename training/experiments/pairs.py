"""E1, E2 and E3: nets trained with labels. On balanced pairs, with cosine + MSE (Siamese) and with the margin loss; and
with every other picture of the batch (SupCon)."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training.augment import Augmentation
from training.experiments.contrast import Recipe, run_recipe
from training.experiments.fashion import CHOSEN, SHORT, LabelledPictures, Labels, shares, short_numbers
from training.loop import Plan
from training.losses import cosine_mse, margin_contrastive, sup_con
from training.samples import Epoch, LabelledBatches, Positions

Pairs = tuple[Tensor, Tensor]
"""Pictures (2n, 1, 28, 28), firsts then seconds, and whether each pair is of one label (n,)."""
LabelledBatch = tuple[Tensor, Tensor]
"""Pictures (n, 1, 28, 28) and their labels (n,)."""
MARGIN = 1.0
TEMPERATURE = 0.1
MIRRORED = Augmentation(flip=0.5)
BALANCED = (
    "Pairs: each epoch half of the training pictures, drawn anew, are anchors; every other one is paired with a random "
    "picture of its label, the rest with one of a random other label."
)
BATCHES = f"Batches: 10 labels times 50 pictures, each picture once an epoch; half of them mirrored; τ = {TEMPERATURE}."
UNIT = f"D is the distance of unit vectors, 0…2; the margin is {MARGIN:g}, a cosine of ½."


def balanced_pairs(pictures: LabelledPictures, size: int, seed: int, epoch: int) -> Epoch[Pairs]:
    """Half of `size` pairs a batch, as many of one label as of two."""
    rng = np.random.default_rng([seed, epoch])
    half = size // 2
    batches = len(pictures.train) // size
    anchors = rng.permutation(len(pictures.train))[: batches * half]
    same = np.arange(len(anchors)) % 2 == 0
    partners = find_partners(pictures.train_labels, anchors, same, rng)

    def make(chosen: Positions) -> Pairs:
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


def labelled_batches(pictures: LabelledPictures, size: int, seed: int, epoch: int) -> Epoch[LabelledBatch]:
    """As many of each label, each picture at most once an epoch."""
    kinds = len(np.unique(pictures.train_labels))
    drawn = LabelledBatches(pictures.train_labels.tolist(), kinds, size // kinds, seed).epoch(epoch)

    def make(chosen: Positions) -> LabelledBatch:
        mirrored = MIRRORED.batch(shares(pictures.train[torch.from_numpy(chosen)]), (seed, epoch), chosen)
        return mirrored, torch.from_numpy(pictures.train_labels[chosen])

    return Epoch([np.asarray(positions) for positions in drawn], make)


def cosine_loss(model: nn.Module, batch: Pairs) -> Tensor:
    pictures, same = batch
    first, second = model(pictures).chunk(2)
    return cosine_mse(first, second, same.float())


def margin_loss(model: nn.Module, batch: Pairs) -> Tensor:
    pictures, same = batch
    first, second = F.normalize(model(pictures), dim=1).chunk(2)
    return margin_contrastive(first, second, ~same, MARGIN)


def supervised_loss(model: nn.Module, batch: LabelledBatch) -> Tensor:
    pictures, labels = batch
    with short_numbers(pictures.device):
        embeddings = model(pictures)
    return sup_con(embeddings, labels, TEMPERATURE)


_PLAN = Plan(epochs=6, learning_rate=2e-3)
SIAMESE = Recipe(
    "E1", "Siamese, cosine + MSE", _PLAN, 500, balanced_pairs, cosine_loss, {"kNN20": 0.87, "MAP@R": 0.65},
    notes=[BALANCED, CHOSEN],
)  # fmt: skip
MARGINAL = Recipe(
    "E2", "margin loss", _PLAN, 500, balanced_pairs, margin_loss, {"kNN20": 0.86, "MAP@R": 0.65},
    notes=[BALANCED, UNIT, CHOSEN],
)  # fmt: skip
SUPERVISED = Recipe(
    "E3", "SupCon", Plan(epochs=12, learning_rate=2e-3), 500, labelled_batches, supervised_loss,
    {"kNN20": 0.91, "MAP@R": 0.80}, notes=[BATCHES, SHORT, CHOSEN], beside=[SIAMESE, MARGINAL],
)  # fmt: skip
run_siamese, run_margin, run_supervised = (partial(run_recipe, recipe) for recipe in (SIAMESE, MARGINAL, SUPERVISED))
"""The last takes up the finished runs of the others, or trains them."""
