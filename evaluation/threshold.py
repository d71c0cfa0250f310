"""Judge the threshold of likely hits: captions whose picture is in the library, captions whose picture is not, and
nonsense. The threshold is `search.relevance`'s own.

Two libraries of the same pictures are judged: one without captions, which whole captions ask, and one with them, which
captions ask that were shortened to half of their words, since a whole one would find itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import EvaluationError
from evaluation.folder import Encoded
from evaluation.library import term_of
from evaluation.metrics import Interval, as_json, bootstrap
from evaluation.nonsense import nonsense
from evaluation.tables import table
from evaluation.targets import halved
from search.relevance import Background, Bank
from search.scoring import FEWEST, LibrarySpace, score

LEVELS = (0.002, 0.01, 0.02, 0.05, 0.1)
FIRST = 10
"""True hits beyond the first ten are nobody's loss."""
SAMPLE = 2000
"""As many as the search looks at."""
MOST = 500
"""Questions of one kind."""
Array = NDArray[np.float64]
JSON = ("nonsense_refused", "kept", "present_found", "absent_refused", "precision", "likely")
NONSENSE = 200
BARS = "The bars: .95 of the nonsense refused, .90 of the true hits kept."
WITHOUT, WITH = "without captions: whole captions ask", "with captions: half of their words asks, of short ones all"
LEGEND = (
    "Nonsense refused: share of nonsense questions that find nothing likely. Kept: share of the true hits among the\n"
    "first ten that are above the threshold. Own half, other half: share of the captions that find something likely\n"
    "in the half of the pictures that has theirs, and share that finds nothing in the half that has not (though it\n"
    "may have another picture of the same thing). Precision: of questions that find something, asked as often of\n"
    "either half, the share that is right to. Likely: median number of likely pictures. a…b: 95 % bootstrap. *: the\n"
    "level in use."
)


@dataclass(frozen=True)
class AskedLibrary:
    """A library and the captions that ask it."""

    title: str
    vectors: Mapping[str, Embeddings]
    """Target -> (pictures, d)."""
    captioned: bool
    targets: Mapping[str, float]
    """What counts for words."""
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
    """Share of the true hits among the first ten that stay above the threshold; None where there is none."""
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
        figures = {"precision": self.precision, **vars(self)}
        return {"false_alarm": self.false_alarm, **as_json({name: figures[name] for name in JSON}, 4)}


