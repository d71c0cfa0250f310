"""Train heads from pictures' features to their captions' space with different negatives, for E5."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from encoder.protocol import Embeddings, unit
from training.experiments.icon_captions import Icons, Ints, Side
from training.heads import MLP
from training.loop import Plan, train
from training.losses import Temperature, info_nce
from training.negatives import Mined, Nearest, mine
from training.samples import DistinctBatches

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Features (n, d), captions (n, e), further negatives (m, e), and (n, n + m): True where there is no negative."""
HIDDEN, BATCH = 512, 512
START = Plan(epochs=6, learning_rate=2e-3)
FURTHER = Plan(epochs=6, learning_rate=1e-3)
RIDGE = 1e4
COMMON_START, IN_BATCH = "the common start", "in-batch negatives"
AT_RANDOM, FROM_INDEX = "and as many random ones", "and mined ones"


class PictureHead(nn.Module):
    """Features -> the captions' space, with the learnt temperature of its loss."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.head, self.scale = MLP(features, HIDDEN, dim, dropout=0.3), Temperature()

    def forward(self, features: Tensor) -> Tensor:
        return F.normalize(self.head(features), dim=1)


@dataclass(frozen=True)
class Batches:
    """One epoch: no concept twice in a batch, and for each picture one further caption out of its `pool`."""

    side: Side
    pools: Sequence[Ints] | None
    size: int
    seed: int
    epoch: int

    drawn: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        keys = [[int(concept)] for concept in self.side.picture_concepts]
        object.__setattr__(self, "drawn", DistinctBatches(keys, self.size, self.seed).epoch(self.epoch))

    def __len__(self) -> int:
        return len(self.drawn)

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng([self.seed, self.epoch, 5])
        side = self.side
        for positions in self.drawn:
            own = side.picture_concepts[positions]
            further = np.array([rng.choice(pool) for pool in self._pools_of(positions) if len(pool)], dtype=np.int64)
            ignore = np.zeros((len(positions), len(positions) + len(further)), dtype=np.bool_)
            ignore[:, len(positions) :] = side.concepts[further][None, :] == own[:, None]
            yield (
                torch.from_numpy(side.features[positions]),
                torch.from_numpy(side.positives[positions]),
                torch.from_numpy(side.captions[further]),
                torch.from_numpy(ignore),
            )

    def _pools_of(self, positions: Sequence[int]) -> list[Ints]:
        return [] if self.pools is None else [self.pools[at] for at in positions]


@dataclass(frozen=True)
class Trained:
    embedded: dict[str, Embeddings]
    """Method -> the test pictures in the captions' space."""
    mined: Mined
    losses: dict[str, list[float]]


def train_seed(icons: Icons, nearest: Nearest, seed: int, folder: Path, size: int) -> Trained:
    """The common start, the mining with it, and three ways on."""
    side = icons.train
    torch.manual_seed(seed)
    start = PictureHead(side.features.shape[1], side.captions.shape[1])
    history = train(
        start, lambda epoch: Batches(side, None, size, seed, epoch), loss, replace(START, seed=seed), folder / "start"
    )
    mined = mine_with(start, icons, nearest)
    rng = np.random.default_rng([seed, 55])
    everything = np.arange(len(side.captions))
    as_many = [rng.choice(everything, len(own), replace=False) for own in mined.negatives]
    test = torch.from_numpy(icons.test.features)
    embedded, losses = {COMMON_START: embed(start, test)}, {"start": [each["loss"] for each in history.epochs]}
    for method, pools in ((IN_BATCH, None), (AT_RANDOM, as_many), (FROM_INDEX, mined.negatives)):
        model = PictureHead(side.features.shape[1], side.captions.shape[1])
        model.load_state_dict(start.state_dict())
        history = train(
            model,
            lambda epoch, pools=pools: Batches(side, pools, size, seed, 100 + epoch),  # type: ignore[misc]
            loss,
            replace(FURTHER, seed=seed),
            folder / method.replace(" ", "-"),
        )
        embedded[method] = embed(model, test)
        losses[method] = [each["loss"] for each in history.epochs]
    return Trained(embedded, mined, losses)


def loss(model: nn.Module, batch: Batch) -> Tensor:
    features, captions, further, ignore = batch
    scale = cast(PictureHead, model).scale()
    return info_nce(model(features), captions, scale, ignore=ignore, negatives=further)


def mine_with(model: nn.Module, icons: Icons, nearest: Nearest) -> Mined:
    """Captions near what the head makes of a picture, but not its own."""
    side = icons.train
    anchors = embed(model, torch.from_numpy(side.features))
    return mine(
        anchors,
        (anchors * side.positives).sum(axis=1),
        nearest,
        side.concepts,
        side.picture_concepts,
        itself=side.caption_of,
    )


@torch.no_grad()
def embed(model: nn.Module, features: Tensor) -> Embeddings:
    return unit(model.eval()(features).numpy())


def ridge_of(side: Side, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Linear least squares from features to captions, penalised: a baseline without contrast."""
    known = side.features.astype(np.float64)
    gram = known.T @ known + RIDGE * np.eye(known.shape[1])
    return features @ np.linalg.solve(gram, known.T @ side.positives)
