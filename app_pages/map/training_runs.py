"""What training left in its folder: the runs, the space of each over its epochs, its metrics.

A run is a folder with a `space.npz`, or one with a `metrics.jsonl` of its own. The metrics of a run with several seeds
are those of the first one, whose space it is.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

SPACE, METRICS = "space.npz", "metrics.jsonl"
DEEPEST = 3
"""Folders below the runs' folder that are looked into."""


class RunUnreadable(Exception):
    """A run's file is not what training writes; the message says which and why."""


@dataclass(frozen=True)
class RunSpace:
    """The same n things as every epoch embeds them."""

    layouts: Mapping[str, NDArray[np.float32]]
    """pca: (epochs, n, 3), umap: (epochs, n, 2); one of them may be missing."""
    labels: NDArray[np.int64]  # (n,)
    names: tuple[str, ...]
    """Of the labels."""
    epochs: tuple[int, ...]
    explained: NDArray[np.float32] | None  # (epochs,)
    trust: NDArray[np.float32] | None  # (epochs, 2): of pca and of umap


def find_runs(folder: Path) -> list[str]:
    """Their names, relative to the folder: first those with a space, then the others; the newest first."""
    found: dict[str, tuple[bool, float]] = {}
    for name in (SPACE, METRICS):
        for depth in range(1, DEEPEST + 1):
            for path in folder.glob("/".join(["*"] * depth + [name])):
                run = path.parent
                if name == METRICS and any((above / SPACE).exists() for above in (run, run.parent)):
                    continue
                found[run.relative_to(folder).as_posix()] = (name == METRICS, -path.stat().st_mtime)
    return sorted(found, key=lambda run: (*found[run], run))


def read_space(run: Path) -> RunSpace | None:
    """None when the run kept none. Raises RunUnreadable."""
    path = run / SPACE
    if not path.exists():
        return None
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return _space({name: file[name] for name in file.files})
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise RunUnreadable(
            f"{path} cannot be read ({error}). Run the experiment again; it goes on where it is."
        ) from error


def read_metrics(run: Path) -> list[dict[str, float]]:
    """One entry an epoch, numbers only; [] when there are none."""
    path = next((p for p in [run / METRICS, *sorted(run.glob(f"*/{METRICS}"))] if p.exists()), None)
    if path is None:
        return []
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        return [{name: float(v) for name, v in line.items() if _is_number(v)} for line in lines]
    except (OSError, ValueError, AttributeError) as error:
        raise RunUnreadable(f"{path} cannot be read ({error}).") from error


def _space(arrays: Mapping[str, NDArray[Any]]) -> RunSpace:
    """Raises ValueError or KeyError for arrays that do not belong together."""
    epochs, labels = arrays["epochs"], arrays["labels"].astype(np.int64)
    layouts = {
        name: arrays[name].astype(np.float32)
        for name, dims in (("pca", 3), ("umap", 2))
        if name in arrays and arrays[name].shape == (len(epochs), len(labels), dims)
    }
    if not layouts or not len(epochs):
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ValueError(f"no layout of {len(epochs)} epochs and {len(labels)} points in it: {shapes}")
    names = _names(arrays["names"])
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
        raise ValueError(f"labels {labels.min()} to {labels.max()} for {len(names)} names")
    return RunSpace(layouts, labels, names, tuple(int(e) for e in epochs), arrays.get("explained"), arrays.get("trust"))


def _names(array: NDArray[Any]) -> tuple[str, ...]:
    """An array of names, or one text that is a JSON list of them."""
    names: Sequence[Any] = array.tolist() if array.ndim else json.loads(str(array))
    return tuple(str(name) for name in names)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
