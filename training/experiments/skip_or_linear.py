"""E8: a skip-connection head against a plain linear one, where labels are few: what is gained, and what is spoilt."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from evaluation.metrics import Interval
from training.experiments.contrast import folder_of
from training.experiments.drawing import save_small
from training.experiments.intervals import OVER_QUERIES_AND_SEEDS, over_queries_and_seeds
from training.experiments.labelled_texts import OTHER_CLASSES, draw_texts, read_glosses
from training.experiments.result import Bar, Findings, Row
from training.experiments.text_heads import (
    AT_SKIPS_RATE,
    FROM_IDENTITY,
    JUDGED,
    LINEAR,
    SKIP,
    Judged,
    Tried,
    baseline_rows,
    figures,
    judge_space,
    try_head,
)

COUNTS = (25, 50, 100)
HEADS = (SKIP, LINEAR, AT_SKIPS_RATE, FROM_IDENTITY)
COLOURS = ("#4477aa", "#ee6677", "#aa3377", "#ccbb44")
RECIPE = (
    "All heads are trained alike (as in E7) with the same labels, at these learning rates: "
    f"{', '.join(f'{head.method} {head.learning_rate:g}' for head in HEADS)}. Each is the best for its head on "
    "training texts held out for the choice, but for the plain linear head at the skip's rate, which shows how far a "
    "plain head depends on it. The one that starts as the identity stands here to tell the skip connection from a good "
    "start."
)
OTHERS = (
    f"P@1 and MAP@R of other classes: glosses of classes that no label mentions ({', '.join(OTHER_CLASSES)}), which "
    "ask one another: what the encoder knew and the head may have spoilt."
)

Grid = Mapping[int, Mapping[str, Sequence[Tried]]]


def run(seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings:
    texts = draw_texts() if small else read_glosses(cache)
    folder = folder_of("E8", cache, small)
    raw, raw_others = judge_space(texts.test), judge_space(texts.others)
    tried: Grid = {
        count: {head.method: [try_head(head, texts, count, seed, folder) for seed in seeds] for head in HEADS}
        for count in COUNTS
    }
    rows = [*baseline_rows(texts), Row("frozen vectors", _columns([raw], [raw_others]))]
    for count, heads in tried.items():
        for method, runs in heads.items():
            columns = _columns([each.test for each in runs], [each.others for each in runs])
            rows.append(Row(f"{method}, {count} labels", columns))
    differences = {count: _difference(heads[SKIP.method], heads[LINEAR.method]) for count, heads in tried.items()}
    rows += [
        Row(f"skip − plain linear, {count} labels", {"top_1k": top, "P@1": first})
        for count, (top, first) in differences.items()
    ]
    draw(rows, raw, raw_others, out / "E8.png")
    return Findings(
        bars=_bars(tried, differences, float(raw.first.mean())),
        rows=rows,
        sizes={**texts.sizes, "glosses of other classes": len(texts.others)},
        interval=f"{OVER_QUERIES_AND_SEEDS}, paired for differences; for MAP@R the lowest and highest of the seeds",
        notes=[texts.what, RECIPE, OTHERS, JUDGED, *(_verdict(count, top) for count, (top, _) in differences.items())],
    )


def _columns(test: Sequence[Judged], others: Sequence[Judged]) -> dict[str, Interval]:
    beside = figures(others)
    return {
        **figures(test),
        "P@1 of other classes": beside["P@1"],
        "MAP@R of other classes": beside["MAP@R"],
    }


def _difference(first: Sequence[Tried], second: Sequence[Tried]) -> tuple[Interval, Interval]:
    """Query by query, seed by seed: top_1k and P@1."""
    pairs = list(zip(first, second, strict=True))
    top = np.stack([a.test.top - b.test.top for a, b in pairs])
    nearest = np.stack([a.test.first - b.test.first for a, b in pairs])
    return over_queries_and_seeds(top), over_queries_and_seeds(nearest)


def _verdict(count: int, top: Interval) -> str:
    said = f"top_1k, skip − plain linear, {count} labels: {top.mean:+.1f} ({top.low:+.1f} to {top.high:+.1f})"
    if not top.excludes_zero:
        return f"{said}: a null result, the interval holds 0."
    return f"{said}: {'the skip connection is better' if top.low > 0 else 'the plain linear head is better'}."


def _bars(tried: Grid, differences: Mapping[int, tuple[Interval, Interval]], raw: float) -> list[Bar]:
    above = [
        Bar(f"top_1k, skip above plain linear, {count} labels", top.mean, 0.0)
        for count, (top, _) in differences.items()
    ]
    worst = [
        Bar(
            f"P@1 of skip above the frozen vectors, {count} labels, worst seed",
            min(float(each.test.first.mean()) for each in heads[SKIP.method]) - raw,
            0.0,
        )
        for count, heads in tried.items()
    ]
    return above + worst


def draw(rows: Sequence[Row], raw: Judged, raw_others: Judged, path: Path) -> None:
    """What each head gains on the classes it was trained for, and what it costs the others."""
    by_method = {row.method: row for row in rows}
    figure = Figure(figsize=(10, 3.6), dpi=110, layout="constrained")
    before = _columns([raw], [raw_others])
    names = ("top_1k", "P@1", "P@1 of other classes")
    for axes, name in zip(figure.subplots(1, 3), names, strict=True):
        for place, (head, colour) in enumerate(zip(HEADS, COLOURS, strict=True)):
            values = [by_method[f"{head.method}, {count} labels"].metrics[name] for count in COUNTS]
            spread = [[v.mean - v.low for v in values], [v.high - v.mean for v in values]]
            at = np.arange(len(COUNTS)) + 0.1 * (place - 1.5)
            axes.errorbar(
                at, [v.mean for v in values], yerr=spread, marker="o", capsize=3, color=colour, label=head.method
            )
        axes.axhline(before[name].mean, color="#888888", linestyle="--", label="frozen vectors")
        axes.set(title=name, xlabel="labels", xticks=range(len(COUNTS)), xticklabels=[str(count) for count in COUNTS])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    save_small(figure, path)
