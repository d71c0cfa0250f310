"""Brings pictures that the library knows up to date from their files: thumbnail, description, caption and tags. Encodes
no picture."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from encoder.protocol import Encoder
from ingest.captions import Words
from ingest.description import description
from ingest.files import Found
from ingest.ledger import Ledger
from ingest.report import REFUSED, Failure, IngestReport, failure_of
from ingest.words import changed_words
from pictures.open import Facts, Limits, PictureError, open_image
from pictures.thumbnails import ThumbnailStore
from schema.errors import ReadOnly
from schema.record import ImageRecord


class Upkeep:
    def __init__(
        self,
        ledger: Ledger,
        encoder: Encoder,
        thumbnails: ThumbnailStore,
        limits: Limits,
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
        self._report = report
        self._batch_size = batch_size
        self._writes = writes
        self._stopped = stopped

    def mend_thumbnail(self, record: ImageRecord, found: Found) -> None:
        """One that was deleted, or never made on this machine, is made again."""
        if not self._writes or self._thumbnails.path_of(record.sha256).exists():
            return
        with suppress(PictureError, OSError):
            opened = open_image(found.path, self._limits, self._encoder.image_side)
            if opened.sha256 == record.sha256:
                self._thumbnails.write(record.sha256, opened.image)

    def describe_again(self, pool: ThreadPoolExecutor, outdated: Sequence[tuple[ImageRecord, Found]]) -> None:
        """Colours and the like of pictures that an older Loupe stored. Decoded anew, but not encoded."""
        for start in range(0, len(outdated), self._batch_size):
            if self._stopped():
                return
            batch = outdated[start : start + self._batch_size]
            results = list(pool.map(self._description, batch))
            described = [result for result in results if not isinstance(result, Failure)]
            failures = [result for result in results if isinstance(result, Failure)]
            try:
                for record, error in self._ledger.set_descriptions(described) if self._writes else ():
                    described.remove(record)
                    failures.append(Failure(record.places[0].path, f"{REFUSED}: {error}"))
            except ReadOnly as error:
                self._report.ended_by = str(error)
                return
            self._report.described += len(described)
            self._report.warnings += [
                f"{failure.path} could not be described again, so its colours stay unknown ({failure.reason})."
                for failure in failures
            ]

    def _description(self, job: tuple[ImageRecord, Found]) -> ImageRecord | Failure:
        record, found = job
        try:
            opened = open_image(found.path, self._limits, self._encoder.image_side)
            if opened.sha256 != record.sha256:
                raise PictureError("changed", "its bytes changed, but not its size and time; touch it and run again")
            return replace(record, **description(opened))
        except (PictureError, OSError) as error:
            return failure_of(found.path, error)

    def update_words(self, record: ImageRecord, found: Found, told: Words) -> bool:
        """Store caption and tags where what stands beside the file has changed; True when it had."""
        changed = changed_words(record, str(found.path), told, lambda: self._embedded(found))
        if changed is None:
            return False
        if self._writes:
            if changed.caption:
                vector = self._encoder.encode_texts([changed.caption])[0]
            else:
                vector = self._ledger.image_vector(changed)
            self._ledger.set_words(changed, vector)
        return changed.caption != record.caption or changed.tags != record.tags

    def _embedded(self, found: Found) -> Facts | None:
        try:
            return open_image(found.path, self._limits, self._encoder.image_side).facts
        except (PictureError, OSError):
            return None
