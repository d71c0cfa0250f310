"""Two encoders over the same queries: the difference, its interval, and which queries make it."""

import numpy as np
import pytest

from evaluation.metrics import NAMES, Judgement, judge
from evaluation.retrieval import SHOWN, Change, compare_judgements


def ranked(ranks: list[int], corpus: int) -> Judgement:
    """One relevant item each, at exactly these ranks."""
    similarities = np.zeros((len(ranks), corpus))
    for query, rank in enumerate(ranks):
        others = [item for item in range(corpus) if item != query]
        for place, item in enumerate([*others[: rank - 1], query, *others[rank - 1 :]]):
            similarities[query, item] = -place
    return judge(similarities, [[query] for query in range(len(ranks))])


QUERIES = [f"query {number}" for number in range(40)]


def test_the_difference_is_b_minus_a_with_a_paired_interval() -> None:
    """A finds nothing first, B finds half of the queries first."""
    found = compare_judgements(ranked([2] * 40, 50), ranked([1, 2] * 20, 50), QUERIES)
    assert set(found.difference) == set(NAMES)
    assert found.difference["R@1"].mean == pytest.approx(0.5)
    assert found.difference["R@1"].excludes_zero and found.difference["R@1"].low > 0.3
    assert found.difference["R@5"].mean == 0 and not found.difference["R@5"].excludes_zero
    assert (found.a["R@1"], found.b["R@1"]) == (0, 0.5)
    assert found.counts == (20, 20, 0)


def test_queries_that_won_and_lost_most_are_named_with_both_ranks() -> None:
    """From 1 to 3 is a greater loss than from 20 to 50, and from 9 to 1 the greatest gain."""
    found = compare_judgements(ranked([1, 20, 9, 4, 7], 50), ranked([3, 50, 1, 2, 7], 50), QUERIES[:5])
    assert found.won == (Change("query 2", 9, 1), Change("query 3", 4, 2))
    assert found.lost == (Change("query 0", 1, 3), Change("query 1", 20, 50))
    assert found.counts == (2, 1, 2)


def test_at_most_ten_of_each_are_named_but_all_are_counted() -> None:
    found = compare_judgements(ranked([5] * 40, 50), ranked([4] * 30 + [6] * 10, 50), QUERIES)
    assert len(found.won) == len(found.lost) == SHOWN
    assert found.counts == (30, 0, 10)
    assert {change.query for change in found.lost} == set(QUERIES[30:])


def test_the_same_judgements_do_not_differ() -> None:
    one = ranked([1, 3, 9], 20)
    found = compare_judgements(one, one, QUERIES[:3])
    assert all((gap.low, gap.mean, gap.high) == (0, 0, 0) for gap in found.difference.values())
    assert found.won == found.lost == () and found.counts == (0, 3, 0)


def test_exchanging_a_and_b_exchanges_all() -> None:
    one, other = ranked([1, 20, 9, 4], 50), ranked([3, 50, 1, 2], 50)
    there, back = compare_judgements(one, other, QUERIES[:4]), compare_judgements(other, one, QUERIES[:4])
    assert [change.query for change in there.won] == [change.query for change in back.lost]
    for name in NAMES:
        assert there.difference[name].mean == pytest.approx(-back.difference[name].mean)


def test_json_has_both_values_and_the_interval_of_each_metric() -> None:
    data = compare_judgements(ranked([2] * 4, 9), ranked([1, 2, 2, 3], 9), QUERIES[:4]).to_json()
    assert data["R@1"]["a"] == 0 and data["R@1"]["b"] == data["R@1"]["difference"] == 0.25
    assert len(data["R@1"]["interval"]) == 2
    assert data["median_rank"] == {"a": 2, "b": 2}
    assert (data["better"], data["same"], data["worse"]) == (1, 2, 1)
    assert data["won"] == [{"query": "query 0", "rank_a": 2, "rank_b": 1}]
    assert data["lost"] == [{"query": "query 3", "rank_a": 2, "rank_b": 3}]
