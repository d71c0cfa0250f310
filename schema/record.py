"""One picture as it is stored, and its way to Weaviate properties and back."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from schema.globe import cells_of
from schema.names import folded, folder_of
from schema.phrases import runs_of

NAMESPACE = uuid.UUID("6f1d3a52-9a0e-5c5e-8c1e-3c8f0d1e7a42")

ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")
"""The frames of an MPO (a phone's JPEG), of a TIFF or of an HEIF are further pictures, not an animation."""

DESCRIBED = 2
"""The version of what Loupe computes from a picture beside its vectors: colours, perceptual hash, phrases, position,
names in one form.
Records with a lower one are described again by the next ingest; raise it when that has to happen."""


def uuid_of(sha256: str) -> uuid.UUID:
    """The object's uuid: uuid5 of the SHA-256 (hex) of the picture's bytes (invariant I2)."""
    return uuid.uuid5(NAMESPACE, sha256)


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, order=True)
class Place:
    """One file that holds the picture's bytes. `mtime_us` in microseconds: Weaviate's numbers are exact to 2**53."""

    path: str
    size: int
    mtime_us: int
    root: str
    """The folder that was ingested; `path` lies inside it."""

    @property
    def folders(self) -> list[str]:
        """Every folder that the file lies in, the disk's root first: which of them were ingested can change."""
        return [str(folder) for folder in reversed(PurePath(self.path).parents)]


@dataclass(frozen=True)
class ImageRecord:
    """Everything known of one picture but its vectors. Invariant I8: it travels with its picture."""

    sha256: str
    places: tuple[Place, ...]
    width: int
    height: int
    bytes: int
    format: str
    caption: str = ""
    caption_source: str = ""
    """metadata, sidecar, xmp, iptc or exif; "" when there is no caption."""
    caption_place: str = ""
    """Path of the file beside which the caption was written (metadata or sidecar); "" for an embedded one."""
    file_tags: tuple[str, ...] = ()
    tags_source: str = ""
    """Of the files' tags: metadata, xmp, iptc or exif; "" when they give none."""
    tags_place: str = ""
    own_tags: tuple[str, ...] = ()
    """What a person added in Loupe."""
    taken_at: datetime | None = None
    """The moment."""
    taken_local: datetime | None = None
    """What the clock at the place showed then, without a zone. Days, months and years are counted by it."""
    taken_source: str = ""
    """exif, xmp, iptc, exif_digitised, file_name, sidecar or edited; "" without a date."""
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None
    modified_at: datetime | None = None
    added_at: datetime | None = None
    n_frames: int = 1
    truncated: bool = False
    colours: tuple[str, ...] = ()
    """Dominant colours by name, the most first, see `pictures.looks`."""
    swatches: tuple[str, ...] = ()
    """`#rrggbb` of each of them."""
    phash: str = ""
    """Perceptual hash, 16 hex digits; "" where it would say nothing, see `pictures.looks`."""
    described: int = 0
    """See `DESCRIBED`."""
    sidecars: str = ""
    """Sizes and times of the sidecars that were read into the facts; when they differ, those are read again."""
    sidecars_place: str = ""
    """Path of the file beside which they lie."""

    @property
    def uuid(self) -> uuid.UUID:
        return uuid_of(self.sha256)

    @property
    def captioned(self) -> bool:
        return bool(self.caption)

    @property
    def animated(self) -> bool:
        return self.n_frames > 1 and self.format in ANIMATED_FORMATS

    @property
    def tags(self) -> tuple[str, ...]:
        """Those of the files, then a person's own, in any case only once."""
        return unite(self.file_tags, self.own_tags)

    @property
    def clock(self) -> datetime | None:
        """`taken_local`; of a picture that an older Loupe stored the moment in UTC, which is all that it knew."""
        if self.taken_local is not None or self.taken_at is None:
            return self.taken_local
        return self.taken_at.replace(tzinfo=None)

    @property
    def megapixels(self) -> float:
        """Of 1,000,000 pixels."""
        return self.width * self.height / 1e6

    @property
    def orientation(self) -> str:
        if self.width == self.height:
            return "square"
        return "landscape" if self.width > self.height else "portrait"

    def with_places(self, places: tuple[Place, ...]) -> "ImageRecord":
        return replace(self, places=tuple(sorted(set(places))))

    def with_own_tags(self, tags: tuple[str, ...]) -> "ImageRecord":
        return replace(self, own_tags=tags)


