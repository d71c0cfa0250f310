"""The threshold: worked out by hand, against a slow reading of its definition, and on drawn libraries."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from encoder.protocol import Embeddings, unit
from search.relevance import (
    MEAN_KEPT,
    ROUNDING,
    Background,
    Bank,
    conformal_quantile,
    highest,
)
from search.scoring import FEWEST, Asked, LibrarySpace, full, score, unfull
from tests.colours import ColourEncoder

DIM = 16
WORDS = {"image": 2 / 3, "caption": 1 / 3}


def drawn(count: int, seed: int, *, around: int | None = None, tightness: float = 1.0) -> Embeddings:
    """Unit vectors in every direction, or about the axis `around`."""
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    if around is not None:
        rows[:, around] += tightness * np.sqrt(DIM)
    return unit(rows)


def library(count: int, seed: int = 0, captioned: float = 0.5) -> LibrarySpace:
    """Pictures about the axes 0 to 3; half of them have a caption that lies near."""
    kinds = np.arange(count) % 4
    image = unit(drawn(count, seed) + 0.8 * np.eye(DIM)[kinds])
    flags = np.random.default_rng(seed + 1).random(count) < captioned
    caption = np.where(flags[:, None], unit(image + 0.5 * drawn(count, seed + 2)), image).astype(np.float32)
    return LibrarySpace.of({"image": image, "caption": caption, "look": drawn(count, seed + 3)}, flags, count)


def bank(seed: int = 10) -> Bank:
    """Sense lies along axis 4, nonsense opposite."""
    return Bank(-drawn(200, seed, around=4, tightness=0.7), drawn(150, seed + 1, around=4, tightness=0.7))


def words(row: Embeddings, weight: float = 1.0, targets: Mapping[str, float] = WORDS) -> Asked:
    return Asked(weight, False, dict.fromkeys(targets, row), targets)


def picture(row: Embeddings, weight: float = 1.0, target: str = "image") -> Asked:
    return Asked(weight, True, {target: row}, {target: 1.0})


def needed(background: Background, *asked: Asked, false_alarm: float = 0.05, strategy: str | None = None) -> float:
    found = background.threshold(asked, false_alarm, strategy)
    assert found is not None
    return found


def test_no_question_of_the_bank_is_its_own_neighbour() -> None:
    found = bank()
    for place in (0, 7):
        others = Bank(np.delete(found.unrelated, place, 0), found.sensible)
        assert found.calibration_scores[place] == pytest.approx(others.knn_score(found.unrelated[[place]])[0], abs=1e-6)


def similarities(space: LibrarySpace, term: Asked) -> tuple[NDArray[np.float64], float, float]:
    """With each picture of the sample, by `score` itself; and the mean and spread that lead back to its scale."""
    levels = {name: np.ravel(space.spreads[name].levels(term.vectors[name][None])) for name in term.targets}
    mean = sum(share * levels[name][0] for name, share in term.targets.items())
    spread = sum(share * levels[name][1] for name, share in term.targets.items())
    relevance = score([term], space.sample, space.captioned, space).relevance
    return relevance * spread + MEAN_KEPT * mean, mean, spread


def best_of_unrelated(space: LibrarySpace, known: Bank, targets: Mapping[str, float]) -> list[float]:
    return sorted(similarities(space, words(row, targets=targets))[0].max() for row in known.unrelated)


def slow_threshold(space: LibrarySpace, known: Bank, asked: Asked, false_alarm: float) -> float:
    """The module's definition, question by question, by p-values."""
    best = best_of_unrelated(space, known, asked.targets)
    knn_score = known.knn_score(next(iter(asked.vectors.values()))[None])[0]
    level = max(false_alarm / 2, 1 / (1 + len(best)))
    p_value = (1 + sum(other >= knn_score for other in known.calibration_scores)) / (1 + len(best))
    passing = [value for value in best if (1 + sum(o > value for o in best)) / (1 + len(best)) <= level]
    least = np.median(best) if p_value <= level else max(min(passing, default=best[-1]), np.median(best))
    _, mean, own_spread = similarities(space, asked)
    return float((least + ROUNDING - MEAN_KEPT * mean) / own_spread)


