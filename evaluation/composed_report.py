"""Composed questions judged: the search's own scoring beside plain sums and what else was tried, over every picture of
a library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from encoder.protocol import Embeddings, Encoder
from errors import EvaluationError
from evaluation.composed import SINGLE, Composed, Half, compose
from evaluation.composed_rules import CALIBRATED, PLAIN, RULES, Captioned
from evaluation.metrics import Interval, Judgement, judge, paired_bootstrap
from evaluation.stored import Pictured
from evaluation.tables import table
from search.scoring import Asked, LibrarySpace

METRIC = "nDCG@10"
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


@dataclass(frozen=True)
class KindFigures:
    """One kind of question."""

    queries: int
    rules: Mapping[str, Mapping[str, float]]
    """Rule -> metric -> mean."""
    gain: Mapping[str, Interval]
    """Rule -> METRIC of it less that of plain sums, question by question."""

    def to_json(self) -> dict[str, Any]:
        return {
            "queries": self.queries,
            "rules": {rule: {name: round(v, 6) for name, v in means.items()} for rule, means in self.rules.items()},
            "gain": {
                rule: {"difference": round(gain.mean, 6), "interval": [round(gain.low, 6), round(gain.high, 6)]}
                for rule, gain in self.gain.items()
            },
        }


@dataclass(frozen=True)
class ComposedReport:
    pictures: int
    captioned: int
    targets: Targets
    kinds: Mapping[str, KindFigures]
    texts: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Targets of words -> one word, all composed -> rule -> METRIC."""

    def to_json(self) -> dict[str, Any]:
        return {
            "images": self.pictures,
            "captioned": self.captioned,
            "targets": {kind: dict(weights) for kind, weights in self.targets.items()},
            "metric": METRIC,
            "kinds": {kind: figures.to_json() for kind, figures in self.kinds.items()},
            "text_targets": {
                targets: {kind: {rule: round(v, 6) for rule, v in rules.items()} for kind, rules in kinds.items()}
                for targets, kinds in self.texts.items()
            },
        }


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
    ask = _Judge(_encoded(asked, encoder), vectors, captioned, space)
    texts = {}
    for weights in (*TEXT_TARGETS, targets["text"]):
        judged = ask.judged(asked, {**targets, "text": weights}, [PLAIN, CALIBRATED])
        texts[_named(weights)] = {
            kind: {rule: judgement.mean()[METRIC] for rule, judgement in found.items()}
            for kind, found in judged.items()
            if kind in (SINGLE, TOGETHER)
        }
    kinds = {kind: _figures(found) for kind, found in ask.judged(asked, targets, list(RULES)).items()}
    return ComposedReport(len(captioned), int(captioned.sum()), targets, kinds, texts)


def composed_text(report: ComposedReport) -> str:
    """Tables for a terminal: the search's scoring beside plain sums, every rule, other targets of the words."""
    head = ["", "questions", PLAIN.split()[0], CALIBRATED, "difference", "95 % interval", ""]
    rows = [head]
    for kind, found in report.kinds.items():
        gap = found.gain[CALIBRATED]
        verdict = ("better" if gap.low > 0 else "worse") if gap.excludes_zero else "could be chance"
        means = [f"{found.rules[rule][METRIC]:.3f}" for rule in (PLAIN, CALIBRATED)]
        interval = f"{gap.low:+.3f} to {gap.high:+.3f}"
        rows.append([kind, str(found.queries), *means, f"{gap.mean:+.3f}", interval, verdict])
    kinds = list(report.kinds)
    others = [_every_rule(report, kinds[start : start + COLUMNS]) for start in range(0, len(kinds), COLUMNS)]
    weights = "; ".join(f"{kind}: {_named(report.targets[kind])}" for kind in ("text", "item"))
    asked = [(kind, rule) for kind in (SINGLE, TOGETHER) if kind in report.kinds for rule in (PLAIN, CALIBRATED)]
    texts = [["", *(f"{kind}: {rule.split()[0]}" for kind, rule in asked)]]
    texts += [[name, *(f"{found[kind][rule]:.3f}" for kind, rule in asked)] for name, found in report.texts.items()]
    return (
        f"{METRIC}, exact search over {report.pictures} pictures, {report.captioned} of them with a caption\n"
        f"Targets: {weights}\n{table(rows)}\n\n"
        "What else was tried, with the same vectors and targets\n"
        + "\n\n".join(others)
        + f"\n\nOther targets of the words\n{table(texts)}"
    )


def _named(weights: Mapping[str, float]) -> str:
    return " + ".join(f"{name} {weight:g}" for name, weight in weights.items())


def _every_rule(report: ComposedReport, kinds: Sequence[str]) -> str:
    rows = [["", *kinds]]
    rows += [[rule, *(f"{report.kinds[kind].rules[rule][METRIC]:.3f}" for kind in kinds)] for rule in RULES]
    return table(rows)


@dataclass(frozen=True)
class _Judge:
    words: Mapping[str, Embeddings]
    vectors: Mapping[str, Embeddings]
    captioned: Captioned
    space: LibrarySpace

    def judged(
        self, questions: Mapping[str, Sequence[Composed]], targets: Targets, rules: Sequence[str]
    ) -> dict[str, dict[str, Judgement]]:
        """Kind, and all of the composed together -> rule -> how each question fared."""
        judged = {kind: self._kind(some, targets, rules) for kind, some in questions.items()}
        if composed := [found for kind, found in judged.items() if kind != SINGLE]:
            judged[TOGETHER] = {rule: _together([found[rule] for found in composed]) for rule in rules}
        return judged

    def _kind(self, questions: Sequence[Composed], targets: Targets, rules: Sequence[str]) -> dict[str, Judgement]:
        scores = {rule: np.zeros((len(questions), len(self.captioned))) for rule in rules}
        for number, question in enumerate(questions):
            asked = _asked(question, self.words, self.vectors, targets)
            for rule in rules:
                found = RULES[rule](asked, self.vectors, self.captioned, self.space)
                found[list(question.own)] = found.min() - 1  # they ask, and are no answer
                scores[rule][number] = found
        return {rule: judge(found, [question.relevant for question in questions]) for rule, found in scores.items()}


def _together(parts: Sequence[Judgement]) -> Judgement:
    names = parts[0].per_query
    return Judgement(
        {name: np.concatenate([part.per_query[name] for part in parts]) for name in names}, parts[0].corpus
    )


def _figures(judged: Mapping[str, Judgement]) -> KindFigures:
    before = judged[PLAIN].per_query[METRIC]
    return KindFigures(
        len(before),
        {rule: judgement.mean() for rule, judgement in judged.items()},
        {rule: paired_bootstrap(judgement.per_query[METRIC], before) for rule, judgement in judged.items()},
    )


def _asked(
    question: Composed, words: Mapping[str, Embeddings], vectors: Mapping[str, Embeddings], targets: Targets
) -> list[Asked]:
    asked = []
    for part in question.parts:
        weights = targets["text" if part.row is None else "item"]
        whole = sum(weights.values())
        own = {
            name: words[part.text] if part.row is None else vectors[name][part.row]
            for name, weight in weights.items()
            if weight
        }
        asked.append(Asked(part.weight, part.row is not None, own, {name: weights[name] / whole for name in own}))
    return asked


def _encoded(asked: Mapping[str, Sequence[Composed]], encoder: Encoder) -> dict[str, Embeddings]:
    texts = sorted({part.text for questions in asked.values() for q in questions for part in q.parts if part.text})
    return dict(zip(texts, encoder.encode_texts(texts), strict=True)) if texts else {}
