"""Explains an answer: why a picture is a hit (what each word of the question brought, where in the picture it lies,
what the encoder sees there), and what a filter may have meant that finds nothing, or leaves nothing out.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, Encoder
from schema.names import folded
from search.filters import LISTS, Condition, Kind, comma_separated
from search.grammar import show
from search.relevance import sensible_texts
from search.scoring import Spread

MOST_WORDS = 24
LONGEST = 2
"""Words of a question that may stand for what is seen."""
_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


@dataclass(frozen=True)
class WordShare:
    """One word of a text, and the similarity that is lost without it."""

    word: str
    start: int
    """Place of its first character in the text."""
    amount: float
    """Cosine of the whole text less that of the text without the word."""


@dataclass(frozen=True)
class HeatMap:
    """Where in a picture the similarity to a question lies."""

    loss: NDArray[np.float32]  # (g, g)
    """Cosine of the whole picture less that of the picture without the cell, of a square around the picture, line by
    line; below 0 where the picture would be a better hit without the cell."""
    width: int
    height: int
    """Of the picture, in pixels: it lies in the middle of the square."""

    def shown(self) -> NDArray[np.float32]:
        """0 to 1 of the cells that the picture itself covers: 1 where the most is lost, 0 where nothing is. (rows,
        columns), cut from the square."""
        g = len(self.loss)
        side = max(self.width, self.height)
        rows = _covered((side - self.height) / 2 / side * g, (side + self.height) / 2 / side * g)
        columns = _covered((side - self.width) / 2 / side * g, (side + self.width) / 2 / side * g)
        kept = np.clip(self.loss[rows][:, columns], 0, None)
        top = float(kept.max(initial=0.0))
        return kept / top if top > 0 else kept


@dataclass(frozen=True)
class Explanation:
    """Why one picture is a hit of one question."""

    words: tuple[tuple[str, tuple[WordShare, ...]], ...]
    """Each text that is wanted, with the share of each of its words."""
    heat: HeatMap | None
    """None where the file is out of reach, or nothing of the question can be compared with what a picture shows."""
    seen: tuple[str, ...]
    """The words of the vocabulary that the picture is nearest to, the nearest first."""

    def to_json(self) -> dict[str, Any]:
        return {
            "words": [
                {"text": text, "words": [{**asdict(share), "amount": round(share.amount, 4)} for share in shares]}
                for text, shares in self.words
            ],
            "heat": None if self.heat is None else np.round(self.heat.shown().astype(float), 3).tolist(),
            "seen": list(self.seen),
        }


class Vocabulary:
    """Words for what is in pictures: short questions that make sense (`relevance`), and a library's tags. Encoded once;
    thread-safe."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._encoded: dict[str, Embeddings] = {}

    def with_tags(self, tags: Iterable[str]) -> tuple[list[str], Embeddings]:
        """Words in lower case, each once; their embeddings (n, dim)."""
        common = (text for text in sensible_texts() if len(text.split()) <= LONGEST)
        words = list(dict.fromkeys(word for text in (*tags, *common) if (word := text.strip().casefold())))
        with self._lock:
            if new := [word for word in words if word not in self._encoded]:
                self._encoded |= dict(zip(new, self._encoder.encode_texts(new), strict=True))
            return words, np.stack([self._encoded[word] for word in words])


def by_words(text: str, encoder: Encoder, vector: Embeddings) -> tuple[WordShare, ...]:
    """What each word of a text brought to its similarity with a picture's `image` vector (dim,): leave one out. In the
    text's order; () for a text of one word, and the first MOST_WORDS of a longer one. Li et al., Understanding Neural
    Networks through Representation Erasure, 2016."""
    words = list(_WORD.finditer(text))[:MOST_WORDS]
    if len(words) < 2:
        return ()
    without = [" ".join(f"{text[: word.start()]} {text[word.end() :]}".split()) for word in words]
    rows = encoder.encode_texts([text, *without]).astype(np.float64) @ vector.astype(np.float64)
    return tuple(
        WordShare(word.group(), word.start(), float(rows[0] - row)) for word, row in zip(words, rows[1:], strict=True)
    )


def heat(question: Embeddings, whole: Embeddings, without: Embeddings, size: tuple[int, int]) -> HeatMap:
    """`question` (dim,), the picture's embedding `whole` (dim,), and `encoder.occlusion.embeddings_without` of it (g²,
    dim); `size`: width and height of the picture in pixels."""
    g = int(np.sqrt(len(without)))
    loss = (whole @ question - without @ question).reshape(g, g).astype(np.float32)
    return HeatMap(loss, *size)


