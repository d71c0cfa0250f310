"""E7: how far 25 to 261 labels move frozen sentence vectors, with similarity groups and a skip-connection head."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.experiments.contrast import folder_of
from training.experiments.drawing import save_small
from training.experiments.intervals import OVER_QUERIES_AND_SEEDS, over_queries_and_seeds
from training.experiments.labelled_texts import draw_texts, read_glosses
from training.experiments.result import Bar, Findings, Row
from training.experiments.text_heads import (
    BATCH,
    DROPOUT,
    EPOCHS,
    JUDGED,
    MANY,
    MORE_EPOCHS,
    SKIP,
    STEPS_AN_EPOCH,
    TEMPERATURE,
    Judged,
    Tried,
    baseline_rows,
    figures,
    judge_space,
    try_head,
)

COUNTS = (25, 50, 100, 261)
GAINS = {25: 0.06, 261: 0.25}
"""Labels -> by how much top_1k has to grow."""
RECIPE = (
    f"SupCon, τ = {TEMPERATURE}, over batches of at most {BATCH} labelled examples; {EPOCHS * STEPS_AN_EPOCH} steps "
    f"of AdamW at {SKIP.learning_rate}, {MORE_EPOCHS * STEPS_AN_EPOCH} from {MANY} labels on; {DROPOUT:.0%} of the "
    "features dropped; gate −4. Labels are drawn evenly over the classes. The recipe was chosen on training texts held "
    "out for it; the test texts were looked at for this table only."
)


def run(seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings:
    texts = draw_texts() if small else read_glosses(cache)
    raw = judge_space(texts.test)
    tried = {
        count: [try_head(SKIP, texts, count, seed, folder_of("E7", cache, small)) for seed in seeds] for count in COUNTS
    }
    rows = [*baseline_rows(texts), Row("frozen vectors", figures([raw]))]
    rows += [_row(count, raw, runs) for count, runs in tried.items()]
    worst = min(float(each.test.first.mean()) for runs in tried.values() for each in runs) - float(raw.first.mean())
    gains = {row.method: row.metrics["top_1k gain"].mean for row in rows if "top_1k gain" in row.metrics}
    bars = [Bar(f"top_1k gain, {count} labels", gains[_method(count)], bar) for count, bar in GAINS.items()]
    draw(rows, raw, len(texts.test), out / "E7.png")
    losses = ", ".join(f"{runs[0].losses[0]:.2f} → {runs[0].losses[-1]:.2f}" for runs in tried.values())
    return Findings(
        bars=[*bars, Bar("P@1 above the frozen vectors, worst of all draws", worst, 0.0)],
        rows=rows,
        sizes=texts.sizes,
        interval=f"{OVER_QUERIES_AND_SEEDS}, paired for gains; for MAP@R the lowest and highest of the seeds",
        notes=[texts.what, RECIPE, JUDGED, f"Loss of the first and the last epoch, seed {seeds[0]}: {losses}."],
    )


def _method(count: int) -> str:
    return f"skip head, {count} labels"


def _row(count: int, raw: Judged, runs: Sequence[Tried]) -> Row:
    top = np.stack([each.test.top - raw.top for each in runs]) / raw.top.mean()
    first = np.stack([each.test.first - raw.first for each in runs])
    gains = {"top_1k gain": over_queries_and_seeds(top), "P@1 gain": over_queries_and_seeds(first)}
    return Row(_method(count), {**figures([each.test for each in runs]), **gains})


def draw(rows: Sequence[Row], raw: Judged, count: int, path: Path) -> None:
    """top_1k, P@1 and MAP@R over the number of labels."""
    by_method: Mapping[str, Row] = {row.method: row for row in rows}
    figure = Figure(figsize=(10, 3.4), dpi=110, layout="constrained")
    before = figures([raw])
    for axes, name in zip(figure.subplots(1, 3), before, strict=True):
        values = [by_method[_method(labels)].metrics[name] for labels in COUNTS]
        spread = [[v.mean - v.low for v in values], [v.high - v.mean for v in values]]
        axes.errorbar(COUNTS, [v.mean for v in values], yerr=spread, marker="o", capsize=3, color="#4477aa")
        axes.axhline(before[name].mean, color="#888888", linestyle="--")
        axes.annotate("frozen vectors", (COUNTS[-1], before[name].mean), ha="right", va="bottom", color="#666666")
        axes.set(title=name, xscale="log", xlabel="labels", xticks=COUNTS, xticklabels=[str(c) for c in COUNTS])
        axes.minorticks_off()
    figure.suptitle(f"E7: {count:,} test texts, skip-connection head on frozen vectors", fontsize=11)
    save_small(figure, path)
