"""Judge how well words find pictures and pictures words in a captioned folder, by one encoder or by two side by side.

Every distinct caption asks once, and all pictures that bear it are relevant; every picture asks once, and all its
captions are relevant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.folder import Encoded, Sides
from evaluation.metrics import (
    DEPTH,
    NAMES,
    Interval,
    Judgement,
    Relevant,
    as_json,
    bootstrap,
    expected_by_chance,
    judge_embeddings,
    paired_bootstrap,
)
from evaluation.tables import WIDTH, between, shortened, signed, table

RANDOM = "random"
HEAD = 32
"""The longest name of a column."""
TITLES = {
    "text_to_image": "Words find pictures ({queries} captions ask, {corpus} pictures answer)",
    "image_to_text": "Pictures find words ({queries} pictures ask, {corpus} captions answer)",
}
LEGEND = (
    "R@k: share of the relevant among the first k. S@k: any of them there. In brackets: 95 % bootstrap\n"
    "interval over the queries. Random: exact expectation."
)
DIRECTIONS = ("text_to_image", "image_to_text")
FEW = 100
"""Below so many queries a report notes that its figures are coarse."""
SHOWN = 10


@dataclass(frozen=True)
class Direction:
    """One way of asking."""

    queries: int
    corpus: int
    methods: Mapping[str, Mapping[str, Interval | float]]
    """Method -> metric -> figure; `random` is among them, which is exact and has no interval."""

    def to_json(self, method: str) -> dict[str, Any]:
        figures = self.methods[method]
        intervals = {name: as_json(f)[1:] for name, f in figures.items() if isinstance(f, Interval)}
        return {
            **as_json({name: f.mean if isinstance(f, Interval) else f for name, f in figures.items()}),
            "queries": self.queries,
            "corpus": self.corpus,
            **({"intervals": intervals} if intervals else {}),
        }


def judge_sides(encoded: Encoded, sides: Sides) -> dict[str, Judgement]:
    """DIRECTIONS -> how each query fared."""
    return {
        "text_to_image": judge_embeddings(sides.texts, sides.images, encoded.pictures_of),
        "image_to_text": judge_embeddings(sides.images, sides.texts, encoded.captions_of),
    }


def judge_retrieval(encoded: Encoded) -> dict[str, Direction]:
    """DIRECTIONS -> figures of every encoder and of chance."""
    judged = {name: judge_sides(encoded, sides) for name, sides in encoded.sides.items()}
    relevant = {"text_to_image": encoded.pictures_of, "image_to_text": encoded.captions_of}
    return {
        direction: direction_of({name: found[direction] for name, found in judged.items()}, relevant[direction])
        for direction in DIRECTIONS
    }


def direction_of(judgements: Mapping[str, Judgement], relevant: Relevant) -> Direction:
    """Several methods that were asked the same, and chance."""
    queries, corpus = len(relevant), next(iter(judgements.values())).corpus
    chance = expected_by_chance([len(items) for items in relevant], corpus)
    methods: dict[str, Mapping[str, Interval | float]] = {}
    for name, judgement in judgements.items():
        figures = {metric: bootstrap(judgement.per_query[metric]) for metric in NAMES}
        methods[name] = figures | {"median_rank": bootstrap(judgement.per_query["rank"], statistic=np.median)}
    return Direction(queries, corpus, methods | {RANDOM: chance})


def notes_on(encoded: Encoded) -> list[str]:
    """Sentences on what the figures cannot tell."""
    notes = []
    sizes = {"pictures": len(encoded.pictures), "captions": len(encoded.captions)}
    for kind, size in sizes.items():
        if size <= DEPTH:
            sure = "R@5 and R@10 are" if size <= 5 else "R@10 is"
            notes.append(f"Among only {size} {kind} {sure} 1 whatever the encoder does.")
    if (few := min(sizes.values())) < FEW:
        notes.append(f"{few} queries are few: one that succeeds or fails moves a figure by {1 / few:.3f}.")
    if shared := sum(len(pictures) > 1 for pictures in encoded.pictures_of):
        notes.append(
            f"{shared} captions belong to several pictures; R@k is the share of these found, S@k whether any was found."
        )
    return notes


@dataclass(frozen=True)
class Change:
    """One question, and the rank of its first relevant item with either encoder."""

    query: str
    rank_a: int
    rank_b: int


@dataclass(frozen=True)
class Comparison:
    """B beside A in one direction. `difference` is B − A, over the same queries."""

    queries: int
    corpus: int
    a: Mapping[str, float]
    b: Mapping[str, float]
    difference: Mapping[str, Interval]
    won: tuple[Change, ...]
    """Where B's reciprocal rank is above A's, the largest difference first; at most SHOWN."""
    lost: tuple[Change, ...]
    counts: tuple[int, int, int]
    """Queries whose first relevant item ranks better with B, the same, worse."""

    def to_json(self) -> dict[str, Any]:
        better, same, worse = self.counts
        return {
            "queries": self.queries,
            "corpus": self.corpus,
            **{
                name: {"a": round(self.a[name], 6), "b": round(self.b[name], 6), **interval.named()}
                for name, interval in self.difference.items()
            },
            "median_rank": {"a": self.a["median_rank"], "b": self.b["median_rank"]},
            "better": better,
            "same": same,
            "worse": worse,
            "won": [vars(change) for change in self.won],
            "lost": [vars(change) for change in self.lost],
        }


def compare(encoded: Encoded, a: str, b: str, root: Path) -> dict[str, Comparison]:
    """DIRECTIONS -> encoder `b` beside encoder `a`, by the names they have in `encoded`. Pictures are named by their
    paths below `root`."""
    of_a, of_b = judge_sides(encoded, encoded.sides[a]), judge_sides(encoded, encoded.sides[b])
    queries = {
        "text_to_image": encoded.captions,
        "image_to_text": tuple(str(picture.path.relative_to(root)) for picture in encoded.pictures),
    }
    return {
        direction: compare_judgements(of_a[direction], of_b[direction], queries[direction]) for direction in DIRECTIONS
    }


def compare_judgements(a: Judgement, b: Judgement, queries: Sequence[str]) -> Comparison:
    """Both judged the same queries, in the order of `queries`.

    Queries are ordered by the difference of their reciprocal ranks: from rank 1 to 2 is much, from 300 to 500 little.
    """
    gain = b.per_query["MRR"] - a.per_query["MRR"]
    order = np.argsort(-gain, kind="stable")
    ranks_a, ranks_b = a.per_query["rank"], b.per_query["rank"]
    changes = [Change(queries[i], int(ranks_a[i]), int(ranks_b[i])) for i in order]
    counts = (int((gain > 0).sum()), int((gain == 0).sum()), int((gain < 0).sum()))
    return Comparison(
        queries=a.queries,
        corpus=a.corpus,
        a=a.mean(),
        b=b.mean(),
        difference={name: paired_bootstrap(b.per_query[name], a.per_query[name]) for name in NAMES},
        won=tuple(changes[: min(SHOWN, counts[0])]),
        lost=tuple(changes[::-1][: min(SHOWN, counts[2])]),
        counts=counts,
    )


def retrieval_text(directions: Mapping[str, Direction], titles: Mapping[str, str]) -> str:
    """`titles`: method -> the head of its column, in the order of the columns."""
    parts = []
    for name, direction in directions.items():
        rows = [["", *(shortened(title, HEAD) for title in titles.values())]]
        for metrics in _merged([direction.to_json(method) for method in direction.methods]):
            figures = [direction.methods[method][metrics[0]] for method in titles]
            rows.append([" = ".join(metrics), *map(between, figures)])
        ranks = [direction.methods[method]["median_rank"] for method in titles]
        rows.append(["median rank", *(between(rank, "g") for rank in ranks)])
        parts.append(f"{TITLES[name].format(queries=direction.queries, corpus=direction.corpus)}\n{table(rows)}")
    return "\n\n".join([*parts, LEGEND])


def compare_text(directions: Mapping[str, Comparison]) -> str:
    parts = []
    for name, found in directions.items():
        rows = [["", "A", "B", "B − A", "95 % interval", ""]]
        for metrics in _merged([found.a, found.b]):
            metric = metrics[0]
            gap = found.difference[metric]
            verdict = gap.verdict("B is better", "A is better")
            between = f"{signed(gap.low)} to {signed(gap.high)}"
            a, b = f"{found.a[metric]:.3f}", f"{found.b[metric]:.3f}"
            rows.append([" = ".join(metrics), a, b, signed(gap.mean), between, verdict])
        rows.append(["median rank", f"{found.a['median_rank']:g}", f"{found.b['median_rank']:g}", "", "", ""])
        better, same, worse = found.counts
        parts += [
            f"{TITLES[name].format(queries=found.queries, corpus=found.corpus)}\n{table(rows)}",
            f"B ranks the answer higher for {better} of {found.queries}, as high for {same}, lower for {worse}.",
            *_changes("Won most by B", found.won),
            *_changes("Lost most by B", found.lost),
        ]
    return "\n\n".join(parts)


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


def _merged(figures: Sequence[Mapping[str, float]]) -> list[list[str]]:
    """NAMES in lines: S@k stands with R@k where the two are equal for every method, as with one relevant item each."""
    by_name = {name: [round(method[name], 9) for method in figures] for name in NAMES}
    lines = []
    for name in NAMES:
        twin = name.replace("R@", "S@")
        if name.startswith("S@") and by_name[name] == by_name[name.replace("S@", "R@")]:
            continue
        lines.append([name, twin] if twin != name and by_name[twin] == by_name[name] else [name])
    return lines
