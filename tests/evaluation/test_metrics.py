"""Retrieval metrics against values worked out by hand, and against the slow, obvious version."""

import itertools
import math
from collections.abc import Collection, Sequence

import numpy as np
import pytest

from errors import EvaluationError
from evaluation.metrics import (
    NAMES,
    Interval,
    as_json,
    bootstrap,
    expected_by_chance,
    judge,
    judge_embeddings,
    paired_bootstrap,
)

BY_HAND = np.array(
    [
        # items  a    b    c    d    e    f
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        [0.1, 0.8, 0.7, 0.6, 0.5, 0.4],
    ]
)
RELEVANT = [[0], [1, 3], [0]]


def slow(ranking: Sequence[int], relevant: Collection[int]) -> dict[str, float]:
    """One query: every metric from its definition over the whole ranking."""
    hits = [item in relevant for item in ranking]
    first = hits.index(True) + 1
    values = {"MRR": 1 / first, "rank": float(first)}
    for k in (1, 5, 10):
        values[f"R@{k}"] = sum(hits[:k]) / len(relevant)
        values[f"S@{k}"] = float(any(hits[:k]))
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits[:10]) if hit)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(relevant))))
    return values | {"nDCG@10": gain / ideal}


def test_the_figures_of_a_ranking_worked_out_by_hand() -> None:
    """Query 1 finds its one item first. Query 2 has two relevant items, at ranks 2 and 4. Query 3 finds its one last,
    of six."""
    found = judge(BY_HAND, RELEVANT).per_query
    second = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    expected = {
        "R@1": [1, 0, 0],
        "R@5": [1, 1, 0],
        "R@10": [1, 1, 1],
        "S@1": [1, 0, 0],
        "S@5": [1, 1, 0],
        "S@10": [1, 1, 1],
        "MRR": [1, 1 / 2, 1 / 6],
        "nDCG@10": [1, second, 1 / math.log2(7)],
        "rank": [1, 2, 6],
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-9, err_msg=name)


def test_recall_is_the_share_of_the_relevant_and_success_whether_there_is_any() -> None:
    """Five relevant items of which three are among the first five: recall .6, success 1."""
    similarities = np.linspace(1, 0, 12)[None]
    found = judge(similarities, [[0, 2, 4, 9, 11]]).per_query
    assert found["R@1"][0] == pytest.approx(1 / 5) and found["S@1"][0] == 1
    assert found["R@5"][0] == pytest.approx(3 / 5) and found["S@5"][0] == 1
    assert found["R@10"][0] == pytest.approx(4 / 5)


def test_means_and_the_median_rank() -> None:
    """Of the ranks 1, 2 and 6 the median is 2."""
    mean = judge(BY_HAND, RELEVANT).mean()
    assert set(mean) == {*NAMES, "median_rank"}
    assert mean["median_rank"] == 2
    assert mean["MRR"] == pytest.approx((1 + 1 / 2 + 1 / 6) / 3)
    assert mean["R@1"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("queries", "corpus"), [(1, 1), (30, 4), (40, 60), (25, 11)])
def test_every_value_equals_the_slow_version(rng: np.random.Generator, queries: int, corpus: int) -> None:
    """Distinct similarities, one to seven relevant items."""
    similarities = rng.permutation(queries * corpus).reshape(queries, corpus) / (queries * corpus)
    relevant = [rng.choice(corpus, size=rng.integers(1, min(8, corpus + 1)), replace=False) for _ in range(queries)]
    found = judge(similarities, [set(map(int, items)) for items in relevant]).per_query
    for number, items in enumerate(relevant):
        expected = slow(np.argsort(-similarities[number]).tolist(), set(items.tolist()))
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value), (number, name)


def precedence(corpus: int) -> list[int]:
    """The order of equally similar items, as an all-equal similarity shows it."""
    ranks = judge(np.zeros((corpus, corpus)), [[item] for item in range(corpus)]).per_query["rank"]
    return [int(rank) for rank in ranks]


def test_ties_follow_one_random_order_and_equal_the_slow_version(rng: np.random.Generator) -> None:
    """Similarities of four values only, so that nearly everything ties."""
    similarities = rng.integers(0, 4, (50, 40)) / 4
    relevant = [rng.choice(40, size=3, replace=False).tolist() for _ in range(50)]
    found, order = judge(similarities, relevant).per_query, precedence(40)
    for number, items in enumerate(relevant):
        ranking = sorted(range(40), key=lambda item: (-similarities[number, item], order[item]))
        for name, value in slow(ranking, items).items():
            assert found[name][number] == pytest.approx(value), (number, name)


def test_an_encoder_to_which_all_is_alike_gets_exactly_what_chance_gets() -> None:
    """Each item is the answer to one query: R@k is k of the corpus, whatever the order in which ties fall."""
    mean = judge(np.full((200, 200), 0.7), [[item] for item in range(200)]).mean()
    assert [mean[f"R@{k}"] for k in (1, 5, 10)] == pytest.approx([1 / 200, 5 / 200, 10 / 200])
    assert mean["MRR"] == pytest.approx(sum(1 / rank for rank in range(1, 201)) / 200)
    assert mean["median_rank"] == 100.5


def test_ties_do_not_favour_the_first_items_nor_the_relevant_ones() -> None:
    """One query whose answer comes first, one whose answer comes last, all tied: over many corpora each is found first
    as often as the other, and not always."""
    first = [judge(np.zeros((1, 10)), [[0]], seed=seed).per_query["S@1"][0] for seed in range(400)]
    last = [judge(np.zeros((1, 10)), [[9]], seed=seed).per_query["S@1"][0] for seed in range(400)]
    assert 20 < sum(first) < 60 and 20 < sum(last) < 60


