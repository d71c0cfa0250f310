"""The pairs with the frozen towers' rows: the arrays that the recipe works on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.pairs import PicturePair, load_pairs
from training.specialists.views import Array, Towers, Views

Rows = NDArray[np.integer] | NDArray[np.bool_]


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
        """For each picture the row of its caption among the phrases."""
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
