"""What chance gets, against every order written out and against rankings drawn at random."""

import itertools

import numpy as np
import pytest

from evaluation.metrics import NAMES, expected_by_chance, judge


def test_one_of_four() -> None:
    """Each rank has probability 1/4: R@1 = 1/4, MRR = (1 + 1/2 + 1/3 + 1/4) / 4, and half are found by rank 2."""
    found = expected_by_chance([1], 4)
    assert found["R@1"] == found["S@1"] == pytest.approx(0.25)
    assert found["R@5"] == found["S@10"] == 1
    assert found["MRR"] == pytest.approx(25 / 48)
    assert found["median_rank"] == 2


@pytest.mark.parametrize("relevant", [[1], [2], [3], [1, 3], [6]])
def test_the_mean_over_every_order_of_six_items(relevant: list[int]) -> None:
    """720 orders, each a ranking that `judge` sees."""
    orders = np.array(list(itertools.permutations(range(6))), dtype=float)
    means = [judge(orders, [list(range(count))] * len(orders)).mean() for count in relevant]
    found = expected_by_chance(relevant, 6)
    for name in NAMES:
        assert found[name] == pytest.approx(np.mean([mean[name] for mean in means])), name


def test_a_larger_corpus_by_rankings_drawn_at_random(rng: np.random.Generator) -> None:
    """300 items, 1, 2 or 40 relevant; 6,000 random rankings, each metric within four standard errors."""
    counts = [1, 2, 40] * 2000
    judged = judge(rng.random((len(counts), 300)), [range(count) for count in counts])
    found = expected_by_chance(counts, 300)
    for name in NAMES:
        error = judged.per_query[name].std() / np.sqrt(len(counts))
        assert abs(found[name] - judged.mean()[name]) < 4 * error, name
    assert abs(found["median_rank"] - judged.mean()["median_rank"]) <= 4