@pytest.mark.parametrize("targets", [{"image": 1.0}, {"caption": 1.0}, WORDS], ids=["image", "caption", "both"])
@pytest.mark.parametrize("false_alarm", [0.001, 0.01, 0.2])
def test_the_threshold_of_words_is_the_slow_one(targets: Mapping[str, float], false_alarm: float) -> None:
    """One of them is out of distribution at half of the level .2, and not at the whole of it."""
    space, known = library(120), bank()
    rows = drawn(200, 99)
    ranks = [int((known.calibration_scores >= knn_score).sum()) for knn_score in known.knn_score(rows)]
    between = next(place for place, rank in enumerate(ranks) if 23 <= rank <= 37)
    for row in rows[[0, 1, 2, between]]:
        asked = words(row, targets=targets)
        expected = slow_threshold(space, known, asked, false_alarm)
        assert needed(Background(space, known), asked, false_alarm=false_alarm) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("false_alarm", [0.02, 0.1, 0.3])
def test_the_share_of_unrelated_questions_that_find_something_is_at_most_the_level(false_alarm: float) -> None:
    """Of 2,000 others than the bank's, drawn alike: within four standard errors of both samples. A level above .1 is
    not reached: no picture counts that is less similar than what half of them find, but half of the level is."""
    space = library(300)
    texts = Bank(-drawn(1000, 20, around=4, tightness=0.7), drawn(150, 21, around=4, tightness=0.7))
    background, passed = Background(space, texts), 0
    others = -drawn(2000, 22, around=4, tightness=0.7)
    for row in others:
        asked = [words(row, targets={"image": 1.0})]
        best = score(asked, space.sample, space.captioned, space).relevance.max()
        passed += best >= needed(background, *asked, false_alarm=false_alarm)
    error = np.sqrt(false_alarm * (1 - false_alarm) * (1 / 1000 + 1 / 2000))
    assert passed / 2000 < false_alarm + 4 * error
    assert passed / 2000 > (false_alarm / 2 if false_alarm > 0.1 else false_alarm) - 4 * error


def test_a_higher_level_never_means_a_higher_threshold() -> None:
    background = Background(library(200), bank())
    for asked in (words(-np.eye(DIM, dtype=np.float32)[4]), words(drawn(1, 5)[0]), picture(drawn(1, 6)[0])):
        thresholds = [needed(background, asked, false_alarm=share) for share in (0.0005, 0.01, 0.05, 0.2, 0.6, 0.999)]
        assert thresholds == sorted(thresholds, reverse=True)
    thresholds = [
        needed(background, words(-np.eye(DIM, dtype=np.float32)[4]), false_alarm=share) for share in (0.01, 0.2)
    ]
    assert thresholds[0] > thresholds[1] + 0.1


def test_a_text_like_sensible_ones_needs_less_than_one_like_unrelated_ones() -> None:
    """The axis that both lie along is across the pictures', so that both have the same level in the library, nearly.

    As much less as can be: from the median of what unrelated texts reach to the highest of it. In this library that is
    .895 spreads; 1 would need a threshold that no text of the calibration set reaches, which no conformal test has.
    """
    space, known = library(400), bank()
    background, row = Background(space, known), np.eye(DIM, dtype=np.float32)[4]
    best = best_of_unrelated(space, known, WORDS)
    _, mean, spread = similarities(space, words(row))
    most = (best[-1] - np.median(best) - MEAN_KEPT * (similarities(space, words(-row))[1] - mean)) / spread
    margin = needed(background, words(-row), false_alarm=0.01) - needed(background, words(row), false_alarm=0.01)
    assert margin == pytest.approx(most, abs=1e-6)
    assert 0.89 < margin < 0.9
    assert needed(background, words(row)) < needed(background, words(-row)) - 0.7


