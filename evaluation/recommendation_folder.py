"""A folder of tagged pictures -> what recommending is judged by: its vectors, and of which folder each picture is.
Reads files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from encoder.protocol import Embeddings, Encoder
from errors import PictureError
from evaluation.folder import Unread, ahead
from evaluation.stored import Pictured
from evaluation.tagged import read_tagged
from ingest.files import PictureFile, check_root, find_images
from pictures.looks import perceptual_hash
from pictures.open import Limits, Opened, open_image
from schema.record import uuid_of
from search.scoring import LibrarySpace

SIDE = 512
"""Of the decode that copies are made from."""


@dataclass(frozen=True)
class Gathered:
    """Row i of everything belongs to one picture; `index` says which."""

    pictured: Pictured
    folders: tuple[str, ...]
    """Below the root; "" for the root itself. Of several places the first."""
    phashes: tuple[str, ...]
    drawn: Mapping[int, Image.Image]
    """The pictures that copies are made from."""
    space: LibrarySpace

    @property
    def vectors(self) -> Mapping[str, Embeddings]:
        return self.pictured.vectors

    @property
    def captioned(self) -> NDArray[np.bool_]:
        return self.space.captioned

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
    phashes, drawn = [""] * n, {}
    for path, picture in ahead(lambda found: _opened(found, limits), _files(root)):
        row = rows.get(uuid_of(picture.sha256)) if picture else None
        if picture is None or row is None or row in folders:
            continue
        parent = path.parent.relative_to(root).as_posix()
        folders[row], phashes[row] = "" if parent == "." else parent, perceptual_hash(picture.image)
        if row in kept:
            drawn[row] = picture.image
    space = LibrarySpace.of(pictured.vectors, [bool(caption) for caption in pictured.captions], n, pictured.uuids)
    return Gathered(pictured, tuple(folders.get(row, "") for row in range(n)), tuple(phashes), drawn, space), unread


def _files(root: Path) -> Iterator[PictureFile]:
    return (entry for entry in find_images(root) if isinstance(entry, PictureFile))


def _opened(found: PictureFile, limits: Limits) -> tuple[Path, Opened | None]:
    try:
        return found.path, open_image(found.path, limits, SIDE)
    except PictureError:
        return found.path, None  # `read_tagged` has named it
