"""Read a folder with captions and tags: what a library would hold of it, and what recommending is judged by."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import EvaluationError, PictureError
from evaluation.folder import Unread, opened
from evaluation.library import FEWEST, Pictured, example_of
from host import streams
from ingest.captions import FolderWords
from ingest.files import PictureFile, check_root, find_images
from pictures.describe import Words
from pictures.looks import perceptual_hash
from pictures.open import Limits, Opened
from schema.names import escaped
from schema.record import uuid_of
from search.scoring import LibrarySpace, score

BATCH = 32
SIDE = 512
"""Of the decode that copies are made from."""


def read_tagged(
    folder: Path, encoder: Encoder, limits: Limits, on_progress: Callable[[int], object] = lambda count: None
) -> tuple[Pictured, list[Unread]]:
    """Every picture below the folder with its vectors, once whatever the number of its copies, and what could not be
    used. A picture without a caption has its image vector as `caption`, as in a library.

    `on_progress` is given the number of pictures of each batch. Raises RootError for what is no folder, EvaluationError
    where fewer than FEWEST pictures have a tag.
    """
    root = check_root(folder)
    words = FolderWords(root)
    entries = ((entry, words.of(entry)) for entry in find_images(root) if isinstance(entry, PictureFile))
    unread: list[Unread] = []
    words_of: dict[str, Words] = {}
    usable: list[str] = []
    rows: dict[str, list[Embeddings]] = {"image": [], "look": []}

    def distinct() -> Iterator[tuple[str, Opened]]:
        for (file, own), picture in opened(entries, lambda entry: entry[0].path, limits, encoder.image_side):
            if isinstance(picture, PictureError):
                unread.append(Unread(escaped(file.path), str(picture)))
                continue
            new, known = picture.sha256 not in words_of, words_of.get(picture.sha256, own)
            words_of[picture.sha256] = known.before(own)
            if new:
                yield escaped(file.path), picture

    for batch in streams.batched(distinct(), BATCH):
        found = encoder.encode_images([picture.image for _, picture in batch])
        faults = zip(*(invalid_rows(found[name], found[name].shape[1]) for name in rows), strict=True)
        wrong = [image or look for image, look in faults]
        unread.extend(Unread(path, fault) for (path, _), fault in zip(batch, wrong, strict=True) if fault)
        good = [place for place, fault in enumerate(wrong) if not fault]
        usable.extend(batch[place][1].sha256 for place in good)
        for name, parts in rows.items():
            parts.append(found[name][good])
        on_progress(len(batch))
    if sum(bool(words_of[key].tags) for key in usable) < FEWEST:
        raise EvaluationError(
            f"{escaped(root)} has {len(usable)} pictures that can be used, and fewer than {FEWEST} of them have "
            "tags. Name them in a metadata.csv with the columns file_name, text and tags."
        )
    vectors = {name: np.concatenate(parts) for name, parts in rows.items()}
    return _pictured({key: words_of[key] for key in usable}, vectors, encoder), unread


def _pictured(words_of: dict[str, Words], rows: dict[str, Embeddings], encoder: Encoder) -> Pictured:
    captions = [own.caption for own in words_of.values()]
    caption = rows["image"].copy()
    places = [place for place, text in enumerate(captions) if text]
    if places:
        caption[places] = encoder.encode_texts([captions[place] for place in places])
    return Pictured(
        tuple(uuid_of(key) for key in words_of),
        tuple(captions),
        tuple(own.tags for own in words_of.values()),
        {**rows, "caption": caption},
    )


@dataclass(frozen=True)
class Gathered:
    """Row i of everything belongs to one picture."""

    pictured: Pictured
    folders: tuple[str, ...]
    """Below the root; "" for the root itself. Of several places the first."""
    phashes: tuple[str, ...]
    pixels: Mapping[int, Image.Image]
    """The pictures that copies are made from."""
    space: LibrarySpace

    @property
    def vectors(self) -> Mapping[str, Embeddings]:
        return self.pictured.vectors

    @property
    def captioned(self) -> NDArray[np.bool_]:
        return self.space.captioned

    def relevance(
        self, weighted: Mapping[int, float], targets: Mapping[str, float], strategy: str | None
    ) -> NDArray[np.float64]:
        """Of every picture, by others of them that ask: row -> weight, below 0 for disliked ones."""
        asked = [example_of(self.vectors, row, weight, targets) for row, weight in weighted.items()]
        return score(asked, self.vectors, self.captioned, self.space, strategy).relevance

    def by_folder(self) -> dict[str, list[int]]:
        groups: dict[str, list[int]] = {}
        for row, folder in enumerate(self.folders):
            groups.setdefault(folder, []).append(row)
        return groups


def gather(
    folder: Path,
    encoder: Encoder,
    limits: Limits,
    *,
    copied: int,
    seed: int = 0,
    on_progress: Callable[[int], object] = lambda count: None,
) -> tuple[Gathered, list[Unread]]:
    """`copied`: of how many pictures, drawn by `seed`, the pixels are kept. Raises what `read_tagged` raises."""
    pictured, unread = read_tagged(folder, encoder, limits, on_progress)
    root = check_root(folder)
    rows = {key: row for row, key in enumerate(pictured.uuids)}
    n = len(rows)
    kept = set(np.random.default_rng(seed).choice(n, min(copied, n), replace=False).tolist())
    folders: dict[int, str] = {}
    phashes, pixels = [""] * n, {}
    files = (entry for entry in find_images(root) if isinstance(entry, PictureFile))
    for file, picture in opened(files, lambda file: file.path, limits, SIDE):
        row = None if isinstance(picture, PictureError) else rows.get(uuid_of(picture.sha256))
        if isinstance(picture, PictureError) or row is None or row in folders:
            continue  # `read_tagged` has named what cannot be opened
        parent = file.path.parent.relative_to(root).as_posix()
        folders[row], phashes[row] = "" if parent == "." else parent, perceptual_hash(picture.image)
        if row in kept:
            pixels[row] = picture.image
    space = LibrarySpace.of(pictured.vectors, [bool(caption) for caption in pictured.captions], n, pictured.uuids)
    return Gathered(pictured, tuple(folders.get(row, "") for row in range(n)), tuple(phashes), pixels, space), unread
