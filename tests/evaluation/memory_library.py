"""A library in memory whose index is exact: what `judge_collection` asks of one."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from encoder.protocol import Embeddings
from search.index import VectorChunk
from tests.colours import ColourEncoder


@dataclass
class Kept:
    captions: Sequence[str]
    rows: Mapping[str, Embeddings]
    tags: Sequence[tuple[str, ...]] = ()
    lacking: Mapping[str, set[int]] = field(default_factory=dict)
    name: str = "kept"
    chunks_read: int = 0

    def count(self) -> int:
        return len(self.captions)

    def vectors(self, name: str, properties: Sequence[str] = ()) -> Iterator[VectorChunk]:
        keys = [uuid.UUID(int=number) for number in range(len(self.captions))]
        tags = self.tags or [()] * len(keys)
        for start in range(0, len(keys), 7):
            numbers = range(start, min(start + 7, len(keys)))
            there = [number for number in numbers if number not in self.lacking.get(name, ())]
            self.chunks_read += 1
            yield VectorChunk(
                tuple(keys[number] for number in there),
                self.rows[name][there],
                tuple({"caption": self.captions[number], "tags": tags[number]} for number in there),
                tuple(keys[number] for number in numbers if number not in there),
            )

    def nearest(self, name: str, vector: Embeddings, k: int) -> list[tuple[uuid.UUID, float]]:
        cosines = self.rows[name] @ vector
        return [(uuid.UUID(int=int(number)), float(cosines[number])) for number in np.argsort(-cosines)[:k]]


def kept(count: int, captions: Sequence[str], tags: Sequence[tuple[str, ...]] = (), **lacking: set[int]) -> Kept:
    """Pictures of random colours; captions as the colour encoder encodes them."""
    rng, encoder = np.random.default_rng(3), ColourEncoder()
    rows = encoder.encode_images(
        [Image.new("RGB", (4, 4), tuple(map(int, rng.integers(0, 256, 3)))) for _ in range(count)]
    )
    texts = encoder.encode_texts(captions)
    captioned = np.array([bool(caption) for caption in captions])[:, None]
    vectors = {**rows, "caption": np.where(captioned, texts, rows["image"])}
    return Kept(captions, vectors, tags, lacking)
