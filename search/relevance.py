"""Where to stop: the relevance below which hits are unlikely, from how questions that have nothing to do with the library
fare in it. Knows no database and no model.

For words two things are weighed. The best similarity in the library, as a cosine less half of the library's mean
cosine to the question, tells how well it is answered. The question's own place among others, nearer to questions that
make sense (`sensible.txt`) or to such as do not (`unrelated.tsv`), tells how much answer it needs: a sentence that
makes sense is believed at a similarity at which gibberish is not. For pictures the unrelated are the library's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, Encoder
from search.calibration import FEWEST, LibrarySpace
from search.scoring import Asked

UNRELATED = Path(__file__).with_name("unrelated.tsv")
SENSIBLE = Path(__file__).with_name("sensible.txt")
NEIGHBOURS = 5
MEAN_KEPT = 0.5
"""How much of the library's mean cosine counts as similarity. With 0 a question can do without a picture that is more
like it than others are; with 1 a library that shows one thing only has no answer to that thing."""
BEST_SEPARATION = 1.5
"""How far best similarities set answered questions apart from unrelated ones, in spreads: measured 1.3 to 2.8."""
TAIL = 20
"""A question's highest similarities in the sample, from which the highest in the library is estimated."""
ASKERS, OTHERS = 300, 1000
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bank:
    """Questions that make no sense and questions that do, encoded."""

    unrelated: Embeddings  # (n, d)
    sensible: Embeddings  # (m, d)

    @classmethod
    def encode(cls, encoder: Encoder) -> Self:
        return cls(encoder.encode_texts(unrelated_texts()), encoder.encode_texts(sensible_texts()))

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
    """How questions that have nothing to do with it fare in one library."""

    def __init__(self, space: LibrarySpace, bank: Bank) -> None:
        self._space, self._bank = space, bank
        unrelated, sensible = bank.own
        spread = np.sqrt((unrelated.var() + sensible.var()) / 2)
        self._separation = max(float(sensible.mean() - unrelated.mean()) / float(spread), 0.0) / float(spread)
        self._lowest, self._highest = float(np.quantile(unrelated, 0.05)), float(np.median(sensible))
        self._words: dict[tuple[tuple[str, float], ...], tuple[Array, float]] = {}
        self._pictures: dict[tuple[tuple[str, float], ...], Array] = {}

    def line(self, asked: Sequence[Asked], false_alarm: float, strategy: str | None = None) -> float | None:
        """On the scale of `scoring.score`. `false_alarm`: the share of unrelated questions, and for pictures the share
        of unrelated pictures, that may pass. None where the library is too small to tell (FEWEST pictures) or where
        nothing is wanted, only unwanted."""
        wanted = [term for term in asked if term.weight > 0]
        if self._space.count < FEWEST or "image" not in self._space.spreads or not wanted:
            return None
        words = [term for term in wanted if not term.example]
        examples = [term for term in wanted if term.example]
        heights = [(term.weight, self._line_of_words(term, false_alarm)) for term in words]
        if examples:
            share = float(np.mean([term.weight for term in examples]))
            heights.append((share, self._line_of_examples(examples, false_alarm, strategy)))
        whole = sum(weight for weight, _ in heights)
        return float(np.sqrt(sum((weight / whole * height) ** 2 for weight, height in heights)))

    def _line_of_words(self, term: Asked, false_alarm: float) -> float:
        reached, worth = self._reached(term.targets)
        row = next(iter(term.vectors.values()))
        sense = float(np.clip(self._bank.nearness(row[None])[0], self._lowest, self._highest))
        mean, spread = self._level(term.vectors, term.targets)
        needed = float(np.quantile(reached, 1 - false_alarm, method="higher"))
        return (needed - worth * sense - MEAN_KEPT * mean) / spread

    def _reached(self, targets: Mapping[str, float]) -> tuple[Array, float]:
        """What the best picture and the sense of each unrelated question come to together, and what sense is worth."""
        key = tuple(sorted(targets.items()))
        if key not in self._words:
            rows = self._bank.unrelated
            best = np.array([self._best(dict.fromkeys(targets, row), targets) for row in rows])
            worth = self._separation * float(best.std()) / BEST_SEPARATION
            sense = np.clip(self._bank.own[0], self._lowest, self._highest)
            self._words[key] = best + worth * sense, worth
        return self._words[key]
