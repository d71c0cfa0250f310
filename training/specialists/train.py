"""Train the memory: InfoNCE between pictures and their phrases, with the memory of their own concept hidden; and
export it as the arrays that the encoder loads.

A picture must be found by what other concepts, and for part of the pictures other artists, have in the memory: that is
all that a new picture finds there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from encoder.conse import class_embeddings, conse
from encoder.projection import Sight, TrainedProjection, coloured
from encoder.protocol import unit
from training.checkpoints import load, restore
from training.loop import History, Plan, train
from training.losses import info_nce
from training.samples import Epoch
from training.specialists.fits import LinearMap, WordSpace, fit_ridge, fit_sight, fit_words, out_of_fold
from training.specialists.memory import Inputs, Memory
from training.specialists.views import Array, Corpus, Views

BATCH = 512
SOURCE_HIDDEN = 0.5
"""Share of the pictures whose whole source is hidden from them."""
OTHER_PHRASE = 0.5
"""Share of the pictures that are paired with any of their phrases instead of the caption."""
FAMILIAR_FROM, FAMILIAR_TO = 0.3, 0.5
"""Cosines to the nearest remembered picture. Of photographs half lie below .34; of drawings of concepts that the memory
lacks, half lie above .51."""
PLAN = Plan(epochs=5, learning_rate=2e-3, watch="choice", higher_is_better=True)


@dataclass(frozen=True)
class Start:
    """Everything that is fitted before the first step, on the training pictures alone."""

    sight: Sight
    words: WordSpace
    linear: LinearMap
    classes: Array  # (1000, dim), in the words' space
    colours: Array  # (11, dim), likewise, less their mean

    def inputs(self, views: Views) -> Inputs:
        """What the memory module gets of pictures that it was not fitted on."""
        return self._inputs(views, self.linear(views.features))

    def _inputs(self, views: Views, linear: Array) -> Inputs:
        rows = (
            self.sight.project(views.features),
            conse(views.logits, self.classes),
            unit(linear),
            coloured(views.shares, self.colours),
        )
        return Inputs(*(torch.from_numpy(np.ascontiguousarray(row)) for row in rows))

    def inputs_of_training(self, corpus: Corpus) -> Inputs:
        """The same, the linear map fitted without the picture's own concept."""
        words = self.words.place(corpus.captions)
        return self._inputs(corpus.views, out_of_fold(fit_ridge, corpus.views.features, words, corpus.concepts))


def fit_start(corpus: Corpus, colour_names: Array) -> Start:
    """`colour_names` (11, 384): unit sentence vectors."""
    words = fit_words(corpus.captions)
    linear = fit_ridge(corpus.views.features, words.place(corpus.captions))
    colours = unit(words.place(colour_names))
    return Start(
        fit_sight(corpus.views.features, corpus.things, corpus.sources),
        words,
        linear,
        classes=words.place(class_embeddings()),
        colours=colours - colours.mean(axis=0),
    )


def new_memory(start: Start, corpus: Corpus) -> Memory:
    """Untrained, remembering the corpus."""
    remembered = torch.from_numpy(start.sight.project(corpus.views.features))
    return Memory(remembered, torch.from_numpy(start.words.place(corpus.captions)))


class Batch(NamedTuple):
    """n pictures of the training corpus with a phrase each."""

    inputs: Inputs
    phrases: Tensor  # (n, dim)
    hidden: Tensor  # (n, pictures), bool
    same: Tensor  # (n, n): 1 where the concept is the same


class Batches:
    """The training corpus in batches; an epoch's order, phrases and hidden sources follow from (seed, epoch)."""

    def __init__(self, corpus: Corpus, start: Start, seed: int) -> None:
        self._inputs = start.inputs_of_training(corpus)
        self._phrases = torch.from_numpy(unit(start.words.place(corpus.phrases)))
        self._phrases_of = corpus.phrases_of
        self._concepts = torch.from_numpy(corpus.concepts)
        names, sources = np.unique(corpus.sources, return_inverse=True)
        self._sources, self._share = torch.from_numpy(sources), SOURCE_HIDDEN if len(names) > 1 else 0.0
        self._seed = seed

    def __call__(self, epoch: int) -> Epoch[Batch]:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self._concepts))
        whole = order[: len(order) // BATCH * BATCH]
        return Epoch(list(whole.reshape(-1, BATCH)), lambda positions: self._batch(positions, rng))

    def _batch(self, positions: np.ndarray, rng: np.random.Generator) -> Batch:
        rows = torch.from_numpy(positions)
        source_hidden = torch.from_numpy(rng.random(len(rows)) < self._share)
        hidden = self._concepts[rows][:, None] == self._concepts
        hidden |= (self._sources[rows][:, None] == self._sources) & source_hidden[:, None]
        any_phrase = rng.random(len(rows)) < OTHER_PHRASE
        drawn = [
            self._phrases_of[at][int(rng.integers(len(self._phrases_of[at]))) if other else 0]
            for at, other in zip(positions.tolist(), any_phrase, strict=True)
        ]
        same = self._concepts[rows][:, None] == self._concepts[rows]
        return Batch(self._inputs.rows(rows), self._phrases[drawn], hidden, same.float())


def loss(model: nn.Module, batch: Batch) -> Tensor:
    """Symmetric InfoNCE, every phrase of the same concept a positive. `model`: a Memory."""
    pictures = model(batch.inputs, batch.hidden)
    return info_nce(pictures, batch.phrases, model.scale(), batch.same)  # type: ignore[operator]


def train_memory(
    corpus: Corpus,
    start: Start,
    folder: Path,
    validate: Callable[[Memory], Mapping[str, float]],
    *,
    seed: int = 0,
    device: str = "cpu",
) -> tuple[Memory, History]:
    """The memory with the weights of the best epoch; resumes what lies in `folder`. Raises TrainingError."""
    memory = new_memory(start, corpus)
    plan = replace(PLAN, seed=seed, device=device)
    history = train(memory, Batches(corpus, start, seed), loss, plan, folder, validate=validate)  # type: ignore[arg-type]
    restore(memory, load(folder, history.best_epoch))
    return memory, history


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
