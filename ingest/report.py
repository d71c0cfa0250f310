"""What an ingest did, file by file counted and every failure named (invariant I9). Plain data."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from errors import Exit, PictureError

REFUSED = "refused_by_weaviate"
"""The code of a failure in Weaviate's own words."""
THUMBNAIL_STAYS = "thumbnail_stays"
"""The code of a failure to remove a thumbnail, in the words of `host.folders`."""
CUT_OFF_NAMED = 20
"""Pictures that the warning about cut-off ones names; the rest is counted."""

Outcome = Literal["added", "updated", "renamed", "copied", "unchanged"]
"""The count that a file which could be read is in."""


@dataclass(frozen=True)
class Failure:
    path: str
    reason: str
    """A short code and a sentence: `empty: the file has 0 bytes`."""

    @classmethod
    def of(cls, path: Path, error: PictureError) -> "Failure":
        return cls(str(path), f"{error.reason}: {error}")


@dataclass(frozen=True)
class Progress:
    """How far a run is: files looked at, pictures encoded, failures."""

    done: int
    encoded: int
    failed: int


@dataclass
class IngestReport:
    """Counts are of files, except `encoded` and `described`. A file is in exactly one of the first eight."""

    added: int = 0
    updated: int = 0
    """The bytes changed, or the caption or tags."""
    renamed: int = 0
    copied: int = 0
    """Bytes that the library has already, at one more place."""
    unchanged: int = 0
    unreadable: list[Failure] = field(default_factory=list)
    rejected: list[Failure] = field(default_factory=list)
    """Read, but not stored: the vector was not usable, or Weaviate refused the object."""
    skipped: list[Failure] = field(default_factory=list)
    """Left out by rule: links, special files."""
    removed: int = 0
    not_removed: list[Failure] = field(default_factory=list)
    """Files that are gone and should have left the library, but Weaviate refused it or the thumbnail cannot be
    removed."""
    missing: int = 0
    """In the library, gone from the folder, and kept: `--prune` removes them."""
    excluded: int = 0
    """In the library and in the folder, but left out by rule by now, and kept: `--prune` removes them."""
    offline: int = 0
    """In the library, not found, but their folder is empty or cannot be read: never removed."""
    encoded: int = 0
    described: int = 0
    """Pictures that an older Loupe had stored, opened again for their colours and the like; none was encoded for it."""
    left_out: str = ""
    """Files that are no pictures, in words."""
    cut_off: list[str] = field(default_factory=list)
    """Files that were stored as far as they could be decoded: cut off, or damaged inside. They are counted as added or
    updated as well."""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    dry_run: bool = False
    forgotten: bool = False
    """The folder was taken out of the library (`--forget`)."""
    interrupted: bool = False
    ended_by: str = ""
    """Why the run ended before its last file, and what to do; "" where a person ended it or nobody did."""
    not_reached: int = 0
    """Files that a run which ended by itself did not come to."""

    def count(self, outcome: Outcome) -> None:
        setattr(self, outcome, getattr(self, outcome) + 1)

    @property
    def images_per_second(self) -> float:
        return round(self.encoded / self.seconds, 2) if self.seconds else 0.0

    def cut_off_warnings(self) -> list[str]:
        """One sentence that names the first of `cut_off`, or none."""
        if not self.cut_off:
            return []
        count, names = len(self.cut_off), ", ".join(self.cut_off[:CUT_OFF_NAMED])
        more = f" and {count - CUT_OFF_NAMED} more" if count > CUT_OFF_NAMED else ""
        which = "1 picture is" if count == 1 else f"{count} pictures are"
        will_be = "would be" if self.dry_run else "were"
        return [
            f"{which} cut off or damaged inside and {will_be} stored as far as they can be decoded: {names}{more}. "
            "Replace them with intact copies and run the same command again."
        ]

    @property
    def failed(self) -> bool:
        return bool(self.unreadable or self.rejected or self.not_removed)

    @property
    def exit(self) -> Exit:
        if self.ended_by:
            return Exit.UNREACHABLE
        return Exit.INTERRUPTED if self.interrupted else Exit.SOME_FAILED if self.failed else Exit.DONE

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3), "images_per_second": self.images_per_second}

    def __str__(self) -> str:
        would = "would be " if self.dry_run else ""
        counts = {
            f"{would}added": self.added,
            f"{would}updated": self.updated,
            f"{would}renamed": self.renamed,
            "copies of known pictures": self.copied,
            f"{would}removed": self.removed,
            "not removed": len(self.not_removed),
            "not reached": self.not_reached,
            "unchanged": self.unchanged,
            "unreadable": len(self.unreadable),
            "rejected": len(self.rejected),
            "skipped": len(self.skipped),
            "missing (remove with --prune)": self.missing,
            "excluded by now (remove with --prune)": self.excluded,
            "offline (kept)": self.offline,
        }
        always = (f"{would}added", "unchanged", "unreadable")
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name in always)
        speed = f", {self.images_per_second:.1f} pictures/s" if self.encoded else ""
        start = "Interrupted; what was done stays done: " if self.interrupted else ""
        again = f", {self.described} described again" if self.described else ""
        return f"{start}{shown}; {self.encoded} encoded{again} in {self.seconds:.1f} s{speed}"
