"""What a run reports and what it leaves in the library, in a form that tests compare."""

import os
from collections.abc import Callable

from ingest.ledger import Ledger
from ingest.report import IngestReport
from ingest.tagging import TagReport
from schema.collection import Pictures
from schema.record import ImageRecord
from tests.conftest import all_records

Run = Callable[..., IngestReport]
Give = Callable[..., TagReport]
COUNTS = ("added", "updated", "renamed", "copied", "unchanged", "removed", "missing", "excluded", "offline", "encoded")


def counts(report: IngestReport) -> dict[str, int]:
    """The counts that are not 0."""
    return {name: getattr(report, name) for name in COUNTS if getattr(report, name)}


def stored(pictures: Pictures) -> dict[str, ImageRecord]:
    """Path -> record, for every place."""
    records = list(all_records(Ledger(pictures, wait_s=10)))
    return {place.path: record for record in records for place in record.places}


def only(ledger: Ledger) -> ImageRecord:
    [record] = all_records(ledger)
    return record


def become_ordinary() -> None:
    """From now on no rights beyond those of an ordinary user: root may read everything."""
    if os.getuid() == 0:
        os.seteuid(65_534)
