"""Takes a folder out of the library: what the library says of it is removed, and no file is touched.

The folder need not exist any more. Knows no encoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import IngestError
from ingest.exclusions import IGNORE_FILE
from ingest.files import absolute_path
from ingest.ledger import Ledger
from ingest.prune import drop_places
from ingest.report import IngestReport
from ingest.roots import Roots, is_below
from pictures.thumbnails import ThumbnailStore
from schema.names import escaped


class UnknownFolder(IngestError):
    """The library knows nothing of the folder; the message names those that it knows."""


@dataclass(frozen=True)
class Below:
    """What the library knows below a folder."""

    folder: Path
    files: tuple[tuple[str, str], ...]
    """(hash, path)"""
    pictures: int
    """Those of them that lie nowhere else, and leave the library."""
    outer: Path | None
    """An ingested folder that holds this one, and whose next ingest brings it back."""

    @property
    def question(self) -> str:
        """What a person is asked before it is forgotten."""
        return (
            f"{len(self.files):,} files below {escaped(self.folder)} leave the library. {self.pictures:,} "
            "pictures lie nowhere else and leave it with their tags and captions. No file is touched. Go on?"
        )

    @property
    def warnings(self) -> list[str]:
        if self.outer is None:
            return []
        return [
            f"{self.folder} lies in {self.outer}, whose next ingest brings it back; name it in "
            f"{self.outer / IGNORE_FILE} to keep it out."
        ]


def find_below(ledger: Ledger, roots: Roots, folder: Path) -> Below:
    """Looks at every picture's places once. Raises UnknownFolder."""
    folder = absolute_path(folder)
    files: list[tuple[str, str]] = []
    pictures = 0
    for sha256, places in ledger.all_places():
        inside = [place.path for place in places if is_below(place.path, folder)]
        files += [(sha256, path) for path in inside]
        pictures += bool(inside) and len(inside) == len(places)
    known = roots.all()
    if not files and not any(is_below(root, folder) for root in known):
        raise UnknownFolder(f"The library knows nothing of {escaped(folder)}. {_named(known)}")
    outer = next((root for root in known if is_below(folder, root) and not is_below(root, folder)), None)
    return Below(folder, tuple(files), pictures, outer)


def forget(
    ledger: Ledger,
    thumbnails: ThumbnailStore,
    roots: Roots,
    below: Below,
    *,
    dry_run: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> IngestReport:
    """Drop every place below the folder; a picture that lies nowhere else is removed with its thumbnail. The folder is
    shown and ingested from no more, unless Weaviate refused something or a person `stopped` it."""
    report = IngestReport(dry_run=dry_run, forgotten=True, warnings=below.warnings)
    reached = len(below.files)
    if not dry_run:
        reached, report.not_removed = drop_places(ledger, thumbnails, below.files, stopped)
        report.interrupted = reached < len(below.files)
        report.forgotten = not report.interrupted
        if not report.not_removed and not report.interrupted:
            roots.remove(below.folder)
    report.removed = reached - len(report.not_removed)
    return report


def _named(roots: Sequence[Path]) -> str:
    return f"It knows: {', '.join(escaped(root) for root in roots)}." if roots else "It knows none yet."
