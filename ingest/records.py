"""Open a picture file and make its record, from its pixels and metadata, its sidecars and the words beside it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from errors import PictureError
from ingest.captions import WordsBeside
from ingest.files import PictureFile
from ingest.report import Failure
from ingest.sidecars import SidecarReader
from pictures.describe import Words
from pictures.looks import palette, perceptual_hash
from pictures.open import Facts, Limits, Opened, open_image, opened_for_reading
from pictures.thumbnails import ThumbnailStore
from schema.record import DESCRIBED, ImageRecord, Place, now

BESIDE = ("metadata", "sidecar")
"""Sources of words that stand beside the file, and may be taken away without it."""


@dataclass(frozen=True)
class PictureRead:
    file: PictureFile
    opened: Opened
    """Its facts hold what the sidecars and the file's name add."""
    readable: bool
    """Whether the disk let all of the sidecars be read."""
    description: dict[str, Any]
    """The fields of a record that a higher DESCRIBED or another sidecar changes; see `_described`."""


class Reader:
    """The one way in which an ingest opens pictures: what goes wrong is a Failure. Safe in threads."""

    def __init__(self, limits: Limits, side: int, thumbnails: ThumbnailStore | None) -> None:
        """`side`: the pixels of the short side that the model can use. `thumbnails`: where a missing one is made."""
        self._limits = limits
        self._side = side
        self._thumbnails = thumbnails
        self._sidecars = SidecarReader()

    def hash_file(self, path: Path) -> str | Failure:
        try:
            with opened_for_reading(path, self._limits) as (file, _):
                return hashlib.file_digest(file, "sha256").hexdigest()
        except PictureError as error:
            return Failure.of(path, error)

    def read_picture(self, file: PictureFile, sha256: str) -> PictureRead | Failure:
        """The picture, if its bytes have this hash. Raises FolderError where its thumbnail cannot be written."""
        try:
            opened = open_image(file.path, self._limits, self._side)
            if opened.sha256 != sha256:
                raise PictureError(
                    "changed",
                    "its bytes changed while it was read, or without its size and time; touch it and run the same "
                    "command again",
                )
        except PictureError as error:
            return Failure.of(file.path, error)
        if self._thumbnails is not None:
            self._thumbnails.write(sha256, opened.image)
        facts, readable = self._sidecars.facts(opened.facts, file.path, file.facts_from)
        opened = replace(opened, facts=facts)
        return PictureRead(file, opened, readable, _described(opened, file, readable))

    def warnings(self) -> list[str]:
        """One that names the sidecars that could not be read, or none."""
        return self._sidecars.warnings()


def _described(opened: Opened, file: PictureFile, readable: bool) -> dict[str, Any]:
    """About 1.2 ms, of the small decoded picture."""
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
        "sidecars": file.facts_stamp if readable else "",
        "sidecars_place": str(file.path) if file.facts_stamp and readable else "",
    }


def new_record(read: PictureRead, words: WordsBeside, root: Path) -> ImageRecord:
    file, facts = read.file, read.opened.facts
    return ImageRecord(
        sha256=read.opened.sha256,
        places=(place_of(file, None, root),),
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        format=facts.format,
        modified_at=datetime.fromtimestamp(file.mtime_us / 1e6, UTC),
        added_at=now(),
        n_frames=facts.n_frames,
        truncated=facts.truncated,
        **read.description,
        **_caption(file.path, words, facts),
        **_tags(file.path, words, facts),
    )


def place_of(file: PictureFile, record: ImageRecord | None, root: Path | None = None) -> Place:
    """Where the bytes lie. A file that is known keeps the root it was first found under."""
    path = str(file.path)
    old = next((place.root for place in record.places if place.path == path), None) if record else None
    return Place(path, file.size, file.mtime_us, old or str(root or ""))


def with_words(
    record: ImageRecord, path: Path, words: WordsBeside, facts_of: Callable[[], Facts | None], *, reread: bool = False
) -> ImageRecord:
    """The record with the caption and tags of now: those that stand beside the file at `path`, else those of its facts.

    A picture whose bytes lie in several places takes its words from the place that gave them first, and keeps to it, so
    that two places with different words do not take turns. `facts_of` opens the file, and is rarely called; where that
    fails (None), or a file with words could not be read, the words stay as they were. `reread`: the facts are new too.
    """
    if words.unread:
        return record
    others = {place.path for place in record.places} - {str(path)}

    def lost(beside: object, place: str, source: str) -> bool:
        return (reread and not place) or (place == str(path) and not beside and source in BESIDE)

    lost_caption = lost(words.caption, record.caption_place, record.caption_source)
    lost_tags = lost(words.tags, record.tags_place, record.tags_source)
    facts = facts_of() if lost_caption or lost_tags else None
    if (lost_caption or lost_tags) and facts is None:
        return record
    if lost_caption or (words.caption and record.caption_place not in others):
        record = replace(record, **_caption(path, words, facts))
    if lost_tags or (words.tags and record.tags_place not in others):
        record = replace(record, **_tags(path, words, facts))
    return record


def _caption(path: Path, beside: Words, facts: Words | None) -> dict[str, Any]:
    words = beside.before(facts or Words())
    place = str(path) if beside.caption else ""
    return {"caption": words.caption, "caption_source": words.caption_source, "caption_place": place}


def _tags(path: Path, beside: Words, facts: Words | None) -> dict[str, Any]:
    words = beside.before(facts or Words())
    return {"file_tags": words.tags, "tags_source": words.tags_source, "tags_place": str(path) if beside.tags else ""}
