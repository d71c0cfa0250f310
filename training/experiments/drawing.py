"""Draw the space of a run over its epochs, as arrays (replayed by the app's Map) and a PNG; and an experiment's rows.

3-D: PCA fitted once, on the last epoch; the earlier ones are seen along the same axes. 2-D: UMAP of each epoch, begun
at the epoch before and then turned onto it (orthogonal Procrustes), so that points keep their places as far as their
neighbourhoods allow.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.linalg import orthogonal_procrustes

from layout.projection import pca, trust, umap
from training.atomic import write_whole
from training.experiments.result import Row

Floats = NDArray[np.float32]
COLOURS = (
    "#4477aa", "#cc3311", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#888888", "#ff9933", "#111111", "#35c98f",
)  # fmt: skip
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


def draw_rows(rows: Sequence[Row], title: str, path: Path) -> None:
    """A panel for each metric, the methods down, each figure with its interval."""
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    figure = Figure(figsize=(3 + 2 * len(names), 1.2 + 0.22 * len(rows)), dpi=90, layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        for place, value in ((at, row.metrics[name]) for at, row in enumerate(rows) if name in row.metrics):
            ends = [[value.mean - value.low], [value.high - value.mean]]
            axes.errorbar(value.mean, place, xerr=ends, marker="o", markersize=4, capsize=3, color=COLOURS[0])
        axes.set(yticks=range(len(rows)), yticklabels=[row.method for row in rows])
        axes.set_title(name, fontsize=9)
        axes.grid(axis="both", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
    figure.suptitle(title, fontsize=10)
    save_small(figure, path)
