"""Write docs/experiments.md from the recorded results alone: no figure in it is written by hand."""

from pathlib import Path

from evaluation.metrics import Interval
from training.atomic import write_text
from training.experiments.result import Result, read_results

HEAD = """# Experiments

Claims about embeddings, each reproduced by one command. This page is made by `python -m training experiment report`
from the JSON files in `docs/experiments/`; do not edit it.

| experiment | claim | bars met | CPU minutes |
|---|---|---|---|
"""


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
    bars = "\n".join(["| bar | value | at least | |", "|---|---|---|---|", *_bars(result)]) if result.bars else ""
    blocks = [
        f"## {result.name}",
        result.claim,
        f"    {result.command}",
        f"Sizes: {sizes}. Seeds: {seeds}. In brackets: {result.interval}.",
        _table(result),
        bars,
        f"![{result.name}]({figures}/{result.name}.png)",
        "\n".join(f"- {note}" for note in result.notes),
        f"{result.minutes['cpu']:.1f} CPU minutes, {result.minutes['wall']:.1f} on the clock ({result.machine}).",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(result: Result) -> str:
    """Methods down, metrics across; a metric that a method has not is left blank."""
    names = list(dict.fromkeys(name for row in result.rows for name in row.metrics))
    lines = [f"| method | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for row in result.rows:
        cells = (_cell(row.metrics[name]) if name in row.metrics else "" for name in names)
        lines.append(f"| {row.method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _bars(result: Result) -> list[str]:
    return [
        f"| {bar.name} | {_number(bar.value)} | {_number(bar.bar)} | {'met' if bar.met else 'not met'} |"
        for bar in result.bars
    ]


def _cell(value: Interval) -> str:
    if value.low == value.high:
        return _number(value.mean)
    return f"{_number(value.mean)} ({_number(value.low)} to {_number(value.high)})"


def _number(value: float) -> str:
    """Three digits behind the point, one from 10 on, none from 1,000 on."""
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}"
