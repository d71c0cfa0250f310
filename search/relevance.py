"""Computes the threshold below which hits are unlikely, by conformal tests (Vovk et al., 2005).

The calibration set are texts that no picture answers (`unrelated.tsv`); a false alarm is a text like them that finds
something. A text that asks is tested twice, each time at half of the false-alarm level:
- out of distribution, by a k-NN score: is it nearer to texts that people ask (`sensible.txt`) than the calibration set
  is? If so, its threshold is the median of the calibration similarities: of each unrelated text with its best picture
  in the very library that is asked;
- by similarity: if not, the threshold is their conformal quantile.
A similarity is a cosine less half of the library's mean cosine to the question. A picture that asks has no unrelated
texts: its calibration set is the library's own pictures. What else was tried: `docs/relevance.md`.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from statistics import NormalDist
from typing import Self
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
"""Weightings of the targets whose calibration is kept."""
log = logging.getLogger(__name__)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdOptions:
    """How the threshold is set."""

    false_alarm: float = 0.01
    """The share of unrelated questions that may find something likely."""
    folder: Path | None = None
    """Where the bank's embeddings are kept; None: nowhere."""


@dataclass(frozen=True)
class Bank:
    """The texts of the k-NN score, encoded; the unrelated ones are the calibration set too."""

    unrelated: Embeddings  # (n, d)
    sensible: Embeddings  # (m, d)

    @classmethod
    def encode(cls, encoder: Encoder) -> Self:
        """Texts that the encoder has no vector for are left out."""
        texts = (encoder.encode_texts(texts) for texts in (unrelated_texts(), sensible_texts()))
        return cls(*(rows[np.isfinite(rows).all(axis=1)] for rows in texts))

    def knn_score(self, texts: Embeddings) -> Array:
        """(q, d) -> (q,): mean cosine to the nearest sensible texts less that to the nearest unrelated ones."""
        return _nearest(texts @ self.sensible.T) - _nearest(texts @ self.unrelated.T)

    @cached_property
    def calibration_scores(self) -> Array:
        """(n,): `knn_score` of the unrelated texts, none of them its own neighbour."""
        others = self.unrelated @ self.unrelated.T
        np.fill_diagonal(others, -1)
        return _nearest(self.unrelated @ self.sensible.T) - _nearest(others)


