"""What a record holds of a picture beside its facts and words: its looks, and tags that were given by hand before."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from ingest.ledger import Ledger
from pictures.colours import palette
from pictures.fingerprint import perceptual_hash
from schema.record import DESCRIBED, ImageRecord, unite


def description(image: Image.Image) -> dict[str, Any]:
    """Fields of a record, from the small decoded picture; about 1.2 ms."""
    colours = palette(image)
    return {
        "colours": colours.names,
        "swatches": colours.swatches,
        "phash": perceptual_hash(image),
        "described": DESCRIBED,
    }


def own_tags_of(pictures: Sequence[tuple[str, Sequence[ImageRecord]]], earlier: Ledger | None) -> list[tuple[str, ...]]:
    """For each (hash, records whose bytes lay at its path before) the tags that a person gave it in Loupe: an edited
    picture keeps them, and so does one that another encoder's library holds already."""
    known = earlier.by_hash([sha256 for sha256, _ in pictures]) if earlier is not None else {}
    found = []
    for sha256, before in pictures:
        tags: tuple[str, ...] = ()
        for record in [*before, *([known[sha256]] if sha256 in known else [])]:
            tags = unite(tags, record.own_tags)
        found.append(tags)
    return found
