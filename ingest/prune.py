"""Count and remove what leaves the library: pictures whose files are gone from a folder or left out of it by now, and
whole folders that are forgotten. No file is touched, and nothing is removed that may only be out of reach: see
`places.Availability.is_lost`."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import FolderError, IngestError, ReadOnly, Refused
from ingest.exclusions import IGNORE_FILE, Exclusions
from ingest.files import absolute_path
from ingest.ledger import Ledger
from ingest.places import Availability, Look
from ingest.report import REFUSED, THUMBNAIL_STAYS, Failure, IngestReport
from ingest.roots import Roots, is_below
from pictures.thumbnails import ThumbnailStore
from schema.names import escaped
from schema.record import Place

BATCH = 256


@dataclass(frozen=True)
class Losses:
    """Files of the library that were not found below a folder."""

    known: int
    """Files the library knows below the folder."""
    lost: tuple[tuple[str, str], ...]
    """(hash, path)"""
    offline: int
    """Files that may only be out of reach, or that cannot be looked at."""
    excluded: tuple[tuple[str, str], ...] = ()
    """(hash, path) of files that are there and were ingested once, and that a rule leaves out by now."""


def find_losses(
    ledger: Ledger,
    root: Path,
    but: Collection[str] = (),
    unread: Collection[str] = (),
    exclusions: Exclusions | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Losses:
    """Looks at every picture's places once, and leaves out the paths in `but`; memory grows with what is lost, not with
    the library. `unread`: what the run before could not read (`Ingest.unread`). `stopped` ends the look early."""
    availability = Availability(unread)
    exclusions = exclusions or Exclusions(root)
    known = offline = 0
    lost: list[tuple[str, str]] = []
    excluded: list[tuple[str, str]] = []
    for sha256, places in ledger.all_places():
        if stopped():
            break
        for place in places:
            if place.path in but or not Path(place.path).is_relative_to(root):
                continue
            known += 1
            if availability.is_lost(place, root):
                lost.append((sha256, place.path))
            elif availability.look(place.path) is not Look.THERE:
                offline += 1
            elif _judge(exclusions, place).rule_of(Path(place.path)):
                excluded.append((sha256, place.path))
    return Losses(known, tuple(lost), offline, tuple(excluded))


def _judge(exclusions: Exclusions, place: Place) -> Exclusions:
    """The rules of the folder that the file was ingested with, where that lies below: a person named it, so no rule of
    a folder above leaves it out."""
    root = Path(place.root)
    inner = root.is_relative_to(exclusions.root) and Path(place.path).is_relative_to(root)
    return exclusions.of(root) if inner else exclusions


def prune(
    ledger: Ledger,
    thumbnails: ThumbnailStore,
    losses: Losses,
    report: IngestReport,
    *,
    remove: bool,
    agreed: Callable[[str], bool],
    at_most: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Remove what is lost or excluded and count it. `agreed` is asked first when that is more than half of what is
    known; with `at_most` nothing is asked, and nothing is removed when it is more than that. Once a person has
    `stopped` the run, also while it looked or asked, no further batch is removed."""
    if stopped():
        report.interrupted = True
        return
    report.offline = losses.offline
    leaving = [*losses.lost, *losses.excluded]
    if not remove or not _allowed(losses, len(leaving), agreed, at_most):
        reached = 0
    elif report.dry_run:
        reached = report.removed = len(leaving)
    else:
        reached, refused = drop_places(ledger, thumbnails, leaving, stopped)
        report.not_removed += refused
        report.removed = reached - len(refused)
    report.missing = len(losses.lost[reached:])
    report.excluded = len(leaving[reached:]) - report.missing
    report.interrupted |= stopped() and reached < len(leaving)


def _allowed(losses: Losses, count: int, agreed: Callable[[str], bool], at_most: int | None) -> bool:
    if at_most is not None:
        return count <= at_most
    gone = "gone, or left out by rule" if losses.excluded else "gone"
    question = f"{count} of the {losses.known} pictures the library knows in this folder are {gone}. Remove them?"
    return 2 * count <= losses.known or agreed(question)


def drop_places(
    ledger: Ledger,
    thumbnails: ThumbnailStore,
    lost: Sequence[tuple[str, str]],
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[int, list[Failure]]:
    """Store that bytes lie at a path no longer, for each (hash, path). A picture that lies nowhere is removed. Gives
    back how many were reached before `stopped`, which is asked between batches, and those that Weaviate refused, or
    whose thumbnail cannot be removed."""
    failures: list[Failure] = []
    refused: Refused | None = None
    for start in range(0, len(lost), BATCH):
        if stopped():
            return start, failures
        batch = lost[start : start + BATCH]
        for sha256, record in ledger.by_hash(sorted({sha256 for sha256, _ in batch})).items():
            paths = {path for one, path in batch if one == sha256}
            left = record.with_places(tuple(place for place in record.places if place.path not in paths))
            try:
                if isinstance(refused, ReadOnly):
                    raise refused
                if not left.places:
                    thumbnails.remove(sha256)  # first: nobody would look for it again without its record
                ledger.set_places(left)
            except Refused as error:
                refused = error
                failures += [Failure(path, f"{REFUSED}: {error}") for path in sorted(paths)]
            except FolderError as error:
                failures += [Failure(path, f"{THUMBNAIL_STAYS}: {error}") for path in sorted(paths)]
    return len(lost), failures


class UnknownFolder(IngestError):
    """The library has no such folder; the message names those that it has."""


@dataclass(frozen=True)
class Below:
    folder: Path
    files: tuple[tuple[str, str], ...]
    """(hash, path)"""
    pictures: int
    """Those of them that lie nowhere else, and leave the library."""
    outer: Path | None
    """An ingested folder that holds this one, and whose next ingest brings it back."""

    @property
    def question(self) -> str:
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
        raise UnknownFolder(f"The library has no folder {escaped(folder)}. {_named(known)}")
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
    return f"Its folders: {', '.join(escaped(root) for root in roots)}." if roots else "It has none yet."
