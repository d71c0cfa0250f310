"""What every source of drawings yields: a drawing with its words, or a count of what was left out and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Drawing:
    """One drawing of a source, not yet rendered."""

    source: str
    name: str
    """The source's own name of it, unique there."""
    caption: str
    """Clean and in lower case: "face with tears of joy"."""
    keywords: tuple[str, ...]
    code: str | None
    """The emoji it shows, as "1F469-200D-1F33E" (no variation selectors), or None."""
    svg: str


@dataclass(frozen=True)
class SourceContents:
    """All that one source has."""

    drawings: Sequence[Drawing]
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> drawings."""
    licence: str = ""
    author: str = ""


@dataclass(frozen=True)
class Source:
    """One source: how it is obtained, and how it is read."""

    name: str
    package: str
    """With its registry, as "npm @iconify-json/noto"."""
    expected: int
    """Pictures that it gave when the recipe was measured: its share when it cannot be had."""
    obtain: Callable[[Path], Path]
    """Cache -> folder; raises SourceMissing."""
    read: Callable[[Path], SourceContents]
