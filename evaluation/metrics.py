"""Compute figures of retrieval from similarities and what is relevant. Arrays in, arrays out.

Recall@k (`R@k`) is the share of a query's relevant items among its first k, success@k (`S@k`) whether any is among
them; where each query has one relevant item the two are equal. Many papers on pictures and captions print success as
recall.

Ties favour nobody: equally similar items rank in one random order of the whole corpus, drawn by `seed` and independent
of what is relevant. An encoder for which everything is alike therefore gets what chance gets, and not the first ranks.

Intervals are bootstrapped over the queries: drawn again with replacement, the middle 95 % of the means so obtained
(percentile method; Efron, Bootstrap Methods: Another Look at the Jackknife, 1979).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import ir_measures
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from errors import EvaluationError

Floats = NDArray[np.floating]
Values = NDArray[np.float64]
Ints = NDArray[np.intp]
Relevant = Sequence[Collection[int]]
"""For each query the indices of the items that answer it, at least one."""

DEPTH = 10
DECISIVE = "nDCG@10"
"""The metric by which the best of several is chosen."""
NAMES = ("R@1", "R@5", "R@10", "S@1", "S@5", "S@10", "MRR", "nDCG@10")
_BY_IR_MEASURES = {
    **{f"R@{k}": ir_measures.R @ k for k in (1, 5, 10)},
    **{f"S@{k}": ir_measures.Success @ k for k in (1, 5, 10)},
    "nDCG@10": ir_measures.nDCG @ 10,
}
DECIMALS = 6
"""Cosines of float32 vectors differ in the seventh decimal by the order in which a library sums; they tie from here."""
DRAWS = 2000
LEVEL = 0.95
_CELLS = 8_000_000
"""Numbers looked at together: bounds the memory, not the result."""


@dataclass(frozen=True)
class Judgement:
    """How each query fared. `per_query` has NAMES and `rank`, the rank of the first relevant item, from 1."""

    per_query: Mapping[str, Values]  # each (queries,)
    corpus: int
    """Items that were ranked for every query."""

    @property
    def queries(self) -> int:
        return len(self.per_query["rank"])

    def mean(self) -> dict[str, float]:
        """Means over the queries of NAMES, and `median_rank`, the median of the first relevant item's rank."""
        means = {name: float(self.per_query[name].mean()) for name in NAMES}
        return means | {"median_rank": float(np.median(self.per_query["rank"]))}


@dataclass(frozen=True)
class Interval:
    """A mean over the queries, and between which values it falls for 95 % of the samples drawn from them."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def named(self, name: str = "difference") -> dict[str, Any]:
        """For JSON: the mean by that name, and the interval."""
        mean, *ends = as_json(self)
        return {name: mean, "interval": ends}

    def verdict(self, better: str, worse: str) -> str:
        return (better if self.low > 0 else worse) if self.excludes_zero else "could be chance"


def judge(similarities: Floats, relevant: Relevant, *, seed: int = 0) -> Judgement:
    """(queries, corpus) similarities, higher is nearer. Raises EvaluationError for NaN and for a query that nothing
    answers.

    >>> judge(np.array([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5]]), [[0], [1, 2]]).per_query["R@1"].tolist()
    [1.0, 0.0]
    """
    check_relevant(relevant, *similarities.shape)
    return _judgement(
        list(_ranks(similarities, relevant, _precedence(similarities.shape[1], seed))), similarities.shape[1]
    )


def judge_embeddings(queries: Floats, corpus: Floats, relevant: Relevant, *, seed: int = 0) -> Judgement:
    """As `judge` for unit rows (queries, dim) and (corpus, dim) and their cosines to six decimals.

    Some queries at a time, so that 100,000 x 100,000 similarities never lie in memory together.
    """
    check_relevant(relevant, len(queries), len(corpus))
    precedence, step = _precedence(len(corpus), seed), max(1, _CELLS // len(corpus))
    ranks: list[Ints] = []
    for start in range(0, len(queries), step):
        cosines = np.round(queries[start : start + step] @ corpus.T, DECIMALS)
        ranks += _ranks(cosines, relevant[start : start + step], precedence)
    return _judgement(ranks, len(corpus))


def joined(judgements: Sequence[Judgement]) -> Judgement:
    """The queries of several judgements of one corpus as one."""
    names = judgements[0].per_query
    per_query = {name: np.concatenate([one.per_query[name] for one in judgements]) for name in names}
    return Judgement(per_query, judgements[0].corpus)


def as_json(value: Any, decimals: int = 6) -> Any:
    """What `json` can write: floats rounded, an Interval as mean, low and high, other figures by their `to_json` or
    else their fields."""
    if isinstance(value, float):
        return round(value, decimals)
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Interval):
        value = (value.mean, value.low, value.high)
    elif is_dataclass(value):
        value = vars(value)
    if isinstance(value, Mapping):
        return {key: as_json(own, decimals) for key, own in value.items()}
    return [as_json(own, decimals) for own in value] if isinstance(value, (list, tuple)) else value


def bootstrap(values: Floats, seed: int = 0, draws: int = DRAWS, statistic: Callable[..., Any] = np.mean) -> Interval:
    """The mean, or another statistic, of (queries,) values. A single value is its own interval: nothing is known of its
    spread."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise EvaluationError(f"An interval needs the values of some queries, got an array of shape {values.shape}.")
    whole = float(statistic(values))
    if len(values) == 1:
        return Interval(whole, whole, whole)
    ends = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=draws,
        batch=max(1, _CELLS // len(values)),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(whole, float(ends.low), float(ends.high))


def paired_bootstrap(a: Floats, b: Floats, seed: int = 0, draws: int = DRAWS) -> Interval:
    """The mean of a − b, where a[i] and b[i] are two methods' values of one query: both are drawn together."""
    if np.shape(a) != np.shape(b):
        raise EvaluationError(
            f"Two methods are compared query by query: {np.shape(a)} values of one, {np.shape(b)} of the other."
        )
    return bootstrap(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64), seed, draws)


