"""A figure of several seeds' runs: what each epoch was judged, and the methods side by side. Knows no experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from training.experiments.drawing import save_small
from training.experiments.result import Row
from training.plan import Metrics

COLOURS = ("#4477aa", "#ee6677")


def draw_curves(
    runs: Sequence[Sequence[Metrics]],
    rows: Sequence[Row],
    bars: Mapping[str, float],
    title: str,
    sample: str,
    path: Path,
) -> None:
    """Left the epochs, judged on a sample; right the methods, judged on all, with the bars as lines."""
    figure = Figure(figsize=(10, 3.8), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    for colour, (name, bar) in zip(COLOURS, bars.items(), strict=False):
        for number, epochs in enumerate(runs):
            numbers = [epoch["epoch"] for epoch in epochs]
            left.plot(
                numbers, [epoch[name] for epoch in epochs], color=colour, lw=1, label=name if not number else None
            )
        right.axvline(bar, color=colour, lw=1, ls=":", label=f"{name}: at least {bar:.2f}")
    left.set(xlabel="epoch", xlim=(0, None), ylim=(0, 1), title=f"{sample}, a line each seed")
    left.legend(loc="lower right", fontsize=8)
    names = [row.method for row in rows]
    height = 0.38
    offsets = (-height / 2, height / 2) if len(bars) > 1 else (0.0,)
    for offset, colour, name in zip(offsets, COLOURS, bars, strict=False):
        values = [row.metrics[name] for row in rows]
        places = [place + offset for place in range(len(rows))]
        spread = [[v.mean - v.low for v in values], [v.high - v.mean for v in values]]
        right.barh(places, [v.mean for v in values], height, xerr=spread, color=colour, error_kw={"lw": 1})
        for place, value in zip(places, values, strict=True):
            right.text(0.01, place, f"{value.mean:.3f}", va="center", fontsize=7, color="white")
    right.set(yticks=range(len(rows)), yticklabels=names, xlim=(0, 1), title="all test pictures")
    right.invert_yaxis()
    right.legend(loc="upper center", bbox_to_anchor=(0.4, -0.08), ncols=2, fontsize=8, frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_size(9)
    figure.suptitle(title, fontsize=10)
    save_small(figure, path)
