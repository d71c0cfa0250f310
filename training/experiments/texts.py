"""Read what E7, E8 and E9 are tried on: vectors of texts whose classes are known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, unit
from errors import TrainingError
from training.data.packages import debian
from training.data.wordnet import Noun, WordNet
from training.experiments.run import Trial
from training.specialists.views import Towers

Labels = NDArray[np.int64]
EIGHT_CLASSES = ("attribute", "body", "cognition", "food", "group", "location", "process", "substance")
"""Classes of 770 to 3,021 glosses: 20,019 in all, near the 20,010 of an earlier study, without the giants."""
TRAIN_SHARE = 10_854 / 20_010
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


def read_texts(trial: Trial) -> LabelledTexts:
    """Raises SourceMissing."""
    return draw_texts() if trial.small else read_glosses(trial.cache)


def read_glosses(cache: Path) -> LabelledTexts:
    """The noun glosses of Debian's wordnet-base through the frozen sentence model, which takes three minutes of one
    core the first time. Raises SourceMissing."""
    nouns = list(WordNet(debian("wordnet-base", cache)).nouns.values())
    train, test, ambiguous = cut(nouns, EIGHT_CLASSES)
    _, unseen, _ = cut(nouns, OTHER_CLASSES)
    others = [noun for kind in OTHER_CLASSES for noun in [n for n in unseen if n.kind == kind][:OTHERS_EACH]]
    everything, kinds = [*train, *test, *others], (*EIGHT_CLASSES, *OTHER_CLASSES)
    rows = Towers(cache).encode_phrases([noun.gloss for noun in everything], progress="glosses")
    labels, ends = np.array([kinds.index(noun.kind) for noun in everything]), np.cumsum([len(train), len(test)])
    parts = [Part(*both) for both in zip(np.split(rows, ends), np.split(labels, ends), strict=True)]
    what = (
        f"Noun glosses of WordNet 3.0 in {len(EIGHT_CLASSES)} lexicographer classes ({', '.join(EIGHT_CLASSES)}), "
        f"without examples, as unit vectors of the frozen MiniLM; {ambiguous} whose text another synset has are left "
        "out."
    )
    sizes = {"training glosses": len(train), "test glosses": len(test), "classes": len(EIGHT_CLASSES)}
    return LabelledTexts(parts[0], parts[1], parts[2], EIGHT_CLASSES, what, sizes)


def cut(
    nouns: Sequence[Noun], kinds: Sequence[str], train_share: float = TRAIN_SHARE, seed: int = 0
) -> tuple[list[Noun], list[Noun], int]:
    """The nouns of `kinds` in a seeded random order, each class cut in the same proportion into train and test; and how
    many were left out because another synset has the same gloss."""
    times = Counter(noun.gloss for noun in nouns)
    chosen = [noun for noun in nouns if noun.kind in kinds]
    unique = [noun for noun in chosen if times[noun.gloss] == 1]
    sizes, places = Counter(noun.kind for noun in unique), Counter[str]()
    train: list[Noun] = []
    test: list[Noun] = []
    for index in np.random.default_rng(seed).permutation(len(unique)):
        noun = unique[index]
        places[noun.kind] += 1
        (train if places[noun.kind] <= round(train_share * sizes[noun.kind]) else test).append(noun)
    return train, test, len(chosen) - len(unique)


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
