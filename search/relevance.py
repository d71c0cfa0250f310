"""Computes the threshold below which hits are unlikely: conformal tests against questions that no picture answers.

The null distribution is what the unrelated texts (`unrelated.tsv`) reach in the very library that is asked. A text that
asks is tested twice, each time at half of the false-alarm level:
- out of distribution: is it nearer to questions that people ask (`sensible.txt`), by the k-NN score, than the unrelated
  texts are? If so, its pictures need the median of the highest similarities of the unrelated texts;
- by similarity: if not, they need the (1 - level / 2) quantile of them.
A similarity is a cosine less half of the library's mean cosine to the question. Of pictures none is nonsense: there
the null is the library's own. What else was tried: `docs/relevance.md`.
"""

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Self, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, Encoder
from host.files import write_whole
from host.folders import explain
from search.scoring import Asked, LibrarySpace, full, unfull

UNRELATED = Path(__file__).with_name("unrelated.tsv")
SENSIBLE = Path(__file__).with_name("sensible.txt")
NEIGHBOURS = 5
"""k of the k-NN score; with 1 or 10 no figure changes beyond its interval."""
MEAN_KEPT = 0.5
"""How much of the library's mean cosine counts as similarity. With 0 a question can do without a picture that is more
like it than others are; with 1 a library that shows one thing only has no answer to that thing."""
TAIL = 20
"""A question's highest similarities in the sample, from which the highest in the library is estimated."""
ROUNDING = 1e-4
"""Similarities that differ by less are the same: they come from 32 bits, by several ways."""
ASKERS = 150
"""Pictures of the sample that ask, to learn how pictures fare."""
LONERS = 0.05
"""The share of the library's own pictures that may have no likely neighbour."""
CACHED = 64
"""Weightings of the targets whose null distribution is kept."""
log = logging.getLogger(__name__)
Array = NDArray[np.float64]
Weights = tuple[tuple[str, float], ...]
Null = TypeVar("Null")


@dataclass(frozen=True)
class ThresholdOptions:
    """How the threshold is set."""

    false_alarm: float = 0.01
    """The share of unrelated questions that may find something likely."""
    folder: Path | None = None
    """Where the bank's embeddings are kept; None: nowhere."""


@dataclass(frozen=True)
class Bank:
    """Questions that make no sense and questions that do, encoded."""

    unrelated: Embeddings  # (n, d)
    sensible: Embeddings  # (m, d)

    @classmethod
    def encode(cls, encoder: Encoder) -> Self:
        """Questions that the encoder has no vector for are left out."""
        texts = (encoder.encode_texts(texts) for texts in (unrelated_texts(), sensible_texts()))
        return cls(*(rows[np.isfinite(rows).all(axis=1)] for rows in texts))

    def sense(self, questions: Embeddings) -> Array:
        """(q, d) -> (q,), the k-NN score: mean cosine to the nearest sensible less that to the nearest unrelated."""
        return _nearest(questions @ self.sensible.T) - _nearest(questions @ self.unrelated.T)

    @cached_property
    def null_sense(self) -> Array:
        """(n,): `sense` of the unrelated questions, none of them its own neighbour."""
        others = self.unrelated @ self.unrelated.T
        np.fill_diagonal(others, -1)
        return _nearest(self.unrelated @ self.sensible.T) - _nearest(others)


@dataclass(frozen=True)
class _Wanted:
    """One wanted text, or all the examples together."""

    weight: float
    threshold: float
    direction: Mapping[str, Array]
    """Target -> (d,): its value is the sum of the products with a picture's vectors, except for a constant."""


