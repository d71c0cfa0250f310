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

from encoder.protocol import Embeddings
from errors import EvaluationError
from evaluation.metrics import Interval, Judgement, bootstrap, judge, paired_bootstrap
from evaluation.recommendation_folder import Gathered
from search.asking import DEFAULT_TARGETS
from search.preference import learn_targets
from search.query import STRATEGIES, TARGETS
from search.scoring import Asked, score

METRICS = ("S@10", "nDCG@10")
"""S@10 is what recommendation papers call hit@10."""
DECISIVE = "nDCG@10"
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
            "methods": {name: {m: _json(f) for m, f in found.items()} for name, found in self.figures.items()},
            "best_single": self.best_single,
            "gain": {name: _json(gain) for name, gain in self.gains.items()},
            "learned": {name: round(weight, 4) for name, weight in self.learned.items()},
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
    answers = {title: _answers(gathered, questions) for title, questions in asked.items()}
    judged = {
        title: {name: judge(a, [q.relevant for q in asked[title]]) for name, a in found[0].items()}
        for title, found in answers.items()
    }
    result = {title: _kind(title, asked[title], judged[title], answers[title][1]) for title in asked}
    if len(asked) > 1:
        whole = {name: _together([found[name] for found in judged.values()]) for name in judged["tags"]}
        result["both"] = _kind(
            "both",
            [q for some in asked.values() for q in some],
            whole,
            [weights for _, learned in answers.values() for weights in learned],
        )
    return result


def asked_with(
    vectors: Mapping[str, Embeddings], weighted: Mapping[int, float], targets: Mapping[str, float]
) -> list[Asked]:
    """Pictures as terms: row -> weight, below 0 for disliked ones."""
    whole = sum(targets.values())
    shares = {name: weight / whole for name, weight in targets.items() if weight > 0}
    return [
        Asked(weight, True, {name: vectors[name][row] for name in shares}, shares) for row, weight in weighted.items()
    ]


def learned(gathered: Gathered, likes: Sequence[int]) -> Mapping[str, float]:
    """As `Searcher` learns them for targets = "auto"."""
    rows = {name: vectors[list(likes)] for name, vectors in gathered.vectors.items()}
    return (learn_targets(rows, gathered.space) if len(likes) else {}) or DEFAULT_TARGETS["item"]


def _answers(
    gathered: Gathered, questions: Sequence[Question]
) -> tuple[dict[str, NDArray[np.float64]], list[Mapping[str, float]]]:
    """Method -> relevance (questions, pictures), and what AUTO learned for each."""
    n = len(gathered.captioned)
    names = (*SINGLES, DEFAULT, ALL_ALIKE, *(f"{AUTO}, {strategy}" for strategy in STRATEGIES))
    answers = {name: np.empty((len(questions), n)) for name in names}
    weights = [learned(gathered, question.likes) for question in questions]
    for row, question in enumerate(questions):
        fixed: list[Mapping[str, float]] = [{name: 1.0} for name in TARGETS]
        ways: list[tuple[Mapping[str, float], str | None]] = []
        ways += [(targets, None) for targets in (*fixed, DEFAULT_TARGETS["item"], EQUAL)]
        ways += [(weights[row], strategy) for strategy in STRATEGIES]
        for name, (targets, strategy) in zip(names, ways, strict=True):
            asked = asked_with(gathered.vectors, dict.fromkeys(question.likes, 1.0), targets)
            found = score(asked, gathered.vectors, gathered.captioned, gathered.space, strategy).relevance
            found[list(question.likes)] = found.min() - 1  # they ask, and are no answer
            answers[name][row] = found
    return answers, weights


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


def _together(judgements: Sequence[Judgement]) -> Judgement:
    names = judgements[0].per_query
    return Judgement(
        {name: np.concatenate([j.per_query[name] for j in judgements]) for name in names}, judgements[0].corpus
    )


def _json(interval: Interval) -> list[float]:
    return [round(interval.mean, 6), round(interval.low, 6), round(interval.high, 6)]
