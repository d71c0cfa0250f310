"""Train heads from drawings' frozen features to their captions' vectors with different negatives, for E5."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from encoder.protocol import Embeddings, unit
from training.data.pairs import load_pairs
from training.heads import MLP
from training.loop import Plan, train
from training.losses import Temperature, info_nce
from training.negatives import Mined, Nearest, mine
from training.samples import DistinctBatches, Epoch, Positions
from training.specialists.views import Towers

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Features (n, d), captions (n, e), further negatives (m, e), and (n, n + m): True where there is no negative."""
LAST_LAYER = 1280
HIDDEN, BATCH = 512, 512
START = Plan(epochs=6, learning_rate=2e-3)
FURTHER = Plan(epochs=6, learning_rate=1e-3)
RIDGE = 1e4
COMMON_START, IN_BATCH = "the common start", "in-batch negatives"
AT_RANDOM, FROM_INDEX = "and as many random ones", "and mined ones"


@dataclass(frozen=True)
class Side:
    """One side of the split by concept. Picture i bears caption `caption_of[i]`."""

    features: Array  # (n, d), standardised by the training pictures
    caption_of: Ints  # (n,)
    captions: Embeddings  # (m, 384), each once; centred by the training captions, unit rows
    concepts: Ints  # (m,): of the captions

    @property
    def positives(self) -> Embeddings:
        """(n, 384)"""
        return self.captions[self.caption_of]

    @property
    def picture_concepts(self) -> Ints:
        return self.concepts[self.caption_of]


@dataclass(frozen=True)
class Icons:
    train: Side
    test: Side
    what: str

    @property
    def sizes(self) -> dict[str, int]:
        return {
            "training pictures": len(self.train.features),
            "test pictures": len(self.test.features),
            "test captions": len(self.test.captions),
        }


def read_icons(cache: Path) -> Icons:
    """The pairs of `python -m training data`, through the two frozen towers. Raises NoPairs."""
    pairs = load_pairs(cache / "training" / "data")
    towers = Towers(cache)
    views = towers.encode_pictures(pairs, [pair.sha256 for pair in pairs], progress="pictures")
    names, caption_of = np.unique([pair.caption for pair in pairs], return_inverse=True)
    vectors = towers.encode_phrases(names.tolist(), progress="captions")
    concepts, splits = (np.array(column) for column in zip(*((p.concept, p.split) for p in pairs), strict=True))
    what = (
        "Drawings of `python -m training data`, split by concept, as the last layer's features of the frozen "
        "EfficientNet-Lite2; their captions as vectors of the frozen MiniLM, centred. A picture asks for its caption "
        "among the distinct captions of the test side: one is right, so recall and success are the same."
    )
    return make_icons(views.features[:, :LAST_LAYER], caption_of, vectors, concepts, splits, what)


def make_icons(
    features: Array, caption_of: Ints, captions: Array, concepts: Ints, splits: NDArray[np.str_], what: str
) -> Icons:
    """Shapes: features (n, d), caption_of (n,), captions (c, e), concepts (n,), splits (n,)."""
    training = splits == "train"
    mean, deviation = features[training].mean(axis=0), features[training].std(axis=0) + 1e-6
    centre = captions[np.unique(caption_of[training])].mean(axis=0)

    def side(name: str) -> Side:
        mine = splits == name
        own, first, place = np.unique(caption_of[mine], return_index=True, return_inverse=True)
        scaled = ((features[mine] - mean) / deviation).astype(np.float32)
        return Side(scaled, place, unit(captions[own] - centre), concepts[mine][first])

    return Icons(side("train"), side("test"), what)


