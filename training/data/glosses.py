"""Cut WordNet's noun glosses, whose lexicographer classes are known, into train and test."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.packages import debian
from training.data.wordnet import Noun, WordNet

EIGHT_CLASSES = ("attribute", "body", "cognition", "food", "group", "location", "process", "substance")
"""Classes of 770 to 3,021 glosses: 20,019 in all, near the 20,010 of an earlier study, without the giants."""
TRAIN_SHARE = 10_854 / 20_010


@dataclass(frozen=True)
class Gloss:
    """One definition: "a small domesticated carnivore", class "animal"."""

    text: str
    kind: str
    offset: int
    """Of its synset: the same in every run."""


@dataclass(frozen=True)
class LabelledGlosses:
    """Two halves without a common synset or text, each in a seeded random order."""

    train: tuple[Gloss, ...]
    test: tuple[Gloss, ...]
    kinds: tuple[str, ...]
    ambiguous: int
    """Synsets left out because another synset has the same gloss."""


def obtain_glosses(cache: Path) -> tuple[Noun, ...]:
    """All 82,115 noun synsets of Debian's wordnet-base, by offset; raises SourceMissing."""
    return tuple(WordNet(debian("wordnet-base", cache)).nouns.values())


def labelled_glosses(
    nouns: Sequence[Noun], kinds: Sequence[str] = EIGHT_CLASSES, train_share: float = TRAIN_SHARE, seed: int = 0
) -> LabelledGlosses:
    """The glosses of `kinds`, each class cut in the same proportion."""
    times = Counter(noun.gloss for noun in nouns)
    chosen = [noun for noun in nouns if noun.kind in kinds]
    glosses = [Gloss(noun.gloss, noun.kind, noun.offset) for noun in chosen if times[noun.gloss] == 1]
    order = [glosses[index] for index in np.random.default_rng(seed).permutation(len(glosses))]
    places = Counter[str]()
    sizes = Counter(gloss.kind for gloss in glosses)
    train: list[Gloss] = []
    test: list[Gloss] = []
    for gloss in order:
        places[gloss.kind] += 1
        (train if places[gloss.kind] <= round(train_share * sizes[gloss.kind]) else test).append(gloss)
    return LabelledGlosses(tuple(train), tuple(test), tuple(kinds), len(chosen) - len(glosses))
