"""What a record holds of a picture beside its size and words: its looks, when and where it was taken, and tags that a
person gave it before."""

from collections.abc import Sequence
from typing import Any

from errors import Refused
from ingest.files import PictureFile
from ingest.ledger import Ledger
from ingest.report import REFUSED, Failure
from pictures.looks import palette, perceptual_hash
from pictures.open import Opened
from schema.record import DESCRIBED, ImageRecord, unite

BATCH = 256


def description(opened: Opened, found: PictureFile, *, readable: bool) -> dict[str, Any]:
    """Fields of a record that a higher DESCRIBED or another sidecar brings up to date; about 1.2 ms, of the small
    decoded picture. `opened` holds what the sidecars of `found` say already, as far as they were `readable`."""
    colours, facts = palette(opened.image), opened.facts
    return {
        "taken_at": facts.taken_at,
        "taken_local": facts.taken_local,
        "taken_source": facts.taken_source,
        "camera": facts.camera,
        "latitude": facts.latitude,
        "longitude": facts.longitude,
        "colours": colours.names,
        "swatches": colours.swatches,
        "phash": perceptual_hash(opened.image),
        "described": DESCRIBED,
        "sidecars": found.facts_stamp if readable else "",
        "sidecars_place": str(found.path) if found.facts_stamp and readable else "",
    }


def is_outdated(record: ImageRecord, found: PictureFile) -> bool:
    """Whether the file has to be read again: an older Loupe stored it, or the sidecars that count have changed.

    Of several places that of the first sidecars counts for as long as it is one.
    """
    elsewhere = record.sidecars_place != str(found.path) and any(p.path == record.sidecars_place for p in record.places)
    return record.described < DESCRIBED or (record.sidecars != found.facts_stamp and not elsewhere)


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


def hand_on_tags(ledger: Ledger, leaving: Sequence[tuple[str, str]]) -> list[Failure]:
    """Give the tags that a person gave in Loupe to bytes that are about to lie nowhere, to the bytes that took their
    path. `leaving`: (hash, path) of each place that is about to be dropped. Those that Weaviate refused are returned.
    """
    left: dict[str, set[str]] = {}
    for sha256, path in leaving:
        left.setdefault(sha256, set()).add(path)
    failures: list[Failure] = []
    hashes = sorted(left)
    for start in range(0, len(hashes), BATCH):
        with ledger.lock():
            for old in ledger.by_hash(hashes[start : start + BATCH]).values():
                paths = left[old.sha256]
                if not old.own_tags or not {place.path for place in old.places} <= paths:
                    continue
                try:
                    for path, records in ledger.by_paths(sorted(paths)).items():
                        for record in records:
                            tagged = record.with_own_tags(unite(record.own_tags, old.own_tags))
                            if path not in left.get(record.sha256, ()) and tagged != record:
                                ledger.set_tags(tagged)
                except Refused as error:
                    failures += [Failure(path, f"{REFUSED}: {error}") for path in sorted(paths)]
    return failures
