"""Read the vectors, captions and tags of what is judged: the live library, or a folder as it would be in a library."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import EvaluationError, PictureError
from evaluation.folder import Unread, opened
from host import streams
from ingest.captions import FolderWords
from ingest.files import PictureFile, check_root, find_images
from pictures.describe import Words
from pictures.looks import perceptual_hash
from pictures.open import Limits, Opened
from schema.collection import Pictures
from schema.names import escaped
from schema.record import uuid_of
from search.asking import DEFAULT_TARGETS
from search.index import VectorChunk, find_nearest, library_version, read_vectors
from search.preference import learn_targets
from search.scoring import Asked, LibrarySpace, score

Item = TypeVar("Item")
FEWEST = 3
BATCH = 32
SIDE = 512
"""Of the decode that copies are made from."""


@dataclass(frozen=True)
class LiveLibrary:
    """A collection in Weaviate."""

    pictures: Pictures

    @property
    def name(self) -> str:
        return self.pictures.name

    def count(self) -> int:
        return library_version(self.pictures).count

    def vectors(self, name: str, properties: Sequence[str] = ()) -> Iterator[VectorChunk]:
        """A named vector of every picture, in an order that has nothing to do with what they show."""
        return read_vectors(self.pictures, name, properties)

    def nearest(self, name: str, vector: Embeddings, k: int) -> Sequence[tuple[uuid.UUID, float]]:
        """(uuid, cosine similarity) of what the index finds nearest."""
        return find_nearest(self.pictures, name, vector, k)


@dataclass(frozen=True)
class Pictured:
    """The pictures that are judged: row i of every matrix, caption i and tags i belong together."""

    uuids: tuple[uuid.UUID, ...]
    captions: tuple[str, ...]
    """"" where there is none."""
    tags: tuple[tuple[str, ...], ...]
    vectors: Mapping[str, Embeddings]

    def by_caption(self) -> dict[str, list[int]]:
        """Each distinct caption, upper and lower case alike, and its pictures."""
        return _grouped(((caption,) if caption else () for caption in self.captions), fold=True)

    def by_tag(self) -> dict[str, list[int]]:
        return _grouped(self.tags, fold=False)


def read_pictures(library: LiveLibrary, names: Sequence[str], at_most: int) -> tuple[Pictured, int]:
    """The first `at_most`, which are a random sample by the order they come in, but those that lack one of the named
    vectors; and how many lack one."""
    rows: dict[str, dict[uuid.UUID, Embeddings]] = {name: {} for name in names}
    words: dict[uuid.UUID, Mapping[str, Any]] = {}
    seen: set[uuid.UUID] = set()
    for name in names:
        for chunk in _until(library.vectors(name, ("caption", "tags")), at_most):
            rows[name].update(zip(chunk.uuids, chunk.vectors, strict=True))
            words.update(zip(chunk.uuids, chunk.properties, strict=True))
            seen.update(chunk.uuids, chunk.without)
    whole = [key for key in words if all(key in rows[name] for name in names)][:at_most]
    if len(whole) < FEWEST:
        raise EvaluationError(
            f"The library has {len(whole)} pictures with all of the vectors {', '.join(names)}; at least {FEWEST} are "
            "needed. Add some with: python -m ingest FOLDER"
        )
    pictured = Pictured(
        tuple(whole),
        tuple(str(words[key].get("caption") or "") for key in whole),
        tuple(tuple(words[key].get("tags") or ()) for key in whole),
        {name: np.stack([rows[name][key] for key in whole]) for name in names},
    )
    return pictured, sum(any(key not in rows[name] for name in names) for key in seen)


def term_of(vector: Embeddings, weight: float, targets: Mapping[str, float]) -> Asked:
    """Words as a term of a question; `targets`: what counts, by weight."""
    shares = _shares(targets)
    return Asked(weight, False, dict.fromkeys(shares, vector), shares)


def example_of(vectors: Mapping[str, Embeddings], row: int, weight: float, targets: Mapping[str, float]) -> Asked:
    """A picture as a term of a question, liked or, below 0, disliked."""
    shares = _shares(targets)
    return Asked(weight, True, {name: vectors[name][row] for name in shares}, shares)


def _shares(targets: Mapping[str, float]) -> dict[str, float]:
    whole = sum(targets.values())
    return {name: weight / whole for name, weight in targets.items() if weight}


def _until(chunks: Iterable[VectorChunk], count: int) -> Iterator[VectorChunk]:
    """Chunks of at least `count` pictures together, or all."""
    read = 0
    for chunk in chunks:
        yield chunk
        read += len(chunk.uuids) + len(chunk.without)
        if read >= count:
            return


def sampled(items: Sequence[Item], at_most: int, rng: np.random.Generator) -> list[Item]:
    """All of them, or a random `at_most`, in their order."""
    if len(items) <= at_most:
        return list(items)
    return [items[place] for place in np.sort(rng.choice(len(items), at_most, replace=False))]


def _grouped(labels: Iterable[Sequence[str]], *, fold: bool) -> dict[str, list[int]]:
    groups: dict[str, tuple[str, list[int]]] = {}
    for row, own in enumerate(labels):
        for label in own:
            groups.setdefault(label.casefold() if fold else label, (label, []))[1].append(row)
    return dict(groups.values())


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

    def learned(self, likes: Sequence[int]) -> Mapping[str, float]:
        """As `Searcher` learns them for targets = "auto"."""
        rows = {name: vectors[list(likes)] for name, vectors in self.vectors.items()}
        return (learn_targets(rows, self.space) if len(likes) else {}) or DEFAULT_TARGETS["item"]

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
