"""Given a few pictures of a group, are the others found? Each strategy, each target alone, several together, and the
targets learned from the likes. With users (`recommendation_users`) and copies (`recommendation_copies`): the report.

A group is what shares a tag, or a folder (where drawings of one artist lie together, their style). A question draws
some of a group as likes; the rest of it is relevant, and every other picture is not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Encoder
from errors import EvaluationError
from evaluation.library import Gathered
from evaluation.metrics import DECISIVE, Interval, Judgement, as_json, bootstrap, joined, judge, paired_bootstrap
from evaluation.recommendation_copies import CopyFigures, copies_text, judge_copies
from evaluation.recommendation_users import (
    NARROW,
    WIDE,
    Curve,
    curves_text,
    judge_spread,
    preferences,
    simulate,
    spread_text,
)
from evaluation.tables import between, table
from search.asking import DEFAULT_TARGETS
from search.query import STRATEGIES, TARGETS

METRICS = ("S@10", "nDCG@10")
"""S@10 is what recommendation papers call hit@10."""
LIKES = (3, 6)
LEAST_LEFT = 3
"""Pictures of the group that are left to be found."""
QUESTIONS = 150
"""Of each kind."""
EQUAL: Mapping[str, float] = {name: 1 / len(TARGETS) for name in TARGETS}
AUTO = "auto"
USUAL = "average"
SINGLES = tuple(f"{name} alone" for name in TARGETS)
DEFAULT = "default"
ALL_ALIKE = "all three alike"


@dataclass(frozen=True)
class Question:
    group: str
    likes: tuple[int, ...]
    relevant: frozenset[int]


@dataclass(frozen=True)
class Kind:
    """Questions of one kind, judged. The names are the keys of its JSON."""

    groups: int
    questions: int
    methods: Mapping[str, Mapping[str, Interval]]
    """Method -> metric -> mean."""
    best_single: str
    gain: Mapping[str, Interval]
    """Method -> DECISIVE of it less that of the best single target, question by question."""
    learned: Mapping[str, float]
    """The targets' mean weights under AUTO."""


def draw_questions(
    groups: Mapping[str, Sequence[int]], pictures: int, likes: int, count: int, seed: int
) -> list[Question]:
    """`count` questions, the groups in turn. A group that is too small, or more than half of the library, asks none."""
    rng = np.random.default_rng(seed)
    usable = {name: rows for name, rows in sorted(groups.items()) if likes + LEAST_LEFT <= len(rows) <= pictures / 2}
    questions = []
    for turn in range(count if usable else 0):
        name = list(usable)[turn % len(usable)]
        liked = rng.choice(usable[name], likes, replace=False)
        rest = frozenset(usable[name]) - frozenset(liked.tolist())
        questions.append(Question(name, tuple(liked.tolist()), frozenset(map(int, rest))))
    return questions


def judge_kinds(
    gathered: Gathered, *, likes: int = LIKES[0], count: int | None = None, seed: int = 0
) -> dict[str, Kind]:
    """By tags, by folders, and both together where both can be asked. Raises EvaluationError where neither can."""
    n = len(gathered.captioned)
    kinds = {"tags": gathered.pictured.by_tag(), "folders": gathered.by_folder()}
    asked = {title: draw_questions(groups, n, likes, count or QUESTIONS, seed) for title, groups in kinds.items()}
    asked = {title: questions for title, questions in asked.items() if questions}
    if not asked:
        raise EvaluationError(
            f"No tag and no folder has {likes + LEAST_LEFT} pictures and at most half of the {n}, so there is no group "
            "to find. Give tags to more of the pictures."
        )
    judged = {title: _judged(gathered, questions) for title, questions in asked.items()}
    weights = {title: [gathered.learned(q.likes) for q in questions] for title, questions in asked.items()}
    if len(asked) > 1:
        judged["both"] = {name: joined([found[name] for found in judged.values()]) for name in judged["tags"]}
        weights["both"] = [one for some in weights.values() for one in some]
        asked["both"] = [question for questions in asked.values() for question in questions]
    return {title: _kind(asked[title], judged[title], weights[title]) for title in asked}


def _judged(gathered: Gathered, questions: Sequence[Question]) -> dict[str, Judgement]:
    """Method -> how each question fared."""
    answers: dict[str, list[NDArray[np.float64]]] = {}
    for question in questions:
        weights = gathered.learned(question.likes)
        methods: dict[str, tuple[Mapping[str, float], str | None]] = {
            **{single: ({name: 1.0}, None) for single, name in zip(SINGLES, TARGETS, strict=True)},
            DEFAULT: (DEFAULT_TARGETS["item"], None),
            ALL_ALIKE: (EQUAL, None),
            **{f"{AUTO}, {strategy}": (weights, strategy) for strategy in STRATEGIES},
        }
        for method, (targets, strategy) in methods.items():
            found = gathered.relevance(dict.fromkeys(question.likes, 1.0), targets, strategy)
            found[list(question.likes)] = found.min() - 1  # they ask, and are no answer
            answers.setdefault(method, []).append(found)
    return {method: judge(np.stack(found), [q.relevant for q in questions]) for method, found in answers.items()}


def _kind(
    questions: Sequence[Question], judged: Mapping[str, Judgement], weights: Sequence[Mapping[str, float]]
) -> Kind:
    figures = {
        name: {metric: bootstrap(judgement.per_query[metric]) for metric in METRICS}
        for name, judgement in judged.items()
    }
    best = max(SINGLES, key=lambda name: figures[name][DECISIVE].mean)
    gains = {
        name: paired_bootstrap(judgement.per_query[DECISIVE], judged[best].per_query[DECISIVE])
        for name, judgement in judged.items()
        if name not in SINGLES
    }
    whole = [{name: w.get(name, 0.0) / sum(w.values()) for name in TARGETS} for w in weights]
    mean = {name: round(float(np.mean([one[name] for one in whole])), 4) for name in TARGETS}
    return Kind(len({q.group for q in questions}), len(questions), figures, best, gains, mean)


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
        return {name: as_json(value, 6 if name == "leave_one_out" else 4) for name, value in vars(self).items()}


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
        parts += [_kind_text(likes, title, kind) for title, kind in kinds.items()]
    parts += [curves_text(title, curves) for title, curves in report.simulated_users.items()]
    parts.append(spread_text(report.first_pictures))
    if report.near_duplicates:
        parts.append(copies_text(report.near_duplicates))
    return "\n\n".join([*parts, *report.notes])


def _kind_text(likes: int, title: str, kind: Kind) -> str:
    rows = [["", *("hit@10" if metric == "S@10" else metric for metric in METRICS), "less the best single target"]]
    for name, figures in kind.methods.items():
        gap = kind.gain.get(name)
        rows.append([name, *(between(figures[metric]) for metric in METRICS), between(gap, "+.3f") if gap else ""])
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in kind.learned.items())
    return (
        f"Given {likes} of a group, by {title} ({kind.groups} groups, {kind.questions} questions)\n{table(rows)}\n"
        f"Best single target by {DECISIVE}: {kind.best_single}. '{AUTO}' gave on average {shares}."
    )