def unite(of_files: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """The files' tags, then one's own that are not among them in any case.

    >>> unite(("Cat", "night"), ("cat", "sofa"))
    ('Cat', 'night', 'sofa')
    """
    folded = {tag.casefold() for tag in of_files}
    return (*of_files, *(tag for tag in own if tag.casefold() not in folded))


_DATES = ("taken_at", "taken_local", "modified_at", "added_at")
_LISTS = ("file_tags", "own_tags", "colours", "swatches")
RECORD_FIELDS = frozenset(item.name for item in fields(ImageRecord)) - {"places"} | {"tags", "captioned"}
"""The properties that `from_properties` reads, but the nested one; and one that ranking asks for."""


def to_properties(record: ImageRecord) -> dict[str, Any]:
    """Weaviate properties: the record's fields, and those derived from it that filters and facets need."""
    properties: dict[str, Any] = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if item.name == "places" or value is None:
            continue
        properties[item.name] = list(value) if item.name in _LISTS else value
    for name in _DATES:
        if (moment := getattr(record, name)) is not None:
            properties[name] = _in_utc(moment)
    properties["animated"] = record.animated
    properties["orientation"] = record.orientation
    properties |= {name: value for name, value in description_properties(record).items() if value is not None}
    return properties | word_properties(record) | place_properties(record.places)


def description_properties(record: ImageRecord) -> dict[str, Any]:
    """The properties that are computed from the picture's pixels and facts; `DESCRIBED` is their version. None where
    there is nothing, which removes what was stored.

    The local clock is stored as if it were UTC: a date in Weaviate has a zone."""
    clock, latitude, longitude = record.clock, record.latitude, record.longitude
    return {
        "camera": record.camera,
        "colours": list(record.colours),
        "swatches": list(record.swatches),
        "phash": record.phash,
        "megapixels": record.megapixels,
        "camera_folded": folded(record.camera),
        "taken_source": record.taken_source,
        "described": record.described,
        "taken_at": record.taken_at and _in_utc(record.taken_at),
        "taken_local": clock and _in_utc(clock),
        "year": clock and clock.year,
        "month": clock and f"{clock:%Y-%m}",
        "latitude": latitude,
        "longitude": longitude,
        "cells": None if latitude is None or longitude is None else cells_of(latitude, longitude),
        "sidecars": record.sidecars,
        "sidecars_place": record.sidecars_place,
    }


def word_properties(record: ImageRecord) -> dict[str, Any]:
    """The properties that hold caption and tags; the only ones that changed words change."""
    return tag_properties(record) | {
        "caption": record.caption,
        "caption_source": record.caption_source,
        "caption_place": record.caption_place,
        "captioned": record.captioned,
    }


def tag_properties(record: ImageRecord) -> dict[str, Any]:
    """The properties that hold tags; the only ones that tagging changes."""
    return {
        "tags": list(record.tags),
        "tags_source": record.tags_source,
        "tags_place": record.tags_place,
        "own_tags": list(record.own_tags),
        "file_tags": list(record.file_tags),
        "tag_words": " ".join(record.tags),
        "phrases": runs_of((record.caption, *record.tags)),
    }


def place_properties(places: tuple[Place, ...]) -> dict[str, Any]:
    """The properties that say where the bytes lie; the only ones that a rename changes."""
    return {
        "places": [{"path": p.path, "size": p.size, "mtime_us": p.mtime_us, "root": p.root} for p in places],
        "paths": [p.path for p in places],
        "paths_folded": [folded(p.path) for p in places],
        "folders": sorted({folder_of(folder) for p in places for folder in p.folders}),
        "roots": sorted({folder_of(p.root) for p in places}),
        "file_name": PurePath(places[0].path).name if places else "",
        "name_phrases": runs_of(PurePath(p.path).name for p in places),
    }


def from_properties(properties: Mapping[str, Any]) -> ImageRecord:
    """The record of stored properties; properties that are missing (an older library) take their defaults."""
    known: dict[str, Any] = {
        item.name: properties[item.name]
        for item in fields(ImageRecord)
        if item.name != "places" and properties.get(item.name) is not None
    }
    for name in _LISTS:
        known[name] = tuple(known.get(name, ()))
    known["places"] = to_places(properties)
    tags = tuple(properties.get("tags") or ())
    if unite(known["file_tags"], known["own_tags"]) != tags:  # of an older library, or changed by another program
        there = {tag.casefold() for tag in tags}
        known["own_tags"] = tuple(tag for tag in known["own_tags"] if tag.casefold() in there)
        known["file_tags"] = tuple(tag for tag in tags if tag not in known["own_tags"])
    if "taken_local" in known:
        known["taken_local"] = known["taken_local"].replace(tzinfo=None)
    for name in ("width", "height", "bytes", "n_frames", "described"):
        if name in known:
            known[name] = int(known[name])
    return ImageRecord(**known)


def to_places(properties: Mapping[str, Any]) -> tuple[Place, ...]:
    return tuple(
        Place(str(p["path"]), int(p["size"]), int(p["mtime_us"]), str(p["root"]))
        for p in properties.get("places") or ()
    )


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)
