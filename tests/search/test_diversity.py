"""MMR and the spread of a library, against slow versions of their formulas."""

import numpy as np
import pytest

from encoder.protocol import unit
from search.ranking import mmr, side_by_side, spread_out


def rows(count: int, dim: int = 6, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, dim)))


def slow_mmr(relevance: np.ndarray, vectors: np.ndarray, diversity: float, k: int) -> list[int]:
    zero = float(np.median(relevance))
    scaled = [(value - zero) / (max(relevance) - zero) for value in relevance]
    pairs = [float(vectors[i] @ vectors[j]) for i in range(len(vectors)) for j in range(len(vectors)) if i != j]
    usual = sum(pairs) / len(pairs)
    order = [int(np.argmax(relevance))]
    while len(order) < k:
        best, value = -1, -np.inf
        for i in set(range(len(vectors))) - set(order):
            likeness = max((float(vectors[i] @ vectors[j]) - usual) / (1 - usual) for j in order)
            if (gain := (1 - diversity) * scaled[i] - diversity * likeness) > value:
                best, value = i, gain
        order.append(best)
    return order


@pytest.mark.parametrize("diversity", [0.2, 0.5, 0.9, 1.0])
def test_mmr_is_carbonell_and_goldsteins_formula_on_one_scale(diversity: float) -> None:
    vectors, relevance = rows(20), np.random.default_rng(1).normal(size=20)
    assert mmr(relevance, vectors, diversity, 12) == slow_mmr(relevance, vectors, diversity, 12)


def test_no_diversity_is_the_order_by_relevance_with_the_first_of_equals_first() -> None:
    assert mmr(np.array([1.0, 3.0, 3.0, 2.0]), rows(4), 0.0, 9) == [1, 2, 3, 0]


def test_a_copy_of_the_best_comes_late_when_difference_counts() -> None:
    vectors = rows(6)
    vectors[1] = vectors[0]
    relevance = np.array([5.0, 4.9, 1.0, 0.9, 0.8, 0.7])
    assert mmr(relevance, vectors, 0.0, 2) == [0, 1]
    assert mmr(relevance, vectors, 0.9, 6)[-1] == 1


def test_a_longer_page_begins_with_the_shorter_one_and_names_each_candidate_once() -> None:
    vectors, relevance = rows(30), np.random.default_rng(2).normal(size=30)
    whole = mmr(relevance, vectors, 0.4, 30)
    assert sorted(whole) == list(range(30)) and mmr(relevance, vectors, 0.4, 7) == whole[:7]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_differ(count: int) -> None:
    assert mmr(np.ones(count), rows(max(count, 1))[:count], 0.5, 5) == list(range(count))


def test_equal_candidates_come_in_their_order() -> None:
    vectors = np.repeat(rows(1), 4, axis=0)
    assert mmr(np.ones(4), vectors, 0.5, 4) == [0, 1, 2, 3]


def slow_spread(vectors: np.ndarray, k: int, shown: list[int]) -> list[int]:
    order = list(shown)
    for _ in range(k):
        worth = {
            i: sum(max(float(row @ vectors[j]) for j in [*order, i]) for row in vectors)
            for i in range(len(vectors))
            if i not in order
        }
        order.append(max(worth, key=lambda i: (round(worth[i], 5), -i)))
    return order[len(shown) :]


@pytest.mark.parametrize("shown", [[], [3, 8]])
def test_the_spread_takes_each_time_what_brings_the_library_nearest(shown: list[int]) -> None:
    vectors = rows(25, seed=3)
    assert spread_out(vectors, 5, shown=shown) == slow_spread(vectors, 5, shown)


def test_the_spread_shows_one_of_each_heap_and_no_outlier_before_that() -> None:
    centres, rng = np.eye(6)[:4], np.random.default_rng(0)
    heaps = unit(np.repeat(centres, 10, axis=0) + 0.05 * rng.normal(size=(40, 6)))
    outlier = np.eye(6)[[5]].astype(np.float32)
    chosen = spread_out(np.concatenate([outlier, heaps]), 5)
    assert {(i - 1) // 10 for i in chosen[:4]} == {0, 1, 2, 3} and chosen[4] == 0


def test_another_seed_gives_another_spread_and_the_same_seed_the_same() -> None:
    vectors = rows(60, seed=4)
    assert spread_out(vectors, 8, 1) == spread_out(vectors, 8, 1) != spread_out(vectors, 8, 2)
    assert len(set(spread_out(vectors, 8, 1))) == 8


def test_there_are_never_more_than_are_left() -> None:
    vectors = rows(5)
    assert sorted(spread_out(vectors, 9, shown=[2])) == [0, 1, 3, 4]
    assert spread_out(vectors[:0], 3) == [] and spread_out(vectors, 0) == []


def test_joined_rows_are_unit_and_say_how_alike_two_pictures_are_on_all_targets() -> None:
    vectors = {"look": rows(10, 4, 1), "image": rows(10, 6, 2)}
    whole = side_by_side(vectors)
    parts = [vectors[name] - vectors[name].mean(axis=0) for name in ("image", "look")]
    lengths = [np.sqrt(sum(float(part[i] @ part[i]) for part in parts)) for i in range(10)]
    expected = sum(float(part[2] @ part[7]) for part in parts) / (lengths[2] * lengths[7])
    assert whole.shape == (10, 10) and float(whole[2] @ whole[7]) == pytest.approx(expected, abs=1e-6)
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(10), abs=1e-6)
