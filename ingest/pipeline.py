"""The one loop from a folder to the library: look up, hash, decode, encode, store.

Pictures stream through in batches; at most LOOKAHEAD batches of decoded pictures (each at most 2048 pixels long) wait
for the encoder, so memory does not grow with the folder. What is stored is done; a run that is cut off loses the
batch in flight and the next run goes on (invariant I4).
"""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import PictureError, ReadOnly, Refused
from ingest.captions import FolderWords, Words
from ingest.description import description, hand_on_tags, is_outdated, own_tags_of
from ingest.exclusions import Exclusions
from ingest.files import Census, PictureFile, Skipped, find_images
from ingest.ledger import Ledger
from ingest.places import Availability
from ingest.prune import drop_places
from ingest.report import REFUSED, Failure, IngestReport, failure_of
from ingest.sidecars import SidecarReader
from ingest.streams import ahead, batched
from ingest.upkeep import Upkeep
from ingest.words import first_words
from pictures.open import Limits, Opened, open_image, opened_for_reading
from pictures.thumbnails import ThumbnailStore
from schema.record import ImageRecord, Place, now

CHUNK = 256
LOOKAHEAD = 2
EXPECTED_SKIPS = ("symlink", "special_file")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Progress:
    """How far a run is: files looked at, pictures encoded, failures."""

    done: int
    encoded: int
    failed: int


@dataclass(frozen=True)
class Hashed:
    """A file whose bytes have to be looked at, with what the library says of its path."""

    found: PictureFile
    words: Words
    sha256: str
    stale: tuple[ImageRecord, ...]
    """Records that say their bytes lie at this path; they did, before it changed."""


@dataclass(frozen=True)
class Decoded:
    hashed: Hashed
    opened: Opened
    description: dict[str, Any]


