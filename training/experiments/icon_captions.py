"""Read what E5 is tried on: frozen features of drawings and the vectors of their captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings, unit
from training.data.pairs import load_pairs
from training.specialists.views import Towers

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
LAST_LAYER = 1280


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
    dev: Side
    test: Side
    hashes: Sequence[str]
    """SHA-256 of the training pictures, in their order."""
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
    names = sorted({pair.caption for pair in pairs})
    row_of = {name: row for row, name in enumerate(names)}
    vectors = towers.encode_phrases(names, progress="captions")
    splits = np.array([pair.split for pair in pairs])
    what = (
        "Drawings of `python -m training data`, split by concept, as the last layer's features of the frozen "
        "EfficientNet-Lite2; their captions as vectors of the frozen MiniLM, centred. A picture asks for its caption "
        "among the distinct captions of the test side: one is right, so recall and success are the same."
    )
    return make_icons(
        views.features[:, :LAST_LAYER],
        np.array([row_of[pair.caption] for pair in pairs]),
        vectors,
        np.array([pair.concept for pair in pairs]),
        splits,
        [pair.sha256 for pair in pairs if pair.split == "train"],
        what,
    )


def make_icons(
    features: Array, caption_of: Ints, captions: Array, concepts: Ints, splits: NDArray[np.str_], hashes: Sequence[str],
    what: str,
) -> Icons:  # fmt: skip
    """Shapes: features (n, d), caption_of (n,), captions (c, e), concepts (n,), splits (n,)."""
    training = splits == "train"
    mean, deviation = features[training].mean(axis=0), features[training].std(axis=0) + 1e-6
    centre = captions[np.unique(caption_of[training])].mean(axis=0)

    def side(name: str) -> Side:
        mine = splits == name
        own, first, place = np.unique(caption_of[mine], return_index=True, return_inverse=True)
        scaled = ((features[mine] - mean) / deviation).astype(np.float32)
        return Side(scaled, place, unit(captions[own] - centre), concepts[mine][first])

    return Icons(side("train"), side("dev"), side("test"), hashes, what)


def draw_icons(seed: int = 0, concepts: int = 240, each: int = 5, dim: int = 48, words: int = 24) -> Icons:
    """What small runs take: things with a meaning, captions near it, pictures that show it through a fixed net."""
    rng = np.random.default_rng(seed)
    families = rng.normal(size=(24, words))
    meaning = families[rng.integers(24, size=concepts)] + 0.5 * rng.normal(size=(concepts, words))
    concept = np.repeat(np.arange(concepts), each)
    first, second = rng.normal(size=(words, 96)) / np.sqrt(words), rng.normal(size=(96, dim)) / 10
    seen = np.tanh(meaning[concept] @ first) @ second + 0.5 * rng.normal(size=(len(concept), dim))
    sides = rng.permutation(np.repeat(["train", "dev", "test"], [concepts * 2 // 3, concepts // 6, concepts // 6]))
    hashes = [str(number) for number in range(int((sides[concept] == "train").sum()))]
    return make_icons(
        seen.astype(np.float32), concept, unit(meaning), concept, sides[concept], hashes, "Small run: drawn vectors."
    )
