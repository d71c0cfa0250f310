"""Heads on frozen text vectors, trained with few labels, and how good the space behind them is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from encoder.protocol import unit
from evaluation.space import map_at_r
from training.experiments.result import Columns, Row, exactly, over_queries_and_seeds, over_seeds
from training.experiments.texts import LabelledTexts, Part, pick_labelled
from training.heads import SkipConnection
from training.loop import Plan, train
from training.losses import sup_con
from training.plan import History
from training.samples import Epoch, Positions

NEAREST = 1000
MAP_SAMPLE = 3000
CELLS = 4_000_000
STEPS_AN_EPOCH, BATCH = 25, 128
EPOCHS, MORE_EPOCHS, MANY = 4, 6, 100
"""From MANY labels on there are more steps: fewer would leave them unused, more would spoil P@1 with 25 labels."""
TEMPERATURE = 0.1
DROPOUT = 0.7
JUDGED = (
    f"top_1k: how many of a test text's {NEAREST:,} nearest test texts are of its class; P@1: whether the nearest is; "
    f"MAP@R: over a sample of {MAP_SAMPLE:,} test texts. top_1k alone would reward a space in which each class is a "
    "point; P@1 and MAP@R stand beside it."
)


@dataclass(frozen=True)
class HeadRecipe:
    method: str
    make: Callable[[int], nn.Module]
    """Dimensions -> the head."""
    learning_rate: float


SKIP = HeadRecipe("skip head", SkipConnection, 1e-2)
"""Of E7 and E9, which ask it with up to all labels."""
RECIPE = (
    f"SupCon, τ = {TEMPERATURE}, over batches of at most {BATCH} labelled examples; {EPOCHS * STEPS_AN_EPOCH} steps "
    f"of AdamW at {SKIP.learning_rate}, {MORE_EPOCHS * STEPS_AN_EPOCH} from {MANY} labels on; "
    f"{DROPOUT:.0%} of the features dropped; gate −4. Labels are drawn evenly over the classes. The recipe was chosen "
    "on training texts held out for it; the test texts were looked at for this table only."
)


@dataclass(frozen=True)
class Judged:
    """Of one space: a value for each test text, and the figures that only the whole has."""

    top: NDArray[np.float64]  # (n,)
    first: NDArray[np.float64]  # (n,)
    map_at_r: float


class OnFrozen(nn.Module):
    """Some of the features are dropped while training: a few labels must not lean on a few of them."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.drop, self.head = nn.Dropout(DROPOUT), head

    def forward(self, rows: Tensor) -> Tensor:
        embedded: Tensor = F.normalize(self.head(self.drop(rows)), dim=1)
        return embedded


def draws(labelled: Part, seed: int, epoch: int) -> Epoch[tuple[Tensor, Tensor]]:
    """Each batch is a draw of at most BATCH of the labelled examples, with the group (class) of each."""
    rng = np.random.default_rng((seed, epoch))

    def make(at: Positions) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(labelled.rows[at]), torch.from_numpy(labelled.labels[at])

    return Epoch([rng.permutation(len(labelled))[:BATCH] for _ in range(STEPS_AN_EPOCH)], make)


def train_head(recipe: HeadRecipe, labelled: Part, seed: int, folder: Path) -> tuple[nn.Module, History]:
    """Similarity groups (SupCon) on the labelled examples; goes on with what `folder` holds."""
    torch.manual_seed(seed)
    model = OnFrozen(recipe.make(labelled.rows.shape[1]))
    epochs = EPOCHS if len(labelled) < MANY else MORE_EPOCHS
    plan = Plan(epochs, recipe.learning_rate, seed=seed)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return sup_con(model(batch[0]), batch[1], TEMPERATURE)

    return model, train(model, lambda epoch: draws(labelled, seed, epoch), loss, plan, folder)


@torch.no_grad()
def transform(model: nn.Module, part: Part) -> Part:
    """The part behind the head, as unit rows."""
    return Part(unit(model.eval()(torch.from_numpy(part.rows)).numpy()), part.labels)


def judge_space(part: Part, nearest: int | None = None, seed: int = 0) -> Judged:
    """Every text asks all the others, for the `nearest` that `neighbours` says where none are given."""
    count = len(part)
    nearest = nearest or neighbours(count)
    top, first = np.empty(count), np.empty(count)
    for start in range(0, count, step := max(1, CELLS // count)):
        asking = np.arange(start, min(start + step, count))
        similarities = part.rows[asking] @ part.rows.T
        similarities[np.arange(len(asking)), asking] = -np.inf
        found = np.argpartition(-similarities, nearest - 1, axis=1)[:, :nearest]
        top[asking] = (part.labels[found] == part.labels[asking][:, None]).sum(axis=1)
        first[asking] = part.labels[similarities.argmax(axis=1)] == part.labels[asking]
    sample = np.random.default_rng(seed).permutation(count)[:MAP_SAMPLE]
    return Judged(top, first, map_at_r(part.rows[sample], part.labels[sample]))


def neighbours(count: int) -> int:
    """Of `count` texts: NEAREST, but a ninth where that would be more, as 1,000 are of 9,159."""
    return max(1, min(NEAREST, count // 9))


def chance(labels: NDArray[np.int64]) -> tuple[float, float]:
    """top_1k and P@1 that a random order is expected to have: the share of a text's class among the others."""
    count = len(labels)
    share = float(((np.bincount(labels)[labels] - 1) / (count - 1)).mean())
    return neighbours(count) * share, share


def most_frequent(labels: NDArray[np.int64]) -> float:
    """P@1 of always answering with the largest class."""
    return float(np.bincount(labels).max() / len(labels))


@dataclass(frozen=True)
class Tried:
    test: Judged
    others: Judged
    """On classes that the labels do not mention."""
    losses: list[float]
    """The mean of each epoch."""


def try_head(recipe: HeadRecipe, texts: LabelledTexts, count: int, seed: int, folder: Path) -> Tried:
    """`count` labels drawn with the seed; what is trained lies in a folder of its own below `folder`."""
    labelled = texts.train[pick_labelled(texts.train.labels, count, seed)]
    name = f"{re.sub('[^a-z]+', '-', recipe.method)}-{count}-labels-seed-{seed}"
    model, history = train_head(recipe, labelled, seed, folder / name)
    test, others = (judge_space(transform(model, part)) for part in (texts.test, texts.others))
    return Tried(test, others, [epoch["loss"] for epoch in history.epochs])


def figures(judged: Sequence[Judged]) -> Columns:
    """The columns of a method's row, over its seeds."""
    return {
        "top_1k": over_queries_and_seeds([each.top for each in judged]),
        "P@1": over_queries_and_seeds([each.first for each in judged]),
        "MAP@R": over_seeds([each.map_at_r for each in judged]),
    }


def baseline_rows(texts: LabelledTexts) -> list[Row]:
    """A random order, and always the largest class."""
    top, first = (exactly(value) for value in chance(texts.test.labels))
    return [
        Row("random order (expected)", {"top_1k": top, "P@1": first}),
        Row("always the largest class", {"P@1": exactly(most_frequent(texts.test.labels))}),
    ]