def check_relevant(relevant: Relevant, queries: int, corpus: int) -> None:
    """Raises EvaluationError unless every query has a relevant item, and all of them are in the corpus."""
    if len(relevant) != queries:
        raise EvaluationError(f"There are {queries} queries, but relevant items for {len(relevant)}.")
    if not queries:
        raise EvaluationError("There is no query to judge.")
    for number, items in enumerate(relevant):
        if len(items) == 0:
            raise EvaluationError(f"Query {number} has no relevant item; leave out what nothing can answer.")
        if min(items) < 0 or max(items) >= corpus:
            wrong = next(item for item in items if not 0 <= item < corpus)
            raise EvaluationError(f"Query {number} names item {wrong} as relevant, in a corpus of {corpus} items.")


def _precedence(corpus: int, seed: int) -> Ints:
    """For each item its place among those that are equally similar."""
    return np.random.default_rng(seed).permutation(corpus)


def _ranks(similarities: Floats, relevant: Relevant, precedence: Ints) -> Iterator[Ints]:
    """For each query the ranks of its relevant items, ascending.

    A rank is one more than the number of items that are more similar, or as similar and earlier in precedence.
    """
    if not np.isfinite(similarities).all():
        wrong = int(np.flatnonzero(~np.isfinite(similarities).all(axis=1))[0])
        raise EvaluationError(
            f"A similarity of query {wrong} is no finite number; leave out what the encoder could not encode."
        )
    answers = [sorted(set(items)) for items in relevant]
    rows = np.repeat(np.arange(len(answers)), [len(items) for items in answers])  # (pairs,)
    columns = np.concatenate([np.asarray(items, dtype=np.intp) for items in answers])
    ranks = np.empty(len(rows), dtype=np.intp)
    step = max(1, _CELLS // similarities.shape[1])
    for start in range(0, len(rows), step):
        row, column = rows[start : start + step], columns[start : start + step]
        others, own = similarities[row], similarities[row, column][:, None]  # (step, corpus), (step, 1)
        ahead = (others > own) | ((others == own) & (precedence < precedence[column][:, None]))
        ranks[start : start + step] = 1 + ahead.sum(axis=1)
    ends = np.cumsum([len(items) for items in answers])
    return (np.sort(part) for part in np.split(ranks, ends[:-1]))


def _judgement(ranks: Sequence[Ints], corpus: int) -> Judgement:
    """ir-measures sees the first ten of each ranking, which is all that its metrics look at. The reciprocal rank looks
    deeper, and comes from the rank itself."""
    qrels, run = {}, {}
    for number, own in enumerate(ranks):
        places = {int(rank): f"relevant {index}" for index, rank in enumerate(own)}
        qrels[str(number)] = dict.fromkeys(places.values(), 1)
        shown = range(1, min(DEPTH, corpus) + 1)
        run[str(number)] = {places.get(rank, f"other {rank}"): float(-rank) for rank in shown}
    per_query = {name: np.zeros(len(ranks)) for name in _BY_IR_MEASURES}
    names = {str(measure): name for name, measure in _BY_IR_MEASURES.items()}
    for value in ir_measures.iter_calc(list(_BY_IR_MEASURES.values()), qrels, run):
        per_query[names[str(value.measure)]][int(value.query_id)] = value.value
    first = np.array([own[0] for own in ranks], dtype=np.float64)
    return Judgement(per_query | {"MRR": 1 / first, "rank": first}, corpus)


def expected_by_chance(relevant: Sequence[int], corpus: int) -> dict[str, float]:
    """Expected values of `Judgement.mean` when every order of the corpus is equally likely.

    `relevant` has the number of relevant items of each query. With r of N relevant, and X the first relevant rank,
    P(X > m) = Π over i < m of (N − r − i) / (N − i). Then E[R@k] = k/N, E[S@k] = P(X ≤ k), E[1/X] = Σ P(X = m) / m, and
    each of the first ten places holds a relevant item with probability r/N. `median_rank` is the least m with
    P(X ≤ m) ≥ ½ over all queries.
    """
    totals = dict.fromkeys((*(f"S@{k}" for k in (1, 5, 10)), "MRR", "nDCG@10"), 0.0)
    found = np.zeros(corpus)  # P(X ≤ m) for m = 1…corpus, summed over the queries
    for count, queries in Counter(relevant).items():
        by_rank = _first_found(count, corpus)
        found += queries * by_rank
        for k in (1, 5, 10):
            totals[f"S@{k}"] += queries * by_rank[min(k, corpus) - 1]
        totals["MRR"] += queries * float((np.diff(by_rank, prepend=0) / np.arange(1, corpus + 1)).sum())
        totals["nDCG@10"] += queries * count / corpus * _discounts(corpus) / _discounts(count)
    means = {name: float(total / len(relevant)) for name, total in totals.items()}
    recall = {f"R@{k}": min(k, corpus) / corpus for k in (1, 5, 10)}
    return recall | means | {"median_rank": float(np.argmax(found / len(relevant) >= 0.5) + 1)}


def _first_found(count: int, corpus: int) -> Values:
    """P(X ≤ m) for m = 1…corpus."""
    before = np.arange(corpus)
    found: Values = 1 - np.cumprod(np.maximum(corpus - count - before, 0) / (corpus - before), dtype=np.float64)
    return found


def _discounts(places: int) -> float:
    """Σ of 1 / log₂(place + 1) over the first places, at most ten."""
    return float((1 / np.log2(np.arange(2, min(places, DEPTH) + 2))).sum())
