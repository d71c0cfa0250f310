"""Judge the default encoder beside its baselines, on sets that no choice was made on.

In-domain: captions of the test split -> its pictures. Drawings: a word -> 585 drawings of another collection.
Photographs: captions of one half -> all photographs. A method turns views into rows and sentences into rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.conse import class_embeddings, conse
from encoder.projection import TrainedProjection
from encoder.protocol import unit
from evaluation.metrics import Judgement, judge_embeddings
from training.specialists.train import Start
from training.specialists.views import Array, Corpus, Views

NEIGHBOURS, POWER = 400, 4
"""ASIF's k and p, as MODELS' baselines have them."""


@dataclass(frozen=True)
class JudgedSet:
    """Queries of words against pictures."""

    name: str
    views: Views
    sentences: Array  # (queries, 384), unit rows
    relevant: Sequence[Sequence[int]]
    """For each query the pictures that it describes."""


@dataclass(frozen=True)
class Method:
    """Both sides of a space."""

    pictures: Callable[[Views], Array]
    words: Callable[[Array], Array]

    def judge(self, judged: JudgedSet) -> Judgement:
        return judge_embeddings(self.words(judged.sentences), self.pictures(judged.views), judged.relevant)


def set_of_captions(name: str, corpus: Corpus) -> JudgedSet:
    """Each caption of the corpus once; relevant are all its pictures."""
    rows: NDArray[np.int64] = corpus.caption_rows
    captions = np.unique(rows)
    return JudgedSet(name, corpus.views, corpus.phrases[captions], [np.flatnonzero(rows == row) for row in captions])  # type: ignore[misc]


def trained(projection: TrainedProjection) -> Method:
    return Method(lambda views: projection.image(views.features, views.logits, views.shares), projection.words)


def baselines(start: Start, corpus: Corpus) -> Mapping[str, Method]:
    """What stands beside it, fitted on the same training pictures; the floor in the plain, centred space."""
    mean, sight = corpus.captions.mean(axis=0), start.sight
    centred = corpus.captions - mean
    remembered = sight.project(corpus.views.features)
    back = np.linalg.inv(start.words.map)  # the linear map was fitted in the whitened space

    def classes(views: Views) -> Array:
        return conse(views.logits, class_embeddings() - mean)

    def linear(views: Views) -> Array:
        return unit(start.linear(views.features) @ back)

    def floor(views: Views) -> Array:
        return unit(
            _kernel(sight.project(views.features), remembered, centred) + 0.75 * classes(views) + 0.25 * linear(views)
        )

    def words(sentences: Array) -> Array:
        return unit(sentences - mean)

    return {
        "ConSE": Method(lambda views: conse(views.logits, class_embeddings()), unit),
        "ConSE, centred": Method(classes, words),
        "ridge": Method(linear, words),
        "ASIF": Method(
            lambda views: _relative(sight.project(views.features) @ remembered.T),
            lambda sentences: _relative(words(sentences) @ unit(centred).T),
        ),
        "memory": Method(lambda views: _kernel(sight.project(views.features), remembered, centred), words),
        "floor": Method(floor, words),
    }


def _kernel(sight: Array, remembered: Array, captions: Array, temperature: float = 0.06) -> Array:
    cosines = sight @ remembered.T
    weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / temperature)
    return unit(weights @ captions)


def _relative(cosines: Array) -> Array:
    """ASIF (arXiv 2210.01738): the k largest similarities to the training pairs, to the power p; unit rows."""
    weakest = np.partition(cosines, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
    return unit(np.where(cosines >= weakest, np.maximum(cosines, 0) ** POWER, 0))


def judge_look(look: Array, codes: Sequence[str | None], sources: Sequence[str], *, own: bool = True) -> float:
    """Share of emoji whose ten nearest hold another designer's drawing of it, among all drawings that have a code.

    `own`: the designer's own other drawings stand in between. Without them the figures are those of an earlier study
    (.904 and .963; docs/training.md).
    """
    of_emoji = [at for at, code in enumerate(codes) if code is not None]
    rows = look[of_emoji]
    code, source = (np.array([values[at] for at in of_emoji]) for values in (codes, sources))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    if not own:
        cosines[source[:, None] == source] = -np.inf
    nearest = np.argsort(-cosines, axis=1)[:, :10]
    found = ((code[nearest] == code[:, None]) & (source[nearest] != source[:, None])).any(axis=1)
    possible = [bool(((code == one) & (source != own)).any()) for one, own in zip(code, source, strict=True)]
    return float(found[possible].mean())
