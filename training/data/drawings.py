"""What every source of drawings yields: a drawing with its words, or a count of what was left out and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


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
    drawings: Sequence[Drawing]
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> drawings."""
    licence: str = ""
    author: str = ""
