"""Run experiments by name and write what they found."""

import importlib
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from errors import TrainingError
from training.experiments.drawing import draw_rows
from training.experiments.result import Findings, Result, write_report, write_result


@dataclass(frozen=True)
class Trial:
    name: str
    seeds: Sequence[int]
    small: bool
    """On little data that is on every machine, for a look."""
    cache: Path
    out: Path
    """Of the result and its figures."""

    def folder(self, name: str = "") -> Path:
        """Where an experiment's runs are, this one's if no other is named: seed-0, seed-1, … and its space.npz."""
        return self.cache / "training" / "runs" / ((name or self.name) + ("-small" if self.small else ""))

    def space(self) -> Path:
        return self.out / f"{self.name}-space.png"


EXPERIMENTS = {
    "E1": ("pairs:run_siamese", "A Siamese net with a cosine + MSE loss learns a 64-d space in which the classes of "
           "Fashion-MNIST come apart."),
    "E2": ("pairs:run_margin", "The margin loss L = (1 − y)·D² + y·max(0, m − D)², y = 0 for the same, does so too."),
    "E3": ("pairs:run_supervised", "With every other sample of the batch as a negative (SupCon), the space is better "
           "than with pairs (E1, E2)."),
    "E4": ("simclr:run", "Augmentation is supervision enough: NT-Xent over two views, without labels, finds the "
           "classes."),
    "E5": ("hard_negatives:run", "Negatives mined from the index make a better space than the random ones of the "
           "batch."),
    "E7": ("few_labels:run_gains", "A few labels move an embedding: similarity groups and a skip-connection head on "
           "frozen sentence vectors."),
    "E8": ("few_labels:run_heads", "The skip connection protects the encoder where labels are few, and a plain linear "
           "head does not."),
    "E9": ("separation:run", "Fine-tuned embeddings separate the classes better: logistic probe and silhouette, before "
           "and after."),
}  # fmt: skip
"""Name -> module of this package and its function (Trial) -> Findings; and the claim."""


def run_named(name: str, cache: Path, out: Path, seeds: int = 3, small: bool = False) -> str:
    """What `python -m training experiment NAME` does, as text to print: one experiment, `all` of them, or the `report`.

    After recorded runs the report `<out>.md` is made anew. Small runs are for a look: they leave `out` alone and
    write under the cache. Raises TrainingError for an unknown name.
    """
    if name == "report":
        return f"{write_report(out)} is made from the results in {out}."
    place = cache / "training" / "experiments" / "small-results" if small else out
    lines = []
    for each in EXPERIMENTS if name == "all" else [name]:
        result = run_experiment(each, cache, place, seeds, small)
        bars = [
            f"  {'met   ' if bar.met else 'MISSED'} {bar.name}: {bar.value:.3f} (bar {bar.bar:.3f})"
            for bar in result.bars
        ]
        taken = f"  {result.minutes['cpu']:.1f} CPU minutes, {len(result.seeds)} seeds; {place / result.name}.json"
        lines += [f"{result.name}: {result.claim}", *bars, taken]
    if not small:
        lines.append(f"{write_report(out)} is made anew.")
    return "\n".join(lines)


def run_experiment(name: str, cache: Path, out: Path, seeds: int = 3, small: bool = False) -> Result:
    name = name.upper()
    if name not in EXPERIMENTS:
        raise TrainingError(f"There is no experiment {name!r}. There are {', '.join(EXPERIMENTS)}, `all` and `report`.")
    place, claim = EXPERIMENTS[name]
    module, function = place.split(":")
    run = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    command = f"python -m training experiment {name}" + (" --small" if small else "")
    return record(Trial(name, range(seeds), small, cache, out), claim, command, run)


def record(trial: Trial, claim: str, command: str, run: Callable[[Trial], Findings]) -> Result:
    """What `run` found, with its minutes and the machine, as `<out>/<name>.json` and as a figure."""
    trial.out.mkdir(parents=True, exist_ok=True)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    findings = run(trial)
    result = Result(
        name=trial.name,
        claim=claim,
        command=command,
        seeds=list(trial.seeds),
        minutes={"cpu": (_cpu_seconds() - cpu) / 60, "wall": (time.perf_counter() - wall) / 60},
        machine=machine(),
        **vars(findings),
    )
    write_result(result, trial.out)
    draw_rows(result.rows, f"{trial.name}: mean and interval ({result.interval})", trial.out / f"{trial.name}.png")
    return result


def machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    threads = f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"
    return f"{device}, {threads}, torch {torch.__version__}, Python {python}"


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
