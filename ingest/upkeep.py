"""Brings pictures that the library knows up to date from their files: thumbnail, description, caption and tags. Encodes
no picture."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from encoder.protocol import Embeddings, Encoder
from errors import PictureError, ReadOnly
from ingest.captions import Words
from ingest.description import description
from ingest.files import PictureFile
from ingest.ledger import Ledger
from ingest.report import REFUSED, Failure, IngestReport, failure_of
from ingest.sidecars import SidecarReader
from ingest.words import changed_words, words_again
from pictures.open import Facts, Limits, open_image
from pictures.thumbnails import ThumbnailStore
from schema.record import DESCRIBED, ImageRecord


class Upkeep:
    def __init__(
        self,
        ledger: Ledger,
        encoder: Encoder,
        thumbnails: ThumbnailStore,
        limits: Limits,
        sidecars: SidecarReader,
        report: IngestReport,
        *,
        batch_size: int,
        writes: bool,
        stopped: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._encoder = encoder
        self._thumbnails = thumbnails
        self._limits = limits
        self._sidecars = sidecars
        self._report = report
        self._batch_size = batch_size
        self._writes = writes
        self._stopped = stopped

    def mend_thumbnail(self, record: ImageRecord, found: PictureFile) -> None:
        """One that was deleted, or never made on this machine, is made again. Raises FolderError."""
        if not self._writes or self._thumbnails.holds(record.sha256):
            return
        with suppress(PictureError, OSError):
            opened = open_image(found.path, self._limits, self._encoder.image_side)
            if opened.sha256 == record.sha256:
                self._thumbnails.write(record.sha256, opened.image)

    def read_again(
        self, pool: ThreadPoolExecutor, outdated: Sequence[tuple[ImageRecord, PictureFile, Words]]
    ) -> Iterator[tuple[ImageRecord, bool]]:
        """Pictures that an older Loupe stored, and those whose sidecars have changed: decoded anew, but not encoded.
        Each record as it is now, and whether what is said of the picture has changed."""
        for start in range(0, len(outdated), self._batch_size):
            if self._stopped():
                return
            batch = outdated[start : start + self._batch_size]
            results = list(pool.map(self._read_again, batch))
            good = [
                (before, after)
                for (before, _, _), after in zip(batch, results, strict=True)
                if not isinstance(after, Failure)
            ]
            try:
                refused = self._store_again(good) if self._writes else {}
            except ReadOnly as error:
                self._report.ended_by = str(error)
                return
            for (before, found, _), after in zip(batch, results, strict=True):
                if isinstance(after, Failure) or before.sha256 in refused:
                    reason = after.reason if isinstance(after, Failure) else refused[before.sha256]
                    self._report.warnings.append(
                        f"{found.path} could not be read again, so what is new of it is not known ({reason})."
                    )
                    yield before, False
                else:
                    self._report.described += before.described < DESCRIBED
                    yield after, _differs(before, after)

    def _store_again(self, pairs: Sequence[tuple[ImageRecord, ImageRecord]]) -> dict[str, str]:
        """Hash and reason of those that Weaviate refused."""
        described = [(after, self._caption_vector(before, after)) for before, after in pairs]
        return {record.sha256: f"{REFUSED}: {error}" for record, error in self._ledger.set_descriptions(described)}

    def _read_again(self, job: tuple[ImageRecord, PictureFile, Words]) -> ImageRecord | Failure:
        record, found, told = job
        try:
            opened = open_image(found.path, self._limits, self._encoder.image_side)
            if opened.sha256 != record.sha256:
                raise PictureError("changed", "its bytes changed, but not its size and time; touch it and run again")
            facts, readable = self._sidecars.facts(opened.facts, found.path, found.facts_from)
            if not readable:
                raise PictureError("sidecar_unreadable", "a sidecar of it cannot be read; run again when it can")
            known = replace(record, **description(replace(opened, facts=facts), found, readable=True))
            return words_again(known, str(found.path), told, facts)
        except (PictureError, OSError) as error:
            return failure_of(found.path, error)

    def _caption_vector(self, before: ImageRecord, after: ImageRecord) -> Embeddings | None:
        """The new one; None where the caption is as it was."""
        if after.caption == before.caption:
            return None
        return self._encoder.encode_texts([after.caption])[0] if after.caption else self._ledger.image_vector(after)

    def update_words(self, record: ImageRecord, found: PictureFile, told: Words) -> bool:
        """Store caption and tags where what stands beside the file has changed; True when it had."""
        changed = changed_words(record, str(found.path), told, lambda: self._embedded(found))
        if changed is None:
            return False
        if self._writes:
            self._ledger.set_words(changed, self._caption_vector(record, changed))
        return changed.caption != record.caption or changed.tags != record.tags

    def _embedded(self, found: PictureFile) -> Facts | None:
        """What the file and its sidecars say; None, with a warning, where one of them cannot be read."""
        try:
            facts = open_image(found.path, self._limits, self._encoder.image_side).facts
            facts, readable = self._sidecars.facts(facts, found.path, found.facts_from)
            return facts if readable else None
        except (PictureError, OSError) as error:
            self._report.warnings.append(
                f"{found.path} could not be read again, so its caption and tags stay as they were "
                f"({failure_of(found.path, error).reason})."
            )
            return None


def _differs(before: ImageRecord, after: ImageRecord) -> bool:
    """Whether something else is said of the picture; what a newer Loupe reads of the same file is no change."""
    if (before.caption, before.tags) != (after.caption, after.tags):
        return True
    facts = [(r.taken_local, r.taken_at, r.latitude, r.longitude) for r in (before, after)]
    return before.described == after.described and facts[0] != facts[1]
