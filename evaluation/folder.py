"""Read a folder of pictures with captions, and encode it with one or more encoders, side by side.

Captions are found as `python -m ingest` finds them: metadata file, sidecar, else what the picture says itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import EvaluationError, PictureError
from host import streams
from ingest.captions import FolderWords, WordsBeside
from ingest.files import Census, PictureFile, Skipped, check_root, find_images
from ingest.sidecars import SidecarReader
from pictures.open import Limits, Opened, open_image
from schema.names import escaped

FEWEST = 3
_NEVER_OPENED = ("symlink", "special_file")
_SIDE = 32
"""Of the decode that only asks whether the picture can be read and what it says of itself."""
_WORKERS = 4
TEXTS_AT_ONCE = 256
Item = TypeVar("Item")


@dataclass(frozen=True)
class CaptionedPicture:
    """One picture, by its bytes, with every caption that it has in the folder."""

    path: Path
    sha256: str
    captions: tuple[str, ...]
    """At least one; several when its bytes lie in several places with different captions."""
    copies: tuple[Path, ...] = ()
    """Further places of the same bytes."""


@dataclass(frozen=True)
class Unread:
    """What could not be used, and why."""

    path: str
    message: str


@dataclass(frozen=True)
class CaptionedFolder:
    folder: Path
    pictures: tuple[CaptionedPicture, ...]
    uncaptioned: tuple[Path, ...]
    """Different pictures without a caption: not judged."""
    unread: tuple[Unread, ...]
    skipped: tuple[Unread, ...]
    """Links and special files, which are never followed or opened."""
    warnings: tuple[str, ...]
    """Sentences about metadata files and sidecars."""
    left_out: str
    """What else lies there, in one line; "" for nothing."""

    @property
    def captions(self) -> tuple[str, ...]:
        """Each distinct caption once, in the order of the pictures. Upper and lower case are one, as first written."""
        distinct: dict[str, str] = {}
        for picture in self.pictures:
            for caption in picture.captions:
                distinct.setdefault(caption.casefold(), caption)
        return tuple(distinct.values())

    @property
    def copies(self) -> int:
        return sum(len(picture.copies) for picture in self.pictures)


def read_captioned(
    folder: Path, limits: Limits, on_progress: Callable[[int], object] = lambda count: None
) -> CaptionedFolder:
    """Every picture below the folder that can be opened and has a caption. `on_progress` is given 1 for each.

    Raises RootError for what is no folder, EvaluationError for one that cannot be judged by: no pictures, no captions,
    fewer than three captioned pictures, one caption for all of them.
    """
    root = check_root(folder)
    census, words, sidecars = Census(), FolderWords(root), SidecarReader()
    unread: list[Unread] = []
    skipped: list[Unread] = []
    by_hash: dict[str, CaptionedPicture] = {}

    def found() -> Iterator[tuple[PictureFile, WordsBeside]]:
        for entry in find_images(root, census):
            if isinstance(entry, Skipped):
                (skipped if entry.reason in _NEVER_OPENED else unread).append(Unread(entry.path, entry.message))
            else:
                yield entry, words.of(entry)

    for (file, own), picture in opened(found(), lambda entry: entry[0].path, limits, _SIDE):
        on_progress(1)
        if isinstance(picture, PictureError):
            unread.append(Unread(escaped(file.path), str(picture)))
        else:
            facts, _ = sidecars.facts(picture.facts, file.path, file.facts_from)
            caption = own.caption or facts.caption
            by_hash[picture.sha256] = _joined(by_hash.get(picture.sha256), file.path, picture.sha256, caption)
    read = CaptionedFolder(
        folder=root,
        pictures=tuple(picture for picture in by_hash.values() if picture.captions),
        uncaptioned=tuple(picture.path for picture in by_hash.values() if not picture.captions),
        unread=tuple(unread),
        skipped=tuple(skipped),
        warnings=(*words.unused(), *sidecars.warnings()),
        left_out=str(census),
    )
    _check(read)
    return read


def opened(
    items: Iterator[Item], path: Callable[[Item], Path], limits: Limits, side: int
) -> Iterator[tuple[Item, Opened | PictureError]]:
    """Each item in order with its picture, on threads that are a few items ahead and stop with the one who asks."""

    def look(item: Item) -> tuple[Item, Opened | PictureError]:
        try:
            return item, open_image(path(item), limits, side)
        except PictureError as error:
            return item, error

    with ThreadPoolExecutor(_WORKERS) as pool:
        yield from streams.ahead(pool, look, items, 2 * _WORKERS)


def _joined(known: CaptionedPicture | None, path: Path, sha256: str, caption: str) -> CaptionedPicture:
    if known is None:
        return CaptionedPicture(path, sha256, (caption,) if caption else ())
    new = caption and caption.casefold() not in {text.casefold() for text in known.captions}
    captions = (*known.captions, caption) if new else known.captions
    return CaptionedPicture(known.path, sha256, captions, (*known.copies, path))


def _check(read: CaptionedFolder) -> None:
    shown, count = escaped(read.folder), len(read.pictures)
    why = (
        f" ({len(read.unread)} could not be read, first {read.unread[0].path}: {read.unread[0].message})"
        if read.unread
        else ""
    )
    if not count and not read.uncaptioned:
        raise EvaluationError(f"There is no picture to judge by in {shown}{why}. Give a folder of captioned pictures.")
    if not count:
        raise EvaluationError(
            f"None of the {len(read.uncaptioned)} pictures in {shown} has a caption{why}. Write them to a metadata.csv "
            "with the columns file_name and text, or to NAME.txt beside each picture."
        )
    if count < FEWEST:
        raise EvaluationError(
            f"Only {count} different pictures with captions are in {shown}{why}; at least {FEWEST} are needed, and "
            "a few hundred to distinguish encoders."
        )
    if len(read.captions) == 1:
        raise EvaluationError(
            f"All {count} pictures in {shown} have the same caption, {read.captions[0][:80]!r}, so it "
            "distinguishes nothing. Give each picture words of its own."
        )


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
    """`on_progress` is given the number of pictures of each batch. Two names for one encoder cost one encoding.

    Raises EvaluationError when fewer than three pictures can be encoded, or one caption for all of them.
    """
    distinct = {encoder.identity.id: encoder for encoder in encoders.values()}
    texts: dict[str, Embeddings] = {
        key: np.concatenate(
            [encoder.encode_texts(some) for some in streams.batched(iter(folder.captions), TEXTS_AT_ONCE)]
        )
        for key, encoder in distinct.items()
    }
    failed: list[Unread] = []
    kept: list[CaptionedPicture] = []
    parts: dict[str, list[Embeddings]] = {
        key: [np.empty((0, rows.shape[1]), np.float32)] for key, rows in texts.items()
    }
    side = max(encoder.image_side for encoder in distinct.values())
    pictures = opened(iter(folder.pictures), lambda picture: picture.path, limits, side)
    for batch in streams.batched(pictures, batch_size):
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


def _without_faults(
    pictures: Sequence[CaptionedPicture], captions: Sequence[str], sides: Mapping[str, Sides], failed: list[Unread]
) -> Encoded:
    """Only what every encoder gave a vector for; a caption goes with its last picture, a picture with its last
    caption."""
    faulty_images = _faults({name: side.images for name, side in sides.items()})
    faulty_texts = _faults({name: side.texts for name, side in sides.items()})
    failed = failed + [_failure(pictures[index], why) for index, why in faulty_images.items()]
    failed += [Unread(f"the caption {captions[index][:80]!r}", why) for index, why in faulty_texts.items()]
    numbers = {caption.casefold(): index for index, caption in enumerate(captions)}
    captions_of = [
        [n for c in picture.captions if (n := numbers[c.casefold()]) not in faulty_texts] for picture in pictures
    ]
    kept = [index for index, own in enumerate(captions_of) if own and index not in faulty_images]
    used = sorted({number for index in kept for number in captions_of[index]})
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
        tuple(tuple(places[number] for number in captions_of[index]) for index in kept),
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
