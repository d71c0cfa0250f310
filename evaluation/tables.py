"""Print tables for a terminal of 100 columns."""

from collections.abc import Iterable, Mapping, Sequence

from evaluation.metrics import Interval
from schema.names import escaped

WIDTH = 100


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right of their width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def grid(head: Sequence[str], rows: Mapping[str, Iterable[float]], form: str = ".3f") -> str:
    """A table of figures, each row with its name."""
    return table([head, *([name, *(format(value, form) for value in values)] for name, values in rows.items())])


def shortened(text: str, width: int) -> str:
    """One line of at most `width` characters, and nothing that steers the terminal."""
    text = escaped(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def between(figure: Interval | float, form: str = ".3f") -> str:
    """A figure, with its interval where it has one."""
    if isinstance(figure, Interval):
        return f"{figure.mean:{form}} [{figure.low:{form}}, {figure.high:{form}}]"
    return f"{figure:{form}}"


def signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # + 0.0: there is no −0.000
