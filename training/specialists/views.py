"""Encode pictures and phrases with the two frozen towers, once, and keep the rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from encoder.protocol import unit
from encoder.specialists import PREPROCESSING, square
from encoder.towers import SentenceModel, VisionModel
from errors import TrainingError
from pictures import looks
from training.features import FeatureCache, model_key

Array = NDArray[np.float32]
PICTURES_AT_ONCE = 64
COLOUR_TEXTS = ("{}", "{} coloured", "{} color")
"""A colour's place among the words is the mean of these."""


class HasPath(Protocol):
    """A picture that lies somewhere."""

    @property
    def path(self) -> Path: ...


@dataclass(frozen=True)
class Views:
    """n pictures as the vision model and the namer of colours see them."""

    features: Array  # (n, 2912): the last layer, then the middle layers
    logits: Array  # (n, 1000)
    shares: Array  # (n, 11), of COLOURS

    def __getitem__(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Views":
        return Views(self.features[rows], self.logits[rows], self.shares[rows])

    def __len__(self) -> int:
        return len(self.logits)


class Towers:
    """The vision and the sentence model, each loaded when it is needed, with a memory on the disk."""

    def __init__(self, cache: Path, device: str = "cpu") -> None:
        self._device, self._folder = device, cache / "training" / "features"
        self._coloured = FeatureCache(self._folder, model_key("colours", Path(looks.__file__)))

    @cached_property
    def _vision(self) -> VisionModel:
        return VisionModel(self._device)

    @cached_property
    def _sentences(self) -> SentenceModel:
        return SentenceModel(self._device)

    def encode_pictures(self, pictures: Sequence[HasPath], hashes: Sequence[str], progress: str | None = None) -> Views:
        """`hashes`: of the pictures' content, in their order."""

        def compute(positions: Sequence[int]) -> Array:
            parts = [_open([pictures[at].path for at in positions[i : i + PICTURES_AT_ONCE]], self._vision)
                     for i in range(0, len(positions), PICTURES_AT_ONCE)]  # fmt: skip
            return np.concatenate(parts)

        def name(positions: Sequence[int]) -> Array:
            return np.stack([_shares(pictures[at].path) for at in positions])

        key = f"{model_key('efficientnet-lite2', self._vision.path)}-preprocessing-{PREPROCESSING}"
        rows = FeatureCache(self._folder, key).rows(hashes, compute, progress=progress)
        shares = self._coloured.rows(hashes, name, chunk=4096, progress=f"{progress}: colours" if progress else None)
        return Views(rows[:, :-1000], rows[:, -1000:], shares)

    def encode_phrases(self, phrases: Sequence[str], progress: str | None = None) -> Array:
        """-> (n, 384), unit rows."""
        hashes = [hashlib.sha256(phrase.encode()).hexdigest() for phrase in phrases]
        kept = FeatureCache(self._folder, model_key("minilm", self._sentences.path))
        rows = kept.rows(
            hashes, lambda at: self._sentences.encode([phrases[i] for i in at]), chunk=4096, progress=progress
        )
        return unit(rows)

    def name_colours(self) -> Array:
        """(11, 384), unit rows: the words for each of `pictures.looks.COLOURS`."""
        said = self.encode_phrases([text.format(name) for text in COLOUR_TEXTS for name in looks.COLOURS])
        return unit(said.reshape(len(COLOUR_TEXTS), len(looks.COLOURS), -1).sum(axis=0))


def _shares(path: Path) -> Array:
    return looks.shares(_picture(path)).astype(np.float32)


def _picture(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise TrainingError(f"{path} cannot be read ({error}). Delete it and run: python -m training data") from None


def _open(paths: Sequence[Path], vision: VisionModel) -> Array:
    seen = vision.encode(np.stack([square(_picture(path)) for path in paths]))
    return np.concatenate([seen.features, seen.middle, seen.logits], axis=1)