def test_the_order_of_ties_does_not_depend_on_what_is_relevant() -> None:
    one = judge(np.zeros((1, 10)), [[3]]).per_query["rank"][0]
    both = judge(np.zeros((2, 10)), [[3], [3, 4]]).per_query["rank"]
    assert both[0] == one and both[1] == min(one, precedence(10)[4])


def test_embeddings_are_judged_as_their_cosines_are(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks of a few queries as in one."""
    queries, corpus = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 70, 8)))
    relevant = [[number, (number * 7) % 70] for number in range(70)]
    whole = judge(np.round(queries @ corpus.T, 6), relevant).per_query
    monkeypatch.setattr("evaluation.metrics._CELLS", 300)
    for name, values in judge_embeddings(queries, corpus, relevant).per_query.items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


def test_cosines_that_differ_in_the_seventh_decimal_tie() -> None:
    """Which of two copies is nearer is an accident of the order of summation; over all seeds both come first."""
    corpus = np.array([[1.0, 0.0], [1 - 2e-7, 0.0]])
    ranks = {judge_embeddings(corpus[:1], corpus, [[0]], seed=seed).per_query["rank"][0] for seed in range(20)}
    assert ranks == {1, 2}


def test_nan_is_refused_with_its_query() -> None:
    similarities = np.zeros((3, 4))
    similarities[1, 2] = np.nan
    with pytest.raises(EvaluationError, match="query 1 is no finite number"):
        judge(similarities, [[0], [0], [0]])


@pytest.mark.parametrize(
    ("relevant", "sentence"),
    [
        ([[0], []], "Query 1 has no relevant item"),
        ([[0], [5]], "Query 1 names item 5 as relevant, in a corpus of 3"),
        ([[-1], [0]], "Query 0 names item -1 as relevant"),
        ([[0]], "There are 2 queries, but relevant items for 1"),
    ],
)
def test_relevant_items_that_cannot_be_are_refused(relevant: list[list[int]], sentence: str) -> None:
    with pytest.raises(EvaluationError, match=sentence):
        judge(np.zeros((2, 3)), relevant)


def test_no_query_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no query"):
        judge(np.zeros((0, 3)), [])


def test_an_interval_is_that_of_means_drawn_again(rng: np.random.Generator) -> None:
    """The slow version draws 4,000 samples one by one; both are 95 % intervals of the same distribution."""
    values = (rng.random(120) < 0.3).astype(float)
    means = sorted(rng.choice(values, len(values)).mean() for _ in range(4000))
    found = bootstrap(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(means[100], abs=0.012)
    assert found.high == pytest.approx(means[3900], abs=0.012)


def test_intervals_hold_the_true_mean_about_95_times_in_a_hundred(rng: np.random.Generator) -> None:
    held = 0
    for _ in range(200):
        found = bootstrap(rng.random(60), draws=400)
        held += found.low <= 0.5 <= found.high
    assert 178 <= held <= 199


def test_the_same_seed_gives_the_same_interval(rng: np.random.Generator) -> None:
    values = rng.random(50)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_values_that_are_all_equal_and_a_single_one_have_no_spread() -> None:
    assert vars(bootstrap(np.ones(5))) == {"mean": 1, "low": 1, "high": 1}
    assert vars(bootstrap(np.array([0.25]))) == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert bootstrap(np.array([3.0, 3, 3]), statistic=np.median) == Interval(3, 3, 3)


def test_the_median_has_an_interval_of_its_own(rng: np.random.Generator) -> None:
    """One outlier of a million moves the mean's interval and not the median's."""
    values = np.append(rng.integers(1, 11, 99), 1_000_000).astype(float)
    found = bootstrap(values, statistic=np.median)
    low, high = found.low, found.high
    assert 1 <= low <= np.median(values) <= high <= 10
    assert bootstrap(values).high > 10_000


def test_a_small_difference_on_every_query_is_seen_only_when_paired(rng: np.random.Generator) -> None:
    """Queries differ by far more than the methods: unpaired, the intervals overlap; paired, zero is outside."""
    queries = rng.random(80)
    better = queries + 0.02 + 0.01 * rng.normal(size=80)
    assert bootstrap(queries).high > bootstrap(better).low
    gap = paired_bootstrap(better, queries)
    assert gap.excludes_zero and 0.015 < gap.low < gap.mean < gap.high < 0.025
    assert paired_bootstrap(queries, better).mean == pytest.approx(-gap.mean)


def test_equal_methods_do_not_differ() -> None:
    gap = paired_bootstrap(np.arange(9.0), np.arange(9.0))
    assert (gap.low, gap.mean, gap.high) == (0, 0, 0) and not gap.excludes_zero


def test_two_methods_must_have_judged_the_same_queries() -> None:
    with pytest.raises(EvaluationError, match=r"\(3,\) values of one, \(4,\) of the other"):
        paired_bootstrap(np.zeros(3), np.zeros(4))


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"shape \(0,\)"):
        bootstrap(np.zeros(0))


def test_json_has_rounded_figures_and_intervals_as_lists() -> None:
    found = as_json({"a": 0.12345678, "b": (Interval(1 / 3, 0, 1), None, 7)}, 4)
    assert found == {"a": 0.1235, "b": [[0.3333, 0, 1], None, 7]}
    assert Interval(0.12345678, 0, 1).named("x") == {"x": 0.123457, "interval": [0, 1]}


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
