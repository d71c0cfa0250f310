"""An index beside exact search: one that finds all, one that misses what we say it misses."""

import uuid
from collections.abc import Iterator

import numpy as np
import pytest

from encoder.protocol import Embeddings, unit
from errors import EvaluationError
from evaluation.collection import Ask, Probes, exact_similarities, judge_index
from search.index import VectorChunk


def keys(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=number) for number in range(count)]


def parts(rows: Embeddings, size: int) -> Iterator[VectorChunk]:
    names = keys(len(rows))
    for start in range(0, len(rows), size):
        own = names[start : start + size]
        yield VectorChunk(tuple(own), rows[start : start + size], tuple({} for _ in own))


def index_over(rows: Embeddings, left_out: frozenset[int] = frozenset()) -> Ask:
    """Exact, but blind to some rows."""
    names = keys(len(rows))

    def ask(vector: Embeddings, k: int) -> list[tuple[uuid.UUID, float]]:
        order = [int(row) for row in np.argsort(-(rows @ vector)) if row not in left_out]
        return [(names[row], float(rows[row] @ vector)) for row in order[:k]]

    return ask


@pytest.mark.parametrize("size", [1, 7, 100])
def test_exact_search_in_chunks_is_the_sorted_whole_without_oneself(rng: np.random.Generator, size: int) -> None:
    rows = unit(rng.normal(size=(60, 6)))
    probes = Probes(rows[:5], keys(60)[:5])
    found, stored = exact_similarities(probes, parts(rows, size), 10)
    assert stored == 60
    for number in range(5):
        others = np.delete(rows.astype(float) @ rows[number].astype(float), number)
        np.testing.assert_allclose(found[number], np.sort(others)[::-1][:10], atol=1e-12)


def test_an_index_that_finds_all_has_recall_one_and_a_time(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(80, 6)))
    found = judge_index(Probes(rows[:20], keys(80)[:20]), parts(rows, 30), index_over(rows))
    assert (found.recall.mean, found.k, found.probes, found.stored) == (1, 10, 20, 80)
    assert 0 < found.p50_ms <= found.p95_ms


def test_what_the_index_misses_is_missing(rng: np.random.Generator) -> None:
    """Blind to row 1, which is among the ten nearest of some probes: each of these finds nine of ten."""
    rows = unit(rng.normal(size=(30, 3)))
    probes = Probes(rows[2:12], keys(30)[2:12])
    cosines = rows[2:12] @ rows.T
    touched = sum(1 in np.argsort(-cosine)[:11] for cosine in cosines)
    assert 0 < touched < 10
    found = judge_index(probes, parts(rows, 8), index_over(rows, frozenset({1})))
    assert found.recall.mean == pytest.approx(1 - touched / 10 / 10)


def test_one_that_ties_with_the_last_of_the_nearest_counts() -> None:
    """Fifteen copies: any ten of them are the nearest."""
    rows = unit(np.repeat([[1.0, 0.0], [0.0, 1.0]], [15, 5], axis=0))
    found = judge_index(Probes(rows[:1], keys(20)[:1]), parts(rows, 20), index_over(rows, frozenset({1, 2, 3})))
    assert found.recall.mean == 1


def test_words_ask_without_being_in_the_index(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(12, 4)))
    found = judge_index(Probes(unit(rng.normal(size=(3, 4))), [None] * 3), parts(rows, 5), index_over(rows))
    assert (found.recall.mean, found.k) == (1, 10)


def test_a_small_index_is_asked_for_all_others(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(4, 3)))
    found = judge_index(Probes(rows, keys(4)), parts(rows, 4), index_over(rows))
    assert (found.recall.mean, found.k) == (1, 3)
    assert set(found.to_json()) == {"recall@3", "interval", "questions", "stored", "p50_ms", "p95_ms"}


def test_an_index_of_one_is_refused() -> None:
    rows = unit(np.ones((1, 3)))
    with pytest.raises(EvaluationError, match="index of 1 vectors"):
        judge_index(Probes(rows, keys(1)), parts(rows, 1), index_over(rows))
