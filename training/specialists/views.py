"""Encode pictures and phrases with the two frozen towers, once, and keep the rows; the corpus: pairs with rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from training.data.pairs import PicturePair, load_pairs
from training.features import FeatureCache, model_key, text_hashes

Array = NDArray[np.float32]
Rows = NDArray[np.integer] | NDArray[np.bool_]
PICTURES_AT_ONCE = 64
COLOUR_TEXTS = ("{}", "{} coloured", "{} color")
"""A colour's place among the words is the mean of these."""


class HasPath(Protocol):
    @property
    def path(self) -> Path: ...


@dataclass(frozen=True)
class Views:
    """n pictures as the vision model and the namer of colours see them."""

    features: Array  # (n, 2912): the last layer, then the middle layers
    logits: Array  # (n, 1000)
    shares: Array  # (n, 11), of COLOURS

    def __getitem__(self, rows: Rows) -> "Views":
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

        def see(positions: Sequence[int]) -> Array:
            seen = self._vision.encode(np.stack([square(_picture(pictures[at].path)) for at in positions]))
            return np.concatenate([seen.features, seen.middle, seen.logits], axis=1)

        def name(positions: Sequence[int]) -> Array:
            return np.stack([looks.shares(_picture(pictures[at].path)).astype(np.float32) for at in positions])

        key = f"{model_key('efficientnet-lite2', self._vision.path)}-preprocessing-{PREPROCESSING}"
        rows = FeatureCache(self._folder, key).rows(hashes, see, chunk=PICTURES_AT_ONCE, progress=progress)
        shares = self._coloured.rows(hashes, name, chunk=4096, progress=f"{progress}: colours" if progress else None)
        return Views(rows[:, :-1000], rows[:, -1000:], shares)

    def encode_phrases(self, phrases: Sequence[str], progress: str | None = None) -> Array:
        """-> (n, 384), unit rows."""
        kept = FeatureCache(self._folder, model_key("minilm", self._sentences.path))

        def encode(at: Sequence[int]) -> Array:
            return self._sentences.encode([phrases[i] for i in at])

        return unit(kept.rows(text_hashes(phrases), encode, chunk=4096, progress=progress))

    def name_colours(self) -> Array:
        """(11, 384), unit rows: the words for each of `pictures.looks.COLOURS`."""
        said = self.encode_phrases([text.format(name) for text in COLOUR_TEXTS for name in looks.COLOURS])
        return unit(said.reshape(len(COLOUR_TEXTS), len(looks.COLOURS), -1).sum(axis=0))


def _picture(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise TrainingError(f"{path} cannot be read ({error}). Delete it and run: python -m training data") from None


@dataclass(frozen=True)
class Corpus:
    """n pictures; `pairs[i]`, `views[i]`, `captions[i]` and `phrases_of[i]` are of the same picture."""

    pairs: Sequence[PicturePair]
    views: Views
    captions: Array  # (n, 384), unit rows
    phrases: Array  # (m, 384), unit rows: every phrase once
    phrases_of: Sequence[Sequence[int]]
    """For each picture the rows of its phrases; the first is the caption's."""

    def __len__(self) -> int:
        return len(self.pairs)

    def where(self, rows: Rows) -> "Corpus":
        """Some of the pictures; the phrases stay."""
        positions = [int(at) for at in (np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)]
        return replace(
            self,
            pairs=[self.pairs[at] for at in positions],
            views=self.views[np.array(positions, dtype=np.int64)],
            captions=self.captions[positions],
            phrases_of=[self.phrases_of[at] for at in positions],
        )

    @property
    def concepts(self) -> NDArray[np.int64]:
        return np.array([pair.concept for pair in self.pairs])

    @property
    def sources(self) -> NDArray[np.str_]:
        return np.array([pair.source for pair in self.pairs])

    @property
    def splits(self) -> NDArray[np.str_]:
        return np.array([pair.split for pair in self.pairs])

    @property
    def things(self) -> NDArray[np.str_]:
        """What each picture shows, narrower than a concept: its emoji, or its caption."""
        return np.array(
            [pair.code or f"caption {row}" for pair, row in zip(self.pairs, self.caption_rows, strict=True)]
        )

    @property
    def caption_rows(self) -> NDArray[np.int64]:
        return np.array([rows[0] for rows in self.phrases_of])


def read_corpus(data: Path, towers: Towers) -> Corpus:
    """What `python -m training data` has put into `data`; the towers see what they have not seen. Raises NoPairs."""
    pairs = load_pairs(data)
    views = towers.encode_pictures(pairs, [pair.sha256 for pair in pairs], progress="pictures through the vision model")
    phrases = sorted({phrase for pair in pairs for phrase in pair.phrases})
    row_of = {phrase: row for row, phrase in enumerate(phrases)}
    said = towers.encode_phrases(phrases, progress="phrases through the sentence model")
    return Corpus(
        pairs=pairs,
        views=views,
        captions=said[[row_of[pair.caption] for pair in pairs]],
        phrases=said,
        phrases_of=[[row_of[phrase] for phrase in pair.phrases] for pair in pairs],
    )
