"""Export the trained memory as the arrays that the encoder loads."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from encoder.projection import TrainedProjection
from encoder.protocol import unit
from training.specialists.corpus import Corpus
from training.specialists.memory import Memory
from training.specialists.train import Start
from training.specialists.views import Array

FAMILIAR_FROM, FAMILIAR_TO = 0.3, 0.5
"""Cosines to the nearest remembered picture. Of photographs half lie below .34; of drawings of concepts that the memory
lacks, half lie above .51."""


@dataclass(frozen=True)
class Gains:
    """What the learnt shares are multiplied by: drawings, all that there is to train on, need ConSE less than
    photographs, and their captions name fewer colours."""

    conse: float = 1.0
    colours: float = 1.0
    familiar: float = 1.0
    """Both, once more, for a picture that the memory holds the like of."""


def export(memory: Memory, start: Start, corpus: Corpus, gains: Gains) -> TrainedProjection:
    """`corpus` is what is remembered: the training pictures, or more of them under the same trained numbers."""
    rows = corpus.caption_rows
    captions, counts = np.unique(rows, return_counts=True)
    together = np.argsort(rows, kind="stable")  # the pictures of a caption side by side
    key_map = _array(torch.eye(len(memory.change)) + memory.change)
    learnt = TrainedProjection(
        sight_mean=start.sight.sight_mean,
        sight_axes=start.sight.sight_axes,
        look_map=start.sight.look_map,
        key_map=key_map,
        memory_keys=unit(start.sight.project(corpus.views.features[together]) @ key_map),
        memory_starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32),
        captions=start.words.place(corpus.phrases[captions]),
        classes=start.classes,
        colours=start.colours,
        linear_map=start.linear.weight,
        linear_bias=start.linear.bias,
        centre=_array(memory.centre),
        words_mean=start.words.mean,
        words_map=start.words.map,
        familiar=np.array([FAMILIAR_FROM, FAMILIAR_TO, 1], dtype=np.float32),
        sharpness=_array(memory.log_sharpness.exp()),
        mixing=_array(memory.log_mixing.exp()),
    )
    return weighted(learnt, gains)


def weighted(learnt: TrainedProjection, gains: Gains) -> TrainedProjection:
    """The same memory with its shares multiplied. `learnt`: as exported with all gains 1."""
    return replace(
        learnt,
        mixing=learnt.mixing * np.array([1, gains.conse, 1, gains.colours], dtype=np.float32),
        familiar=learnt.familiar * np.array([1, 1, gains.familiar], dtype=np.float32),
    )


def _array(tensor: torch.Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)
