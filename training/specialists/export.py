"""The trained memory as the arrays that the encoder loads. Knows no file names."""

import numpy as np
import torch

from encoder.projection import TrainedProjection
from encoder.protocol import unit
from training.specialists.corpus import Corpus
from training.specialists.memory import Memory
from training.specialists.train import Start
from training.specialists.views import Array


def export(memory: Memory, start: Start, corpus: Corpus, conse_gain: float) -> TrainedProjection:
    """`corpus` is what is remembered: the training pictures, or more of them under the same trained numbers.

    `conse_gain` multiplies ConSE's learnt share: drawings, all that there is to train on, need it less than
    photographs.
    """
    rows = corpus.caption_rows
    captions, counts = np.unique(rows, return_counts=True)
    together = np.argsort(rows, kind="stable")  # the pictures of a caption side by side
    key_map = _array(torch.eye(len(memory.change)) + memory.change)
    return TrainedProjection(
        sight_mean=start.sight.sight_mean,
        sight_axes=start.sight.sight_axes,
        key_map=key_map,
        memory_keys=unit(start.sight.see(corpus.views.features[together]) @ key_map),
        memory_starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32),
        captions=start.words.place(corpus.phrases[captions]),
        classes=start.classes,
        linear_map=start.linear.weight,
        linear_bias=start.linear.bias,
        centre=_array(memory.centre),
        words_mean=start.words.mean,
        words_map=start.words.map,
        sharpness=_array(memory.log_sharpness.exp()),
        mixing=_array(memory.log_mixing.exp()) * np.array([1, conse_gain, 1], dtype=np.float32),
    )


def _array(tensor: torch.Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)
