"""Where to stop: the relevance below which hits are unlikely, from how questions that have nothing to do with the
library fare in it. Knows no database and no model.

For words two things are weighed. The best similarity in the library, as a cosine less half of the library's mean
cosine to the question, tells how well it is answered. The question's own place among others, nearer to questions that
make sense (`sensible.txt`) or to such as do not (`unrelated.tsv`), tells how much answer it needs: a sentence that
makes sense is believed at a similarity at which gibberish is not. For pictures the unrelated are the library's own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, Encoder
from search.calibration import LibrarySpace
from search.scoring import Asked, full, unfull

UNRELATED = Path(__file__).with_name("unrelated.tsv")
SENSIBLE = Path(__file__).with_name("sensible.txt")
NEIGHBOURS = 5
MEAN_KEPT = 0.5
"""How much of the library's mean cosine counts as similarity. With 0 a question can do without a picture that is more
like it than others are; with 1 a library that shows one thing only has no answer to that thing."""
BEST_SEPARATION = 1.5
"""How far best similarities set answered questions apart from unrelated ones, in spreads: measured
1.3 to 2.8 (docs/relevance.md)."""
ENOUGH = 0.25
"""The share of the sensible questions whose sense is not in full: beyond it, more sense excuses no less similarity."""
TAIL = 20
"""A question's highest similarities in the sample, from which the highest in the library is estimated."""
USUAL = 0.5
"""The quantile of the best similarities of unrelated questions that no sense excuses."""
TENTH = 0.1
SAME = 1e-4
"""Cosines that differ by less are the same: they come from 32 bits, by several ways."""
ASKERS = 150
"""Pictures of the sample that ask, to learn how pictures fare."""
BELOW = NormalDist().cdf(-1)
"""The share of a normal distribution that lies more than one spread below its middle."""
KEPT = 64
"""Weightings of the targets for which unrelated questions are kept."""
LONERS = 0.05
"""The share of the library's own pictures that may have no likely neighbour."""
Array = NDArray[np.float64]
Weights = tuple[tuple[str, float], ...]
Known = TypeVar("Known")


@dataclass(frozen=True)
class Bank:
    """Questions that make no sense and questions that do, encoded."""

    unrelated: Embeddings  # (n, d)
    sensible: Embeddings  # (m, d)

    @classmethod
    def encode(cls, encoder: Encoder) -> Self:
        """Questions that the encoder has no vector for are left out."""
        return cls(*(_found(encoder.encode_texts(texts)) for texts in (unrelated_texts(), sensible_texts())))

    def nearness(self, questions: Embeddings) -> Array:
        """(n, d) -> (n,): mean cosine to the nearest sensible questions less that to the nearest unrelated ones."""
        return _nearest(questions @ self.sensible.T) - _nearest(questions @ self.unrelated.T)

    @cached_property
    def own(self) -> tuple[Array, Array]:
        """`nearness` of the bank's unrelated and of its sensible questions, none of them its own neighbour."""
        apart, alike = self.unrelated @ self.unrelated.T, self.sensible @ self.sensible.T
        np.fill_diagonal(apart, -1)
        np.fill_diagonal(alike, -1)
        across = self.sensible @ self.unrelated.T  # (m, n)
        return _nearest(across.T) - _nearest(apart), _nearest(alike) - _nearest(across)


