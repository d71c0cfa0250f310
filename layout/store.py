"""Keep the last layout of each space as a file, and how far the next one is. Imports nothing that takes long to import.

A file is an npz without pickle, written under a temporary name and then renamed, so that a reader finds the old one or
the new one. The new one takes the old one's place: nothing stale stays.
"""

import hashlib
import importlib.util
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from errors import LayoutError
from host.files import write_whole
from host.folders import make_folder, using
from host.jobs import StatusFile, exclusive

SPACES: Mapping[str, str] = {
    "image": "What pictures show",
    "caption": "What captions say",
    "both": "Pictures and captions together",
    "look": "How pictures look",
}
"""Named vector (`both`: image and caption in one layout) -> what it is called."""
FORMAT = 1
"""Goes up when what is stored changes; files of another format are computed anew."""


NO_UMAP = "UMAP is not installed, so there is PCA only. Install it with: pip install umap-learn"


def umap_is_there() -> bool:
    return importlib.util.find_spec("umap") is not None


class LayoutBusy(LayoutError):
    """Another process computes this layout."""


@dataclass(frozen=True)
class Texts:
    """Many short texts as one array of bytes; text i ends at `ends[i]`."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        encoded = [text.encode("utf-8", "replace") for text in texts]
        ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = self.ends[index - 1] if index else 0
        return self.data[start : self.ends[index]].tobytes().decode("utf-8", "replace")

    def all(self) -> list[str]:
        return [self[index] for index in range(len(self))]


@dataclass(frozen=True)
class Layout:
    """Where every point of one space is drawn. Row i of every array is point i."""

    space: str
    version: str
    """Of the library it was computed for."""
    total: int
    """Pictures in the library then; more than there are points of pictures where it was sampled."""
    uuids: NDArray[np.uint8]  # (n, 16)
    sha256: NDArray[np.uint8]  # (n, 32)
    is_caption: NDArray[np.bool_]  # (n,): the point is a caption, not its picture
    captioned: NDArray[np.bool_]  # (n,)
    titles: Texts
    folder: NDArray[np.int32]  # (n,): place in `folders`
    folders: Texts
    tags: NDArray[np.int32]  # the tags of all points, one point after the other: places in `tag_names`
    tag_ends: NDArray[np.int64]  # (n,): where the tags of point i end
    tag_names: Texts
    cluster: NDArray[np.uint8]  # (n,)
    clusters: Texts
    pca: NDArray[np.float32]  # (n, 3)
    mean: NDArray[np.float32]  # (dim,)
    directions: NDArray[np.float32]  # (3, dim)
    explained: NDArray[np.float32]  # (3,)
    umap: NDArray[np.float32]  # (n, 2), or (0, 2) where there is none (yet)
    figures: Mapping[str, float] = field(default_factory=dict)
    """trust_pca2, trust_pca3, trust_umap, gap: as far as they could be told."""
    notes: tuple[str, ...] = ()
    """Sentences: what was sampled or left out."""
    complete: bool = True
    """False while UMAP is still being computed."""

    def __len__(self) -> int:
        return len(self.pca)

    @cached_property
    def id(self) -> str:
        """Changes whenever the points do; part of an address."""
        digest = hashlib.sha256(f"{self.version} {FORMAT}".encode() + self.pca.tobytes() + self.umap.tobytes())
        return f"{self.space}-{digest.hexdigest()[:16]}"

    def key(self, index: int) -> uuid.UUID:
        return uuid.UUID(bytes=self.uuids[index].tobytes())

    def thumbnail(self, index: int) -> str:
        return bytes(self.sha256[index]).hex()

    def indices_of(self, keys: Sequence[uuid.UUID], *, captions: bool = False) -> dict[uuid.UUID, int]:
        """Which points those pictures (or their captions) are; without those that are none."""
        order = {key.bytes: key for key in keys}
        halves = np.ascontiguousarray(self.uuids).view(np.uint64)  # (n, 2)
        wanted = np.frombuffer(b"".join(order), np.uint64).reshape(-1, 2)
        likely = np.isin(halves[:, 0], wanted[:, 0]) & (self.is_caption == captions)
        found = {self.uuids[index].tobytes(): int(index) for index in np.flatnonzero(likely)}
        return {key: found[packed] for packed, key in order.items() if packed in found}


class LayoutStore:
    """The files of one LOUPE_HOME. Safe for many readers and, by `only_one`, one writer for each space."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], Layout]] = {}

    def read(self, space: str) -> Layout | None:
        """The last layout that was computed, whatever its version; None when there is none that can be read."""
        path = self._path(space, ".npz")
        try:
            about = path.stat()
            stamp = (about.st_mtime_ns, about.st_ino)
            if space not in self._read or self._read[space][0] != stamp:
                self._read[space] = (stamp, _load(path))
            return self._read[space][1]
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
            return None

    def write(self, layout: Layout) -> None:
        """Raises FolderError when the disk is full; the last layout stays then."""
        arrays, about = _flat(layout)
        arrays["about"] = np.array(json.dumps(about))

        def write(part: Path) -> None:
            with part.open("wb") as file:  # to a name, numpy would add its suffix
                np.savez(file, allow_pickle=False, **arrays)

        path = self._path(layout.space, ".npz")
        make_folder(self._folder)
        with using(path):  # not synced: it can be computed again
            write_whole(path, write, sync=False, private=True)

    def status(self, space: str) -> StatusFile:
        return StatusFile(self._folder, self._path(space, "").name)

    @contextmanager
    def only_one(self, space: str) -> Iterator[Callable[[str, float], None]]:
        """The right to compute the layout of the space, and what takes note of its stage; raises LayoutBusy while
        another process has it."""
        busy = LayoutBusy(f"The layout of {space!r} is being computed by another process.")
        with exclusive(self._path(space, ".lock"), lambda: busy), self.status(space).reporting() as file:
            yield file.stage
            file.update(report={})

    def _path(self, space: str, suffix: str) -> Path:
        if space not in SPACES:
            raise LayoutError(f"There is no space {space!r}; there are {', '.join(SPACES)}.")
        return self._folder / f"{space}{suffix}"


def _flat(layout: Layout) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    about: dict[str, Any] = {"format": FORMAT}
    for name in (item.name for item in fields(layout)):
        value = getattr(layout, name)
        if isinstance(value, Texts):
            arrays[f"{name}.data"], arrays[f"{name}.ends"] = value.data, value.ends
        elif isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            about[name] = value
    return arrays, about


def _load(path: Path) -> Layout:
    """Raises ValueError, KeyError or TypeError for a file of another format."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays.pop("about")))
    if about.pop("format") != FORMAT:
        raise ValueError("another format")
    texts = {name.removesuffix(".data") for name in arrays if name.endswith(".data")}
    values: dict[str, Any] = {name: array for name, array in arrays.items() if "." not in name}
    values |= {name: Texts(arrays[f"{name}.data"], arrays[f"{name}.ends"]) for name in texts}
    return Layout(**values, **(about | {"notes": tuple(about["notes"])}))
