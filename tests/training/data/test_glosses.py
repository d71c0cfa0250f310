"""Glosses with known classes: cut in proportion, without a text on both sides."""

from collections import Counter

from training.data.glosses import EIGHT_CLASSES, labelled_glosses
from training.data.wordnet import NOUN_CLASSES, Noun


def nouns() -> list[Noun]:
    """Of each class 20, every tenth with a gloss that another synset has, too."""
    return [
        Noun(100 * kind + n, (f"word {kind} {n}",), f"twice {n % 2}" if n % 10 == 0 else f"meaning {kind} {n}", name)
        for kind, name in enumerate(NOUN_CLASSES)
        for n in range(20)
    ]


def test_each_class_is_cut_in_the_same_proportion() -> None:
    cut = labelled_glosses(nouns(), train_share=0.5)
    assert Counter(gloss.kind for gloss in cut.train) == dict.fromkeys(EIGHT_CLASSES, 9)
    assert Counter(gloss.kind for gloss in cut.test) == dict.fromkeys(EIGHT_CLASSES, 9)
    assert cut.ambiguous == 8 * 2


def test_no_synset_and_no_text_is_on_both_sides() -> None:
    cut = labelled_glosses(nouns(), kinds=("animal", "plant"), train_share=0.3)
    assert {gloss.kind for gloss in cut.train} == {"animal", "plant"}
    assert not {gloss.text for gloss in cut.train} & {gloss.text for gloss in cut.test}
    offsets = [gloss.offset for gloss in (*cut.train, *cut.test)]
    assert len(set(offsets)) == len(offsets) == 36


def test_the_seed_decides() -> None:
    assert labelled_glosses(nouns()) == labelled_glosses(nouns())
    assert labelled_glosses(nouns(), seed=1) != labelled_glosses(nouns())
