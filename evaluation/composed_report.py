"""Judge composed questions: the search's own scoring beside plain sums and what else was tried, over every picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, Encoder
from errors import EvaluationError
from evaluation.composed import SINGLE, Composed, Half, compose
from evaluation.library import Pictured, example_of, term_of
from evaluation.metrics import DECISIVE, Interval, Judgement, as_json, joined, judge, paired_bootstrap
from evaluation.tables import grid, table
from search.scoring import Asked, LibrarySpace, Scores, score

Array = NDArray[np.float64]
Scored = Callable[..., Scores]
"""`search.scoring.score` over every picture of one library."""
Rule = Callable[[Sequence[Asked], Scored], Array]
"""The question's terms -> (n,), higher is better."""
PLAIN, CALIBRATED = "plain sums", "calibrated"
TOGETHER = "composed"
TEXT_TARGETS = (
    {"image": 1.0},
    {"image": 1.0, "caption": 0.5},
    {"image": 1.0, "caption": 1.0},
    {"image": 1.0, "caption": 4.0},
    {"caption": 1.0},
)
"""Looked at beside the ones in use."""
COLUMNS = 4
"""Kinds of question side by side, in 100 columns."""
Targets = Mapping[str, Mapping[str, float]]
"""By kind of term, "text" and "item", as `search.asking.DEFAULT_TARGETS`."""


def _pooled(asked: Sequence[Asked], scored: Scored) -> Array:
    """Plain sums with the likes together as heavy as one word, and the dislikes."""
    kin = [sum(other.example and other.weight * term.weight > 0 for other in asked) for term in asked]
    pooled = [replace(t, weight=t.weight / k) if t.example else t for t, k in zip(asked, kin, strict=True)]
    return scored(pooled).similarity


def _values(asked: Sequence[Asked], scored: Scored) -> tuple[Array, Array]:
    """Calibrated values (n, terms) and their weights: each word, the mean of the liked, the mean of the disliked."""

    def value(term: Asked) -> Array:
        return scored([replace(term, weight=1.0)]).relevance

    columns = [value(term) for term in asked if not term.example]
    weights = [term.weight for term in asked if not term.example]
    for sign in (1, -1):
        if own := [term for term in asked if term.example and term.weight * sign > 0]:
            pulls = np.array([abs(term.weight) for term in own])
            columns.append(np.stack([value(term) for term in own], axis=1) @ pulls / pulls.sum())
            weights.append(sign * float(pulls.mean()))
    return np.stack(columns, axis=1), np.array(weights)


def _hinged(asked: Sequence[Asked], scored: Scored) -> Array:
    """Standardised sums, but what is unwanted only takes away."""
    values, weights = _values(asked, scored)
    return np.where(weights < 0, np.maximum(values, 0), values) @ weights


def _joining(join: Callable[[Array, Array], Array]) -> Rule:
    """`join` of what is wanted, weights summing to 1, less what there is of the unwanted."""

    def rule(asked: Sequence[Asked], scored: Scored) -> Array:
        values, weights = _values(asked, scored)
        wanted = weights > 0
        whole = weights[wanted].sum() if wanted.any() else 1.0
        kept = join(values[:, wanted], weights[wanted] / whole) if wanted.any() else np.zeros(len(values))
        return np.asarray(kept + np.maximum(values[:, ~wanted], 0) @ weights[~wanted] / whole)

    return rule


RULES: Mapping[str, Rule] = {
    PLAIN: lambda asked, scored: scored(asked).similarity,  # the weighted sum of the cosines, as of one vector search
    CALIBRATED: lambda asked, scored: scored(asked).relevance,
    "plain, likes as one term": _pooled,
    "standardised sums": lambda asked, scored: np.dot(*_values(asked, scored)),  # Rocchio (1971) for the examples
    "the same, hinged": _hinged,
    "soft minimum": _joining(lambda values, weights: -np.log(np.exp(-values) @ weights)),
    "product of logistics": _joining(lambda values, weights: -np.log1p(np.exp(3 - values)) @ weights),
    "best_score": lambda asked, scored: scored(asked, strategy="best_score").relevance,
    "sum_scores": lambda asked, scored: scored(asked, strategy="sum_scores").relevance,
}


@dataclass(frozen=True)
class KindFigures:
    """One kind of question."""

    queries: int
    rules: Mapping[str, Mapping[str, float]]
    """Rule -> metric -> mean."""
    gain: Mapping[str, Interval]
    """Rule -> DECISIVE of it less that of plain sums, question by question."""

    def to_json(self) -> dict[str, Any]:
        gain = {rule: gain.named() for rule, gain in self.gain.items()}
        return {name: as_json(own) for name, own in {**vars(self), "gain": gain}.items()}


