"""E5: whether negatives mined from an index make a better space than random ones: pictures -> captions, InfoNCE.

All methods begin with the same head, trained with the other captions of the batch as negatives. The control for the
mined ones has as many further negatives, for the same pictures, drawn at random.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from encoder.protocol import Embeddings, unit
from evaluation.metrics import Interval, Judgement, judge_embeddings
from training.experiments.contrast import folder_of
from training.experiments.drawing import error_bars, save_small
from training.experiments.icon_captions import Icons, Ints, Side, draw_icons, read_icons
from training.experiments.picture_heads import (
    AT_RANDOM,
    BATCH,
    FROM_INDEX,
    FURTHER,
    HIDDEN,
    IN_BATCH,
    START,
    Trained,
    ridge_of,
    train_seed,
)
from training.experiments.result import Bar, Findings, Row, exactly, over_queries_and_seeds
from training.negatives import RANKS, ExactNearest, Nearest

Index = Callable[[Icons], Nearest]
"""The training captions' rows, numbered as in `icons.train.captions`, behind some index."""
METRICS = ("R@1", "R@10", "MRR")
SMALL_BATCH = 64
ABOVE_ZERO = 1e-6


def exact(icons: Icons) -> Nearest:
    return ExactNearest(icons.train.captions)


def run(seeds: Sequence[int], small: bool, cache: Path, out: Path, index: Index = exact) -> Findings:
    """`index`: what the negatives are mined from; an exact search where no other is brought."""
    icons = draw_icons() if small else read_icons(cache)
    folder = folder_of("E5" if index is exact else "E5-live", cache, small)
    nearest = index(icons)
    runs = [
        train_seed(icons, nearest, seed, folder / f"seed-{seed}", SMALL_BATCH if small else BATCH) for seed in seeds
    ]
    test, groups = icons.test, icons.test.picture_concepts
    judged = {method: [judge(each.embedded[method], test) for each in runs] for method in runs[0].embedded}
    ridge = judge(unit(ridge_of(icons.train, test.features)), test)
    rows = [*_baselines(test), Row("ridge regression", _columns([ridge], groups))]
    rows += [Row(method, _columns(each, groups)) for method, each in judged.items()]
    differences = {
        f"mined − {name}": _differences(judged[FROM_INDEX], judged[other], groups)
        for name, other in (("random", AT_RANDOM), ("in-batch alone", IN_BATCH))
    }
    rows += [Row(name, values) for name, values in differences.items()]
    draw(differences, len(test.features), len(seeds), out / ("E5.png" if index is exact else "E5-live.png"))
    against_random = differences["mined − random"]
    return Findings(
        bars=[
            Bar(f"Δ {name} (mined − random), lower end", against_random[name].low, ABOVE_ZERO) for name in METRICS[:2]
        ],
        rows=rows,
        sizes=icons.sizes,
        interval="95 % bootstrap interval over concepts and seeds, paired for differences",
        notes=[icons.what, _recipe(index), *_mined_notes(runs, seeds), *_verdict(against_random)],
    )


def judge(pictures: Embeddings, side: Side) -> Judgement:
    """Every picture asks for its caption among all of its side."""
    return judge_embeddings(pictures, side.captions, [[int(own)] for own in side.caption_of])


def _columns(judged: Sequence[Judgement], groups: Ints) -> dict[str, Interval]:
    return {
        name: over_queries_and_seeds(np.stack([each.per_query[name] for each in judged]), groups) for name in METRICS
    }


def _differences(first: Sequence[Judgement], second: Sequence[Judgement], groups: Ints) -> dict[str, Interval]:
    pairs = list(zip(first, second, strict=True))
    return {
        name: over_queries_and_seeds(np.stack([a.per_query[name] - b.per_query[name] for a, b in pairs]), groups)
        for name in METRICS
    }


def _baselines(side: Side) -> list[Row]:
    """What a random order is expected to have, and what always giving the ten commonest captions has."""
    count = len(side.captions)
    shares = np.sort(np.bincount(side.caption_of, minlength=count))[::-1] / len(side.caption_of)
    chance = {"R@1": 1 / count, "R@10": min(1.0, 10 / count), "MRR": float((1 / np.arange(1, count + 1)).mean())}
    common = {
        "R@1": float(shares[0]),
        "R@10": float(shares[:10].sum()),
        "MRR": float((shares / np.arange(1, count + 1)).sum()),
    }
    methods = {"random order (expected)": chance, "always the commonest captions first": common}
    return [Row(name, {metric: exactly(value) for metric, value in each.items()}) for name, each in methods.items()]


def _recipe(index: Index) -> str:
    where = "an exact search in memory" if index is exact else "the live Weaviate collection (HNSW)"
    return (
        f"MLP head of {HIDDEN}, dropout .3; symmetric InfoNCE with a learnt temperature; batches of {BATCH}, no "
        f"concept twice; {START.epochs} epochs with in-batch negatives, then {FURTHER.epochs} more with each kind. "
        f"Mined with the head of that start from {where}: ranks {RANKS[0]} to {RANKS[1]}, not above 95 % of the "
        "positive's similarity, not of the same concept, no near-duplicate; one further negative a picture and step, "
        "which all of its batch share."
    )


def _mined_notes(runs: Sequence[Trained], seeds: Sequence[int]) -> list[str]:
    first = runs[0]
    counts = np.array([len(own) for own in first.mined.negatives])
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in first.mined.dropped.items())
    losses = "; ".join(f"{name} {values[0]:.3f} → {values[-1]:.3f}" for name, values in first.losses.items())
    return [
        f"Seed {seeds[0]}: {counts.mean():.1f} mined captions a picture, none for {(counts == 0).sum():,} of "
        f"{len(counts):,}, which then have no further negative in the control either. Left out: {dropped}.",
        f"Loss of the first and the last epoch, seed {seeds[0]} (further negatives make a larger sum, so losses of "
        f"different methods cannot be compared): {losses}.",
    ]


def _verdict(differences: Mapping[str, Interval]) -> list[str]:
    words = []
    for name in METRICS[:2]:
        value = differences[name]
        clear = "" if value.excludes_zero else ": a null result, the interval holds 0"
        worse = ": the mined ones are worse" if value.high < 0 else ""
        words.append(f"Δ {name} {value.mean:+.4f} ({value.low:+.4f} to {value.high:+.4f}){worse or clear}.")
    return ["Mined against as many random negatives: " + " ".join(words)]


def draw(differences: Mapping[str, Mapping[str, Interval]], queries: int, seeds: int, path: Path) -> None:
    """The paired differences with their intervals, beside 0."""
    figure = Figure(figsize=(8, 3), dpi=110, layout="constrained")
    axes = figure.subplots()
    for place, (name, values) in enumerate(differences.items()):
        at = np.arange(len(METRICS)) + 0.2 * place - 0.1
        ordered = [values[metric] for metric in METRICS]
        means, ends = [value.mean for value in ordered], error_bars(ordered)
        axes.errorbar(means, at, xerr=ends, marker="o", linestyle="", capsize=3, label=name)
    axes.axvline(0, color="#888888", linestyle="--")
    axes.set(yticks=range(len(METRICS)), yticklabels=METRICS, xlabel="difference, 95 % interval")
    axes.set_title(f"E5: {queries:,} test pictures, {seeds} seeds", fontsize=11)
    axes.invert_yaxis()
    axes.legend(frameon=False)
    save_small(figure, path)
