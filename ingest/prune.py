"""Pictures of the library whose files are gone from a folder: counted, and removed when asked to.

Knows no encoder. Never removes what may only be out of reach: see `places.Availability.is_lost`.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from ingest.ledger import Ledger
from ingest.places import Availability
from ingest.report import IngestReport
from pictures.thumbnails import ThumbnailStore
from schema.record import ImageRecord, Place


@dataclass(frozen=True)
class Losses:
    """Files of the library that were not found below a folder."""

    known: int
    """Files the library knows below the folder."""
    lost: tuple[tuple[ImageRecord, Place], ...]
    offline: int


def find_losses(ledger: Ledger, root: Path, but: Collection[str] = ()) -> Losses:
    """Looks at every record once, and leaves out the paths in `but`; memory grows with what is lost, not with the
    library."""
    availability = Availability()
    known = offline = 0
    lost = []
    for record in ledger.all_records():
        for place in record.places:
            if place.path in but or not Path(place.path).is_relative_to(root):
                continue
            known += 1
            if availability.is_lost(place, root):
                lost.append((record, place))
            elif not os.path.lexists(place.path):
                offline += 1
    return Losses(known, tuple(lost), offline)


def prune(
    ledger: Ledger,
    thumbnails: ThumbnailStore,
    losses: Losses,
    report: IngestReport,
    *,
    remove: bool,
    agreed: Callable[[str], bool],
) -> None:
    """Remove what is lost and count it; `agreed` is asked first when that is more than half of what is known."""
    report.offline = losses.offline
    count = len(losses.lost)
    question = f"{count} of the {losses.known} pictures the library knows in this folder are gone. Remove them?"
    if not remove or (2 * count > losses.known and not agreed(question)):
        report.missing = count
        return
    paths: dict[str, set[str]] = {}
    for record, place in losses.lost:
        paths.setdefault(record.sha256, set()).add(place.path)
    for record in {record.sha256: record for record, _ in losses.lost}.values():
        left = record.with_places(tuple(p for p in record.places if p.path not in paths[record.sha256]))
        if not report.dry_run:
            ledger.set_places(left)
            if not left.places:
                thumbnails.remove(record.sha256)
    report.removed = count
