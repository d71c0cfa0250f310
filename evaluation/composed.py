"""Compose questions from a library's tags: A and B; A, not B; a picture with a word changed; likes with a word or
beside dislikes. Knows which pictures answer them.

A tag is taken as true of the pictures that bear it and of no other. Some pictures lack a tag that they
deserve, which lowers every figure, and the same for each way of scoring.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Literal

import numpy as np

from errors import EvaluationError
from evaluation.library import Pictured

Half = Literal["dev", "final"]
Having = Mapping[str, frozenset[int]]
"""Tag -> the pictures that bear it."""
FEWEST_BEARERS = 5
FEWEST_ANSWERS = 3
SINGLE = "one word"
"""The kind that is not composed: what is gained elsewhere must not be lost here."""
SAME = 0.6
"""Two tags that share more than this of the rarer one mean nearly the same; together they are no composed question."""
AT_MOST = 300
TRIES = 40
"""As many times AT_MOST are pictures, words and tags drawn for the kinds that ask with pictures."""


@dataclass(frozen=True)
class Part:
    """One term of a question: words, or a picture of the library by its row."""

    weight: float
    text: str = ""
    row: int | None = None


@dataclass(frozen=True)
class Composed:
    parts: tuple[Part, ...]
    relevant: frozenset[int]
    """Rows of the pictures that answer it; those that ask are not among them."""

    @property
    def own(self) -> tuple[int, ...]:
        """The pictures that ask."""
        return tuple(part.row for part in self.parts if part.row is not None)

    @property
    def half(self) -> Half:
        """By its words and pictures: constants may be chosen on "dev", figures are read on "final"."""
        parts = repr([(part.weight, part.text, part.row) for part in self.parts])
        return "final" if hashlib.sha256(parts.encode()).digest()[0] % 2 else "dev"


def compose(pictured: Pictured, without: Sequence[str] = (), seed: int = 0) -> dict[str, list[Composed]]:
    """Kind -> questions, at most AT_MOST of each, drawn by `seed`; tags in `without` (no words, a source) ask nothing.

    Raises EvaluationError where the tags make no composed question.
    """
    bearers = {tag: frozenset(rows) for tag, rows in pictured.by_tag().items()}
    having = {tag: rows for tag, rows in bearers.items() if len(rows) >= FEWEST_BEARERS and tag not in set(without)}
    words = {tag: rows for tag, rows in having.items() if len(rows) <= len(pictured.uuids) / 2}
    rng = np.random.default_rng(seed)
    kinds: dict[str, Callable[[], Iterator[Composed]]] = {
        SINGLE: lambda: (Composed((Part(1, tag),), rows) for tag, rows in words.items()),
        "A and B": lambda: _both(words),
        "A, not B": lambda: _without(words),
        "A and B, not C": lambda: _both_without(words),
        "picture + word": lambda: _changed(words, having, rng, away=False),
        "picture + word - word": lambda: _changed(words, having, rng, away=True),
        "likes + word": lambda: _liked_with_word(words, having, rng),
        "likes - dislikes": lambda: _liked_and_disliked(having, rng),
    }
    asked = {}
    for kind, questions in kinds.items():
        found = list({question: None for question in questions()})
        chosen = np.sort(rng.permutation(len(found))[:AT_MOST])
        asked[kind] = [found[place] for place in chosen]
    asked = {kind: questions for kind, questions in asked.items() if questions}
    if not set(asked) - {SINGLE}:
        raise EvaluationError(
            f"The tags make no composed question: {len(having)} of them are borne by {FEWEST_BEARERS} pictures or "
            "more, and no two of these overlap in part. Tag the pictures with what they show, several tags each."
        )
    return asked


def _overlap(a: frozenset[int], b: frozenset[int]) -> frozenset[int]:
    """Those that bear both tags; none where the tags mean nearly the same."""
    both = a & b
    return both if FEWEST_ANSWERS <= len(both) < SAME * min(len(a), len(b)) else frozenset()


def _both(words: Having) -> Iterator[Composed]:
    for a, b in combinations(words, 2):
        if both := _overlap(words[a], words[b]):
            yield Composed((Part(1, a), Part(1, b)), both)


def _without(words: Having) -> Iterator[Composed]:
    """Where enough of A bear B too, or "not B" would change nothing."""
    for a, b in permutations(words, 2):
        both, only = words[a] & words[b], words[a] - words[b]
        if len(both) >= max(FEWEST_ANSWERS, len(words[a]) / 7) and len(only) >= FEWEST_ANSWERS:
            yield Composed((Part(1, a), Part(-1, b)), only)


def _both_without(words: Having) -> Iterator[Composed]:
    for a, b in combinations(words, 2):
        both = _overlap(words[a], words[b])
        for c in words if both else ():
            if c not in (a, b) and both & words[c] and len(both - words[c]) >= FEWEST_ANSWERS:
                yield Composed((Part(1, a), Part(1, b), Part(-1, c)), both - words[c])


def _changed(words: Having, having: Having, rng: np.random.Generator, *, away: bool) -> Iterator[Composed]:
    """A picture that bears `kept` and `old`, asked for with `new`: what bears `kept` and `new` and not `old`."""
    names, kept_names = list(words), list(having)
    for _ in range(TRIES * AT_MOST if names else 0):
        old, new = (names[place] for place in rng.integers(len(names), size=2))
        kept = kept_names[rng.integers(len(kept_names))]
        start = sorted((having[kept] & words[old]) - words[new])
        answers = _overlap(having[kept], words[new]) - words[old]
        if len({old, new, kept}) < 3 or not start or len(answers) < FEWEST_ANSWERS:
            continue
        picture = Part(1, row=start[rng.integers(len(start))])
        yield Composed((picture, Part(1, new), *([Part(-1, old)] if away else [])), answers)


def _liked_with_word(words: Having, having: Having, rng: np.random.Generator) -> Iterator[Composed]:
    """Three pictures that bear A and not B, with the word B."""
    pairs = [(a, b) for a in having for b in words if a != b]
    for place in rng.permutation(len(pairs))[: TRIES * AT_MOST]:
        a, b = pairs[place]
        if (both := _overlap(having[a], words[b])) and len(only := sorted(having[a] - words[b])) >= 3:
            liked = rng.choice(only, 3, replace=False)
            yield Composed((*(Part(1, row=int(row)) for row in liked), Part(1, b)), both)


def _liked_and_disliked(having: Having, rng: np.random.Generator) -> Iterator[Composed]:
    """Three liked that bear A and not B, two disliked that bear both: A without B."""
    for a, b in permutations(having, 2):
        both, only = sorted(having[a] & having[b]), sorted(having[a] - having[b])
        if len(both) >= max(4, len(having[a]) / 7) and len(only) >= 3 + FEWEST_ANSWERS:
            liked = [int(row) for row in rng.choice(only, 3, replace=False)]
            disliked = [int(row) for row in rng.choice(both, 2, replace=False)]
            parts = [*(Part(1, row=row) for row in liked), *(Part(-1, row=row) for row in disliked)]
            yield Composed(tuple(parts), frozenset(only) - set(liked))
