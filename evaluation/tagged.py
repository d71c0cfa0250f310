"""A folder with captions and tags through an encoder -> what a library would hold of it. Reads files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import EvaluationError, PictureError
from evaluation.folder import Unread, ahead
from evaluation.stored import FEWEST, Pictured
from ingest.captions import FolderWords, Words
from ingest.files import PictureFile, check_root, find_images
from pictures.open import Limits, Opened, open_image
from schema.names import escaped
from schema.record import uuid_of

BATCH = 32


def read_tagged(
    folder: Path, encoder: Encoder, limits: Limits, on_progress: Callable[[int], object] = lambda count: None
) -> tuple[Pictured, list[Unread]]:
    """Every picture below the folder with its vectors, once whatever the number of its copies, and what could not be
    used. A picture without a caption has its image vector as `caption`, as in a library.

    `on_progress` is told how many pictures each batch had. Raises RootError for what is no folder, EvaluationError
    where fewer than FEWEST pictures have a tag.
    """
    root = check_root(folder)
    words = FolderWords(root)
    entries = ((entry, words.of(entry)) for entry in find_images(root) if isinstance(entry, PictureFile))
    unread: list[Unread] = []
    told: dict[str, Words] = {}
    usable: list[str] = []
    rows: dict[str, list[Embeddings]] = {"image": [], "look": []}
    batch: list[tuple[str, Opened]] = []

    def opened(pair: tuple[PictureFile, Words]) -> tuple[Path, Words, Opened | PictureError]:
        try:
            return pair[0].path, pair[1], open_image(pair[0].path, limits, encoder.image_side)
        except PictureError as error:
            return pair[0].path, pair[1], error

    def encode() -> None:
        if not batch:
            return
        found = encoder.encode_images([picture.image for _, picture in batch])
        wrong = [
            a or b for a, b in zip(*(invalid_rows(found[name], found[name].shape[1]) for name in rows), strict=True)
        ]
        unread.extend(Unread(path, fault) for (path, _), fault in zip(batch, wrong, strict=True) if fault)
        good = [place for place, fault in enumerate(wrong) if not fault]
        usable.extend(batch[place][1].sha256 for place in good)
        for name, parts in rows.items():
            parts.append(found[name][good])
        on_progress(len(batch))
        batch.clear()

    for path, own, picture in ahead(opened, entries):
        if isinstance(picture, PictureError):
            unread.append(Unread(escaped(path), str(picture)))
            continue
        if picture.sha256 not in told:
            batch.append((escaped(path), picture))
        known = told.get(picture.sha256, own)
        told[picture.sha256] = replace(known, caption=known.caption or own.caption, tags=known.tags or own.tags)
        if len(batch) == BATCH:
            encode()
    encode()
    if sum(bool(told[key].tags) for key in usable) < FEWEST:
        raise EvaluationError(
            f"{escaped(root)} has {len(usable)} pictures that can be used, and fewer than {FEWEST} of them have "
            "tags. Name them in a metadata.csv with the columns file_name, text and tags."
        )
    vectors = {name: np.concatenate(parts) for name, parts in rows.items()}
    return _pictured({key: told[key] for key in usable}, vectors, encoder), unread


def _pictured(told: dict[str, Words], rows: dict[str, Embeddings], encoder: Encoder) -> Pictured:
    captions = [own.caption for own in told.values()]
    caption = rows["image"].copy()
    places = [place for place, text in enumerate(captions) if text]
    if places:
        caption[places] = encoder.encode_texts([captions[place] for place in places])
    return Pictured(
        tuple(uuid_of(key) for key in told),
        tuple(captions),
        tuple(own.tags for own in told.values()),
        {**rows, "caption": caption},
    )
