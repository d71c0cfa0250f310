"""E3: SupCon on batches of all labels: every other sample is a positive or a negative. Stands beside E1 and E2."""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from training.augment import Augmentation
from training.experiments.contrast import Recipe, run_recipe
from training.experiments.fashion import CHOSEN, SHORT, Epoch, LabelledPictures, Labels, shares, short_numbers
from training.experiments.pairs import MARGINAL, SIAMESE
from training.loop import Plan
from training.losses import sup_con
from training.samples import LabelledBatches

LabelledBatch = tuple[Tensor, Tensor]
"""Pictures (n, 1, 28, 28) and their labels (n,)."""
TEMPERATURE = 0.1
MIRRORED = Augmentation(flip=0.5)
BATCHES = f"Batches: 10 labels times 50 pictures, each picture once an epoch; half of them mirrored; τ = {TEMPERATURE}."


def labelled_batches(pictures: LabelledPictures, size: int, seed: int, epoch: int) -> Epoch[LabelledBatch]:
    """As many of each label, each picture at most once an epoch."""
    kinds = len(np.unique(pictures.train_labels))
    drawn = LabelledBatches(pictures.train_labels.tolist(), kinds, size // kinds, seed).epoch(epoch)

    def make(chosen: Labels) -> LabelledBatch:
        mirrored = MIRRORED.batch(shares(pictures.train[torch.from_numpy(chosen)]), (seed, epoch), chosen)
        return mirrored, torch.from_numpy(pictures.train_labels[chosen])

    return Epoch([np.asarray(positions) for positions in drawn], make)


def loss(model: nn.Module, batch: LabelledBatch) -> Tensor:
    pictures, labels = batch
    with short_numbers(pictures.device):
        embeddings = model(pictures)
    return sup_con(embeddings, labels, TEMPERATURE)


RECIPE = Recipe(
    "E3", "SupCon", Plan(epochs=12, learning_rate=2e-3), 500, labelled_batches, loss, {"kNN20": 0.91, "MAP@R": 0.80},
    notes=[BATCHES, SHORT, CHOSEN], beside=[SIAMESE, MARGINAL],
)  # fmt: skip
run = partial(run_recipe, RECIPE)
"""Takes up the finished runs of E1 and E2, or trains them."""
