"""Print what an evaluation found as tables, for a terminal of 100 columns."""

from collections.abc import Iterable, Mapping, Sequence

from evaluation.collection import CAPTIONS, CollectionReport
from evaluation.metrics import DECISIVE, NAMES
from evaluation.retrieval import RANDOM, Change, Comparison, Direction, Figure
from evaluation.targets import COMPARED, TargetFigures
from schema.names import escaped

WIDTH = 100
HEAD = 32
"""The longest name of a column."""
TITLES = {"text_to_image": "Words find pictures", "image_to_text": "Pictures find words"}
ASKED = {
    "text_to_image": "{queries} captions ask, {corpus} pictures answer",
    "image_to_text": "{queries} pictures ask, {corpus} captions answer",
}
LEGEND = (
    "R@k: share of the relevant among the first k. S@k: any of them there. In brackets: 95 % bootstrap\n"
    "interval over the queries. Random: exact expectation."
)


def retrieval_text(directions: Mapping[str, Direction], titles: Mapping[str, str]) -> str:
    """`titles`: method -> the head of its column, in the order of the columns."""
    parts = []
    for name, direction in directions.items():
        rows = [["", *(shortened(title, HEAD) for title in titles.values())]]
        for metrics in _merged([[figures[m].value for m in NAMES] for figures in direction.methods.values()]):
            figures = [direction.methods[method][metrics[0]] for method in titles]
            rows.append([" = ".join(metrics), *map(_between, figures)])
        ranks = [direction.methods[method]["median_rank"] for method in titles]
        rows.append(["median rank", *(_between(rank, "g") for rank in ranks)])
        parts.append(f"{_title(name, direction.queries, direction.corpus)}\n{table(rows)}")
    return "\n\n".join([*parts, LEGEND])


def collection_text(report: CollectionReport) -> str:
    rows = [["named vector", "recall@k", "k", "questions", "p50 ms", "p95 ms"]]
    for title, found in report.index.items():
        recall = _between(Figure(found.recall.mean, (found.recall.low, found.recall.high)))
        rows.append([title, recall, str(found.k), str(found.probes), f"{found.p50_ms:.1f}", f"{found.p95_ms:.1f}"])
    parts = [f"The index: which share of the nearest it finds, one question at a time\n{table(rows)}"]
    if report.captions:
        parts.append(retrieval_text({"text_to_image": report.captions}, {CAPTIONS: CAPTIONS, RANDOM: RANDOM}))
    if report.captions or report.targets:
        parts.insert(1, "From here on by exact search, so that the index has no part in it.")
    return "\n\n".join([*parts, *map(_targets_text, report.targets)])


def _targets_text(found: TargetFigures) -> str:
    rows = [["", *COMPARED]]
    rows += [[name, *(f"{means[metric]:.3f}" for metric in COMPARED)] for name, means in found.methods.items()]
    gaps = [found.gain[metric] for metric in COMPARED]
    rows.append(["together − best single", *(_signed(gap.mean) for gap in gaps)])
    rows.append(["  95 % interval", *(f"{_signed(gap.low)} to {_signed(gap.high)}" for gap in gaps)])
    title = f"Targets where {found.title} ({found.queries} questions, {found.corpus} pictures)"
    return f"{title}\n{table(rows)}\nBest single target by {DECISIVE}: {found.best_single}.\n{found.caveat}".rstrip()


def compare_text(directions: Mapping[str, Comparison]) -> str:
    parts = []
    for name, found in directions.items():
        rows = [["", "A", "B", "B − A", "95 % interval", ""]]
        for metrics in _merged([[found.a[m] for m in NAMES], [found.b[m] for m in NAMES]]):
            metric = metrics[0]
            gap = found.difference[metric]
            verdict = gap.verdict("B is better", "A is better")
            between = f"{_signed(gap.low)} to {_signed(gap.high)}"
            a, b = f"{found.a[metric]:.3f}", f"{found.b[metric]:.3f}"
            rows.append([" = ".join(metrics), a, b, _signed(gap.mean), between, verdict])
        rows.append(["median rank", f"{found.a['median_rank']:g}", f"{found.b['median_rank']:g}", "", "", ""])
        better, same, worse = found.counts
        parts += [
            f"{_title(name, found.queries, found.corpus)}\n{table(rows)}",
            f"B ranks the answer higher for {better} of {found.queries}, as high for {same}, lower for {worse}.",
            *_changes("Won most by B", found.won),
            *_changes("Lost most by B", found.lost),
        ]
    return "\n\n".join(parts)


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


def _changes(title: str, changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    ranks = [[f"rank {change.rank_a}", "->", str(change.rank_b)] for change in changes]
    width = max(len(" ".join(rank)) for rank in ranks)
    lines = [
        f"  {' '.join(rank).ljust(width)}  {shortened(change.query, WIDTH - width - 4)}"
        for rank, change in zip(ranks, changes, strict=True)
    ]
    return ["\n".join([f"{title} (rank with A -> with B):", *lines])]


def _title(name: str, queries: int, corpus: int) -> str:
    return f"{TITLES[name]} ({ASKED[name].format(queries=queries, corpus=corpus)})"


def _merged(values: Sequence[Sequence[float]]) -> list[list[str]]:
    """NAMES in lines: S@k stands with R@k where the two are equal for every method, as with one relevant item each."""
    by_name = {name: [round(method[place], 9) for method in values] for place, name in enumerate(NAMES)}
    lines = []
    for name in NAMES:
        twin = name.replace("R@", "S@")
        if name.startswith("S@") and by_name[name] == by_name[name.replace("S@", "R@")]:
            continue
        lines.append([name, twin] if twin != name and by_name[twin] == by_name[name] else [name])
    return lines


def _between(figure: Figure, form: str = ".3f") -> str:
    between = f" [{figure.interval[0]:{form}}, {figure.interval[1]:{form}}]" if figure.interval else ""
    return f"{figure.value:{form}}{between}"


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # + 0.0: there is no −0.000
