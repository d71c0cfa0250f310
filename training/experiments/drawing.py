"""Draw the space of a run over its epochs, as arrays (replayed by the app's Map) and a PNG; and experiments' figures.

3-D: PCA fitted once, on the last epoch; the earlier ones are seen along the same axes. 2-D: UMAP of each epoch, begun
at the epoch before and then turned onto it (orthogonal Procrustes), so that points keep their places as far as their
neighbourhoods allow.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.linalg import orthogonal_procrustes

from evaluation.metrics import Interval
from layout.projection import pca, trust, umap
from training.atomic import write_whole
from training.experiments.result import Columns, Row
from training.plan import Metrics

Floats = NDArray[np.float32]
COLOURS = (
    "#4477aa", "#cc3311", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#888888", "#ff9933", "#111111", "#35c98f",
)  # fmt: skip
CURVES = ("#4477aa", "#ee6677")
STEPS = 200
"""Of UMAP's optimisation, at each epoch."""
SHOWN = 6
"""Epochs in the PNG."""


@dataclass(frozen=True)
class Space:
    """n pictures over the epochs of a run."""

    pca: Floats  # (epochs, n, 3)
    umap: Floats  # (epochs, n, 2)
    labels: NDArray[np.int64]  # (n,)
    epochs: NDArray[np.int64]  # (epochs,)
    names: tuple[str, ...]
    explained: Floats  # (epochs,): the share of an epoch's variance that the three axes hold
    trust: Floats  # (epochs, 2): trustworthiness of the 3-D and of the 2-D picture

    def save(self, path: Path) -> None:
        """An npz without pickle: the fields by name, `names` as an array of unicode."""

        def write(part: Path) -> None:
            with part.open("wb") as file:  # savez adds a suffix to a path
                np.savez_compressed(file, **{**vars(self), "names": np.array(self.names)})

        write_whole(path, write)


def lay_out(embeddings: Floats, labels: NDArray[np.int64], epochs: Sequence[int], names: Sequence[str]) -> Space:
    """(epochs, n, dim) -> the space in 3 and in 2 dimensions."""
    axes = pca(embeddings[-1], 3)[1]
    solid = np.stack([axes.place(rows) for rows in embeddings])
    variance = embeddings.var(axis=1).sum(axis=1)
    explained = solid.var(axis=1).sum(axis=1) / np.maximum(variance, np.finfo(np.float32).tiny)
    flat = follow(embeddings)
    pictures = zip(embeddings, solid, flat, strict=True)
    trusted = np.array(
        [[trust(rows, first) or 0, trust(rows, second) or 0] for rows, first, second in pictures], np.float32
    )
    numbers = np.asarray(epochs, np.int64)
    return Space(solid, flat, labels, numbers, tuple(names), explained.astype(np.float32), trusted)


def follow(embeddings: Floats) -> Floats:
    """(epochs, n, dim) -> (epochs, n, 2): UMAP by cosine, each epoch begun at the one before and turned onto it, its
    middle at 0 and its mean square radius 1: UMAP's own scale means nothing, and grows when it goes on from a layout.

    Measured on the 7 epochs of E1 with 800 pictures, mean way of a point from one epoch to the next in units of the
    radius, after the first step: .17 to .24 so; .34 to .88 with UMAPs begun afresh and turned; .05 to .11 by
    umap.AlignedUMAP. Trustworthiness is the same, .99. AlignedUMAP takes 47 s of processor for 5 s, and lets an epoch's
    picture depend on later epochs.
    """
    threads = torch.get_num_threads()
    layouts: list[Floats] = []
    for rows in embeddings:
        points = umap(rows, start=layouts[-1] if layouts else "pca", epochs=STEPS)
        points -= points.mean(axis=0)
        points /= np.sqrt((points**2).sum(axis=1).mean())
        layouts.append(turned_onto(points, layouts[-1]) if layouts else points)
    torch.set_num_threads(threads)  # numba, inside UMAP, sets OpenMP's for the whole process
    return np.stack(layouts)


def turned_onto(points: Floats, target: Floats) -> Floats:
    """`points` rotated or mirrored, never stretched, to lie as near to `target` as they can; both are centred."""
    turn, _ = orthogonal_procrustes(points, target)
    turned: Floats = (points @ turn).astype(np.float32)
    return turned


def write_png(space: Space, title: str, path: Path) -> None:
    """Six epochs side by side: PCA's first two axes above, UMAP below."""
    chosen = np.unique(np.linspace(0, len(space.epochs) - 1, SHOWN).round().astype(int))
    figure = Figure(figsize=(2.2 * len(chosen), 5.1), dpi=100, layout="constrained")
    for column, place in enumerate(chosen):
        for line, layout in enumerate((space.pca, space.umap)):
            axes = figure.add_subplot(2, len(chosen), line * len(chosen) + column + 1)
            spread = np.abs(layout).max(axis=(0, 1)) * 1.03
            for label, name in enumerate(space.names):
                points = layout[place][space.labels == label]
                axes.scatter(points[:, 0], points[:, 1], s=1.5, linewidths=0, color=COLOURS[label], label=name)
            axes.set(xlim=(-spread[0], spread[0]), ylim=(-spread[1], spread[1]), xticks=[], yticks=[])
            share, trusted = f"{space.explained[place]:.0%} of variance", f"trust {space.trust[place][line]:.2f}"
            first = f"epoch {space.epochs[place]}\nPCA 3-D {share}, {trusted}"
            axes.set_title(f"UMAP {trusted}" if line else first, fontsize=7.5)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=10, fontsize=7.5, markerscale=6, frameon=False)
    figure.suptitle(title, fontsize=9)
    save_small(figure, path)


def save_small(figure: Figure, path: Path) -> None:
    """A PNG of 128 colours: half of the bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    write_whole(path, lambda part: picture.save(part, format="PNG", optimize=True))


def error_bars(values: Sequence[Interval]) -> list[list[float]]:
    """How far each mean lies above its low end and below its high one, as matplotlib wants it."""
    return [[value.mean - value.low for value in values], [value.high - value.mean for value in values]]


def draw_by_labels(
    counts: Sequence[int], methods: Mapping[str, Sequence[Columns]], before: Columns, names: Sequence[str], path: Path
) -> None:
    """A panel for each metric of `names`: each method over the number of labels, beside no training."""
    figure, places = Figure(figsize=(10, 3.6), dpi=110, layout="constrained"), np.arange(len(counts))
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        for number, (method, columns) in enumerate(methods.items()):
            values = [each[name] for each in columns]
            at, means = places + 0.1 * (number - (len(methods) - 1) / 2), [value.mean for value in values]
            style = {"marker": "o", "capsize": 3, "color": COLOURS[number], "label": method}
            axes.errorbar(at, means, yerr=error_bars(values), **style)
        axes.axhline(before[name].mean, color="#888888", linestyle="--", label="frozen vectors")
        axes.set(title=name, xlabel="labels", xticks=places, xticklabels=[str(count) for count in counts])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    save_small(figure, path)


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
    for colour, (name, bar) in zip(CURVES, bars.items(), strict=False):
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
    for offset, colour, name in zip(offsets, CURVES, bars, strict=False):
        values = [row.metrics[name] for row in rows]
        places = [place + offset for place in range(len(rows))]
        right.barh(places, [v.mean for v in values], height, xerr=error_bars(values), color=colour, error_kw={"lw": 1})
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
