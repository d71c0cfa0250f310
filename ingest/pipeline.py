"""The one loop from a folder to the library: look up, hash, decode, encode, store.

Pictures stream through in batches; at most LOOKAHEAD batches of decoded pictures (each at most 2048 pixels long) wait
for the encoder, so memory does not grow with the folder. What is stored is done; a run that is cut off loses the
batch in flight and the next run goes on (invariant I4).
"""

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TypeGuard, TypeVar

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import ReadOnly, Refused
from host.streams import ahead, batched
from ingest.captions import FolderWords
from ingest.exclusions import Exclusions
from ingest.files import Census, PictureFile, Skipped, find_images
from ingest.known import ChangedFile, KnownPictures, own_tags_of
from ingest.ledger import Ledger
from ingest.records import PictureRead, Reader, new_record
from ingest.report import REFUSED, Failure, IngestReport, Outcome, Progress
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.record import ImageRecord

CHUNK = 256
LOOKAHEAD = 2
EXPECTED_SKIPS = ("symlink", "special_file")
Item = TypeVar("Item")
NewPicture = tuple[ChangedFile, PictureRead]
"""A file whose bytes the library does not hold, and what it holds."""


@dataclass
class Ingest:
    ledger: Ledger
    encoder: Encoder
    thumbnails: ThumbnailStore
    _: KW_ONLY
    limits: Limits
    batch_size: int = 32
    dry_run: bool = False
    on_progress: Callable[[Progress], None] = lambda progress: None
    stopped: Callable[[], bool] = lambda: False
    """Asked between batches; ends the run in order."""
    earlier: Ledger | None = None
    """Another encoder's library, whose pictures were tagged by hand."""
    own: Sequence[Path] = ()
    """Folders that Loupe itself writes to."""

    def __post_init__(self) -> None:
        self._report = IngestReport(dry_run=self.dry_run)
        self._reader = Reader(self.limits, self.encoder.image_side, None if self.dry_run else self.thumbnails)
        self.would_drop: Collection[str] = ()
        """After a dry run: places that a real one would have dropped, because their bytes were found elsewhere."""
        self._done = 0

    def run(self, root: Path) -> IngestReport:
        """Bring the library up to date with `root`. Raises Unreachable when Weaviate stays away; where it is there and
        makes no changes, the report says so (`ended_by`)."""
        started = time.monotonic()
        self._root = root
        self.exclusions = Exclusions(root, self.own)
        self._in_flight: set[str] = set()
        self._twins: list[ChangedFile] = []
        words = FolderWords(root)
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            self._known = KnownPictures(
                self.ledger, self.encoder, self.thumbnails, self._reader, self._report,
                root, pool, self.batch_size, self._halted,
            )  # fmt: skip
            hashed = ahead(pool, self._hash, self._changed_files(words), self.batch_size)
            self._store_all(pool, self._new_bytes(self._succeeded(hashed)))
            while self._twins and not self._halted():
                # Files whose bytes were in flight when they were met: by now those are stored, or failed.
                twins, self._twins = self._twins, []
                self._store_all(pool, self._new_bytes(iter(twins)))
        report, self.would_drop = self._report, self._known.would_drop
        if not self.dry_run and not report.ended_by:
            report.not_removed += self._known.drop_left_places()
        report.warnings += words.warnings if self._halted() else words.unused()
        report.warnings += [*report.cut_off_warnings(), *self._reader.warnings()]
        report.interrupted = self._halted()
        if report.ended_by:
            everything = find_images(root, exclusions=self.exclusions)
            report.not_reached = sum(isinstance(entry, PictureFile) for entry in everything) - self._done
        report.seconds = time.monotonic() - started
        return report

    @property
    def unread(self) -> Collection[str]:
        """Files and folders that the run could not read, as the report names them."""
        return [failure.path for failure in self._report.unreadable]

    def _changed_files(self, words: FolderWords) -> Iterator[ChangedFile]:
        """The files whose bytes have to be looked at; unchanged ones cost a stat and end here."""
        census = Census()
        for chunk in batched(find_images(self._root, census, self.exclusions), CHUNK):
            if self._halted():
                return
            files = [(entry, words.of(entry)) for entry in chunk if self._is_picture(entry)]
            changed, unchanged = self._known.look_up(files)
            try:
                for file, outcome in self._known.keep_up(unchanged):
                    self._settle(file, outcome)
                    if self._report.ended_by:
                        return
            except ReadOnly as error:
                self._report.ended_by = str(error)
                return
            yield from changed
        self._report.left_out = str(census)

    def _is_picture(self, entry: PictureFile | Skipped) -> TypeGuard[PictureFile]:
        if isinstance(entry, PictureFile):
            return True
        failure = Failure(entry.path, f"{entry.reason}: {entry.message}")
        if entry.reason in EXPECTED_SKIPS:
            self._report.skipped.append(failure)
        else:
            self._note_unread(failure)
        return False

    def _hash(self, found: ChangedFile) -> ChangedFile | Failure:
        sha256 = self._reader.hash_file(found.file.path)
        return sha256 if isinstance(sha256, Failure) else replace(found, sha256=sha256)

    def _new_bytes(self, files: Iterator[ChangedFile]) -> Iterator[ChangedFile]:
        """Those whose bytes the library does not hold; for the others only their place is stored."""
        for batch in batched(files, self.batch_size):
            known = self.ledger.by_hash(sorted({found.sha256 for found in batch}))
            for found in batch:
                if self._report.ended_by:
                    return
                if (record := known.get(found.sha256)) is not None:
                    known[found.sha256], outcome = self._known.attach(record, found)
                    self._settle(found.file, outcome)
                elif found.sha256 not in self._in_flight:
                    self._in_flight.add(found.sha256)
                    yield found
                elif not self.dry_run:
                    self._twins.append(found)
                else:
                    self._settle(found.file, "copied")

    def _store_all(self, pool: ThreadPoolExecutor, files: Iterator[ChangedFile]) -> None:
        decoded = self._succeeded(ahead(pool, self._decode, files, LOOKAHEAD * self.batch_size))
        for batch in batched(decoded, self.batch_size):
            if self._halted():
                return
            self._store(batch)

    def _decode(self, found: ChangedFile) -> NewPicture | Failure:
        read = self._reader.read_picture(found.file, found.sha256)
        if isinstance(read, Failure):
            self._in_flight.discard(found.sha256)
            return read
        return found, read

    def _succeeded(self, results: Iterator[Item | Failure]) -> Iterator[Item]:
        """What succeeded; what failed is named in the report."""
        for result in results:
            if isinstance(result, Failure):
                self._note_unread(result)
                self._step()
            else:
                yield result

    def _store(self, batch: Sequence[NewPicture]) -> None:
        earlier = self.earlier.by_hash([found.sha256 for found, _ in batch]) if self.earlier else {}
        records = []
        for found, read in batch:
            before = [*found.stale, *filter(None, [earlier.get(found.sha256)])]
            records.append(new_record(read, found.words, self._root).with_own_tags(own_tags_of(before)))
        refused = self._encode_and_add(batch, records) if not self.dry_run else {}
        for (found, _), record in zip(batch, records, strict=True):
            if reason := refused.get(record.sha256):
                self._report.rejected.append(Failure(str(found.file.path), reason))
            else:
                if record.truncated:
                    self._report.cut_off.append(str(found.file.path))
                self._known.leaving += [(old.sha256, str(found.file.path)) for old in found.stale]
                self._report.count("updated" if found.stale else "added")
            if not self.dry_run:
                self._in_flight.discard(record.sha256)
        self._step(len(batch))  # at once: a bar never shows more pictures encoded than files done

    def _encode_and_add(self, batch: Sequence[NewPicture], records: Sequence[ImageRecord]) -> dict[str, str]:
        """Store the pictures whose vectors are valid (invariant I1); hash and reason of every other."""
        rows = dict(self.encoder.encode_images([read.opened.image for _, read in batch]))
        self._report.encoded += len(batch)
        rows["caption"] = rows["image"].copy()
        captioned = [index for index, record in enumerate(records) if record.caption]
        if captioned:
            rows["caption"][captioned] = self.encoder.encode_texts([records[index].caption for index in captioned])
        reasons = {name: invalid_rows(rows[name], self.encoder.identity.dims[name]) for name in rows}
        refused: dict[str, str] = {}
        good: list[tuple[ImageRecord, dict[str, Embeddings]]] = []
        for index, record in enumerate(records):
            invalid = next((f"vector {name!r}: {why[index]}" for name, why in reasons.items() if why[index]), None)
            if invalid:
                refused[record.sha256] = f"vector_unusable: {invalid}"
            else:
                good.append((record, {name: rows[name][index] for name in rows}))
        not_stored = self.ledger.add(good)
        refused |= {record.sha256: f"{REFUSED}: {reason}" for record, reason in not_stored}
        if not_stored and (error := self.ledger.read_only(not_stored[0][1])):
            self._report.ended_by = str(error)
        return refused

    def _note_unread(self, failure: Failure) -> None:
        self._report.unreadable.append(failure)
        self._known.availability.note_unread(failure.path)

    def _settle(self, file: PictureFile, outcome: Outcome | Refused) -> None:
        if isinstance(outcome, Refused):
            self._report.rejected.append(Failure(str(file.path), f"{REFUSED}: {outcome}"))
            self._report.ended_by = str(outcome) if isinstance(outcome, ReadOnly) else self._report.ended_by
        else:
            self._report.count(outcome)
        self._step()

    def _halted(self) -> bool:
        return self.stopped() or bool(self._report.ended_by)

    def _step(self, files: int = 1) -> None:
        self._done += files
        failed = len(self._report.unreadable) + len(self._report.rejected)
        self.on_progress(Progress(self._done, self._report.encoded, failed))