class Background:
    """How unrelated questions fare in one library. Thread-safe."""

    def __init__(self, space: LibrarySpace, bank: Bank) -> None:
        self._space, self._bank = space, bank
        self._texts: dict[Weights, Array] = {}
        self._pictures: dict[Weights, tuple[float, float, float]] = {}

    def threshold(self, asked: Sequence[Asked], false_alarm: float, strategy: str | None = None) -> float | None:
        """On the scale of `scoring.score`. `false_alarm`, 0 to 1: the share of unrelated questions that may find
        something; half of them at most do.

        Several terms: the mean of their thresholds, times the ratio of the spread of their sum to the sum of their
        spreads in this library: 1 for the same thing twice, 1/√k for k that are independent; and 1 where no text makes
        sense. None where the encoder has no vectors for the bank, where nothing is wanted, only unwanted, and for
        pictures that ask a library of fewer than FEWEST: how alike unrelated pictures are, only many can tell.
        """
        texts = [term for term in asked if term.weight > 0 and not term.example]
        examples = [term for term in asked if term.weight > 0 and term.example]
        space, bank = self._space, self._bank
        if not (texts or examples) or (examples and "image" not in space.spreads):
            return None
        if not len(space.sample.get("image", ())) or min(len(bank.unrelated), len(bank.sensible)) <= NEIGHBOURS:
            return None
        wanted = [_Wanted(one.weight, self._of_text(one, false_alarm), self._direction(one)) for one in texts]
        if examples:
            wanted.append(self._of_examples(examples, false_alarm, strategy or "average"))
        mean = np.average([full(np.array(one.threshold)) for one in wanted], weights=[one.weight for one in wanted])
        sense = bool(examples) or any(self._makes_sense(one, false_alarm) for one in texts)
        coherence = self._coherence(wanted) if sense else 1.0
        return float(unfull(np.array(coherence * mean)))

    def _of_examples(self, examples: Sequence[Asked], false_alarm: float, strategy: str) -> _Wanted:
        """With best_score each has its chance of a false alarm."""
        best = strategy == "best_score"
        level = false_alarm / len(examples) if best else false_alarm
        wanted = [_Wanted(one.weight, self._of_picture(one, level), self._direction(one)) for one in examples]
        weights = np.array([one.weight for one in wanted])
        thresholds = np.array([one.threshold for one in wanted])
        usual, direction = float(weights.mean()), _sum_of(wanted, float(weights.sum()))
        if best:
            return _Wanted(usual, float((weights / usual * thresholds).max()), direction)
        return _Wanted(usual, self._coherence(wanted) * float(np.average(thresholds, weights=weights)), direction)

    def _of_text(self, term: Asked, false_alarm: float) -> float:
        null = self._null_of_texts(term.targets)
        needed = float(np.median(null))
        if not self._makes_sense(term, false_alarm):
            needed = max(needed, conformal(null, false_alarm / 2))
        return self._in_relevance(needed + ROUNDING, term)

    def _makes_sense(self, text: Asked, false_alarm: float) -> bool:
        row = next(text.vectors[name] for name in text.targets)
        return bool(self._bank.sense(row[None])[0] > conformal(self._bank.null_sense, false_alarm / 2) + ROUNDING)

    def _of_picture(self, term: Asked, false_alarm: float) -> float:
        usual, spread, nearest = self._null_of_pictures(term.targets)
        alike = usual - NormalDist().inv_cdf(false_alarm / self._space.count) * spread
        return self._in_relevance(min(alike, nearest) - ROUNDING, term)

    def _null_of_texts(self, targets: Mapping[str, float]) -> Array:
        """(n,): the highest similarity of each unrelated text with a picture of the library."""
        key = _key(targets)
        if (null := self._texts.get(key)) is None:
            found = self._similarities(dict.fromkeys(targets, self._bank.unrelated), targets)
            null = highest(found, self._space.count)
            _cache(self._texts, key, null)
        return null

    def _null_of_pictures(self, targets: Mapping[str, float]) -> tuple[float, float, float]:
        """Median and spread of the similarities of the library's pictures with each other, and what all of them except
        LONERS have with their nearest. The spread is that of the less similar half of all pairs, the unrelated ones; a
        library of near-duplicates needs it, since there all have a nearest that no other picture comes up to."""
        key = _key(targets)
        if (null := self._pictures.get(key)) is None:
            found = self._similarities({name: self._space.sample[name][:ASKERS] for name in targets}, targets)
            rows = np.arange(len(found))
            others = found[rows[:, None] != np.arange(found.shape[1])]
            low, usual = np.quantile(others, (NormalDist().cdf(-1), 0.5))
            found[rows, rows] = -np.inf
            null = float(usual), float(usual - low), float(np.quantile(highest(found, self._space.count), LONERS))
            _cache(self._pictures, key, null)
        return null

    def _similarities(self, rows: Mapping[str, Embeddings], targets: Mapping[str, float]) -> Array:
        """Of q questions (`rows`: target -> (q, d)) with the pictures of the sample, (q, n)."""
        captioned = self._space.captioned
        relevance: Array = np.zeros((len(next(iter(rows.values()))), len(captioned)))
        for name, weight in targets.items():
            cosines = rows[name].astype(np.float64) @ self._space.sample[name].astype(np.float64).T
            relevance += weight * self._space.calibrated(name, rows[name], cosines, captioned)
        mean, spread = self._levels(rows, targets)
        return relevance * spread[:, None] + MEAN_KEPT * mean[:, None]

    def _in_relevance(self, similarity: float, term: Asked) -> float:
        """The inverse of `_similarities` for this question."""
        mean, spread = self._levels({name: term.vectors[name][None] for name in term.targets}, term.targets)
        return (similarity - MEAN_KEPT * float(mean[0])) / float(spread[0])

    def _levels(self, rows: Mapping[str, Embeddings], targets: Mapping[str, float]) -> tuple[Array, Array]:
        """Mean and spread of q questions, (q,) each, over their targets."""
        levels = [self._space.levels(name, rows[name]) for name in targets]  # of each target, (q,) and (q,)
        weights = np.array(list(targets.values()))
        return weights @ np.array([mean for mean, _ in levels]), weights @ np.array([spread for _, spread in levels])

    def _direction(self, term: Asked) -> dict[str, Array]:
        return {
            name: weight * term.vectors[name].astype(np.float64) / self._space.level(name, term.vectors[name])[1]
            for name, weight in term.targets.items()
        }

    def _coherence(self, wanted: Sequence[_Wanted]) -> float:
        """The spread of their weighted sum over the library, as a share of the sum of their spreads."""
        if len(wanted) == 1:
            return 1.0
        apart = sum(one.weight * self._spread(one.direction) for one in wanted)
        return min(self._spread(_sum_of(wanted)) / apart, 1.0) if apart else 1.0

    def _spread(self, direction: Mapping[str, Array]) -> float:
        """Of the products with the library's vectors, the targets taken as independent."""
        spreads = self._space.spreads
        parts = (row @ spreads[name].covariance @ row for name, row in direction.items() if name in spreads)
        return math.sqrt(sum(parts))