@dataclass(frozen=True)
class ThresholdFigures:
    """Of one library."""

    title: str
    pictures: int
    questions: int
    true_hits_in_first_ten: int
    """True hits among the first ten of their question, whatever the threshold."""
    levels: tuple[Level, ...]
    nonsense_passed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Kind of nonsense -> how many found something at the level that was asked for, of how many."""

    def to_json(self) -> dict[str, Any]:
        return {name: as_json(value) for name, value in vars(self).items() if name != "title"}


def judge_threshold(
    library: AskedLibrary,
    bank: Bank,
    nonsense: Sequence[tuple[str, Embeddings]],
    false_alarm: float,
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
) -> ThresholdFigures:
    """`nonsense`: (kind, (d,)) of each question; `false_alarm`: the level in use. Raises EvaluationError for a library
    whose halves are too small to have a threshold."""
    n = len(library.vectors["image"])
    if n < 2 * FEWEST:
        raise EvaluationError(
            f"The threshold is judged on two halves of at least {FEWEST} captioned pictures each; there are {n} in all."
        )
    rng = np.random.default_rng(seed)
    asking = rng.permutation(len(library.questions))[:MOST]
    halves = np.zeros(n, bool)
    halves[rng.permutation(n)[: n // 2]] = True
    whole = _Library(library, np.arange(n), bank)
    parts = [_Library(library, np.flatnonzero(halves == side), bank) for side in (True, False)]
    marks = [(kind, whole.ask(row)) for kind, row in nonsense]
    found = [(whole.ask(library.questions[q]), library.relevant[q]) for q in asking]
    split = [
        (parts[0 if own else 1].ask(library.questions[q]), parts[1 if own else 0].ask(library.questions[q]))
        for q in asking
        if len(sides := {bool(halves[p]) for p in library.relevant[q]}) == 1
        for own in sides
    ]
    true_hits = [(asked, p) for asked, relevant in found for p in relevant if asked.rank(p) < FIRST]

    def level(share: float) -> Level:
        return Level(
            share,
            _share([not asked.likely(share) for _, asked in marks]),
            _share([asked.above(share)[p] for asked, p in true_hits]) if true_hits else None,
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
    return ThresholdFigures(library.title, n, len(found), len(true_hits), chosen, passed)


class _Library:
    """Some of the pictures as a library of their own."""

    def __init__(self, asked: AskedLibrary, rows: NDArray[np.intp], bank: Bank) -> None:
        self._targets = asked.targets
        self._vectors = {name: vectors[rows] for name, vectors in asked.vectors.items()}
        self._captioned = np.full(len(rows), asked.captioned)
        few = np.random.default_rng(len(rows)).permutation(len(rows))[:SAMPLE]
        sample = {name: vectors[few] for name, vectors in self._vectors.items()}
        self._space = LibrarySpace.of(sample, self._captioned[few], len(rows))
        self._background = Background(self._space, bank)

    def ask(self, row: Embeddings) -> "_Answer":
        terms = [term_of(row, 1.0, self._targets)]
        relevance = score(terms, self._vectors, self._captioned, self._space).relevance
        return _Answer(relevance, partial(self._background.threshold, terms))


@dataclass(frozen=True)
class _Answer:
    relevance: Array  # (pictures,)
    threshold_at: Callable[[float], float | None]

    def above(self, false_alarm: float) -> NDArray[np.bool_]:
        """Which pictures are likely; all of them without a threshold."""
        threshold = self.threshold_at(false_alarm)
        return self.relevance >= (-np.inf if threshold is None else threshold)

    def likely(self, false_alarm: float) -> int:
        return int(self.above(false_alarm).sum())

    def rank(self, picture: int) -> int:
        return int((self.relevance > self.relevance[picture]).sum())


def _share(flags: Sequence[object]) -> Interval:
    return bootstrap(np.array([bool(flag) for flag in flags], dtype=np.float64))


def judge_folder(
    encoded: Encoded,
    encoder: Encoder,
    name: str,
    targets: Mapping[str, float],
    false_alarm: float,
    seed: int = 0,
) -> list[ThresholdFigures]:
    """Without captions and with them. `name`: the encoder's among `encoded.sides`; `targets`: what counts for words.

    Raises EvaluationError for fewer pictures than the threshold needs."""
    sides = encoded.sides[name]
    rng = np.random.default_rng(seed)
    asked = nonsense(NONSENSE, seed)
    rows = encoder.encode_texts([text for _, text in asked])
    faults = invalid_rows(rows, rows.shape[1])
    marks = [(kind, row) for (kind, _), row, fault in zip(asked, rows, faults, strict=True) if fault is None]
    bank = Bank.encode(encoder)
    own = sides.texts[[captions[0] for captions in encoded.captions_of]]
    halves = [halved(caption, rng) or caption for caption in encoded.captions]
    images, pictures_of, short = {"image": sides.images}, encoded.pictures_of, encoder.encode_texts(halves)
    libraries = (
        AskedLibrary(WITHOUT, images, False, {"image": 1.0}, sides.texts, pictures_of),
        AskedLibrary(WITH, {**images, "caption": own}, True, targets, short, pictures_of),
    )
    return [judge_threshold(library, bank, marks, false_alarm, seed=seed) for library in libraries]


def threshold_text(found: Sequence[ThresholdFigures], false_alarm: float) -> str:
    parts = []
    for figures in found:
        rows = [["false alarm", "nonsense refused", "kept", "own half", "other half", "precision", "likely"]]
        for level in figures.levels:
            rows.append(
                [
                    f"{level.false_alarm:g}" + (" *" if level.false_alarm == false_alarm else ""),
                    *map(_interval, (level.nonsense_refused, level.kept, level.present_found, level.absent_refused)),
                    "–" if level.precision is None else f"{level.precision:.3f}",
                    f"{level.likely:g}",
                ]
            )
        asked = f"{figures.questions} questions, {figures.pictures} pictures"
        title = f"{figures.title} ({asked}, {figures.true_hits_in_first_ten} true hits among first tens)"
        passed = [f"{kind} {count} of {of}" for kind, (count, of) in figures.nonsense_passed.items() if count]
        parts.append(f"{title}\n{table(rows)}\nNonsense that found something: {', '.join(passed) or 'none'}.")
    return "\n\n".join([*parts, BARS, LEGEND])


def threshold_json(found: Sequence[ThresholdFigures]) -> dict[str, Any]:
    return {figures.title.split(":")[0].replace(" ", "_"): figures.to_json() for figures in found}


def _interval(found: Interval | None) -> str:
    return "–" if found is None else f"{found.mean:.2f} {found.low:.2f}…{found.high:.2f}"