def test_the_same_words_twice_have_the_threshold_of_once_and_weights_that_grow_together_change_nothing() -> None:
    background, row = Background(library(200), bank()), drawn(1, 5)[0]
    once = needed(background, words(row))
    assert needed(background, words(row), words(row)) == pytest.approx(once, abs=1e-9)
    assert needed(background, words(row, 3.0)) == pytest.approx(once, abs=1e-9)
    assert needed(background, words(row), words(drawn(1, 6)[0], -1.0)) == once
    liked = needed(background, picture(row))
    for strategy in ("average", "sum_scores"):
        assert needed(background, picture(row), picture(row), strategy=strategy) == pytest.approx(liked, abs=1e-9)


def test_two_texts_that_make_no_sense_need_the_mean_of_what_either_needs() -> None:
    """Beside one that makes sense, the sum of two across each other needs less."""
    space = LibrarySpace.of({"image": drawn(4000, 1), "caption": drawn(4000, 2)}, np.ones(4000, bool), 4000)
    background, axes = Background(space, bank()), np.eye(DIM, dtype=np.float32)
    one, other, sense = (words(unit(row[None])[0]) for row in (axes[5] - axes[4], axes[6] - axes[4], axes[4]))
    mean = np.mean([full(np.array(needed(background, term))) for term in (one, other)])
    assert needed(background, one, other) == pytest.approx(float(unfull(np.array(mean))), abs=1e-6)
    mean = np.mean([full(np.array(needed(background, term))) for term in (one, sense)])
    assert needed(background, one, sense) < float(unfull(np.array(mean))) - 0.5


def test_pictures_that_have_nothing_in_common_need_less_of_each() -> None:
    """Two that lie across each other: their mean spreads by 1/√2, and so does its threshold."""
    space = LibrarySpace.of({"image": drawn(4000, 1)}, np.zeros(4000, bool), 4000)
    background, axes = Background(space, bank()), np.eye(DIM, dtype=np.float32)
    one, other = picture(axes[0]), picture(axes[1])
    mean = (needed(background, one) + needed(background, other)) / 2
    assert needed(background, one, other) == pytest.approx(mean / np.sqrt(2), rel=0.03)
    assert needed(background, one, other, strategy="best_score") > mean


@pytest.mark.parametrize("strategy", ["average", "best_score"])
def test_examples_together_are_one_term_of_their_mean_weight(strategy: str) -> None:
    """By the values of the terms over the library. With best_score each example has its share of the level, which
    counts in a library of near-duplicates: there the nearest of a picture says nothing."""
    space = LibrarySpace.of({"image": np.repeat(drawn(200, 1), 2, axis=0)}, np.zeros(400, bool), 400)
    background, axes = Background(space, bank()), np.eye(DIM, dtype=np.float32)
    text, liked, less = (
        words(axes[4], targets={"image": 1.0}),
        picture(axes[0], 2.0),
        picture(axes[0] * 0.6 + axes[1] * 0.8),
    )
    level = 0.05 / 2 if strategy == "best_score" else 0.05
    own = [needed(background, one, false_alarm=level) for one in (liked, less)]
    z = [
        score([replace(one, weight=1.0)], space.sample, space.captioned, space).relevance for one in (text, liked, less)
    ]
    both = (2 * z[1] + z[2]) / 2
    together = max(2 / 1.5 * own[0], 1 / 1.5 * own[1])
    if strategy == "average":
        together = (2 * own[0] + own[1]) / 3 * both.std() / ((2 * z[1].std() + z[2].std()) / 2)
    assert needed(background, liked, less, strategy=strategy) == pytest.approx(together, abs=1e-4)
    mean = (float(full(np.array(needed(background, text)))) + 1.5 * float(full(np.array(together)))) / 2.5
    expected = mean * (z[0] + both).std() / (z[0].std() + both.std())
    found = needed(background, text, liked, less, strategy=strategy)
    assert found == pytest.approx(float(unfull(np.array(expected))), abs=1e-4)


