"""Record what an experiment found, with the spread of each figure over seeds and queries, as JSON; and write
docs/experiments.md from the recorded results alone: no figure in it is written by hand."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError
from evaluation.metrics import Interval
from training.atomic import write_text

OVER_SEEDS = "lowest and highest of the seeds"
OVER_QUERIES_AND_SEEDS = "95 % bootstrap interval over queries and seeds"
Columns = Mapping[str, Interval]
"""Metric -> figure."""
HEAD = """# Experiments

Claims about embeddings, each reproduced by one command. This page is made by `python -m training experiment report`
from the JSON files in `docs/experiments/`; do not edit it.

| experiment | claim | bars met | CPU minutes |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Bar:
    """What a figure has to reach. Higher is better; a claim about a loss or a distance is negated first."""

    name: str
    value: float
    bar: float = 0.0

    @property
    def met(self) -> bool:
        return self.value >= self.bar


@dataclass(frozen=True)
class Row:
    """One method with its figures. Baselines are rows too."""

    method: str
    metrics: Columns


@dataclass(frozen=True)
class Findings:
    """What an experiment returns; `run.record` makes a Result of it."""

    bars: Sequence[Bar]
    rows: Sequence[Row]
    sizes: Mapping[str, int]
    """Counts by name: {"training pictures": 60000, "test pictures": 10000}."""
    interval: str
    """What low and high are, as part of a sentence: OVER_SEEDS."""
    notes: Sequence[str] = ()
    """Sentences, null results and what was left out among them."""


@dataclass(frozen=True, kw_only=True)
class Result(Findings):
    """One recorded run of an experiment; the shape of `docs/experiments/<name>.json`."""

    name: str
    claim: str
    command: str
    seeds: Sequence[int]
    minutes: Mapping[str, float]
    """Of this run: {"cpu": ..., "wall": ...}."""
    machine: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to six digits."""
        data = asdict(self)
        data["bars"] = [asdict(bar) | {"met": bar.met} for bar in self.bars]
        data["rows"] = [{"method": row["method"], **row["metrics"]} for row in data["rows"]]
        text = json.dumps(data, default=lambda value: value.item())
        rounded: dict[str, Any] = json.loads(text, parse_float=lambda digits: float(f"{float(digits):.6g}"))
        return rounded

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        """The other way; `met` is worked out anew. Raises TrainingError when a key is missing."""
        try:
            bars = [Bar(bar["name"], bar["value"], bar["bar"]) for bar in data["bars"]]
            rows = [
                Row(row["method"], {name: Interval(**value) for name, value in row.items() if name != "method"})
                for row in data["rows"]
            ]
            return cls(**{**data, "bars": bars, "rows": rows})
        except (KeyError, TypeError) as error:
            raise TrainingError(
                f"This is not the result of an experiment: {error}. Run the experiment again."
            ) from error


def write_result(result: Result, folder: Path) -> Path:
    """`<folder>/<name>.json`, replaced at once. Raises TrainingError for a figure that is not finite."""
    path = folder / f"{result.name}.json"
    try:
        text = json.dumps(result.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise TrainingError(f"A figure of {result.name} is not finite, so {path} is not written.") from error
    write_text(path, text + "\n")
    return path


def read_results(folder: Path) -> list[Result]:
    """Every recorded result of the folder, by name."""
    found = []
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            found.append(Result.from_json(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, TrainingError) as error:
            raise TrainingError(f"{path} cannot be read as a result: {error}") from error
    return found


def exactly(value: float) -> Interval:
    return Interval(value, value, value)


def over_seeds(values: Sequence[float]) -> Interval:
    """Mean, lowest and highest: three seeds are too few for a quantile."""
    return Interval(mean=float(np.mean(values)), low=float(np.min(values)), high=float(np.max(values)))


def columns_over_seeds(by_seed: Sequence[Mapping[str, float]]) -> Columns:
    """Each seed's figures by name -> each figure over the seeds."""
    return {name: over_seeds([figures[name] for figures in by_seed]) for name in by_seed[0]}


def over_queries_and_seeds(
    values: Sequence[NDArray[np.floating]] | NDArray[np.floating],
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
    draws: int = 2000,
) -> Interval:
    """(seeds, queries) -> the mean of all with a 95 % bootstrap interval, both axes drawn anew with replacement.

    Give it the difference of two methods, query by query, for a paired interval. `groups` (queries,): queries of one
    group are drawn together, since what is true of one picture of a thing is mostly true of the others.
    """
    values = np.asarray(values)
    seeds, queries = values.shape
    members = np.arange(queries) if groups is None else np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(members)  # (groups,)
    sums = np.stack([np.bincount(members, weights=of_seed) for of_seed in values])  # (seeds, groups)
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    for at in range(draws):
        seen, drawn = rng.integers(seeds, size=seeds), rng.integers(len(counts), size=len(counts))
        means[at] = sums[seen].mean(axis=0)[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))


def verdict(what: str, difference: Interval, digits: int, better: str, worse: str) -> str:
    """`what` with its interval, and which of the two methods is better; a null result where the interval holds 0."""
    found = f"{what}{difference.mean:+.{digits}f} ({difference.low:+.{digits}f} to {difference.high:+.{digits}f})"
    if not difference.excludes_zero:
        return f"{found}: a null result, the interval holds 0."
    return f"{found}: {better if difference.low > 0 else worse}."


def write_report(folder: Path) -> Path:
    """`docs/experiments/` -> `docs/experiments.md`, beside the folder."""
    path = folder.with_suffix(".md")
    write_text(path, report(folder))
    return path


def report(folder: Path) -> str:
    """The page of the results in the folder, as it has to be beside it."""
    results = read_results(folder)
    contents = "".join(
        f"| [{r.name}](#{r.name.lower()}) | {r.claim} | {sum(bar.met for bar in r.bars)} of {len(r.bars)} "
        f"| {r.minutes['cpu']:.1f} |\n"
        for r in results
    )
    return "\n".join([HEAD + contents, *(section(result, folder.name) for result in results)])


def section(result: Result, figures: str) -> str:
    """One experiment: claim, command, table, bars, figure, notes. `figures`: the folder of the pictures, relative."""
    sizes = ", ".join(f"{count:,} {name}" for name, count in result.sizes.items())
    seeds = ", ".join(str(seed) for seed in result.seeds)
    names = list(dict.fromkeys(name for row in result.rows for name in row.metrics))
    rows = [[row.method, *(_cell(row.metrics.get(name)) for name in names)] for row in result.rows]
    bars = [[b.name, _number(b.value), _number(b.bar), "met" if b.met else "not met"] for b in result.bars]
    blocks = [
        f"## {result.name}",
        result.claim,
        f"    {result.command}",
        f"Sizes: {sizes}. Seeds: {seeds}. In brackets: {result.interval}.",
        _table(["method", *names], rows),
        _table(["bar", "value", "at least", ""], bars) if bars else "",
        f"![{result.name}]({figures}/{result.name}.png)",
        "\n".join(f"- {note}" for note in result.notes),
        f"{result.minutes['cpu']:.1f} CPU minutes, {result.minutes['wall']:.1f} on the clock ({result.machine}).",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _cell(value: Interval | None) -> str:
    """Blank where a method has no such metric."""
    if value is None:
        return ""
    ends = "" if value.low == value.high else f" ({_number(value.low)} to {_number(value.high)})"
    return _number(value.mean) + ends


def _number(value: float) -> str:
    """Three digits behind the point, one from 10 on, none from 1,000 on."""
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}"