def draw_icons(seed: int = 0, concepts: int = 240, each: int = 5, dim: int = 48, words: int = 24) -> Icons:
    """What small runs take: things with a meaning, captions near it, pictures that show it through a fixed net."""
    rng = np.random.default_rng(seed)
    families = rng.normal(size=(24, words))
    meaning = families[rng.integers(24, size=concepts)] + 0.5 * rng.normal(size=(concepts, words))
    concept = np.repeat(np.arange(concepts), each)
    first, second = rng.normal(size=(words, 96)) / np.sqrt(words), rng.normal(size=(96, dim)) / 10
    seen = np.tanh(meaning[concept] @ first) @ second + 0.5 * rng.normal(size=(len(concept), dim))
    sides = rng.permutation(np.repeat(["train", "dev", "test"], [concepts * 2 // 3, concepts // 6, concepts // 6]))
    features, what = seen.astype(np.float32), "Small run: drawn vectors."
    return make_icons(features, concept, unit(meaning), concept, sides[concept], what)


class PictureHead(nn.Module):
    """Features -> the captions' space, with the learnt temperature of its loss."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.head, self.scale = MLP(features, HIDDEN, dim, dropout=0.3), Temperature()

    def forward(self, features: Tensor) -> Tensor:
        return F.normalize(self.head(features), dim=1)


def batches(side: Side, pools: Sequence[Ints] | None, size: int, seed: int, epoch: int) -> Epoch[Batch]:
    """No concept twice in a batch, and for each picture one further caption out of its pool."""
    rng = np.random.default_rng([seed, epoch, 5])

    def make(at: Positions) -> Batch:
        own = side.picture_concepts[at]
        some = [] if pools is None else [pools[picture] for picture in at]
        further = np.array([rng.choice(pool) for pool in some if len(pool)], dtype=np.int64)
        ignore = np.zeros((len(at), len(at) + len(further)), dtype=np.bool_)
        ignore[:, len(at) :] = side.concepts[further][None, :] == own[:, None]
        rows = side.features[at], side.positives[at], side.captions[further], ignore
        return cast(Batch, tuple(torch.from_numpy(part) for part in rows))

    drawn = DistinctBatches([[int(concept)] for concept in side.picture_concepts], size, seed).epoch(epoch)
    return Epoch([np.array(positions) for positions in drawn], make)


@dataclass(frozen=True)
class Trained:
    embedded: dict[str, Embeddings]
    """Method -> the test pictures in the captions' space."""
    mined: Mined
    losses: dict[str, list[float]]


def train_seed(icons: Icons, nearest: Nearest, seed: int, folder: Path, size: int) -> Trained:
    """The common start, the mining with it, and three ways on."""
    side, test = icons.train, torch.from_numpy(icons.test.features)
    embedded: dict[str, Embeddings] = {}
    losses: dict[str, list[float]] = {}

    def go_on(model: nn.Module, method: str, name: str, pools: Sequence[Ints] | None, plan: Plan, first: int) -> None:
        def epoch_of(epoch: int) -> Epoch[Batch]:
            return batches(side, pools, size, seed, first + epoch)

        history = train(model, epoch_of, loss, replace(plan, seed=seed), folder / name.replace(" ", "-"))
        embedded[method], losses[name] = embed(model, test), [each["loss"] for each in history.epochs]

    torch.manual_seed(seed)
    start = PictureHead(side.features.shape[1], side.captions.shape[1])
    go_on(start, COMMON_START, "start", None, START, 0)
    mined = mine_with(start, icons, nearest)
    rng, everything = np.random.default_rng([seed, 55]), np.arange(len(side.captions))
    as_many = [rng.choice(everything, len(own), replace=False) for own in mined.negatives]
    for method, pools in ((IN_BATCH, None), (AT_RANDOM, as_many), (FROM_INDEX, mined.negatives)):
        model = PictureHead(side.features.shape[1], side.captions.shape[1])
        model.load_state_dict(start.state_dict())
        go_on(model, method, method, pools, FURTHER, 100)
    return Trained(embedded, mined, losses)


def loss(model: nn.Module, batch: Batch) -> Tensor:
    features, captions, further, ignore = batch
    scale = cast(PictureHead, model).scale()
    return info_nce(model(features), captions, scale, ignore=ignore, negatives=further)


def mine_with(model: nn.Module, icons: Icons, nearest: Nearest) -> Mined:
    """Captions near what the head makes of a picture, but not its own."""
    side = icons.train
    anchors = embed(model, torch.from_numpy(side.features))
    similarity = (anchors * side.positives).sum(axis=1)
    return mine(anchors, similarity, nearest, side.concepts, side.picture_concepts, itself=side.caption_of)


@torch.no_grad()
def embed(model: nn.Module, features: Tensor) -> Embeddings:
    return unit(model.eval()(features).numpy())


def ridge_of(side: Side, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Linear least squares from features to captions, penalised: a baseline without contrast."""
    known = side.features.astype(np.float64)
    gram = known.T @ known + RIDGE * np.eye(known.shape[1])
    return features @ np.linalg.solve(gram, known.T @ side.positives)