class Background:
    """How unrelated questions fare in one library. Thread-safe."""

    def __init__(self, space: LibrarySpace, bank: Bank) -> None:
        self._space, self._bank = space, bank
        self._words: dict[Weights, tuple[Array, float, float]] = {}
        self._pictures: dict[Weights, tuple[float, float, float]] = {}
        self._told = (
            len(space.sample.get("image", ())) > 0 and min(len(bank.unrelated), len(bank.sensible)) > NEIGHBOURS
        )
        if not self._told:
            return
        unrelated, sensible = bank.own
        spread = float(np.sqrt((unrelated.var() + sensible.var()) / 2))
        self._slope = max(float(sensible.mean() - unrelated.mean()), 0.0) / spread**2 if spread else 0.0
        self._lowest, self._highest = float(np.quantile(unrelated, 0.05)), float(np.quantile(sensible, ENOUGH))

    def threshold(self, asked: Sequence[Asked], false_alarm: float, strategy: str | None = None) -> float | None:
        """On the scale of `scoring.score`. `false_alarm`, 0 to 1: the share of unrelated questions that may find
        something; above .1 fewer do, since no picture counts that is less similar than what they usually find.

        Several terms: the mean of their lines, times how far they go together in this library, from 1 for the same
        thing said twice down to 1/√k for k that have nothing to do with each other. None where the encoder has no
        vectors for the bank, where nothing is wanted, only unwanted, and for pictures that ask a library of fewer than
        FEWEST: how alike unrelated pictures are, only many can tell.

        Of few pictures similarities count as they are (`calibration`), and so do those of the unrelated questions: the
        line is the similarity that hardly any of them has to the best of these pictures.
        """
        wanted = [term for term in asked if term.weight > 0]
        if not self._told or not wanted:
            return None
        if any(term.example for term in wanted) and "image" not in self._space.spreads:
            return None
        voices = [
            _Voice(term.weight, self._words_line(term, false_alarm), self._direction(term))
            for term in wanted
            if not term.example
        ]
        if examples := [term for term in wanted if term.example]:
            voices.append(self._examples(examples, false_alarm, strategy or "average"))
        kept = sum(voice.weight * float(full(np.array(voice.line))) for voice in voices)
        return float(unfull(np.array(self._together(voices) * kept / sum(voice.weight for voice in voices))))

    def _examples(self, examples: Sequence[Asked], false_alarm: float, strategy: str) -> "_Voice":
        """One voice for all of them; of the best score each has its chance."""
        usual = float(np.mean([term.weight for term in examples]))
        chance = false_alarm / len(examples) if strategy == "best_score" else false_alarm
        voices = [_Voice(term.weight, self._picture_line(term, chance), self._direction(term)) for term in examples]
        whole = sum(voice.weight for voice in voices)
        names = {name for voice in voices for name in voice.direction}
        direction: dict[str, Array] = {
            name: np.sum([v.weight / whole * v.direction[name] for v in voices if name in v.direction], axis=0)
            for name in names
        }
        if strategy == "best_score":
            return _Voice(usual, max(voice.weight / usual * voice.line for voice in voices), direction)
        mean = sum(voice.weight * voice.line for voice in voices) / whole
        return _Voice(usual, self._together(voices) * mean, direction)

    def _direction(self, term: Asked) -> dict[str, Array]:
        """By target, (d,): the term's value is the sum of its products with a picture's vectors, but for a constant."""
        return {
            name: weight * term.vectors[name].astype(np.float64) / self._space.level(name, term.vectors[name])[1]
            for name, weight in term.targets.items()
        }

    def _together(self, voices: Sequence["_Voice"]) -> float:
        """The spread of the voices' weighted mean over the library, as a share of the mean of their spreads."""
        if len(voices) == 1:
            return 1.0
        sums: dict[str, Array] = {}
        for voice in voices:
            for name, direction in voice.direction.items():
                sums[name] = sums.get(name, 0.0) + voice.weight * direction
        apart = sum(voice.weight * self._spread(voice.direction) for voice in voices)
        return min(self._spread(sums) / apart, 1.0) if apart else 1.0

    def _spread(self, direction: Mapping[str, Array]) -> float:
        """Of the products with the library's vectors, the targets taken as independent."""
        spreads = self._space.spreads
        return float(
            np.sqrt(sum(row @ spreads[name].covariance @ row for name, row in direction.items() if name in spreads))
        )

    def _words_line(self, term: Asked, false_alarm: float) -> float:
        """The similarity that is needed at this question's sense, on the scale of relevance."""
        reached, worth, usual = self._reached(term.targets)
        needed = passed_by(reached, false_alarm) + SAME
        row = next(term.vectors[name] for name in term.targets)
        sense = float(np.clip(self._bank.nearness(row[None])[0], self._lowest, self._highest))
        return self._in_relevance(max(needed - worth * sense, usual), term)

    def _picture_line(self, term: Asked, false_alarm: float) -> float:
        usual, spread, company = self._pairs(term.targets)
        alike = usual - NormalDist().inv_cdf(false_alarm / self._space.count) * spread
        return self._in_relevance(min(alike, company) - SAME, term)

    def _in_relevance(self, similarity: float, term: Asked) -> float:
        mean, spread = self._level({name: term.vectors[name][None] for name in term.targets}, term.targets)
        return (similarity - MEAN_KEPT * float(mean[0])) / float(spread[0])

    def _reached(self, targets: Mapping[str, float]) -> tuple[Array, float, float]:
        """What the best picture and the sense of each unrelated question come to together, (n,), the least first; what
        sense is worth beside similarity, as in a linear discriminant of the two (Fisher, 1936); and how similar their
        best pictures are usually: no sense excuses less."""
        key = _key(targets)
        if (known := self._words.get(key)) is None:
            found = self._similarities(dict.fromkeys(targets, self._bank.unrelated), targets)
            best = highest(found, self._space.count)
            worth = self._slope * float(best.std()) / BEST_SEPARATION
            together = best + worth * np.clip(self._bank.own[0], self._lowest, self._highest)
            known = np.sort(together), worth, float(np.quantile(best, USUAL))
            _keep(self._words, key, known)
        return known

    def _pairs(self, targets: Mapping[str, float]) -> tuple[float, float, float]:
        """How similar the library's pictures are to each other: usually, with which spread, and all but LONERS of them
        to their nearest. The spread is that of the less similar half of all pairs, which are unrelated ones."""
        key = _key(targets)
        if (known := self._pictures.get(key)) is None:
            askers = {name: self._space.sample[name][:ASKERS] for name in targets}
            found = self._similarities(askers, targets)
            rows = np.arange(len(found))
            low, usual = np.quantile(found[rows[:, None] != np.arange(found.shape[1])], (BELOW, 0.5))
            found[rows, rows] = -np.inf
            company = np.quantile(highest(found, self._space.count), LONERS)
            known = float(usual), float(usual - low), float(company)
            _keep(self._pictures, key, known)
        return known

    def _similarities(self, rows: Mapping[str, Embeddings], targets: Mapping[str, float]) -> Array:
        """Of q questions (`rows`: target -> (q, d)) with the pictures of the sample, (q, n): relevance as `score` has
        it, scaled back to cosines."""
        captioned = self._space.captioned
        relevance: Array = np.zeros((len(next(iter(rows.values()))), len(captioned)))
        for name, weight in targets.items():
            cosines = rows[name].astype(np.float64) @ self._space.sample[name].astype(np.float64).T
            relevance += weight * self._space.calibrated(name, rows[name], cosines, captioned)
        mean, spread = self._level(rows, targets)
        return relevance * spread[:, None] + MEAN_KEPT * mean[:, None]

    def _level(self, rows: Mapping[str, Embeddings], targets: Mapping[str, float]) -> tuple[Array, Array]:
        """Mean and spread of q questions, (q,) each, over their targets."""
        whole_mean: Array = np.zeros(len(next(iter(rows.values()))))
        whole_spread = whole_mean.copy()
        for name, weight in targets.items():
            mean, spread = self._space.levels(name, rows[name])
            whole_mean += weight * mean
            whole_spread += weight * spread
        return whole_mean, whole_spread


