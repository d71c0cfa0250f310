"""Given a few pictures of a group, are the others found? Each strategy, each target alone, several together, and the
targets learned from the likes.

A group is what shares a tag, or a folder (where drawings of one artist lie together, their style). A question draws
some of a group as likes; the rest of it is relevant, and every other picture is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import EvaluationError
from evaluation.metrics import DECISIVE, Interval, Judgement, as_json, bootstrap, joined, judge, paired_bootstrap
from evaluation.tagged import Gathered
from search.asking import DEFAULT_TARGETS
from search.preference import learn_targets
from search.query import STRATEGIES, TARGETS

METRICS = ("S@10", "nDCG@10")
"""S@10 is what recommendation papers call hit@10."""
LIKES = 3
LEAST_LEFT = 3
"""Pictures of the group that are left to be found."""
QUESTIONS = 150
"""Of each kind."""
EQUAL: Mapping[str, float] = {name: 1 / len(TARGETS) for name in TARGETS}
AUTO = "auto"
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
    """Questions of one kind, judged."""

    title: str
    groups: int
    questions: int
    figures: Mapping[str, Mapping[str, Interval]]
    """Method -> metric -> mean."""
    best_single: str
    gains: Mapping[str, Interval]
    """Method -> DECISIVE of it less that of the best single target, question by question."""
    learned: Mapping[str, float]
    """The targets' mean weights under AUTO."""

    def to_json(self) -> dict[str, Any]:
        return {
            "groups": self.groups,
            "questions": self.questions,
            "methods": as_json(self.figures),
            "best_single": self.best_single,
            "gain": as_json(self.gains),
            "learned": as_json(self.learned, 4),
        }


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


def judge_kinds(gathered: Gathered, *, likes: int = LIKES, count: int | None = None, seed: int = 0) -> dict[str, Kind]:
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
    weights = {title: [learned(gathered, q.likes) for q in questions] for title, questions in asked.items()}
    if len(asked) > 1:
        judged["both"] = {name: joined([found[name] for found in judged.values()]) for name in judged["tags"]}
        weights["both"] = [one for some in weights.values() for one in some]
        asked["both"] = [question for questions in asked.values() for question in questions]
    return {title: _kind(title, asked[title], judged[title], weights[title]) for title in asked}


def learned(gathered: Gathered, likes: Sequence[int]) -> Mapping[str, float]:
    """As `Searcher` learns them for targets = "auto"."""
    rows = {name: vectors[list(likes)] for name, vectors in gathered.vectors.items()}
    return (learn_targets(rows, gathered.space) if len(likes) else {}) or DEFAULT_TARGETS["item"]


def _judged(gathered: Gathered, questions: Sequence[Question]) -> dict[str, Judgement]:
    """Method -> how each question fared."""
    answers: dict[str, list[NDArray[np.float64]]] = {}
    for question in questions:
        weights = learned(gathered, question.likes)
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
    title: str, questions: Sequence[Question], judged: Mapping[str, Judgement], weights: Sequence[Mapping[str, float]]
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
    mean = {name: float(np.mean([one[name] for one in whole])) for name in TARGETS}
    return Kind(title, len({q.group for q in questions}), len(questions), figures, best, gains, mean)