class Ingest:
    def __init__(
        self,
        ledger: Ledger,
        encoder: Encoder,
        thumbnails: ThumbnailStore,
        *,
        limits: Limits,
        batch_size: int = 32,
        workers: int | None = None,
        dry_run: bool = False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        stopped: Callable[[], bool] = lambda: False,
        earlier: Ledger | None = None,
        own: Sequence[Path] = (),
    ) -> None:
        """`stopped` is asked between batches and ends the run in order. `earlier`: another encoder's library, whose
        pictures were tagged by hand. `own`: folders that Loupe itself writes to."""
        self._ledger = ledger
        self._encoder = encoder
        self._thumbnails = thumbnails
        self._limits = limits
        self._batch_size = batch_size
        self._workers = workers or min(4, os.cpu_count() or 1)
        self._writes = not dry_run
        self._on_progress = on_progress
        self._stopped = stopped
        self._earlier = earlier
        self._own = own
        self._report = IngestReport(dry_run=dry_run)
        self._sidecars = SidecarReader()
        self._upkeep = Upkeep(
            ledger,
            encoder,
            thumbnails,
            limits,
            self._sidecars,
            self._report,
            batch_size=batch_size,
            writes=self._writes,
            stopped=self._halted,
        )
        self.would_drop: set[str] = set()
        """After a dry run: places that a real one would have dropped, because their bytes were found elsewhere."""
        self._done = 0

    def run(self, root: Path) -> IngestReport:
        """Bring the library up to date with `root`. Raises Unreachable when Weaviate stays away; where it is there and
        makes no changes, the report says so (`ended_by`)."""
        started = time.monotonic()
        self._root = root
        self._availability = Availability()
        self.exclusions = Exclusions(root, self._own)
        self._in_flight: set[str] = set()
        self._twins: list[Hashed] = []
        self._leaving: list[tuple[str, str]] = []
        """(hash, path): bytes that lie at a path no longer; settled at the end, when all have found their places."""
        words = FolderWords(root)
        with ThreadPoolExecutor(self._workers) as pool:
            self._pool = pool
            hashed = ahead(pool, self._hash, self._changed_files(root, words), self._batch_size)
            self._store_all(pool, self._unknown(self._named(hashed)))
            while self._twins and not self._halted():
                # Files whose bytes were in flight when they were met: by now those are stored, or failed.
                twins, self._twins = self._twins, []
                self._store_all(pool, self._unknown(iter(twins)))
        if self._writes and not self._report.ended_by:
            kept = hand_on_tags(self._ledger, self._leaving)
            leaving = [one for one in self._leaving if one[1] not in {failure.path for failure in kept}]
            _, refused = drop_places(self._ledger, self._thumbnails, leaving)
            self._report.not_removed += [*kept, *refused]
        self._report.warnings += words.warnings if self._halted() else words.unused()
        self._report.warnings += self._report.cut_off_warnings()
        self._report.warnings += self._sidecars.warnings()
        self._report.interrupted = self._halted()
        if self._report.ended_by:
            everything = find_images(root, exclusions=self.exclusions)
            self._report.not_reached = sum(isinstance(entry, PictureFile) for entry in everything) - self._done
        self._report.seconds = time.monotonic() - started
        return self._report

    @property
    def unread(self) -> Collection[str]:
        """Files and folders that the run could not read, as the report names them."""
        return [failure.path for failure in self._report.unreadable]

    def _changed_files(
        self, root: Path, words: FolderWords
    ) -> Iterator[tuple[PictureFile, Words, tuple[ImageRecord, ...]]]:
        """The files whose bytes have to be looked at; unchanged ones cost a stat and end here."""
        census = Census()
        for chunk in batched(find_images(root, census, self.exclusions), CHUNK):
            if self._halted():
                return
            files = []
            for entry in chunk:
                if isinstance(entry, Skipped):
                    failure = Failure(entry.path, f"{entry.reason}: {entry.message}")
                    if entry.reason in EXPECTED_SKIPS:
                        self._report.skipped.append(failure)
                    else:
                        self._note_unread(failure)
                else:
                    files.append((entry, words.of(entry)))
            known = self._ledger.by_paths([str(found.path) for found, _ in files])
            outdated: dict[str, tuple[ImageRecord, PictureFile, Words]] = {}
            for found, told in files:
                if self._report.ended_by:
                    return
                records = known[str(found.path)]
                current = next((record for record in records if _place(found, record) in record.places), None)
                stale = tuple(record for record in records if record is not current)
                if current is None:
                    yield found, told, stale
                    continue
                # Left behind by a run that was cut off between two writes.
                self._leaving += [(record.sha256, str(found.path)) for record in stale]
                self._upkeep.mend_thumbnail(current, found)
                if is_outdated(current, found) and current.sha256 not in outdated:
                    outdated[current.sha256] = (current, found, told)
                    continue
                try:
                    self._count_unchanged(self._upkeep.update_words(current, found, told))
                except Refused as error:
                    self._reject(found, error)
            for _, changed in self._upkeep.read_again(self._pool, list(outdated.values())):
                self._count_unchanged(changed)
        self._report.left_out = str(census)

    def _hash(self, job: tuple[PictureFile, Words, tuple[ImageRecord, ...]]) -> Hashed | Failure:
        found, told, stale = job
        try:
            with opened_for_reading(found.path, self._limits) as (file, _):
                return Hashed(found, told, hashlib.file_digest(file, "sha256").hexdigest(), stale)
        except (PictureError, OSError) as error:
            return failure_of(found.path, error)

    def _unknown(self, files: Iterator[Hashed]) -> Iterator[Hashed]:
        """Those whose bytes the library does not hold; for the others only their place is stored."""
        for batch in batched(files, self._batch_size):
            known = self._ledger.by_hash(sorted({item.sha256 for item in batch}))
            for item in batch:
                if self._report.ended_by:
                    return
                if (record := known.get(item.sha256)) is not None:
                    known[item.sha256] = self._attach(record, item)
                elif item.sha256 not in self._in_flight:
                    self._in_flight.add(item.sha256)
                    yield item
                elif self._writes:
                    self._twins.append(item)
                else:
                    self._report.copied += 1
                    self._step()

    def _store_all(self, pool: ThreadPoolExecutor, files: Iterator[Hashed]) -> None:
        decoded = self._named(ahead(pool, self._decode, files, LOOKAHEAD * self._batch_size))
        for batch in batched(decoded, self._batch_size):
            if self._halted():
                return
            self._store(batch)

    def _decode(self, item: Hashed) -> Decoded | Failure:
        try:
            opened = open_image(item.found.path, self._limits, self._encoder.image_side)
            if opened.sha256 != item.sha256:
                raise PictureError("changed", "the file changed while it was read; run the same command again")
            if self._writes:
                self._thumbnails.write(opened.sha256, opened.image)
            facts, readable = self._sidecars.facts(opened.facts, item.found.path, item.found.facts_from)
            opened = replace(opened, facts=facts)
            return Decoded(item, opened, description(opened, item.found, readable=readable))
        except (PictureError, OSError) as error:
            self._in_flight.discard(item.sha256)
            return failure_of(item.found.path, error)

    def _note_unread(self, failure: Failure) -> None:
        self._report.unreadable.append(failure)
        self._availability.note_unread(failure.path)

    def _named(self, results: Iterator[Item | Failure]) -> Iterator[Item]:
        """What succeeded; what failed is named in the report."""
        for result in results:
            if isinstance(result, Failure):
                self._note_unread(result)
                self._step()
            else:
                yield result

    def _store(self, batch: Sequence[Decoded]) -> None:
        own_tags = own_tags_of([(item.opened.sha256, item.hashed.stale) for item in batch], self._earlier)
        records = [_record(item, self._root).with_own_tags(own) for item, own in zip(batch, own_tags, strict=True)]
        if self._writes:
            vectors, reasons = self._encode(batch, records)
            refused = dict(self._ledger_add(records, vectors, reasons))
        else:
            refused = {}
        for item, record in zip(batch, records, strict=True):
            if record.truncated and record.sha256 not in refused:
                self._report.cut_off.append(str(item.hashed.found.path))
            if (reason := refused.get(record.sha256)) is not None:
                self._report.rejected.append(Failure(str(item.hashed.found.path), reason))
            elif item.hashed.stale:
                self._report.updated += 1
                self._leaving += [(old.sha256, str(item.hashed.found.path)) for old in item.hashed.stale]
            else:
                self._report.added += 1
            if self._writes:
                self._in_flight.discard(record.sha256)
        self._step(len(batch))

    def _encode(
        self, batch: Sequence[Decoded], records: Sequence[ImageRecord]
    ) -> tuple[list[dict[str, Embeddings]], list[str | None]]:
        """One dictionary of vectors a picture, and the reason why it must not be stored, or None (invariant I1)."""
        rows = dict(self._encoder.encode_images([item.opened.image for item in batch]))
        self._report.encoded += len(batch)
        rows["caption"] = rows["image"].copy()
        captioned = [index for index, record in enumerate(records) if record.caption]
        if captioned:
            rows["caption"][captioned] = self._encoder.encode_texts([records[index].caption for index in captioned])
        dims = self._encoder.identity.dims
        found = [invalid_rows(rows[name], dims[name]) for name in rows]
        reasons = [
            next((f"vector {name!r}: {row[i]}" for name, row in zip(rows, found, strict=True) if row[i]), None)
            for i in range(len(batch))
        ]
        return [{name: rows[name][i] for name in rows} for i in range(len(batch))], reasons

    def _ledger_add(
        self, records: Sequence[ImageRecord], vectors: Sequence[dict[str, Embeddings]], reasons: Sequence[str | None]
    ) -> Iterator[tuple[str, str]]:
        """Stores what may be stored; yields the hash and the reason of everything else."""
        good = []
        for record, vector, reason in zip(records, vectors, reasons, strict=True):
            if reason is None:
                good.append((record, vector))
            else:
                yield record.sha256, f"vector_unusable: {reason}"
        refused = self._ledger.add(good)
        for record, reason in refused:
            yield record.sha256, f"{REFUSED}: {reason}"
        if refused and (error := self._ledger.read_only(refused[0][1])):
            self._report.ended_by = str(error)

    def _attach(self, record: ImageRecord, item: Hashed) -> ImageRecord:
        """The bytes are known: store that they lie here too, or no longer there."""
        place = _place(item.found, record, self._root)
        before = [old for old in record.places if old.path != place.path]
        gone = [old for old in before if self._availability.is_gone(old)]
        known_here = len(before) < len(record.places)
        stored = record
        changed = record.with_places((*(old for old in before if old not in gone), place))
        if record.sidecars == item.found.facts_stamp and record.sidecars_place in [old.path for old in gone]:
            changed = replace(changed, sidecars_place=place.path)  # they were moved with it
        try:
            if self._writes:
                self._ledger.set_places(changed)
            else:
                self.would_drop |= {old.path for old in gone}
            stored = changed
            self._leaving += [(old.sha256, place.path) for old in item.stale if old.sha256 != record.sha256]
            self._upkeep.mend_thumbnail(record, item.found)
            if is_outdated(changed, item.found):
                read = list(self._upkeep.read_again(self._pool, [(changed, item.found, item.words)]))
                changed, words_changed = read[0] if read else (changed, False)
            else:
                words_changed = self._upkeep.update_words(changed, item.found, item.words)
        except Refused as error:
            self._reject(item.found, error)
            return stored
        if known_here:
            self._count_unchanged(words_changed)
            return changed
        if any(old.sha256 != record.sha256 for old in item.stale):
            self._report.updated += 1
        elif gone:
            self._report.renamed += 1
        else:
            self._report.copied += 1
        self._step()
        return changed

    def _count_unchanged(self, words_changed: bool) -> None:
        if words_changed:
            self._report.updated += 1
        else:
            self._report.unchanged += 1
        self._step()

    def _reject(self, found: PictureFile, error: Refused) -> None:
        self._report.rejected.append(Failure(str(found.path), f"{REFUSED}: {error}"))
        if isinstance(error, ReadOnly):
            self._report.ended_by = str(error)
        self._step()

    def _halted(self) -> bool:
        return self._stopped() or bool(self._report.ended_by)

    def _step(self, files: int = 1) -> None:
        self._done += files
        failed = len(self._report.unreadable) + len(self._report.rejected)
        self._on_progress(Progress(self._done, self._report.encoded, failed))


def _place(found: PictureFile, record: ImageRecord | None, root: Path | None = None) -> Place:
    """The place of a file. A file that is known keeps the root it was first found under."""
    path = str(found.path)
    old = next((place.root for place in record.places if place.path == path), None) if record else None
    return Place(path, found.size, found.mtime_us, old or str(root or ""))


def _record(item: Decoded, root: Path) -> ImageRecord:
    found, opened = item.hashed.found, item.opened
    facts = opened.facts
    return ImageRecord(
        sha256=opened.sha256,
        places=(_place(found, None, root),),
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        format=facts.format,
        modified_at=datetime.fromtimestamp(found.mtime_us / 1e6, UTC),
        added_at=now(),
        n_frames=facts.n_frames,
        truncated=facts.truncated,
        **item.description,
        **first_words(str(found.path), item.hashed.words, facts),
    )