class Background:
    """How unrelated questions fare in one library. Thread-safe."""

    def __init__(self, space: LibrarySpace, bank: Bank) -> None:
        self._space, self._bank = space, bank
        self._calibrations: dict[tuple[object, ...], Array] = {}

    def threshold(self, asked: Sequence[Asked], false_alarm: float, strategy: str | None = None) -> float | None:
        """On the scale of `scoring.score`. `false_alarm`, 0 to 1: the share of unrelated questions that may find
        something; half of them at most do.

        Several terms: the mean of their thresholds, times their coherence unless only unrelated texts ask; the examples
        together are one of the terms. None where the encoder has no vectors for the bank, where nothing is wanted, only
        unwanted, and for pictures that ask a library of fewer than FEWEST: how alike unrelated pictures are, only many
        can tell.
        """
        texts = [term for term in asked if term.weight > 0 and not term.example]
        examples = [term for term in asked if term.weight > 0 and term.example]
        space, bank = self._space, self._bank
        if not (texts or examples) or (examples and "image" not in space.spreads):
            return None
        if not len(space.sample.get("image", ())) or min(len(bank.unrelated), len(bank.sensible)) <= NEIGHBOURS:
            return None
        related = [self._in_distribution(term, false_alarm) for term in texts]
        thresholds = [self._of_text(*one, false_alarm) for one in zip(texts, related, strict=True)]
        weights = [term.weight for term in texts]
        groups = [[term] for term in texts]
        if examples:
            thresholds.append(self._of_examples(examples, false_alarm, strategy))
            weights.append(float(np.mean([term.weight for term in examples])))
            groups.append(examples)
        mean = np.average(full(np.array(thresholds)), weights=weights)
        coherence = self._coherence(groups) if examples or any(related) else 1.0
        return float(unfull(np.array(coherence * mean)))

    def _of_examples(self, examples: Sequence[Asked], false_alarm: float, strategy: str | None) -> float:
        """With best_score each has its chance of a false alarm."""
        best = strategy == "best_score"
        thresholds = [self._of_picture(term, false_alarm / len(examples) if best else false_alarm) for term in examples]
        weights = np.array([term.weight for term in examples])
        if best:
            return float(np.max(weights / weights.mean() * thresholds))
        return self._coherence([[term] for term in examples]) * float(np.average(thresholds, weights=weights))

    def _of_text(self, term: Asked, related: bool, false_alarm: float) -> float:
        calibration = self._calibration(self._of_unrelated, term.targets)
        needed = float(np.median(calibration))
        if not related:
            needed = max(needed, conformal_quantile(calibration, false_alarm / 2))
        return self._in_relevance(needed + ROUNDING, term)

    def _in_distribution(self, text: Asked, false_alarm: float) -> bool:
        row = next(text.vectors[name] for name in text.targets)
        needed = conformal_quantile(self._bank.calibration_scores, false_alarm / 2) + ROUNDING
        return bool(self._bank.knn_score(row[None])[0] > needed)

    def _of_picture(self, term: Asked, false_alarm: float) -> float:
        usual, spread, nearest = self._calibration(self._of_own_pictures, term.targets)
        alike = usual - NormalDist().inv_cdf(false_alarm / self._space.count) * spread
        return self._in_relevance(float(min(alike, nearest)) - ROUNDING, term)

    def _calibration(self, of: Callable[[Mapping[str, float]], Array], targets: Mapping[str, float]) -> Array:
        """`of(targets)`, computed once for weights that are the same in two decimals: learned ones always differ."""
        key = (of.__name__, *sorted((name, round(weight, 2)) for name, weight in targets.items()))
        if (found := self._calibrations.get(key)) is None:
            found = of(targets)
            if len(self._calibrations) >= CACHED:
                self._calibrations.clear()
            self._calibrations[key] = found
        return found

    def _of_unrelated(self, targets: Mapping[str, float]) -> Array:
        """(n,): the highest similarity of each unrelated text with a picture of the library."""
        return highest(self._similarities(dict.fromkeys(targets, self._bank.unrelated), targets), self._space.count)

    def _of_own_pictures(self, targets: Mapping[str, float]) -> Array:
        """Median and spread of the similarities of the library's pictures with each other, and what all of them except
        LONERS have with their nearest. The spread is that of the less similar half of all pairs, the unrelated ones; a
        library of near-duplicates needs it, since there all have a nearest that no other picture comes up to."""
        found = self._similarities({name: self._space.sample[name][:ASKERS] for name in targets}, targets)
        rows = np.arange(len(found))
        low, usual = np.quantile(found[rows[:, None] != np.arange(found.shape[1])], (NormalDist().cdf(-1), 0.5))
        found[rows, rows] = -np.inf
        return np.array([usual, usual - low, np.quantile(highest(found, self._space.count), LONERS)])

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

    def _coherence(self, groups: Sequence[Sequence[Asked]]) -> float:
        """The spread of the sum of the groups' means over the library, as a share of the sum of the groups' spreads: 1
        for the same term twice, 1/√k for k independent ones. Targets are taken as independent."""
        if len(groups) == 1:
            return 1.0
        covariance = np.zeros((len(groups), len(groups)))
        for name, spread in self._space.spreads.items():
            sums = np.zeros((len(groups), len(spread.mean)))  # whose products with the vectors are the groups' means
            for row, group in zip(sums, groups, strict=True):
                for term in group:
                    if name in term.targets:
                        vector, share = term.vectors[name].astype(np.float64), term.weight / len(group)
                        row += (
                            share * term.targets[name] / self._space.levels(name, term.vectors[name][None])[1] * vector
                        )
            covariance += sums @ spread.covariance @ sums.T
        apart = float(np.sqrt(covariance.diagonal()).sum())
        return min(math.sqrt(max(covariance.sum(), 0.0)) / apart, 1.0) if apart else 1.0


def conformal_quantile(calibration: Array, level: float) -> float:
    """The value that a text like those of the calibration set passes with a probability of `level` at most: of n, the
    ⌈(n + 1)(1 - level)⌉-th lowest; the highest, where n are too few for that level.

    >>> conformal_quantile(np.arange(1.0, 100), 0.1), conformal_quantile(np.arange(1.0, 100), 0.001)
    (90.0, 99.0)
    """
    n = len(calibration)
    rank = min(max(math.ceil((n + 1) * (1 - level) - 1e-9), 1), n)
    return float(np.partition(calibration, rank - 1)[rank - 1])


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
        packed = BytesIO()  # to a name, numpy would add its suffix
        np.savez(packed, allow_pickle=False, unrelated=bank.unrelated, sensible=bank.sensible)
        write_whole(path, lambda part: part.write_bytes(packed.getvalue()), sync=False)
    except OSError as error:
        log.info("the bank is encoded again next time: %s", explain(error, path))
    return bank


def unrelated_texts() -> list[str]:
    """Gibberish, numbers, code, words strung together, sentences on what has no look."""
    return [line.split("\t", 1)[1] for line in UNRELATED.read_text(encoding="utf-8").splitlines()]


def sensible_texts() -> list[str]:
    """What people ask pictures for."""
    return SENSIBLE.read_text(encoding="utf-8").splitlines()


def _nearest(cosines: Embeddings) -> Array:
    """(q, n) -> (q,): the mean of the NEIGHBOURS highest."""
    k = min(NEIGHBOURS, cosines.shape[1])
    means: Array = np.partition(cosines.astype(np.float64), -k, axis=1)[:, -k:].mean(axis=1)
    return means
