"""Record what an experiment found, with the spread of each figure over seeds and queries, as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True)
class Bar:
    """What a figure has to reach. Higher is better; a claim about a loss or a distance is negated first."""

    name: str
    value: float
    bar: float

    @property
    def met(self) -> bool:
        return self.value >= self.bar


@dataclass(frozen=True)
class Row:
    """One method with its figures: {"kNN20": Interval, ...}. Baselines are rows too."""

    method: str
    metrics: Mapping[str, Interval]


@dataclass(frozen=True)
class Findings:
    """What an experiment returns; `run.record` makes a Result of it."""

    bars: Sequence[Bar]
    rows: Sequence[Row]
    sizes: Mapping[str, int]
    """Counts by name: {"train": 60000, "test": 10000}."""
    interval: str
    """What low and high are, as part of a sentence: "lowest and highest of the seeds"."""
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

    @property
    def met(self) -> bool:
        return all(bar.met for bar in self.bars)

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to six digits."""
        data = {name: getattr(self, name) for name in _KEYS}
        data["bars"] = [{**asdict(bar), "met": bar.met} for bar in self.bars]
        data["rows"] = [
            {"method": row.method, **{name: asdict(value) for name, value in row.metrics.items()}} for row in self.rows
        ]
        return _rounded(data)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        """The other way; `met` is worked out anew. Raises TrainingError when a key is missing."""
        try:
            values = {name: data[name] for name in _KEYS}
            values["bars"] = [Bar(bar["name"], bar["value"], bar["bar"]) for bar in data["bars"]]
            values["rows"] = [
                Row(row["method"], {name: Interval(**value) for name, value in row.items() if name != "method"})
                for row in data["rows"]
            ]
        except (KeyError, TypeError) as error:
            raise TrainingError(
                f"This is not the result of an experiment: {error}. Run the experiment again."
            ) from error
        return cls(**values)


_KEYS = ("name", "claim", "command", "seeds", "bars", "rows", "sizes", "interval", "minutes", "machine", "notes")
"""In the order of the file."""


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


def columns_over_seeds(by_seed: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    """Each seed's figures by name -> each figure over the seeds."""
    return {name: over_seeds([figures[name] for figures in by_seed]) for name in by_seed[0]}


def over_queries_and_seeds(
    values: NDArray[np.floating], groups: NDArray[np.integer] | None = None, seed: int = 0, draws: int = 2000
) -> Interval:
    """(seeds, queries) -> the mean of all with a 95 % bootstrap interval, both axes drawn anew with replacement.

    Give it the difference of two methods, query by query, for a paired interval. `groups` (queries,): queries of one
    group are drawn together, since what is true of one picture of a thing is mostly true of the others.
    """
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


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else value
    if isinstance(value, Mapping):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value
