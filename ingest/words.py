"""Which caption and tags a picture has: a metadata file's or text file's, else those of its facts. Knows no database.

A picture whose bytes lie in several places takes its words from the place that gave them first, and keeps to it, so
that two places with different words do not take turns.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ingest.captions import Words
from pictures.open import Facts
from schema.record import ImageRecord


def first_words(path: str, told: Words, facts: Facts | None) -> dict[str, Any]:
    """The word fields of a record: what stands beside the file, else what the file says itself."""
    tags = _told_tags(path, told, facts)
    return _caption(path, told, facts) | {
        "tags": tags["tags"],
        "tags_source": tags["source"],
        "tags_place": tags["place"],
    }


def changed_words(
    record: ImageRecord, path: str, told: Words, embedded: Callable[[], Facts | None]
) -> ImageRecord | None:
    """The record with its new words, or None when they are as they were. `embedded` opens the file, and is rarely
    called; where it finds the file unreadable (None), the words stay as they were."""
    return _changed(record, path, told, embedded, again=False)


def words_again(record: ImageRecord, path: str, told: Words, facts: Facts) -> ImageRecord:
    """The record with its words of now, after its file and sidecars were read again."""
    return _changed(record, path, told, lambda: facts, again=True) or record


def _changed(
    record: ImageRecord, path: str, told: Words, embedded: Callable[[], Facts | None], *, again: bool
) -> ImageRecord | None:
    if told.unread:
        return None
    places = {place.path for place in record.places}
    changed = record
    lost_caption = (
        record.caption_place == path and not told.caption and record.caption_source in ("metadata", "sidecar")
    ) or (again and not record.caption_place)
    lost_tags = (record.tags_place == path and not told.tags and record.tags_source in ("metadata", "sidecar")) or (
        again and not record.tags_place
    )
    facts = None
    if (lost_caption or lost_tags) and (facts := embedded()) is None:
        return None
    if lost_caption or (told.caption and (record.caption_place == path or record.caption_place not in places)):
        changed = replace(changed, **_caption(path, told, facts))
    if lost_tags or (told.tags and (record.tags_place == path or record.tags_place not in places)):
        changed = changed.with_told_tags(**_told_tags(path, told, facts))
    return None if changed == record else changed


def _caption(path: str, told: Words, facts: Facts | None) -> dict[str, Any]:
    if told.caption:
        return {"caption": told.caption, "caption_source": told.caption_source, "caption_place": path}
    if facts is not None and facts.caption:
        return {"caption": facts.caption, "caption_source": facts.caption_source, "caption_place": ""}
    return {"caption": "", "caption_source": "", "caption_place": ""}


def _told_tags(path: str, told: Words, facts: Facts | None) -> dict[str, Any]:
    if told.tags:
        return {"tags": told.tags, "source": told.tags_source, "place": path}
    if facts is not None and facts.tags:
        return {"tags": facts.tags, "source": facts.tags_source, "place": ""}
    return {"tags": (), "source": "", "place": ""}
