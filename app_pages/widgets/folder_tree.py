"""The folders of a library as the rows of a tree that is open along the chosen one. Paths in, rows out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

MOST = 12
"""Folders drawn of one folder; `Row.more` counts the others."""


@dataclass(frozen=True)
class Row:
    path: str
    name: str
    depth: int
    count: int
    """Pictures in it and below it; 0 where only the question names it."""
    chosen: bool = False
    is_open: bool = False
    more: int = 0
    """Folders of this one that are not drawn, having fewer pictures than those that are."""


def rows(counts: Mapping[str, int], chosen: str = "") -> list[Row]:
    """The outermost folders, and what lies in those that lead to `chosen`; a single outermost one is open."""
    known = dict(counts) if not chosen or chosen in counts else {**counts, chosen: 0}
    inside: dict[str, list[str]] = {"": []}
    for path in known:
        parent = next((str(p) for p in PurePath(path).parents if str(p) in known and str(p) != path), "")
        inside.setdefault(parent, []).append(path)
    return list(_walk(inside, known, "", 0, chosen))


def _walk(
    inside: Mapping[str, Sequence[str]], counts: Mapping[str, int], parent: str, depth: int, chosen: str
) -> Iterator[Row]:
    paths = inside.get(parent, ())
    lone = depth == 0 and len(paths) == 1
    led_to = [path for path in paths if path == chosen or _is_below(chosen, path)]
    most = sorted(paths, key=lambda path: (path not in led_to, -counts[path], path))[:MOST]
    for path in sorted(most, key=lambda path: PurePath(path).name.lower()):
        is_open = (lone or path in led_to) and path in inside
        more = max(len(inside[path]) - MOST, 0) if is_open else 0
        name = PurePath(path).name or path
        yield Row(path, name, depth, counts[path], path == chosen, is_open, more)
        if is_open:
            yield from _walk(inside, counts, path, depth + 1, chosen)


def _is_below(path: str, folder: str) -> bool:
    return bool(path) and PurePath(folder) in PurePath(path).parents
