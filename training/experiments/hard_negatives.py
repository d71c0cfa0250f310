"""E5: whether negatives mined from an index make a better space than random ones: pictures -> captions, InfoNCE.

All methods begin with the same head, trained with the other captions of the batch as negatives. The control for the
mined ones has as many further negatives, for the same pictures, drawn at random.
"""

from collections.abc import Sequence

import numpy as np

from encoder.protocol import Embeddings, unit
from evaluation.metrics import Judgement, judge_embeddings
from training.experiments.picture_heads import (
    AT_RANDOM,
    BATCH,
    FROM_INDEX,
    FURTHER,
    HIDDEN,
    IN_BATCH,
    START,
    Side,
    Trained,
    draw_icons,
    read_icons,
    ridge_of,
    train_seed,
)
from training.experiments.result import Bar, Columns, Findings, Row, exactly, over_queries_and_seeds, verdict
from training.experiments.run import Trial
from training.negatives import RANKS, ExactNearest

METRICS = ("R@1", "R@10", "MRR")
SMALL_BATCH = 64
ABOVE_ZERO = 1e-6
RECIPE = (
    f"MLP head of {HIDDEN}, dropout .3; symmetric InfoNCE with a learnt temperature; batches of {BATCH}, no concept "
    f"twice; {START.epochs} epochs with in-batch negatives, then {FURTHER.epochs} more with each kind. Mined with the "
    f"head of that start from an exact search in memory: ranks {RANKS[0]} to {RANKS[1]}, not above 95 % of the "
    "positive's similarity, not of the same concept, no near-duplicate; one further negative a picture and step, "
    "which all of its batch share."
)
MINED = "the mined ones are better", "the mined ones are worse"


def run(trial: Trial) -> Findings:
    icons = draw_icons() if trial.small else read_icons(trial.cache)
    size, nearest, test = SMALL_BATCH if trial.small else BATCH, ExactNearest(icons.train.captions), icons.test
    runs = [train_seed(icons, nearest, seed, trial.folder() / f"seed-{seed}", size) for seed in trial.seeds]
    judged = {method: [judge(each.embedded[method], test) for each in runs] for method in runs[0].embedded}
    judged = {"ridge regression": [judge(unit(ridge_of(icons.train, test.features)), test)], **judged}

    def columns(first: Sequence[Judgement], less: Sequence[Judgement] = ()) -> Columns:
        """Over queries and seeds; with `less` the differences, seed by seed."""
        values = {name: np.stack([each.per_query[name] for each in first]) for name in METRICS}
        for name in values if less else ():
            values[name] -= np.stack([each.per_query[name] for each in less])
        return {name: over_queries_and_seeds(each, test.picture_concepts) for name, each in values.items()}

    differences = {
        f"mined − {name}": columns(judged[FROM_INDEX], judged[other])
        for name, other in (("random", AT_RANDOM), ("in-batch alone", IN_BATCH))
    }
    against_random = differences["mined − random"]
    verdicts = [verdict(f"Δ {m} ", against_random[m], 4, *MINED) for m in METRICS[:2]]
    return Findings(
        bars=[Bar(f"Δ {m} (mined − random), lower end", against_random[m].low, ABOVE_ZERO) for m in METRICS[:2]],
        rows=[
            *_baselines(test),
            *(Row(method, columns(each)) for method, each in judged.items()),
            *(Row(name, values) for name, values in differences.items()),
        ],
        sizes=icons.sizes,
        interval="95 % bootstrap interval over concepts and seeds, paired for differences",
        notes=[
            icons.what,
            RECIPE,
            *_mined_notes(runs[0], trial.seeds[0]),
            f"Mined against as many random negatives: {' '.join(verdicts)}",
        ],
    )


def judge(pictures: Embeddings, side: Side) -> Judgement:
    """Every picture asks for its caption among all of its side."""
    return judge_embeddings(pictures, side.captions, [[int(own)] for own in side.caption_of])


def _baselines(side: Side) -> list[Row]:
    """What a random order is expected to have, and what always giving the commonest captions first has."""
    count = len(side.captions)
    common = np.sort(np.bincount(side.caption_of, minlength=count))[::-1] / len(side.caption_of)
    orders = {"random order (expected)": np.full(count, 1 / count), "always the commonest captions first": common}
    return [
        Row(name, {
            "R@1": exactly(float(shares[0])),
            "R@10": exactly(float(shares[:10].sum())),
            "MRR": exactly(float((shares / np.arange(1, count + 1)).sum())),
        })
        for name, shares in orders.items()
    ]  # fmt: skip


def _mined_notes(first: Trained, seed: int) -> list[str]:
    counts = np.array([len(own) for own in first.mined.negatives])
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in first.mined.dropped.items())
    losses = "; ".join(f"{name} {values[0]:.3f} → {values[-1]:.3f}" for name, values in first.losses.items())
    return [
        f"Seed {seed}: {counts.mean():.1f} mined captions a picture, none for {(counts == 0).sum():,} of "
        f"{len(counts):,}, which then have no further negative in the control either. Left out: {dropped}.",
        f"Loss of the first and the last epoch, seed {seed} (further negatives make a larger sum, so losses of "
        f"different methods cannot be compared): {losses}.",
    ]