def seen(vector: Embeddings, words: Sequence[str], rows: Embeddings, spread: Spread | None, k: int = 8) -> list[str]:
    """The `k` of some words (their embeddings: (n, dim)) that a picture's `image` vector (dim,) lies nearest to, each
    against what is usual for it in the library: a word that is near to all pictures says nothing of one."""
    cosines = rows.astype(np.float64) @ vector.astype(np.float64)
    if spread is not None:
        mean, deviation = spread.levels(rows)
        cosines = (cosines - mean) / deviation
    return [words[i] for i in np.argsort(-cosines, kind="stable")[:k]]


def _covered(start: float, end: float) -> slice:
    """The cells of which at least half lies between start and end; at least one."""
    first, last = round(start), round(end)
    if last <= first:
        first = int((start + end) / 2)
        last = first + 1
    return slice(first, last)


ALIKE = 0.7
"""Ratio of `difflib` from which two names look alike. A letter left out, added or exchanged in a word of four or more
reaches it."""
MOST = 20
"""Values of one filter that are looked at: each costs a count."""
SHORTEST = 3
"""Letters that a name has to contain to be offered."""
Count = Callable[[Sequence[Condition]], int]
Known = Mapping[str, int]


@dataclass(frozen=True)
class Meant:
    """A condition that no picture passes, and what was typed with a value that some have."""

    asked: Condition
    """Not negated; of tags those that no picture has."""
    meant: Condition

    def __str__(self) -> str:
        return f"No picture has {show((), [self.asked])}. Did you mean {show((), [self.meant])}?"


def find_meant(
    filters: Sequence[Condition], total: int, count: Count, known_of: Callable[[Sequence[str]], Mapping[str, Known]]
) -> tuple[Meant, ...]:
    """`total`: pictures that pass all filters; where it is 0 every filter is looked at, else those that should leave
    something out. `count`: pictures that pass some. `known_of`: properties -> their values, with their numbers."""
    odd = {}
    for one in filters:
        if one.row.is_named and (not total or one.negated or one.row.kind is Kind.NONE):
            parts = one.values[:MOST] if one.row.kind in LISTS else (one.value,)
            if missing := [part for part in parts if not count([_plain(one, [part])])]:
                odd[one] = missing
    known = known_of(sorted({one.row.prop for one in odd})) if odd else {}
    found = (_other(one, missing, known[one.row.prop], count) for one, missing in odd.items())
    return tuple(one for one in found if one is not None)


def alike(value: str, known: Known, *, of_path: bool = False) -> str | None:
    """The most frequent that is the same in another case, else that ends with it (folders) or contains it, else that is
    spelled most alike, or has a word that is.

    >>> alike("Cat", {"dog": 9, "cat": 1}), alike("brige", {"bridge": 1, "bride": 1}), alike("x", {"fox": 1})
    ('cat', 'bridge', None)
    """
    asked = folded(value)
    forms = {name: folded(name) for name in sorted(known, key=lambda name: (-known[name], len(name), name))}
    tests: tuple[Callable[[str], bool], ...] = (
        lambda form: form == asked,
        lambda form: of_path and form.rsplit("/", 1)[-1] == asked.strip("/"),
        lambda form: len(asked) >= SHORTEST and asked in form,
    )
    for test in tests:
        if found := next((name for name, form in forms.items() if test(form)), None):
            return found
    whole = {form: name for name, form in reversed(forms.items())}
    words = {word: name for name, form in reversed(forms.items()) for word in re.split(r"[/\s]+", form)}
    for meant in (whole, words):
        if close := get_close_matches(asked, meant, n=1, cutoff=ALIKE):
            return meant[close[0]]
    return None


def _plain(condition: Condition, parts: Sequence[str]) -> Condition:
    """The condition on some of its values, not negated."""
    if condition.row.kind in LISTS:
        return Condition(condition.field.partition(".")[0], "=", comma_separated(parts))
    return replace(condition, value=parts[0], negated=False)


def _other(condition: Condition, missing: Sequence[str], known: Known, count: Count) -> Meant | None:
    asked = _plain(condition, missing)
    if "~" in condition.row.operators and count([replace(asked, operator="~")]):
        return Meant(asked, replace(condition, operator="~"))
    is_path = condition.row.kind is Kind.FOLDER
    others = {part: other for part in missing if (other := alike(part, known, of_path=is_path)) is not None}
    if not others:
        return None
    if condition.row.kind in LISTS:
        value = comma_separated(list(dict.fromkeys(others.get(part, part) for part in condition.values)))
    else:
        [value] = others.values()
    return Meant(asked, replace(condition, operator="=", value=value))
