"""Read what E7, E8 and E9 are tried on: vectors of texts whose classes are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, unit
from errors import TrainingError
from training.data.glosses import Gloss, labelled_glosses, obtain_glosses
from training.data.wordnet import Noun
from training.specialists.views import Towers

Labels = NDArray[np.int64]
OTHER_CLASSES = ("act", "animal", "artifact", "communication", "event", "person", "plant", "state")
OTHERS_EACH = 250


@dataclass(frozen=True)
class Part:
    """Unit rows (n, dim) and their classes (n,)."""

    rows: Embeddings
    labels: Labels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: NDArray[np.integer]) -> "Part":
        return Part(self.rows[which], self.labels[which])


@dataclass(frozen=True)
class LabelledTexts:
    train: Part
    test: Part
    others: Part
    """Of classes that occur in neither of the two: what a head should leave alone."""
    kinds: tuple[str, ...]
    what: str
    """A sentence for the notes."""
    sizes: dict[str, int] = field(default_factory=dict)


def read_glosses(cache: Path) -> LabelledTexts:
    """WordNet's noun glosses through the frozen sentence model, which takes three minutes of one core the first time.

    Raises SourceMissing.
    """
    nouns = obtain_glosses(cache)
    glosses = labelled_glosses(nouns)
    others = _other_glosses(nouns)
    everything = [*glosses.train, *glosses.test, *others]
    rows = Towers(cache).encode_phrases([gloss.text for gloss in everything], progress="glosses")
    kinds = [*glosses.kinds, *OTHER_CLASSES]
    labels = np.array([kinds.index(gloss.kind) for gloss in everything])
    ends = np.cumsum([len(glosses.train), len(glosses.test), len(others)])
    train, test, other = (Part(rows[end - size : end], labels[end - size : end]) for end, size in _with_sizes(ends))
    what = (
        f"Noun glosses of WordNet 3.0 in {len(glosses.kinds)} lexicographer classes ({', '.join(glosses.kinds)}), "
        f"without examples, as unit vectors of the frozen MiniLM; {glosses.ambiguous} whose text another synset has "
        "are left out."
    )
    sizes = {"training glosses": len(train), "test glosses": len(test), "classes": len(glosses.kinds)}
    return LabelledTexts(train, test, other, glosses.kinds, what, sizes)


def draw_texts(seed: int = 0, classes: int = 8, dim: int = 64, each: int = 60) -> LabelledTexts:
    """What small runs take, since it needs no package and no model: vectors of which the class decides little and a
    topic, shared by all classes, more, as in a sentence model's."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(2 * classes, dim))
    topics = rng.normal(size=(40, dim // 4)) @ rng.normal(size=(dim // 4, dim)) / np.sqrt(dim // 4)

    def draw(first: int, count: int) -> Part:
        labels = np.repeat(np.arange(first, first + classes), count)
        noise = rng.normal(size=(len(labels), dim))
        rows = 0.7 * centres[labels] + 1.6 * topics[rng.integers(len(topics), size=len(labels))] + noise
        return Part(unit(rows), labels)

    parts = draw(0, each), draw(0, each), draw(classes, each // 2)
    sizes = {"training vectors": len(parts[0]), "test vectors": len(parts[1]), "classes": classes}
    return LabelledTexts(*parts, tuple(f"class {i}" for i in range(classes)), "Small run: drawn vectors.", sizes)


def pick_labelled(labels: Labels, count: int, seed: int) -> NDArray[np.int64]:
    """Positions of `count` examples drawn at random, as evenly over the classes as it goes.

    With the same seed the smaller draw is part of the larger. Raises TrainingError when there are not as many.
    """
    if count > len(labels):
        raise TrainingError(f"{count} labelled examples were asked for; there are {len(labels)}.")
    rng = np.random.default_rng([seed, 7])
    shuffled = rng.permutation(len(labels))
    place = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = shuffled[labels[shuffled] == label]
        place[own] = np.arange(len(own))  # how many of its class come before it
    return np.lexsort((rng.random(len(labels)), place))[:count]


def _with_sizes(ends: NDArray[np.integer]) -> Sequence[tuple[int, int]]:
    return [(int(end), int(size)) for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]


def _other_glosses(nouns: Sequence[Noun]) -> list[Gloss]:
    """The first OTHERS_EACH of each other class, in the seeded order of `labelled_glosses`."""
    test = labelled_glosses(nouns, OTHER_CLASSES).test
    return [gloss for kind in OTHER_CLASSES for gloss in [g for g in test if g.kind == kind][:OTHERS_EACH]]
