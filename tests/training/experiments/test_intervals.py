import numpy as np
import pytest

from evaluation.metrics import Interval
from training.experiments.result import over_queries_and_seeds, over_seeds, verdict


def test_over_seeds_is_the_mean_between_the_lowest_and_the_highest() -> None:
    interval = over_seeds([0.2, 0.6, 0.1])
    assert (interval.mean, interval.low, interval.high) == (pytest.approx(0.3), 0.1, 0.6)


def test_values_that_are_all_alike_have_no_spread() -> None:
    interval = over_queries_and_seeds(np.full((3, 50), 0.25))
    assert (interval.mean, interval.low, interval.high) == (0.25, 0.25, 0.25)


def test_the_interval_of_one_seed_is_that_of_a_mean_over_queries(rng: np.random.Generator) -> None:
    """mean ± 1.96 standard errors."""
    values = rng.normal(2.0, 3.0, size=(1, 4000))
    interval = over_queries_and_seeds(values)
    error = 1.96 * values.std() / np.sqrt(4000)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - error, abs=0.1 * error)
    assert interval.high == pytest.approx(values.mean() + error, abs=0.1 * error)


def test_seeds_that_disagree_widen_the_interval(rng: np.random.Generator) -> None:
    """Queries alone would not show that one seed of three says the opposite."""
    noise = rng.normal(0, 0.01, size=(3, 500))
    apart = noise + np.array([[0.9], [0.9], [-0.3]])
    agreeing, split = over_queries_and_seeds(0.5 + noise), over_queries_and_seeds(apart)
    assert split.high - split.low > 20 * (agreeing.high - agreeing.low)


def test_queries_of_one_group_are_drawn_together(rng: np.random.Generator) -> None:
    """50 pictures of each of 40 things that say the same are 40 values, not 2,000."""
    things = rng.normal(size=40)
    values, groups = np.repeat(things, 50)[None], np.repeat(np.arange(40), 50)
    of_things, of_queries = over_queries_and_seeds(things[None]), over_queries_and_seeds(values)
    together = over_queries_and_seeds(values, groups)
    assert together.high - together.low == pytest.approx(of_things.high - of_things.low)
    assert together.high - together.low > 4 * (of_queries.high - of_queries.low)


def test_a_verdict_names_the_better_method_and_a_null_result() -> None:
    found = [verdict("x ", Interval(mean, mean - 1, mean + 1), 1, "a", "b") for mean in (2.0, -2.0, 0.5)]
    assert found == ["x +2.0 (+1.0 to +3.0): a.", "x -2.0 (-3.0 to -1.0): b.", "x +0.5 (-0.5 to +1.5): a null result, "
                     "the interval holds 0."]  # fmt: skip
