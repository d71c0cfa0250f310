"""Does the line under likely hits stand in the right place? Captions whose picture is in the library and captions whose
picture is not, and nonsense. Arrays in, figures out; the line is `search.relevance`'s own.

Two libraries of the same pictures are judged: one without captions, which whole captions ask, and one with them, which
captions ask that were shortened to half of their words, since a whole one would find itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from errors import EvaluationError
from evaluation.metrics import Interval, bootstrap
from search.relevance import Background, Bank
from search.scoring import FEWEST, Asked, LibrarySpace, score

LEVELS = (0.002, 0.01, 0.02, 0.05, 0.1)
FIRST = 10
"""True hits beyond the first ten are nobody's loss."""
SAMPLE = 2000
"""As many as the search looks at."""
MOST = 500
"""Questions of one kind."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """A library and the captions that ask it."""

    title: str
    vectors: Mapping[str, Embeddings]
    """Target -> (pictures, d)."""
    captioned: bool
    targets: Mapping[str, float]
    """What counts for words; the weights sum to 1."""
    questions: Embeddings  # (questions, d)
    relevant: Sequence[Sequence[int]]
    """For each question its pictures."""


@dataclass(frozen=True)
class Level:
    """What one false-alarm level does. Intervals are 95 % bootstrap over the questions."""

    false_alarm: float
    nonsense_refused: Interval
    """Share of nonsense questions that find nothing likely."""
    kept: Interval | None
    """Share of the true hits among the first ten that stay above the line; None where there is none."""
    likely: float
    """Median number of likely pictures over the captions."""
    present_found: Interval
    """Asked of the half of the library that has their picture: share that finds something likely."""
    absent_refused: Interval
    """Asked of the other half: share that finds nothing likely."""

    @property
    def precision(self) -> float | None:
        """Of the questions that find something, half of them asked where their picture is: the share that is right to.
        None where none finds anything."""
        found, mistaken = self.present_found.mean, 1 - self.absent_refused.mean
        return found / (found + mistaken) if found + mistaken else None

    def to_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("nonsense_refused", "kept", "present_found", "absent_refused")}
        return {
            "false_alarm": self.false_alarm,
            **{
                name: found and [round(v, 4) for v in (found.mean, found.low, found.high)]
                for name, found in told.items()
            },
            "precision": None if self.precision is None else round(self.precision, 4),
            "likely": self.likely,
        }


@dataclass(frozen=True)
class CutFigures:
    """Of one library."""

    title: str
    pictures: int
    questions: int
    in_first_ten: int
    """True hits among the first ten of their question, line or no line."""
    levels: tuple[Level, ...]
    passed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Kind of nonsense -> how many found something at the level that was asked for, of how many."""

    def to_json(self) -> dict[str, Any]:
        return {
            "pictures": self.pictures,
            "questions": self.questions,
            "true_hits_in_first_ten": self.in_first_ten,
            "levels": [level.to_json() for level in self.levels],
            "nonsense_passed": {kind: list(counts) for kind, counts in self.passed.items()},
        }


def judge_cut(
    shown: Shown,
    bank: Bank,
    nonsense: Sequence[tuple[str, Embeddings]],
    false_alarm: float,
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
) -> CutFigures:
    """`nonsense`: (kind, (d,)) of each question; `false_alarm`: the level in use. Raises EvaluationError for a library
    whose halves are too small to have a line."""
    n = len(shown.vectors["image"])
    if n < 2 * FEWEST:
        raise EvaluationError(
            f"The line is judged on two halves of at least {FEWEST} captioned pictures each; there are {n} in all."
        )
    rng = np.random.default_rng(seed)
    asking = rng.permutation(len(shown.questions))[:MOST]
    halves = np.zeros(n, bool)
    halves[rng.permutation(n)[: n // 2]] = True
    whole = _Library(shown, np.arange(n), bank)
    parts = [_Library(shown, np.flatnonzero(halves == side), bank) for side in (True, False)]
    marks = [(kind, whole.ask(row)) for kind, row in nonsense]
    found = [(whole.ask(shown.questions[q]), shown.relevant[q]) for q in asking]
    split = [
        (parts[0 if own else 1].ask(shown.questions[q]), parts[1 if own else 0].ask(shown.questions[q]))
        for q in asking
        if len(sides := {bool(halves[p]) for p in shown.relevant[q]}) == 1
        for own in sides
    ]
    true_hits = [(asked, p) for asked, relevant in found for p in relevant if asked.rank(p) < FIRST]

    def level(share: float) -> Level:
        return Level(
            share,
            _share([not asked.likely(share) for _, asked in marks]),
            _share([asked.relevance[p] >= asked.threshold(share) for asked, p in true_hits]) if true_hits else None,
            float(np.median([asked.likely(share) for asked, _ in found])),
            _share([asked.likely(share) > 0 for asked, _ in split]),
            _share([not asked.likely(share) for _, asked in split]),
        )

    if not split:
        raise EvaluationError("Every caption belongs to pictures of both halves; none can be asked where it has none.")
    passed = {
        kind: (sum(asked.likely(false_alarm) > 0 for asked in of_kind), len(of_kind))
        for kind in dict.fromkeys(kind for kind, _ in marks)
        if (of_kind := [asked for other, asked in marks if other == kind])
    }
    chosen = tuple(level(share) for share in sorted({*levels, false_alarm}))
    return CutFigures(shown.title, n, len(found), len(true_hits), chosen, passed)


class _Library:
    """Some of the pictures as a library of their own."""

    def __init__(self, shown: Shown, rows: NDArray[np.intp], bank: Bank) -> None:
        self._targets = shown.targets
        self._vectors = {name: vectors[rows] for name, vectors in shown.vectors.items()}
        self._captioned = np.full(len(rows), shown.captioned)
        few = np.random.default_rng(len(rows)).permutation(len(rows))[:SAMPLE]
        sample = {name: vectors[few] for name, vectors in self._vectors.items()}
        self._space = LibrarySpace.of(sample, self._captioned[few], len(rows))
        self.background = Background(self._space, bank)

    def ask(self, row: Embeddings) -> "_Answer":
        asked = [Asked(1.0, False, dict.fromkeys(self._targets, row), self._targets)]
        return _Answer(self.background, asked, score(asked, self._vectors, self._captioned, self._space).relevance)


@dataclass(frozen=True)
class _Answer:
    background: Background
    asked: Sequence[Asked]
    relevance: Array  # (pictures,)

    def threshold(self, false_alarm: float) -> float:
        threshold = self.background.threshold(self.asked, false_alarm)
        return -np.inf if threshold is None else threshold

    def likely(self, false_alarm: float) -> int:
        return int((self.relevance >= self.threshold(false_alarm)).sum())

    def rank(self, picture: int) -> int:
        return int((self.relevance > self.relevance[picture]).sum())


def _share(flags: Sequence[object]) -> Interval:
    return bootstrap(np.array([bool(flag) for flag in flags], dtype=np.float64))
