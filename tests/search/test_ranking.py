"""The order of hits: MMR and the spread of a library against slow versions of their formulas; near-duplicates."""

import numpy as np
import pytest
from PIL import Image

from encoder.protocol import unit
from pictures.looks import perceptual_hash
from search.library import hash_of
from search.ranking import SHARE, Sameness, find_copies, mmr, side_by_side, spread_out
from search.scoring import LibrarySpace


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


def at(*cosines: float) -> np.ndarray:
    """Rows with these cosines to the first axis."""
    return np.array([[c, np.sqrt(1 - c * c)] for c in cosines], dtype=np.float32)


RULE = Sameness(bits=16, distance=0.4)


def copies(vectors: np.ndarray, *differing: int | None) -> dict[int, list[int]]:
    """Of pictures whose hashes differ from 0 in so many bits; None: without a hash."""
    hashes = np.array([(1 << (bits or 0)) - 1 for bits in differing], dtype=np.uint64)
    return find_copies(vectors, hashes, np.array([bits is not None for bits in differing], dtype=bool), RULE)


@pytest.mark.parametrize(
    ("cosine", "bits", "same"),
    [
        (1.0, 16, True),  # 1 + 0
        (1.0, 17, False),
        (0.6, 0, True),  # 0 + 1
        (0.59, 0, False),
        (0.8, 8, True),  # 1/2 + 1/2
        (0.8, 9, False),
        (0.79, 8, False),
    ],
)
def test_bits_and_distance_share_one_allowance(cosine: float, bits: int, same: bool) -> None:
    assert copies(at(1.0, cosine), 0, bits) == ({0: [1]} if same else {})


def test_chains_join_nothing() -> None:
    """b is a copy of a, c of b but not of a: c stands by itself, and takes d that is its own copy."""
    angles = np.radians([0, 30, 60, 62])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert copies(vectors, 0, 0, 0, 0) == {0: [1], 2: [3]}


def test_a_copy_stands_behind_the_best_ranked_and_is_counted_once() -> None:
    vectors = at(1.0, 0.1, 0.99, 0.98, 0.12)
    assert copies(vectors, 0, 40, 1, 2, 40) == {0: [2, 3], 1: [4]}


def test_a_picture_without_a_hash_is_a_duplicate_of_nothing() -> None:
    assert copies(at(1.0, 1.0), None, None) == copies(at(1.0, 1.0), 0, None) == copies(at(1.0, 1.0), None, 0) == {}
    assert copies(at(1.0, 1.0, 0.9), None, 0, 0) == {1: [2]}
    assert copies(np.zeros((0, 2), np.float32)) == {}


@pytest.mark.parametrize("text", ["", "xyz", "0" * 15, "0x" + "0" * 14, " " + "0" * 15])
def test_what_is_no_hash_is_none(text: str) -> None:
    assert hash_of(text) is None and hash_of("0" * 15 + "A") == 10


def test_the_distance_goes_with_the_encoder() -> None:
    """Where random pictures have a cosine of .8, copies have to be nearer than where they have 0."""
    rng = np.random.default_rng(0)
    wide = unit(rng.normal(size=(400, 32)))
    narrow = unit(np.array([2.0, *[0] * 31]) + unit(rng.normal(size=(400, 32))))
    for rows in (wide, narrow):
        mean = float(np.mean([a @ b for a, b in zip(rows[:200], rows[200:], strict=True)]))
        space = LibrarySpace.of({"look": rows}, [True] * 400, 400)
        assert Sameness.of(space).distance == pytest.approx(SHARE * (1 - mean), abs=0.03)
    assert Sameness.of(LibrarySpace.of({"look": wide[:5]}, [True] * 5, 5)) == Sameness()


def test_real_hashes_of_a_picture_resized_and_another_one() -> None:
    rng = np.random.default_rng(0)
    first, second = (
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((256, 256), Image.Resampling.BICUBIC)
        for _ in range(2)
    )
    found = [hash_of(perceptual_hash(picture)) for picture in (first, second, first.resize((128, 128)))]
    assert find_copies(at(1.0, 1.0, 0.9), np.array(found, np.uint64), np.ones(3, bool), RULE) == {0: [2]}
