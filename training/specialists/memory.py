"""The trained part of the default encoder: a memory with learnt keys, and how it mixes with what needs no training.

`encoder.projection.TrainedProjection` is the same in numpy.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.losses import Temperature

START_TEMPERATURE = 0.06
START_MIXING = (1.0, 1.2, 0.25, 0.4)
"""Memory, ConSE, linear map, colours: what was best without training on the development halves."""


class Inputs(NamedTuple):
    """n pictures, seen by everything that is not trained."""

    sight: Tensor  # (n, 512), unit rows
    conse: Tensor  # (n, dim), unit rows
    linear: Tensor  # (n, dim), unit rows
    colours: Tensor  # (n, dim)

    def rows(self, at: Tensor) -> "Inputs":
        return Inputs(*(part[at] for part in self))


class Memory(nn.Module):
    """z = unit(m₁·unit(Σ_j softmax_j(cos(K·x, K·x_j) / τ)·t_j) + m₂·ConSE + m₃·linear + m₄·colours − b)

    Learnt: K, τ, m, b. K = 1 + `change` begins as the identity, b as zero: at first the space is that without training.
    """

    remembered: Tensor  # (pictures, 512): the memory's `sight`
    words: Tensor  # (pictures, dim): its captions

    def __init__(self, remembered: Tensor, words: Tensor) -> None:
        super().__init__()
        width, dim = remembered.shape[1], words.shape[1]
        self.change = nn.Parameter(torch.zeros(width, width))
        self.log_sharpness = nn.Parameter(torch.tensor(-math.log(START_TEMPERATURE)))
        self.log_mixing = nn.Parameter(torch.tensor(START_MIXING).log())
        self.centre = nn.Parameter(torch.zeros(dim))
        self.scale = Temperature()
        self.register_buffer("remembered", remembered, persistent=False)
        self.register_buffer("words", words, persistent=False)

    def keys(self, sight: Tensor) -> Tensor:
        """(n, 512) -> (n, 512), unit rows."""
        return F.normalize(sight + sight @ self.change, dim=1)

    def forward(self, inputs: Inputs, hidden: Tensor | None = None) -> Tensor:
        """-> (n, dim), unit rows. `hidden` (n, pictures): True where a picture may not remember."""
        logits = self.keys(inputs.sight) @ self.keys(self.remembered).T * self.log_sharpness.exp()
        if hidden is not None:
            logits = logits.masked_fill(hidden, -torch.inf)
        recalled = F.normalize(logits.softmax(dim=1) @ self.words, dim=1)
        parts = (recalled, inputs.conse, inputs.linear, inputs.colours)
        mixed = sum(weight * part for weight, part in zip(self.log_mixing.exp(), parts, strict=True))
        return F.normalize(mixed - self.centre, dim=1)