@dataclass(frozen=True)
class ComposedReport:
    """The names are the keys of its JSON."""

    images: int
    captioned: int
    targets: Targets
    metric: str
    kinds: Mapping[str, KindFigures]
    text_targets: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Targets of words -> one word, all composed -> rule -> DECISIVE."""


def judge_composed(
    pictured: Pictured,
    encoder: Encoder,
    targets: Targets,
    *,
    captions: float = 1.0,
    half: Half | None = None,
    without: Sequence[str] = (),
    seed: int = 0,
) -> ComposedReport:
    """`captions`: the share of the captions that is left, drawn by `seed`; the others are taken away, as if they had
    never been written. `half`: only the questions of that half. Raises EvaluationError where there are none."""
    if not 0 <= captions <= 1:
        raise EvaluationError(f"The share of captions that is left must be 0 to 1, got {captions}.")
    captioned = np.array([bool(caption) for caption in pictured.captions])
    captioned &= np.random.default_rng(seed).permutation(len(captioned)) < captions * len(captioned)
    vectors = {**pictured.vectors}
    vectors["caption"] = np.where(captioned[:, None], vectors["caption"], vectors["image"])
    space = LibrarySpace.of(vectors, captioned, len(captioned))
    asked = {
        kind: [question for question in questions if half in (None, question.half)]
        for kind, questions in compose(pictured, without, seed).items()
    }
    asked = {kind: questions for kind, questions in asked.items() if questions}
    if not asked:
        raise EvaluationError(f"No question of the library's tags is in the half {half!r}. Leave the half away.")
    texts = sorted({part.text for questions in asked.values() for q in questions for part in q.parts if part.text})
    words = dict(zip(texts, encoder.encode_texts(texts), strict=True)) if texts else {}
    scored = partial(score, candidates=vectors, captioned=captioned, space=space)

    def judged_with(used: Targets, rules: Sequence[str]) -> dict[str, dict[str, Judgement]]:
        terms = {kind: [(q, _asked(q, words, vectors, used)) for q in questions] for kind, questions in asked.items()}
        return _judged(terms, scored, rules)

    by_targets = {}
    for weights in (*TEXT_TARGETS, targets["text"]):
        judged = judged_with({**targets, "text": weights}, [PLAIN, CALIBRATED])
        by_targets[_named(weights)] = {
            kind: {rule: judgement.mean()[DECISIVE] for rule, judgement in found.items()}
            for kind, found in judged.items()
            if kind in (SINGLE, TOGETHER)
        }
    kinds = {}
    for kind, found in judged_with(targets, list(RULES)).items():
        of = {rule: judgement.per_query[DECISIVE] for rule, judgement in found.items()}
        means = {rule: judgement.mean() for rule, judgement in found.items()}
        kinds[kind] = KindFigures(
            len(of[PLAIN]), means, {rule: paired_bootstrap(own, of[PLAIN]) for rule, own in of.items()}
        )
    return ComposedReport(len(captioned), int(captioned.sum()), targets, DECISIVE, kinds, by_targets)


def composed_text(report: ComposedReport) -> str:
    """Tables for a terminal: the search's scoring beside plain sums, every rule, other targets of the words."""
    rows = [["", "questions", PLAIN.split()[0], CALIBRATED, "difference", "95 % interval", ""]]
    for kind, found in report.kinds.items():
        gap = found.gain[CALIBRATED]
        means = [f"{found.rules[rule][DECISIVE]:.3f}" for rule in (PLAIN, CALIBRATED)]
        interval = f"{gap.low:+.3f} to {gap.high:+.3f}"
        rows.append([kind, str(found.queries), *means, f"{gap.mean:+.3f}", interval, gap.verdict("better", "worse")])
    kinds = list(report.kinds)
    others = [_every_rule(report, kinds[start : start + COLUMNS]) for start in range(0, len(kinds), COLUMNS)]
    weights = "; ".join(f"{kind}: {_named(report.targets[kind])}" for kind in ("text", "item"))
    asked = [(kind, rule) for kind in (SINGLE, TOGETHER) if kind in report.kinds for rule in (PLAIN, CALIBRATED)]
    texts = grid(
        ["", *(f"{kind}: {rule.split()[0]}" for kind, rule in asked)],
        {name: [found[kind][rule] for kind, rule in asked] for name, found in report.text_targets.items()},
    )
    return (
        f"{DECISIVE}, exact search over {report.images} pictures, {report.captioned} of them with a caption\n"
        f"Targets: {weights}\n{table(rows)}\n\n"
        "What else was tried, with the same vectors and targets\n"
        + "\n\n".join(others)
        + f"\n\nOther targets of the words\n{texts}"
    )


def _named(weights: Mapping[str, float]) -> str:
    return " + ".join(f"{name} {weight:g}" for name, weight in weights.items())


def _every_rule(report: ComposedReport, kinds: Sequence[str]) -> str:
    return grid(["", *kinds], {rule: [report.kinds[kind].rules[rule][DECISIVE] for kind in kinds] for rule in RULES})


def _judged(
    questions: Mapping[str, Sequence[tuple[Composed, Sequence[Asked]]]], scored: Scored, rules: Sequence[str]
) -> dict[str, dict[str, Judgement]]:
    """Kind, and all of the composed together -> rule -> how each question fared."""
    judged = {kind: {rule: _by_rule(some, scored, RULES[rule]) for rule in rules} for kind, some in questions.items()}
    if composed := [found for kind, found in judged.items() if kind != SINGLE]:
        judged[TOGETHER] = {rule: joined([found[rule] for found in composed]) for rule in rules}
    return judged


def _by_rule(questions: Sequence[tuple[Composed, Sequence[Asked]]], scored: Scored, rule: Rule) -> Judgement:
    answers = []
    for question, asked in questions:
        found = rule(asked, scored)
        found[list(question.own)] = found.min() - 1  # they ask, and are no answer
        answers.append(found)
    return judge(np.stack(answers), [question.relevant for question, _ in questions])


def _asked(
    question: Composed, words: Mapping[str, Embeddings], vectors: Mapping[str, Embeddings], targets: Targets
) -> list[Asked]:
    return [
        term_of(words[part.text], part.weight, targets["text"])
        if part.row is None
        else example_of(vectors, part.row, part.weight, targets["item"])
        for part in question.parts
    ]
