"""The texts of E7, E8 and E9: glosses cut in proportion, without a text on both sides; labels drawn evenly."""

from collections import Counter

import numpy as np
import pytest

from errors import TrainingError
from training.data.wordnet import NOUN_CLASSES, Noun
from training.experiments.texts import EIGHT_CLASSES, OTHER_CLASSES, cut, draw_texts, pick_labelled

LABELS = np.array([0] * 50 + [1] * 30 + [2] * 3)


def test_labels_are_drawn_evenly_until_a_class_has_no_more() -> None:
    assert np.bincount(LABELS[pick_labelled(LABELS, 9, seed=0)]).tolist() == [3, 3, 3]
    assert np.bincount(LABELS[pick_labelled(LABELS, 13, seed=0)]).tolist() == [5, 5, 3]
    assert np.bincount(LABELS[pick_labelled(LABELS, 83, seed=0)]).tolist() == [50, 30, 3]


def test_no_example_is_drawn_twice_and_fewer_are_part_of_more() -> None:
    draws = [set(pick_labelled(LABELS, count, seed=1).tolist()) for count in (5, 20, 60)]
    assert [len(draw) for draw in draws] == [5, 20, 60]
    assert draws[0] < draws[1] < draws[2]


def test_seeds_draw_differently_and_reach_every_example() -> None:
    draws = [frozenset(pick_labelled(LABELS, 9, seed).tolist()) for seed in range(200)]
    assert len(set(draws)) > 190
    assert len(frozenset.union(*draws)) == len(LABELS)


def test_more_labels_than_there_are_is_said_with_both_numbers() -> None:
    with pytest.raises(TrainingError, match=r"84.*83"):
        pick_labelled(LABELS, 84, seed=0)


def test_the_other_classes_are_others() -> None:
    assert not set(OTHER_CLASSES) & set(EIGHT_CLASSES)
    texts = draw_texts()
    assert not set(texts.others.labels.tolist()) & set(texts.train.labels.tolist())


def test_drawn_texts_are_unit_rows_and_the_same_every_time() -> None:
    one, two = draw_texts(), draw_texts()
    assert np.allclose(np.linalg.norm(one.test.rows, axis=1), 1, atol=1e-5)
    assert np.array_equal(one.test.rows, two.test.rows)
    assert not np.array_equal(one.test.rows, one.train.rows)


def nouns() -> list[Noun]:
    """Of each class 20, every tenth with a gloss that another synset has, too."""
    return [
        Noun(100 * kind + n, (f"word {kind} {n}",), f"twice {n % 2}" if n % 10 == 0 else f"meaning {kind} {n}", name)
        for kind, name in enumerate(NOUN_CLASSES)
        for n in range(20)
    ]


def test_each_class_is_cut_in_the_same_proportion() -> None:
    train, test, ambiguous = cut(nouns(), EIGHT_CLASSES, train_share=0.5)
    for side in (train, test):
        assert Counter(noun.kind for noun in side) == dict.fromkeys(EIGHT_CLASSES, 9)
    assert ambiguous == 8 * 2


def test_no_synset_and_no_text_is_on_both_sides() -> None:
    train, test, _ = cut(nouns(), kinds=("animal", "plant"), train_share=0.3)
    assert {noun.kind for noun in train} == {"animal", "plant"}
    assert not {noun.gloss for noun in train} & {noun.gloss for noun in test}
    offsets = [noun.offset for noun in (*train, *test)]
    assert len(set(offsets)) == len(offsets) == 36


def test_the_seed_decides_the_cut() -> None:
    assert cut(nouns(), EIGHT_CLASSES) == cut(nouns(), EIGHT_CLASSES)
    assert cut(nouns(), EIGHT_CLASSES, seed=1) != cut(nouns(), EIGHT_CLASSES)
