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
from training.experiments.report import write_report
from training.experiments.result import Findings, Result, write_result


@dataclass(frozen=True)
class Experiment:
    """`run` names a module and its function (seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings.

    The function draws `<out>/<name>.png` itself and keeps its checkpoints and features under `<cache>/training/`.
    """

    run: str
    claim: str


EXPERIMENTS = {
    "E1": Experiment(
        "training.experiments.pairs:run_siamese",
        "A Siamese net with a cosine + MSE loss learns a 64-d space in which the classes of Fashion-MNIST come apart.",
    ),
    "E2": Experiment(
        "training.experiments.pairs:run_margin",
        "The margin loss L = (1 − y)·D² + y·max(0, m − D)², y = 0 for the same, does so too.",
    ),
    "E3": Experiment(
        "training.experiments.supervised:run",
        "With every other sample of the batch as a negative (SupCon), the space is better than with pairs (E1, E2).",
    ),
    "E4": Experiment(
        "training.experiments.simclr:run",
        "Augmentation is supervision enough: NT-Xent over two views, without labels, finds the classes.",
    ),
    "E5": Experiment(
        "training.experiments.hard_negatives:run",
        "Negatives mined from the index make a better space than the random ones of the batch.",
    ),
    "E7": Experiment(
        "training.experiments.few_labels:run_gains",
        "A few labels move an embedding: similarity groups and a skip-connection head on frozen sentence vectors.",
    ),
    "E8": Experiment(
        "training.experiments.few_labels:run_heads",
        "The skip connection protects the encoder where labels are few, and a plain linear head does not.",
    ),
    "E9": Experiment(
        "training.experiments.separation:run",
        "Fine-tuned embeddings separate the classes better: logistic probe and silhouette, before and after.",
    ),
}


def run_named(name: str, cache: Path, out: Path, seeds: int = 3, small: bool = False) -> str:
    """What `python -m training experiment NAME` does, as text to print: one experiment, `all` of them, or the `report`.

    After recorded runs the report `<out>.md` is made anew. Small runs are for a look: they leave `out` alone and
    write under the cache. Raises TrainingError for an unknown name.
    """
    if name == "report":
        return f"{write_report(out)} is made from the results in {out}."
    names = list(EXPERIMENTS) if name == "all" else [_known(name)]
    place = cache / "training" / "experiments" / "small-results" if small else out
    results = [run_experiment(each, cache, place, seeds, small) for each in names]
    lines = [_in_words(result, place) for result in results]
    if not small:
        lines.append(f"{write_report(out)} is made anew.")
    return "\n".join(lines)


def run_experiment(name: str, cache: Path, out: Path, seeds: int = 3, small: bool = False) -> Result:
    """Run with seeds 0, 1, ... and write `<out>/<name>.json` (the experiment itself writes the figure)."""
    name = _known(name)
    experiment = EXPERIMENTS[name]
    module, function = experiment.run.split(":")
    run = getattr(importlib.import_module(module), function)
    command = f"python -m training experiment {name}" + (" --small" if small else "")
    return record(name, experiment.claim, command, range(seeds), out, lambda: run(range(seeds), small, cache, out))


def record(name: str, claim: str, command: str, seeds: Sequence[int], out: Path, run: Callable[[], Findings]) -> Result:
    """What `run` found, with its minutes and the machine, as `<out>/<name>.json`."""
    out.mkdir(parents=True, exist_ok=True)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    findings = run()
    result = Result(
        name=name,
        claim=claim,
        command=command,
        seeds=list(seeds),
        minutes={"cpu": (_cpu_seconds() - cpu) / 60, "wall": (time.perf_counter() - wall) / 60},
        machine=machine(),
        **vars(findings),
    )
    write_result(result, out)
    return result


def machine() -> str:
    """Processor, cores in use and versions, in words."""
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


def _known(name: str) -> str:
    if name.upper() not in EXPERIMENTS:
        raise TrainingError(f"There is no experiment {name!r}. There are {', '.join(EXPERIMENTS)}, `all` and `report`.")
    return name.upper()


def _in_words(result: Result, folder: Path) -> str:
    bars = "\n".join(
        f"  {'met   ' if bar.met else 'MISSED'} {bar.name}: {bar.value:.3f} (bar {bar.bar:.3f})" for bar in result.bars
    )
    taken = f"{result.minutes['cpu']:.1f} CPU minutes, {len(result.seeds)} seeds"
    return f"{result.name}: {result.claim}\n{bars}\n  {taken}; {folder / result.name}.json"