def test_a_picture_like_some_of_the_library_is_answered_and_one_like_none_is_not() -> None:
    rng, axes = np.random.default_rng(3), np.eye(DIM)
    image = unit(np.repeat(axes[:4], 50, axis=0) + 0.1 * rng.normal(size=(200, DIM)))
    space = LibrarySpace.of({"image": image}, np.zeros(200, bool), 200)
    background = Background(space, bank())

    def likely(row: Embeddings) -> int:
        asked = [picture(row)]
        return int((score(asked, space.sample, space.captioned, space).relevance >= needed(background, *asked)).sum())

    assert likely(unit(axes[[2]] + 0.1 * rng.normal(size=(1, DIM)))[0]) > 30
    assert likely(unit(axes[[9]])[0]) == 0


def test_a_library_of_copies_finds_them() -> None:
    """Their similarities differ by rounding only."""
    image = np.repeat(drawn(1, 4), 60, axis=0)
    space = LibrarySpace.of({"image": image}, np.zeros(60, bool), 60)
    asked = [picture(image[0])]
    assert (
        score(asked, space.sample, space.captioned, space).relevance >= needed(Background(space, bank()), *asked)
    ).all()


def test_there_is_no_threshold_where_there_is_nothing_to_measure_it_by() -> None:
    row = drawn(1, 5)[0]
    texts = bank()
    assert Background(library(0), texts).threshold([words(row)], 0.01) is None
    assert Background(library(1), texts).threshold([words(row)], 0.01) is not None
    assert Background(library(FEWEST - 1), texts).threshold([picture(row)], 0.01) is None
    assert Background(library(FEWEST - 1), texts).threshold([words(row), picture(row)], 0.01) is None
    assert Background(library(FEWEST), texts).threshold([picture(row)], 0.01) is not None
    assert Background(library(100), texts).threshold([words(row, -1.0), picture(row, -2.0)], 0.01) is None
    assert Background(library(100), Bank(texts.unrelated[:0], texts.sensible)).threshold([words(row)], 0.01) is None


def test_the_highest_of_a_library_follows_from_its_sample() -> None:
    """By hand: the 20 highest lie 1 above the 21st on average, so that e times the pictures bring 1 more. And of an
    exponential tail: within a tenth of what the whole library has."""
    found = np.concatenate([np.zeros(30), np.ones(20)])[None]
    assert highest(found, 50)[0] == 1
    assert highest(found, round(50 * np.e))[0] == pytest.approx(2, abs=0.01)
    assert highest(found[:, :10], 1000)[0] == 0
    whole = np.random.default_rng(0).exponential(size=(400, 20_000))
    assert highest(whole[:, :2000], 20_000).mean() == pytest.approx(whole.max(axis=1).mean(), rel=0.1)


def test_a_conformal_quantile_counts_the_question_itself_among_those_of_the_null() -> None:
    """Of 19 values and the question as a twentieth, the 19th is passed by one in twenty; fewer cannot be texts."""
    null = np.random.default_rng(0).permutation(19) + 1.0
    assert conformal_quantile(null, 0.05) == 19 == conformal_quantile(null, 0.001)
    assert (
        conformal_quantile(null, 0.1) == 18
        and conformal_quantile(null, 0.5) == 10
        and conformal_quantile(null, 1.0) == 1
    )


def test_an_encoder_to_which_all_nonsense_is_one_finds_nothing_for_it() -> None:
    """The colour encoder knows six words; everything else is one vector, and so is the question."""
    texts = Bank.encode(ColourEncoder())
    image = unit(np.column_stack([np.random.default_rng(0).random((90, 3)), np.full(90, 0.1)]))
    space = LibrarySpace.of({"image": image, "caption": image}, np.zeros(90, bool), 90)
    background = Background(space, texts)
    for text, answered in (("xyzzy", False), ("red", True)):
        asked = [words(ColourEncoder().encode_texts([text])[0], targets={"image": 1.0})]
        best = score(asked, space.sample, space.captioned, space).relevance.max()
        assert (best >= needed(background, *asked)) == answered
