"""What an experiment found, as a record and as JSON. Knows no experiment, no model and no document."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from errors import TrainingError
from evaluation.metrics import Interval
from training.atomic import write_text


@dataclass(frozen=True)
class Bar:
    """What a figure has to reach. Higher is better; a claim about a loss or a distance is turned round first."""

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
    """What an experiment's `run` returns; `run_experiment` makes a Result of it."""

    bars: Sequence[Bar]
    rows: Sequence[Row]
    sizes: Mapping[str, int]
    """Counts by name: {"train": 60000, "test": 10000}."""
    interval: str
    """What low and high are, as part of a sentence: "lowest and highest of the seeds"."""
    notes: Sequence[str] = ()
    """Sentences, null results and what was left out among them."""


@dataclass(frozen=True)
class Result:
    """One recorded run of an experiment; the shape of `docs/experiments/<name>.json`."""

    name: str
    claim: str
    command: str
    seeds: Sequence[int]
    bars: Sequence[Bar]
    rows: Sequence[Row]
    sizes: Mapping[str, int]
    interval: str
    minutes: Mapping[str, float]
    """Of this run: {"cpu": ..., "wall": ...}."""
    machine: str
    notes: Sequence[str] = field(default=())

    @property
    def met(self) -> bool:
        return all(bar.met for bar in self.bars)

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to six digits."""
        data = asdict(self)
        data["bars"] = [{**asdict(bar), "met": bar.met} for bar in self.bars]
        data["rows"] = [
            {"method": row.method, **{name: asdict(value) for name, value in row.metrics.items()}} for row in self.rows
        ]
        return _rounded(data)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        """The other way; `met` is worked out anew. Raises TrainingError when a key is missing."""
        try:
            bars = [Bar(bar["name"], bar["value"], bar["bar"]) for bar in data["bars"]]
            rows = [
                Row(row["method"], {name: Interval(**value) for name, value in row.items() if name != "method"})
                for row in data["rows"]
            ]
            plain = {name: data[name] for name in _PLAIN}
        except (KeyError, TypeError) as error:
            raise TrainingError(
                f"This is not the result of an experiment: {error}. Run the experiment again."
            ) from error
        return cls(**plain, bars=bars, rows=rows)


_PLAIN = ("name", "claim", "command", "seeds", "sizes", "interval", "minutes", "machine", "notes")


def write_result(result: Result, folder: Path) -> Path:
    """`<folder>/<name>.json`, replaced at once. Raises TrainingError for a figure that is not finite."""
    folder.mkdir(parents=True, exist_ok=True)
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


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else value
    if isinstance(value, Mapping):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value
