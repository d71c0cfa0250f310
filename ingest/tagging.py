"""Tags that a person gives pictures in Loupe: added, removed, and searchable at once.

They stand beside the tags that files give (`ImageRecord.own_tags`), and an ingest keeps them. Weaviate has no way to
write only where nothing changed since it was read; so writers of one LOUPE_HOME take turns by a file lock, and lose
nothing of each other. Writers on other machines read again what they wrote, and write again where something is missing:
there, only what another one stores after this last look can undo it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from filelock import Timeout

from errors import IngestError
from host.folders import make_home, own_lock, using
from ingest.ledger import Ledger
from pictures.text import MAX_TAG, clean
from schema.collection import Pictures
from schema.record import ImageRecord

MAX_OWN_TAGS = 64
"""Of one picture."""
MAX_PICTURES = 10_000
"""Of one call."""
BATCH = 256
LOOKS = 3
LOCK_S = 60.0
_INSIDE = {"xmp": "XMP", "iptc": "IPTC", "exif": "EXIF"}


class TagError(IngestError, ValueError):
    """Nothing was changed; the message is a sentence with the value that was wrong and what to do."""


@dataclass(frozen=True)
class Refusal:
    """A tag that one picture did not get, or did not lose; `reason` is a sentence."""

    uuid: UUID
    tag: str
    reason: str


@dataclass(frozen=True)
class TagReport:
    """Every picture is in one of the first three."""

    changed: tuple[UUID, ...]
    unchanged: tuple[UUID, ...]
    """They had these tags, or had them not, already."""
    missing: tuple[UUID, ...]
    """They are not in the library (any more)."""
    refused: tuple[Refusal, ...]

    def __str__(self) -> str:
        counts = {
            "changed": len(self.changed),
            "unchanged": len(self.unchanged),
            "not in the library any more": len(self.missing),
        }
        line = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "changed")
        reasons = list(dict.fromkeys(refusal.reason for refusal in self.refused))
        more = f" And {len(reasons) - 3} more of this kind." if len(reasons) > 3 else ""
        return f"{line}.{''.join(f' {reason}' for reason in reasons[:3])}{more}"


def tag(
    pictures: Pictures,
    uuids: Iterable[UUID],
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    *,
    home: Path,
    wait_s: float = 10.0,
) -> TagReport:
    """Give pictures tags of one's own, or take such away. Upper and lower case make no difference to whether a picture
    has a tag; a new one is written as it is given.

    `home`: LOUPE_HOME, where the lock lies. Raises TagError before anything is changed, Unreachable when Weaviate is
    away for `wait_s`; what was written until then stays.
    """
    added, removed = _cleaned(add), _cleaned(remove)
    wanted = list(dict.fromkeys(uuids))
    _check(pictures, wanted, added, removed)
    ledger = Ledger(pictures, wait_s)
    changed: set[UUID] = set()
    seen: set[UUID] = set()
    refused: dict[tuple[UUID, str], Refusal] = {}
    for start in range(0, len(wanted), BATCH):
        pending = wanted[start : start + BATCH]
        with tags_lock(home, pictures.name):
            for _ in range(LOOKS):
                records = ledger.by_uuids(pending)
                seen |= set(records)
                pending = []
                for record in records.values():
                    edited, refusals = retagged(record, added, removed)
                    refused |= {(record.uuid, refusal.tag): refusal for refusal in refusals}
                    if edited == record:
                        continue
                    if ledger.set_tags(edited):
                        pending.append(record.uuid)
                    else:
                        seen.discard(record.uuid)
                changed |= set(pending)
                if not pending:
                    break
    return TagReport(
        changed=tuple(one for one in wanted if one in changed),
        unchanged=tuple(one for one in wanted if one in seen and one not in changed),
        missing=tuple(one for one in wanted if one not in seen),
        refused=tuple(refused.values()),
    )


def retagged(record: ImageRecord, add: Sequence[str], remove: Sequence[str]) -> tuple[ImageRecord, tuple[Refusal, ...]]:
    """The record with other tags of one's own, and what it could not be given or rid of."""
    refused = []
    own = {text.casefold(): text for text in record.own_tags}
    from_files = {text.casefold(): text for text in record.file_tags}
    for text in remove:
        own.pop(text.casefold(), None)
        if (kept := from_files.get(text.casefold())) is not None:
            refused.append(Refusal(record.uuid, kept, _why_kept(record, kept)))
    for text in add:
        if text.casefold() in own or text.casefold() in from_files:
            continue
        if len(own) >= MAX_OWN_TAGS:
            reason = (
                f"{_name(record)} has {len(own)} tags of your own, and at most {MAX_OWN_TAGS} are kept: "
                f"{text!r} was not added. Remove one first."
            )
            refused.append(Refusal(record.uuid, text, reason))
        else:
            own[text.casefold()] = text
    if tuple(own.values()) == record.own_tags:
        return record, tuple(refused)
    return record.with_own_tags(tuple(own.values())), tuple(refused)


@contextmanager
def tags_lock(home: Path, collection: str) -> Iterator[None]:
    """The turn to read, change and write words and tags of a collection. Raises TagError when nobody gives it up."""
    lock = own_lock(make_home(home) / f"tags-{collection}.lock")
    try:
        with using(home):
            lock.acquire(timeout=LOCK_S)
    except Timeout:
        raise TagError(
            f"Another program has been changing tags of {collection} for {LOCK_S:.0f} s. Wait for it, or stop it, and "
            "do it again."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _cleaned(tags: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for text in tags:
        cleaned = clean(text, MAX_TAG + 1)
        if not cleaned:
            raise TagError(f"A tag is a word or a few; {text[:80]!r} is none. Type it again.")
        if len(cleaned) > MAX_TAG:
            raise TagError(f"A tag has at most {MAX_TAG} characters; {cleaned[:40]!r}… has more. Shorten it.")
        found.setdefault(cleaned.casefold(), cleaned)
    return list(found.values())


def _check(pictures: Pictures, uuids: Sequence[UUID], add: Sequence[str], remove: Sequence[str]) -> None:
    if not add and not remove:
        raise TagError("No tag was named. Type one to add or to remove.")
    if not uuids:
        raise TagError("No picture was chosen. Select some first.")
    if len(uuids) > MAX_PICTURES:
        raise TagError(f"At most {MAX_PICTURES:,} pictures are tagged at once, got {len(uuids):,}. Select fewer.")
    if max(len(add), len(remove)) > MAX_OWN_TAGS:
        raise TagError(f"At most {MAX_OWN_TAGS} tags are taken at once, got {max(len(add), len(remove))}.")
    folded = {text.casefold() for text in remove}
    if both := next((text for text in add if text.casefold() in folded), None):
        raise TagError(f"The tag {both!r} is to be added and removed at once. Take it out of one of the two.")
    if "own_tags" not in pictures.properties:
        raise TagError(
            f"The library {pictures.name} was made by an older Loupe and keeps no tags of your own yet. "
            "Ingest one of its folders again (python -m ingest FOLDER); no picture is encoded again for that."
        )


def _why_kept(record: ImageRecord, text: str) -> str:
    path = record.tags_place or _name(record)
    if record.tags_source in _INSIDE:
        where = f"is written in the file {path} itself ({_INSIDE[record.tags_source]}). Take it out there"
    else:
        where = f"comes from the metadata file (metadata.csv or metadata.jsonl) that lists {path}. Take it out there"
    return f"The tag {text!r} {where} and ingest the folder again; only tags that were given in Loupe are removed here."


def _name(record: ImageRecord) -> str:
    return record.places[0].path if record.places else record.sha256[:12]
