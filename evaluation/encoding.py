"""A captioned folder through one or more encoders -> embeddings side by side, and whose captions are whose.

Knows encoders by their protocol only. A picture is decoded once, whatever the number of encoders.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import EvaluationError, PictureError
from evaluation.folder import FEWEST, CaptionedFolder, CaptionedPicture, Unread, ahead
from pictures.open import Limits, Opened, open_image
from schema.names import escaped

TEXTS_AT_ONCE = 256
Item = TypeVar("Item")


@dataclass(frozen=True)
class Sides:
    """One encoder's embeddings of what is judged."""

    images: Embeddings  # (pictures, dim)
    texts: Embeddings  # (captions, dim)


@dataclass(frozen=True)
class Encoded:
    pictures: tuple[CaptionedPicture, ...]
    captions: tuple[str, ...]
    """Each distinct caption once."""
    captions_of: tuple[tuple[int, ...], ...]
    """For each picture its captions, at least one."""
    sides: Mapping[str, Sides]
    """By the names that the encoders were given."""
    failed: tuple[Unread, ...]
    """What an encoder gave no vector for, or what could not be opened again: left out for all of them."""

    @property
    def pictures_of(self) -> tuple[tuple[int, ...], ...]:
        """For each caption its pictures, at least one."""
        found: list[list[int]] = [[] for _ in self.captions]
        for picture, captions in enumerate(self.captions_of):
            for caption in captions:
                found[caption].append(picture)
        return tuple(map(tuple, found))


def encode_folder(
    folder: CaptionedFolder,
    encoders: Mapping[str, Encoder],
    limits: Limits,
    *,
    batch_size: int = 32,
    on_progress: Callable[[int], object] = lambda count: None,
) -> Encoded:
    """`on_progress` is told of each batch how many pictures it had. Two names for one encoder cost one encoding.

    Raises EvaluationError when fewer than three pictures can be encoded, or one caption for all of them.
    """
    distinct = {encoder.identity.id: encoder for encoder in encoders.values()}
    texts: dict[str, Embeddings] = {
        key: np.concatenate([encoder.encode_texts(some) for some in _batches(folder.captions, TEXTS_AT_ONCE)])
        for key, encoder in distinct.items()
    }
    failed: list[Unread] = []
    kept: list[CaptionedPicture] = []
    parts: dict[str, list[Embeddings]] = {
        key: [np.empty((0, rows.shape[1]), np.float32)] for key, rows in texts.items()
    }
    side = max(encoder.image_side for encoder in distinct.values())
    for batch in _batches(_opened(folder.pictures, limits, side), batch_size):
        failed += [_failure(picture, str(got)) for picture, got in batch if isinstance(got, PictureError)]
        usable = [(picture, got.image) for picture, got in batch if isinstance(got, Opened)]
        kept += [picture for picture, _ in usable]
        for key, encoder in distinct.items():
            if usable:
                parts[key].append(encoder.encode_images([image for _, image in usable])["image"])
        on_progress(len(batch))
    rows = {key: Sides(np.concatenate(parts[key]), texts[key]) for key in distinct}
    whole = {name: rows[encoder.identity.id] for name, encoder in encoders.items()}
    return _without_faults(kept, folder.captions, whole, failed)


def _opened(
    pictures: Iterable[CaptionedPicture], limits: Limits, side: int
) -> Iterator[tuple[CaptionedPicture, Opened | PictureError]]:
    def look(picture: CaptionedPicture) -> tuple[CaptionedPicture, Opened | PictureError]:
        try:
            return picture, open_image(picture.path, limits, side)
        except PictureError as error:
            return picture, error

    return ahead(look, iter(pictures))


def _without_faults(
    pictures: Sequence[CaptionedPicture], captions: Sequence[str], sides: Mapping[str, Sides], failed: list[Unread]
) -> Encoded:
    """Only what every encoder gave a vector for; a caption goes with its last picture, a picture with its last
    caption."""
    faulty_images, faulty_texts = (
        _faults({n: s.images for n, s in sides.items()}),
        _faults({n: s.texts for n, s in sides.items()}),
    )
    failed = failed + [_failure(pictures[index], why) for index, why in faulty_images.items()]
    failed += [Unread(f"the caption {captions[index][:80]!r}", why) for index, why in faulty_texts.items()]
    numbers = {caption.casefold(): index for index, caption in enumerate(captions)}
    told = [[n for c in picture.captions if (n := numbers[c.casefold()]) not in faulty_texts] for picture in pictures]
    kept = [index for index, own in enumerate(told) if own and index not in faulty_images]
    used = sorted({number for index in kept for number in told[index]})
    if len(kept) < FEWEST or len(used) < 2:
        first = f" First of them {failed[0].path}: {failed[0].message}." if failed else ""
        raise EvaluationError(
            f"Only {len(kept)} of {len(pictures)} pictures with {len(used)} different captions could be encoded; "
            f"at least {FEWEST} with 2 are needed.{first}"
        )
    places = {number: place for place, number in enumerate(used)}
    return Encoded(
        tuple(pictures[index] for index in kept),
        tuple(captions[number] for number in used),
        tuple(tuple(places[number] for number in told[index]) for index in kept),
        {name: Sides(side.images[kept], side.texts[used]) for name, side in sides.items()},
        tuple(failed),
    )


def _faults(rows: Mapping[str, Embeddings]) -> dict[int, str]:
    """Row -> what is wrong with it, and for which encoder."""
    return {
        index: f"{name} gave no vector for it: {fault}"
        for name, embeddings in rows.items()
        for index, fault in enumerate(invalid_rows(embeddings, embeddings.shape[1]))
        if fault
    }


def _failure(picture: CaptionedPicture, why: str) -> Unread:
    return Unread(escaped(picture.path), why)


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