def conformal(null: Array, level: float) -> float:
    """The value that a question like those of the null passes with a probability of `level` at most: of n, the
    ⌈(n + 1)(1 - level)⌉-th lowest (Vovk et al., 2005); the highest, where n are too few for that level.

    >>> conformal(np.arange(1.0, 100), 0.1), conformal(np.arange(1.0, 100), 0.001)
    (90.0, 99.0)
    """
    n = len(null)
    rank = min(max(math.ceil((n + 1) * (1 - level) - 1e-9), 1), n)
    return float(np.partition(null, rank - 1)[rank - 1])


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


def keep_bank(encoder: Encoder, folder: Path | None) -> Bank:
    """The bank from the file, or encoded and written there: encoding it takes seconds."""
    if folder is None:
        return Bank.encode(encoder)
    texts = hashlib.sha256("\n".join([*unrelated_texts(), "", *sensible_texts()]).encode()).hexdigest()
    path = folder / f"{encoder.identity.id}-{texts[:8]}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Bank(arrays["unrelated"], arrays["sensible"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        log.info("%s cannot be read (%s); the bank is encoded again", path, error)
    bank = Bank.encode(encoder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda part: _save(part, bank), sync=False)
    except OSError as error:
        log.info("the bank is encoded again next time: %s", explain(error, path))
    return bank


def _save(path: Path, bank: Bank) -> None:
    with path.open("wb") as output:  # to a name, numpy would add its suffix
        np.savez(output, allow_pickle=False, unrelated=bank.unrelated, sensible=bank.sensible)


def unrelated_texts() -> list[str]:
    """Gibberish, numbers, code, words strung together, sentences on what has no look."""
    return [line.split("\t", 1)[1] for line in UNRELATED.read_text(encoding="utf-8").splitlines()]


def sensible_texts() -> list[str]:
    """What people ask pictures for."""
    return SENSIBLE.read_text(encoding="utf-8").splitlines()


def _sum_of(wanted: Sequence[_Wanted], divisor: float = 1.0) -> dict[str, Array]:
    """Of their weighted directions."""
    sums: dict[str, Array] = {}
    for one in wanted:
        for name, row in one.direction.items():
            sums[name] = sums.get(name, 0.0) + one.weight / divisor * row
    return sums


def _key(targets: Mapping[str, float]) -> Weights:
    """Weights that are learned differ in their last digits every time."""
    return tuple(sorted((name, round(weight, 2)) for name, weight in targets.items()))


def _cache(cache: dict[Weights, Null], key: Weights, null: Null) -> None:
    if len(cache) >= CACHED:
        cache.clear()
    cache[key] = null


def _nearest(cosines: Embeddings) -> Array:
    """(q, n) -> (q,): the mean of the NEIGHBOURS highest."""
    k = min(NEIGHBOURS, cosines.shape[1])
    means: Array = np.partition(cosines.astype(np.float64), -k, axis=1)[:, -k:].mean(axis=1)
    return means
