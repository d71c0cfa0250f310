"""Write the model card that lies beside the weights from what the recipe found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.metrics import Interval
from training.plan import Plan
from training.specialists.train import FAMILIAR_FROM, FAMILIAR_TO

LABELS = {
    "trained": "**trained**, memory of the training split",
    "shipped": "**shipped**: the same numbers, memory of all splits",
    "floor": "floor: memory + .75 ConSE + .25 ridge, no gradient",
}
METRICS = ("in-domain MRR", "in-domain R@10", "photographs MRR", "photographs R@10")
"""Of the development halves."""


@dataclass
class Report:
    """Everything the card says. Figures of the three sets were read once, when all choices were made."""

    seed: int
    pictures: dict[str, int]
    """In each split."""
    sources: dict[str, int]
    epochs: list[dict[str, float]]
    best_epoch: int
    gains: list[dict[str, float]]
    """Development figures of each `export.Gains` that was tried."""
    chosen: dict[str, float]
    sets: dict[str, dict[str, int]] = field(default_factory=dict)
    """Queries and pictures of each judged set."""
    rows: dict[str, dict[str, dict[str, Interval]]] = field(default_factory=dict)
    """Set -> method -> metric."""
    better: dict[str, dict[str, Interval]] = field(default_factory=dict)
    """Set -> method -> R@10 of the trained one minus that method's, paired."""
    look: dict[str, dict[str, float]] = field(default_factory=dict)
    """Vector -> among `all` drawings, or among those of `others`."""
    skipped: list[str] = field(default_factory=list)
    minutes: float = 0.0
    weights_bytes: int = 0

    def __str__(self) -> str:
        lines = []
        for name, rows in self.rows.items():
            shares = [f"{method} {metrics['R@10'].mean:.3f}" for method, metrics in rows.items()]
            lines.append(f"{name:<12} R@10: {', '.join(shares)}")
        return "\n".join([*lines, *self.skipped, f"{self.minutes:.1f} minutes; the card has the rest."])


def card(report: Report, plan: Plan) -> str:
    sources = sorted(report.sources.items(), key=lambda item: -item[1])
    names = tuple(report.chosen)
    epochs = [
        f"| {number}{' (chosen)' if number == report.best_epoch else ''} | {_cells(metrics, ('loss', *METRICS))} |"
        for number, metrics in enumerate(report.epochs)
    ]
    varied = []
    for tried in report.gains:
        other = sum(tried[name] != report.chosen[name] for name in names)
        if other <= 1:
            shares = " | ".join(f"{tried[name]:g}" for name in names)
            varied.append(f"| {shares}{'' if other else ' (chosen)'} | {_cells(tried, (*METRICS, 'choice'))} |")
    look = [f"| {name} | {shares['all']:.3f} | {shares['others']:.3f} |" for name, shares in report.look.items()]
    return f"""\
# Model card: the specialists' space

Made by `python -m training specialists`, together with the weights; every figure below is of that run.
`specialists.safetensors`: {report.weights_bytes:,} bytes. Seed {report.seed}, {report.minutes:.1f} minutes.

A frozen EfficientNet-Lite2 (ImageNet-1k) and a frozen all-MiniLM-L6-v2, joined by: a memory of drawings with their \
captions, whose keys, temperature and mixing are trained contrastively; ConSE; a ridge regression; and the names of \
the picture's colours.
For finding pictures by words and by pictures. Not for recognising people, nor for any decision about them.

## Data
{sum(report.pictures.values()):,} drawings ({_counts(sources)}); licences: `LICENSE.md`. Split by concept (captions \
joined at cosine > .8): {_counts(report.pictures.items())}.

## Recipe
1. Features: last layer and, of five stages, channel means and deviations (2,912); their roots, standardised, 512 \
principal axes at eigenvalue^-.33, unit length. `look`: 256 dimensions of them, where what sets artists' drawings of \
one thing apart is evened out and their style is not (`training/specialists/fits.py`).
2. Words: MiniLM less the captions' mean, whitened at eigenvalue^-.2, on both sides.
3. InfoNCE, {plan.epochs} epochs, AdamW {plan.learning_rate:g}, batch 512, every phrase of the same concept a \
positive. From each picture the memory of its own concept is hidden, from half of them that of their whole source.
4. Colours: each pixel has the nearest of eleven names (xkcd colour survey); the words for them, less their mean, \
weighted by the square root of how much there is of each.
5. ConSE and the colours count less where the memory holds a picture like the one that is seen: from the cosine \
{FAMILIAR_FROM} to {FAMILIAR_TO} of the nearest key, down to the share of a familiar picture.
6. The epoch and these shares are those with the best mean of MRR and R@10 over the development halves.

| epoch | loss | in-domain dev MRR | R@10 | photographs dev MRR | R@10 |
|---|---|---|---|---|---|
{_lines(epochs)}

What the learnt shares are multiplied by, one of the three varied, the others as chosen:

| ConSE | colours | both, of a familiar picture | in-domain dev MRR | R@10 | photographs MRR | R@10 | mean |
|---|---|---|---|---|---|---|---|
{_lines(varied)}

## Figures, on sets that no choice was made on
R@k is recall (the share of the relevant among the first k), S@k success (any of them); 95 % bootstrap over the queries.

{_lines(_figures(report, name) for name in report.rows)}
### look: the same emoji by another designer among the first ten, test split
The designer's own other drawings stand in between, or are left out.

| vector | among all | among other designers' |
|---|---|---|
{_lines(look)}

## Limits
- English words. What neither ImageNet nor the drawings show is found poorly; a long sentence is one thought.
- All training pictures are drawings: on photographs the classifier does most of the work.
- `look` cannot distinguish drawings that differ in a letter or a hand (keycaps, clock faces, families).
{"".join(f"- Left out in this run: {sentence}" + chr(10) for sentence in report.skipped)}"""


def _figures(report: Report, name: str) -> str:
    size, lines = report.sets[name], []
    for method, metrics in report.rows[name].items():
        difference = _interval(report.better[name][method], sign="+") if method in report.better[name] else ""
        r1, s10, mrr = (f"{metrics[metric].mean:.3f}" for metric in ("R@1", "S@10", "MRR"))
        cells = (LABELS.get(method, method), r1, _interval(metrics["R@10"]), s10, mrr, difference)
        lines.append(f"| {' | '.join(cells)} |")
    return f"""\
### {name}: {size["queries"]:,} captions, {size["pictures"]:,} pictures
| method | R@1 | R@10 | S@10 | MRR | R@10 of the last row less this, paired |
|---|---|---|---|---|---|
{_lines(lines)}
"""


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts)


def _cells(figures: Mapping[str, float], names: Sequence[str]) -> str:
    return " | ".join(f"{figures[name]:.3f}" if name in figures else "–" for name in names)


def _interval(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.3f} ({interval.low:{sign}.3f}…{interval.high:{sign}.3f})"
