"""Which group each point of the map belongs to, and the groups' colours."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layout.store import Layout

MOST = 10
"""Groups in the legend; what is left is one more, named OTHER."""
OTHER = "Other"
ENOUGH = 0.8
"""Folders are distinguished as deep down as the MOST largest hold that share of the points."""
PALETTES: Mapping[str, Sequence[str]] = {
    "light": (
        "#332288", "#44bb99", "#dc050c", "#ccbb44", "#66ccee", "#882255", "#117733", "#999933", "#6f4c9b", "#009988",
    ),
    "dark": (
        "#99ddff", "#ee7733", "#cae0ab", "#dc050c", "#0077bb", "#f7f056", "#117733", "#cc6677", "#77aadd", "#bbcc33",
    ),
}  # fmt: skip
"""Distinguishable with every common colour blindness (a test simulates them), on the theme's two grounds."""


@dataclass(frozen=True)
class Groups:
    codes: NDArray[np.uint8]  # (n,): place in `names`
    names: tuple[str, ...]
    has_other: bool
    """The last group is what the legend has no room for."""


def by_folder(layout: Layout) -> Groups:
    """The folder, or the one above it: as deep as most of the points still fall into few folders. One that holds more
    than half of them is divided further."""
    folders = [path.split("/") for path in layout.folders.all()]
    sizes = np.bincount(layout.folder, minlength=len(folders))
    deepest = max(map(len, folders), default=1)
    shared = _shared(folders)
    cut = [path[: shared + 1] for path in folders]
    for depth in range(deepest, shared, -1):
        deeper = [parts[:depth] for parts in folders]
        if len(points := _points(deeper, sizes)) > 1 and _is_covered(points):
            cut = deeper
            break
    while points := _points(cut, sizes):
        largest, size = points.most_common(1)[0]
        deeper = [
            whole[: len(parts) + 1] if "/".join(parts) == largest else parts
            for parts, whole in zip(cut, folders, strict=True)
        ]
        if 2 * size <= points.total() or deeper == cut or not _is_covered(_points(deeper, sizes)):
            break
        cut = deeper
    names = ["/".join(parts[shared:]) or "/".join(parts) or "/" for parts in cut]
    return _grouped(layout.folder, names)


def by_tag(layout: Layout) -> Groups:
    """Of the most frequent tags that a picture has, the rarest: it says most about it."""
    names = layout.tag_names.all()
    counts = np.bincount(layout.tags, minlength=len(names))
    order = np.argsort(-counts, kind="stable")[:MOST]
    place = np.full(len(names) + 1, -1)
    place[order] = np.arange(len(order))
    best = np.full(len(layout), -1)
    owner = np.repeat(np.arange(len(layout)), np.diff(layout.tag_ends, prepend=0))
    np.maximum.at(best, owner, place[layout.tags])
    labels = [*(names[index] for index in order), "No such tag" if len(names) > MOST else "No tag"]
    return _grouped(np.where(best < 0, len(order), best), labels, last_is_other=True)


def by_caption(layout: Layout) -> Groups:
    return _grouped(np.where(layout.captioned, 0, 1), ["With a caption", "Without"])


def by_cluster(layout: Layout) -> Groups:
    return _grouped(layout.cluster, layout.clusters.all())


COLOURINGS: Mapping[str, Callable[[Layout], Groups]] = {
    "Folder": by_folder,
    "Tag": by_tag,
    "Caption": by_caption,
    "Cluster": by_cluster,
}


def _shared(folders: Sequence[Sequence[str]]) -> int:
    """How many parts all the folders have in common, at most all but the last of the shortest."""
    shortest = min(map(len, folders), default=1)
    same = next((i for i in range(shortest) if len({parts[i] for parts in folders}) > 1), shortest)
    return min(same, shortest - 1)


def _points(cut: Sequence[Sequence[str]], sizes: NDArray[np.int64]) -> Counter[str]:
    """Of each folder."""
    points: Counter[str] = Counter()
    for parts, size in zip(cut, sizes, strict=True):
        points["/".join(parts)] += int(size)
    return points


def _is_covered(points: Counter[str]) -> bool:
    """Whether the MOST largest folders hold nearly all."""
    return sum(size for _, size in points.most_common(MOST)) >= ENOUGH * max(points.total(), 1)


def _grouped(labels: NDArray[np.integer], names: Sequence[str], *, last_is_other: bool = False) -> Groups:
    """The largest groups by size; equal names are one group; names without a point are none."""
    distinct = list(dict.fromkeys(names))
    place = {name: index for index, name in enumerate(distinct)}
    merged = np.array([place[name] for name in names], np.int64)[labels]
    counts = np.bincount(merged, minlength=len(distinct))
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    if last_is_other and (last := place[names[-1]]) in order:
        order = [i for i in order if i != last][:MOST]
        shown, has_other, other = order, True, names[-1]
    else:
        shown, has_other, other = order[:MOST], len(order) > MOST, OTHER
    codes = np.full(len(distinct), len(shown), np.uint8)
    codes[shown] = np.arange(len(shown))
    found = tuple(distinct[i] for i in shown) + ((other,) if has_other else ())
    return Groups(codes[merged], found, has_other)
