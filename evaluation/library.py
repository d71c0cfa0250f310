"""Read the vectors, captions and tags of the library that is judged, in Weaviate or anywhere else."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from encoder.protocol import Embeddings
from errors import EvaluationError
from schema.collection import Pictures
from search.index import VectorChunk, find_nearest, library_version, read_vectors
from search.scoring import Asked

Item = TypeVar("Item")
FEWEST = 3


class Library(Protocol):
    """A live collection, as far as it is judged."""

    @property
    def name(self) -> str: ...

    def count(self) -> int: ...

    def vectors(self, name: str, properties: Sequence[str] = ()) -> Iterable[VectorChunk]:
        """A named vector of every picture, in an order that has nothing to do with what they show."""
        ...

    def nearest(self, name: str, vector: Embeddings, k: int) -> Sequence[tuple[uuid.UUID, float]]:
        """(uuid, cosine similarity) of what the index finds nearest."""
        ...


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


def read_pictures(library: Library, names: Sequence[str], at_most: int) -> tuple[Pictured, int]:
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


@dataclass(frozen=True)
class LiveLibrary:
    pictures: Pictures

    @property
    def name(self) -> str:
        return self.pictures.name

    def count(self) -> int:
        return library_version(self.pictures).count

    def vectors(self, name: str, properties: Sequence[str] = ()) -> Iterator[VectorChunk]:
        return read_vectors(self.pictures, name, properties)

    def nearest(self, name: str, vector: Embeddings, k: int) -> Sequence[tuple[uuid.UUID, float]]:
        return find_nearest(self.pictures, name, vector, k)