def highest(found: Array, count: int) -> Array:
    """(q, n) similarities with a sample of n of `count` pictures -> (q,): the highest that is to be expected among all.

    Beyond the sample's own highest the tail falls exponentially, by the mean excess of the TAIL highest (Pickands,
    1975, with shape 0): each e-fold of pictures adds one mean excess, that of all q questions.
    """
    n = found.shape[1]
    best: Array = found.max(axis=1)
    if count <= n or n <= TAIL:
        return best
    tail = np.partition(found, n - TAIL - 1, axis=1)[:, n - TAIL - 1 :]
    excess = float((tail[:, 1:].mean(axis=1) - tail[:, 0]).mean())
    return best + excess * math.log(count / n)


def passed_by(reached: Array, share: float) -> float:
    """The value that `share` of them pass, (n,) the least first. In the last tenth, where single questions would
    decide, by its mean excess: an exponential tail, as in `highest`."""
    n = len(reached)
    if (last := int(TENTH * n)) == 0 or share >= TENTH:
        return float(reached[n - 1 - int(share * n)])
    base = float(reached[n - 1 - last])
    return base + (float(reached[n - last :].mean()) - base) * math.log(TENTH / share)


def unrelated_texts() -> list[str]:
    """Gibberish, numbers, code, words strung together, sentences on what has no look."""
    return [line.split("\t", 1)[1] for line in UNRELATED.read_text(encoding="utf-8").splitlines()]


def sensible_texts() -> list[str]:
    """What people ask pictures for."""
    return SENSIBLE.read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True)
class _Voice:
    """Something wanted: a text, or all the examples."""

    weight: float
    line: float
    direction: Mapping[str, Array]


def _found(rows: Embeddings) -> Embeddings:
    """A copy without the rows that are not finite."""
    found: Embeddings = rows[np.isfinite(rows).all(axis=1)]
    return found


def _key(targets: Mapping[str, float]) -> Weights:
    """Weights that are learned differ in their last digits every time."""
    return tuple(sorted((name, round(weight, 2)) for name, weight in targets.items()))


def _keep(kept: dict[Weights, Known], key: Weights, known: Known) -> None:
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = known


def _nearest(cosines: Embeddings) -> Array:
    """(q, n) -> (q,): the mean of the NEIGHBOURS highest."""
    count = cosines.shape[1]
    k = min(NEIGHBOURS, count)
    means: Array = np.partition(cosines.astype(np.float64), count - k, axis=1)[:, count - k :].mean(axis=1)
    return means
