"""Judge recommending as a whole, and report it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encoder.protocol import Encoder
from errors import EvaluationError
from evaluation.metrics import DECISIVE, Interval, as_json
from evaluation.recommendation import AUTO, METRICS, Kind, judge_kinds
from evaluation.recommendation_copies import COPIES, CopyFigures, judge_copies
from evaluation.recommendation_users import (
    DRAWS,
    ENOUGH,
    NARROW,
    ROUNDS,
    SHOWN,
    WIDE,
    Curve,
    judge_spread,
    preferences,
    simulate,
)
from evaluation.tables import grid, table
from evaluation.tagged import Gathered
from search.query import STRATEGIES

LIKES = (3, 6)
USUAL = "average"
NAMED = 20
"""Pairs named one by one."""


@dataclass(frozen=True)
class RecommendationReport:
    """The names are the keys of its JSON."""

    images: int
    captioned: int
    leave_one_out: Mapping[int, Mapping[str, Kind]]
    """Likes of a question -> kind of group -> figures."""
    simulated_users: Mapping[str, Mapping[str, Curve]]
    """Which preferences -> way -> curve."""
    first_pictures: Mapping[str, Mapping[str, float]]
    near_duplicates: CopyFigures | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {name: as_json(value, 4) for name, value in vars(self).items()}


def judge_recommendation(
    gathered: Gathered,
    encoder: Encoder,
    *,
    without: Sequence[str] = (),
    seed: int = 0,
    on_step: Callable[[str], object] = lambda step: None,
) -> RecommendationReport:
    """Tags in `without` are no hidden preference. Raises EvaluationError where there is no group to find."""
    n, notes = len(gathered.captioned), []
    kinds = {}
    for likes in LIKES:
        on_step(f"{likes} likes: looking for the others")
        try:
            kinds[likes] = judge_kinds(gathered, likes=likes, seed=seed)
        except EvaluationError:
            if likes == LIKES[0]:
                raise
            notes.append(f"No group is large enough to be asked for with {likes} likes.")
    by_tag = gathered.pictured.by_tag()
    tags = {tag: rows for tag, rows in by_tag.items() if tag not in without}
    curves = {}
    for title, least, most in (("wide", WIDE, None), ("narrow", NARROW, WIDE)):
        hidden = preferences(tags, n, least, most)
        if not hidden:
            notes.append(
                f"No hidden preference is {title} ({least} pictures or more), so no user of that kind is judged."
            )
            continue
        on_step(f"users of {len(hidden)} {title} preferences")
        ways: dict[str, dict[str, Any]] = {strategy: {"strategy": strategy} for strategy in STRATEGIES}
        ways[f"{USUAL}, likes only"] = {"strategy": USUAL, "dislikes": False}
        ways[f"{USUAL}, random start"] = {"strategy": USUAL, "random_start": True}
        curves[title] = {way: simulate(gathered, hidden, **given, seed=seed) for way, given in ways.items()}
    on_step("first pictures")
    folders = {f"in {folder or 'the folder itself'}": rows for folder, rows in gathered.by_folder().items()}
    spread = judge_spread(gathered.vectors, {**by_tag, **folders}, seed)
    on_step("near-duplicates")
    copies = None
    try:
        copies = judge_copies(gathered, encoder)
    except EvaluationError as error:
        notes.append(str(error))
    return RecommendationReport(n, int(gathered.captioned.sum()), kinds, curves, spread, copies, tuple(notes))


def recommendation_text(report: RecommendationReport) -> str:
    """For a terminal of 100 columns."""
    parts = [f"{report.images} pictures, {report.captioned} with a caption; exact search"]
    for likes, kinds in report.leave_one_out.items():
        parts += [_kind_text(likes, kind) for kind in kinds.values()]
    parts += [_curves_text(title, curves) for title, curves in report.simulated_users.items()]
    parts.append(_spread_text(report.first_pictures))
    if report.near_duplicates:
        parts.append(_copies_text(report.near_duplicates))
    return "\n\n".join([*parts, *report.notes])


def _kind_text(likes: int, kind: Kind) -> str:
    rows = [["", *("hit@10" if metric == "S@10" else metric for metric in METRICS), "less the best single target"]]
    for name, figures in kind.figures.items():
        gap = kind.gains.get(name)
        rows.append([name, *(_interval(figures[metric]) for metric in METRICS), _interval(gap, "+.3f") if gap else ""])
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in kind.learned.items())
    return (
        f"Given {likes} of a group, by {kind.title} ({kind.groups} groups, {kind.questions} questions)\n{table(rows)}\n"
        f"Best single target by {DECISIVE}: {kind.best_single}. '{AUTO}' gave on average {shares}."
    )


def _curves_text(title: str, curves: Mapping[str, Curve]) -> str:
    first = next(iter(curves.values()))
    sizes = f"{WIDE} pictures and more" if title == "wide" else f"{NARROW} to {WIDE - 1} pictures"
    rounds = [str(number) for number in range(ROUNDS + 1)]
    liked = grid(["liked, by round", *rounds], {way: curve.liked for way, curve in curves.items()}, ".2f")
    reached = grid([f"have seen {ENOUGH:.0%}", *rounds], {way: curve.reached for way, curve in curves.items()}, ".2f")
    counts = f"{len(first.preferences)} preferences, {first.users} users"
    return (
        f"Simulated users with a {title} preference ({sizes}; {counts})\n"
        f"Share of the {SHOWN} shown that is liked (of what is left to like, where that is less)\n{liked}\n\n"
        f"Share of users to whom a page with {ENOUGH:.0%} liked was shown by that round\n{reached}"
    )


def _spread_text(spread: Mapping[str, Mapping[str, float]]) -> str:
    rows = {way: [found[name] for name in ("met", "near", "farthest")] for way, found in spread.items()}
    return (
        f"The first {SHOWN} pictures, mean of {DRAWS} draws\n"
        f"{grid(['first pictures', 'groups met', 'nearest', 'nearest, 5th percentile'], rows)}\n"
        "Groups met: tags and folders of which one is shown. Nearest: the cosine (image) of a picture of the\n"
        "library to the nearest that is shown."
    )


def _copies_text(copies: CopyFigures) -> str:
    rows = [["rule", "copies found", "wrong pairs", "precision"]]
    for name, rule in copies.rules.items():
        rows.append([name, f"{rule.recall:.3f}", str(rule.wrong), f"{rule.precision:.3f}"])
    own = next(iter(copies.rules.values()))
    kinds = grid(["copy", "found"], {kind: [own.by_kind[kind]] for kind in COPIES})
    named = "; ".join(copies.joined[:NAMED]) or "none"
    return (
        f"Near-duplicates: {copies.copies} copies of {copies.pictures} pictures, {copies.pairs:,} pairs of different "
        f"ones; distance {copies.distance:.3f}\n{table(rows)}\n\n{kinds}\n"
        f"Wrong pairs of the search's rule: {named}"
    )


def _interval(found: Interval, form: str = ".3f") -> str:
    return f"{found.mean:{form}} [{found.low:{form}}, {found.high:{form}}]"
