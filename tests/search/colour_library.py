"""Sixty small pictures of random colours with every kind of property, and what a question to them must answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import numpy as np
from PIL import Image

from encoder.protocol import Embeddings, Encoder
from ingest.ledger import Ledger
from schema.collection import Pictures
from schema.record import DESCRIBED, ImageRecord, Place, sha256_of
from search.asking import DEFAULT_TARGETS, weigh
from search.query import Query, Term
from search.scoring import LibrarySpace, score

NAMES = ["photos/20", "photos/2023", "photos/2023/summer", "photos/2023 b", "photos/a*b", "photos/axb", "scans/old/x"]
FOLDERS = [f"/{name}" for name in NAMES]
TAGS = [(), ("cat",), ("dog",), ("cat", "dog"), ("red bicycle",), ("Cat", "night"), ("cat", "dog", "night")]
CAPTIONS = ["", "red wall", "blue sea at night", "", "green and yellow", "white", "a red and blue flag"]
SIZES = [(640, 480), (480, 640), (500, 500), (1000, 600), (1001, 600), (999, 601), (4000, 1)]
CAMERAS = ["", "Canon EOS 5D", "X100"]
COLOURS = [("white", "red"), ("blue",), ("grey", "blue", "red"), (), ("brown",)]
POSITIONS = [  # Paris, 3.5 km and 10.9 km from there; nowhere; both sides of the date line; the pole
    (48.8566, 2.3522),
    (48.8867, 2.3431),
    (48.8049, 2.1204),
    None,
    (-17.0, 179.9),
    (-17.0, -179.9),
    (90.0, 0.0),
]
CEST, PST = timezone(timedelta(hours=2)), timezone(timedelta(hours=-8))
DATES = [
    None,
    datetime(2023, 12, 31, 23, 59, 59, 999000),
    datetime(2024, 1, 1),
    datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 2, 1, tzinfo=UTC),
    datetime(2024, 2, 29),
    datetime(2024, 2, 29, 23, 59, 59, 500000),
    datetime(2024, 3, 1),
    datetime(2024, 3, 1, 1, 30, tzinfo=CEST),  # where it was taken; 23:30 on the 29th of February in UTC
    datetime(1999, 12, 31, 21, 30, tzinfo=PST),  # the year 2000 in UTC
]


@dataclass(frozen=True)
class Library:
    """What was stored, beside the collection that holds it."""

    pictures: Pictures
    encoder: Encoder
    records: Mapping[UUID, ImageRecord]
    vectors: Mapping[UUID, Mapping[str, Embeddings]]


def record(index: int, count: int) -> ImageRecord:
    folder = FOLDERS[index % 7]
    root = "/scans/old" if folder.startswith("/scans") else "/photos"
    name = f"{'Holiday' if index % 4 == 0 else 'IMG_'}{index:04}.{'jpg' if index % 3 else 'PNG'}"
    places = [Place(f"{folder}/{name}", 1000 + index, 0, root)]
    if index % 11 == 0:
        places.append(Place(f"/scans/old/copies/{name}", 1000 + index, 0, "/scans/old"))
    width, height = SIZES[index * 3 % 7]
    caption = CAPTIONS[index * 5 % 7]
    position = POSITIONS[index * 4 % 7]
    colours = COLOURS[index % 5]
    taken = DATES[index % 10]
    return ImageRecord(
        sha256=sha256_of(str(index).encode()),
        places=tuple(places),
        width=width,
        height=height,
        bytes=1000 * index,
        format="JPEG" if index % 3 else "PNG",
        caption="a zeppelin over the sea" if index == 41 else caption,
        caption_source="metadata" if caption or index == 41 else "",
        file_tags=("kumquat",) if index == 17 else TAGS[index * 2 % 7],
        taken_at=taken,
        taken_local=None if taken is None else taken.replace(tzinfo=None),
        taken_source="" if taken is None else "exif",
        camera=CAMERAS[index // 2 % 3],
        latitude=position[0] if position else None,
        longitude=position[1] if position else None,
        colours=colours,
        swatches=("#123456",) * len(colours),
        phash=f"{index:016x}",
        described=DESCRIBED,
        added_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=index % (count // 2)),
    )


def fill(pictures: Pictures, encoder: Encoder, count: int = 60, seed: int = 5) -> Library:
    """Store `count` pictures: four quarters of random colours each; a caption's vector is that of its words."""
    rng = np.random.default_rng(seed)
    images = [
        Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)).resize((32, 32), Image.Resampling.NEAREST)
        for _ in range(count)
    ]
    rows = encoder.encode_images(images)
    records = [record(index, count) for index in range(count)]
    vectors = {}
    for index, one in enumerate(records):
        caption = encoder.encode_texts([one.caption])[0] if one.caption else rows["image"][index]
        vectors[one.uuid] = {"image": rows["image"][index], "caption": caption, "look": rows["look"][index]}
    refused = Ledger(pictures, wait_s=10).add([(one, vectors[one.uuid]) for one in records])
    assert refused == []
    return Library(pictures, encoder, {one.uuid: one for one in records}, vectors)


