"""Bring what the library knows up to date: the places of known bytes, and the thumbnail, description and words of a
known picture. Encodes no picture."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from encoder.protocol import Embeddings, Encoder
from errors import Refused
from host.streams import batched
from ingest.captions import WordsBeside
from ingest.files import PictureFile
from ingest.ledger import Ledger
from ingest.places import Availability
from ingest.prune import drop_places
from ingest.records import PictureRead, Reader, place_of, with_words
from ingest.report import REFUSED, Failure, IngestReport, Outcome
from pictures.open import Facts
from pictures.thumbnails import ThumbnailStore
from schema.record import DESCRIBED, ImageRecord, unite

BATCH = 256


@dataclass(frozen=True)
class ChangedFile:
    """A file whose bytes have to be looked at: it is new, or has another size or time than its records say."""

    file: PictureFile
    words: WordsBeside
    stale: tuple[ImageRecord, ...]
    """Records that say their bytes lie at this path; they did, before it changed."""
    sha256: str = ""


@dataclass(frozen=True)
class KnownFile:
    record: ImageRecord
    file: PictureFile
    words: WordsBeside


@dataclass
class KnownPictures:
    ledger: Ledger
    encoder: Encoder
    thumbnails: ThumbnailStore
    reader: Reader
    report: IngestReport
    root: Path
    pool: ThreadPoolExecutor
    batch_size: int
    stopped: Callable[[], bool]
    availability: Availability = field(default_factory=Availability)
    leaving: list[tuple[str, str]] = field(default_factory=list)
    """(hash, path): bytes that lie at a path no longer; settled at the end, when all have found their places."""
    would_drop: set[str] = field(default_factory=set)
    """After a dry run: places that a real one would have dropped, because their bytes were found elsewhere."""

    def look_up(self, files: Sequence[tuple[PictureFile, WordsBeside]]) -> tuple[list[ChangedFile], list[KnownFile]]:
        """The files that the library does not know at their path, size and time, and those that it does."""
        at_path = self.ledger.by_paths([str(file.path) for file, _ in files])
        changed: list[ChangedFile] = []
        unchanged: list[KnownFile] = []
        for file, words in files:
            records = at_path[str(file.path)]
            current = next((record for record in records if place_of(file, record) in record.places), None)
            stale = tuple(record for record in records if record is not current)
            if current is None:
                changed.append(ChangedFile(file, words, stale))
            else:
                # Left behind by a run that was cut off between two writes.
                self.leaving += [(record.sha256, str(file.path)) for record in stale]
                unchanged.append(KnownFile(current, file, words))
        return changed, unchanged

    def keep_up(self, files: Sequence[KnownFile]) -> Iterator[tuple[PictureFile, Outcome | Refused]]:
        """Bring the pictures of unchanged files up to date, at the price of a stat where nothing else changed. Raises
        ReadOnly where the library takes no changes."""
        outdated: dict[str, KnownFile] = {}
        for one in files:
            self._mend_thumbnail(one)
            if is_outdated(one.record, one.file) and one.record.sha256 not in outdated:
                outdated[one.record.sha256] = one
                continue
            try:
                yield one.file, _outcome(self._with_words_of_now(one)[1])
            except Refused as error:
                yield one.file, error
        for batch in batched(iter(outdated.values()), self.batch_size):
            if self.stopped():
                return
            for one, (_, changed) in zip(batch, self._read_again(batch), strict=True):
                yield one.file, _outcome(changed)

    def attach(self, record: ImageRecord, found: ChangedFile) -> tuple[ImageRecord, Outcome | Refused]:
        """Store that known bytes lie at this path too, and no longer where their file is gone. The record as it is now,
        and what became of the file."""
        place = place_of(found.file, record, self.root)
        before = [old for old in record.places if old.path != place.path]
        gone = [old for old in before if self.availability.is_gone(old)]
        moved = record.with_places((*(old for old in before if old not in gone), place))
        if record.sidecars == found.file.facts_stamp and record.sidecars_place in [old.path for old in gone]:
            moved = replace(moved, sidecars_place=place.path)  # they were moved with it
        stored = record
        try:
            if not self.report.dry_run:
                self.ledger.set_places(moved)
            else:
                self.would_drop |= {old.path for old in gone}
            stored = moved
            self.leaving += [(old.sha256, place.path) for old in found.stale if old.sha256 != record.sha256]
            one = KnownFile(moved, found.file, found.words)
            self._mend_thumbnail(one)
            if is_outdated(moved, found.file):
                [(stored, changed)] = self._read_again([one])
            else:
                stored, changed = self._with_words_of_now(one)
        except Refused as error:
            return stored, error
        if len(before) < len(record.places):
            return stored, _outcome(changed)
        if any(old.sha256 != record.sha256 for old in found.stale):
            return stored, "updated"
        return stored, "renamed" if gone else "copied"

    def drop_left_places(self) -> list[Failure]:
        """At the end of a run: drop the places in `leaving`. Those that Weaviate refused are returned."""
        kept = hand_on_tags(self.ledger, self.leaving)
        leaving = [one for one in self.leaving if one[1] not in {failure.path for failure in kept}]
        return [*kept, *drop_places(self.ledger, self.thumbnails, leaving)[1]]

    def _mend_thumbnail(self, one: KnownFile) -> None:
        """One that was deleted, or never made on this machine, is made again. Raises FolderError."""
        if not self.report.dry_run and not self.thumbnails.holds(one.record.sha256):
            self._read(one)

    def _read(self, one: KnownFile) -> PictureRead | Failure:
        return self.reader.read_picture(one.file, one.record.sha256)

    def _read_again(self, batch: Sequence[KnownFile]) -> Iterator[tuple[ImageRecord, bool]]:
        """Decode pictures that an older Loupe stored, or whose sidecars have changed. For each its record as it is now,
        and whether its description has changed."""
        results = list(self.pool.map(self._read_one_again, batch))
        pairs = [(one, after) for one, after in zip(batch, results, strict=True) if not isinstance(after, Failure)]
        refused: dict[str, str] = {}
        if not self.report.dry_run:
            described = [(after, self._caption_vector(one.record, after)) for one, after in pairs]
            refused = {r.sha256: f"{REFUSED}: {error}" for r, error in self.ledger.set_descriptions(described)}
        for one, after in zip(batch, results, strict=True):
            before = one.record
            reason = after.reason if isinstance(after, Failure) else refused.get(before.sha256)
            if isinstance(after, Failure) or reason:
                self._warn(one.file, "what is new of it is not known", reason)
                yield before, False
            else:
                self.report.described += before.described < DESCRIBED
                yield after, _differs(before, after)

    def _read_one_again(self, one: KnownFile) -> ImageRecord | Failure:
        read = self._read(one)
        if isinstance(read, Failure):
            return read
        if not read.readable:
            why = "sidecar_unreadable: a sidecar of it cannot be read; run again when it can"
            return Failure(str(one.file.path), why)
        described, facts = replace(one.record, **read.description), read.opened.facts
        return with_words(described, one.file.path, one.words, lambda: facts, reread=True)

    def _with_words_of_now(self, one: KnownFile) -> tuple[ImageRecord, bool]:
        """Store caption and tags where what stands beside the file has changed; the record, and whether it had."""
        changed = with_words(one.record, one.file.path, one.words, lambda: self._facts(one))
        if changed == one.record:
            return one.record, False
        if not self.report.dry_run:
            self.ledger.set_words(changed, self._caption_vector(one.record, changed))
        return changed, _words(changed) != _words(one.record)

    def _facts(self, one: KnownFile) -> Facts | None:
        """What the file and its sidecars say; None, with a warning, where one of them cannot be read."""
        read = self._read(one)
        if isinstance(read, Failure):
            self._warn(one.file, "its caption and tags stay as they were", read.reason)
            return None
        return read.opened.facts if read.readable else None

    def _caption_vector(self, before: ImageRecord, after: ImageRecord) -> Embeddings | None:
        """The new one; None where the caption is as it was."""
        if after.caption == before.caption:
            return None
        return self.encoder.encode_texts([after.caption])[0] if after.caption else self.ledger.image_vector(after)

    def _warn(self, file: PictureFile, consequence: str, reason: str | None) -> None:
        self.report.warnings.append(f"{file.path} could not be read again, so {consequence} ({reason}).")


def is_outdated(record: ImageRecord, file: PictureFile) -> bool:
    """Whether the file has to be read again: an older Loupe stored it, or the sidecars that count have changed.

    Of several places that of the first sidecars counts for as long as it is one.
    """
    elsewhere = record.sidecars_place != str(file.path) and any(p.path == record.sidecars_place for p in record.places)
    return record.described < DESCRIBED or (record.sidecars != file.facts_stamp and not elsewhere)


def own_tags_of(records: Iterable[ImageRecord]) -> tuple[str, ...]:
    return reduce(unite, (record.own_tags for record in records), ())


def hand_on_tags(ledger: Ledger, leaving: Sequence[tuple[str, str]]) -> list[Failure]:
    """Give the tags that a person gave in Loupe to bytes that are about to lie nowhere, to the bytes that took their
    path. `leaving`: (hash, path) of each place that is about to be dropped. Those that Weaviate refused are returned.
    """
    left: dict[str, set[str]] = {}
    for sha256, path in leaving:
        left.setdefault(sha256, set()).add(path)
    failures: list[Failure] = []
    for hashes in batched(iter(sorted(left)), BATCH):
        with ledger.lock():
            for old in ledger.by_hash(hashes).values():
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


def _outcome(changed: bool) -> Outcome:
    return "updated" if changed else "unchanged"


def _words(record: ImageRecord) -> tuple[str, tuple[str, ...]]:
    return record.caption, record.tags


def _differs(before: ImageRecord, after: ImageRecord) -> bool:
    """Whether the picture is described differently; what a newer Loupe reads of the same file is no change."""
    if _words(before) != _words(after):
        return True
    facts = [(r.taken_local, r.taken_at, r.latitude, r.longitude) for r in (before, after)]
    return before.described == after.described and facts[0] != facts[1]