def similarities(
    library: Library, asked: Sequence[tuple[float, Mapping[str, float], Mapping[str, Embeddings]]]
) -> dict[UUID, float]:
    """The slow, obvious one. Of each term: its weight, the weights of its targets, its vector on each target.

    Weighted mean over the terms of the weighted mean over a term's targets of the cosine similarity.
    """
    answer = {}
    for key, stored in library.vectors.items():
        total = 0.0
        for weight, targets, vectors in asked:
            over_targets = sum(share * cosine(vectors[name], stored[name]) for name, share in targets.items())
            total += weight * over_targets / sum(targets.values())
        answer[key] = total / sum(abs(weight) for weight, _, _ in asked)
    return answer


def cosine(a: Embeddings, b: Embeddings) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)  # type: ignore[assignment]
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def vectors_of(library: Library, term: Term) -> Mapping[str, Embeddings]:
    if term.item is not None:
        return library.vectors[term.item]
    if term.image is not None:
        rows = library.encoder.encode_images([term.image])
        return {"image": rows["image"][0], "caption": rows["image"][0], "look": rows["look"][0]}
    row = library.encoder.encode_texts([str(term.text)])[0]
    return {"image": row, "caption": row}


def expected(
    library: Library, terms: tuple[Term, ...], targets: Mapping[str, float] | None = None
) -> list[tuple[UUID, float]]:
    """Every picture but those that ask, best first, with its similarity.

    Similarity slowly, by hand; the order by `scoring.score` of every picture, which has an oracle of its own.
    """
    asked = []
    for term in terms:
        vectors = vectors_of(library, term)
        wanted = targets if targets is not None else DEFAULT_TARGETS["text" if term.text is not None else "item"]
        asked.append((term.weight, {name: w for name, w in wanted.items() if w and name in vectors}, vectors))
    own = {term.item for term in terms}
    found = {key: value for key, value in similarities(library, asked).items() if key not in own}
    relevance = relevances(library, Query(terms, targets=targets), [vectors for _, _, vectors in asked])
    return sorted(found.items(), key=lambda pair: (-relevance[pair[0]], pair[0]))


def relevances(
    library: Library, query: Query, encoded: Sequence[Mapping[str, Embeddings]], strategy: str | None = None
) -> dict[UUID, float]:
    """Of every picture, calibrated over all of them."""
    rows = {
        name: np.stack([stored[name] for stored in library.vectors.values()]) for name in library.pictures.identity.dims
    }
    captioned = np.array([library.records[key].captioned for key in library.vectors])
    space = LibrarySpace.of(rows, captioned, len(captioned))
    scores = score(weigh(query, encoded), rows, captioned, space, strategy)
    return dict(zip(library.vectors, scores.relevance.tolist(), strict=True))
