"""Says which names below a folder are left out, and by which rule. Opens `.loupeignore` files and nothing else.

A folder that is left out is not looked into. The ingested folder itself is never left out by its name.
"""

import os
import re
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePath

from pathspec import GitIgnoreSpec

from schema.names import composed

IGNORE_FILE = ".loupeignore"
MAX_IGNORE_BYTES = 1 << 20
MAX_STARS = 3
"""With more, one long name takes minutes: the regular expression that a pattern becomes tries every way to part it."""
HIDDEN = "hidden"
SYSTEM = "of the system"
OWN = "of Loupe's own"
LIBRARY = "made by a photo program"
IGNORED = f"left out by {IGNORE_FILE}"
_SYSTEM = frozenset(
    name.casefold()
    for name in (
        # macOS, Windows, Linux
        "__MACOSX", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder", "Icon\r",
        "$RECYCLE.BIN", "RECYCLER", "System Volume Information", "Thumbs.db", "ehthumbs.db", "desktop.ini",
        "lost+found",
        # Synology, QNAP, NetApp and their kin
        "@eaDir", "#recycle", "#snapshot", "@tmp", "@Recycle", "@Recently-Snapshot", "@snapshots", "~snapshot",
    )
)  # fmt: skip
_FOUND = re.compile(r"found\.\d{3}", re.IGNORECASE)
"""What Windows' disk check saves."""
_LIBRARIES = (".photoslibrary", ".migratedphotolibrary", ".photolibrary", ".aplibrary")
_ORIGINALS = frozenset({"originals", "masters"})
"""The folders of a Mac's photo library that hold what was taken. The others hold smaller or edited copies of it."""
_PREVIEWS = (".lrdata",)
"""Lightroom's previews."""


class IgnoreFileError(Exception):
    """A `.loupeignore` cannot be used; the message says why. What it leaves out must not be ingested."""


class Exclusions:
    def __init__(self, root: Path, own: Sequence[Path] = ()) -> None:
        """`own`: folders that Loupe itself writes to."""
        self.root = root
        self._own = {(found.st_dev, found.st_ino) for path in own if (found := _status(path)) is not None}
        self._specs = lru_cache(maxsize=4096)(self._specs_of)
        self.of = lru_cache(maxsize=64)(lambda folder: Exclusions(folder, own))
        """Those of another folder that was ingested."""

    def rule(self, folder: Path, name: str, *, is_folder: bool) -> str:
        """The rule that leaves a name of `folder` out, or "". Raises IgnoreFileError."""
        folded = name.casefold()
        if name.startswith("."):
            return HIDDEN
        if folded in _SYSTEM or (is_folder and _FOUND.fullmatch(name)):
            return SYSTEM
        if is_folder:
            above = PurePath(folder).name.casefold()
            if folded.endswith(_PREVIEWS) or (above.endswith(_LIBRARIES) and folded not in _ORIGINALS):
                return LIBRARY
            if self._own and (found := _status(folder / name)) and (found.st_dev, found.st_ino) in self._own:
                return OWN
        return IGNORED if self._is_ignored(folder, name, is_folder) else ""

    def rule_of(self, path: Path) -> str:
        """The rule that leaves out a file below the root, or a folder that it lies in; "" where none does."""
        folder, names = self.root, path.relative_to(self.root).parts
        try:
            for depth, name in enumerate(names, 1):
                if rule := self.rule(folder, name, is_folder=depth < len(names)):
                    return rule
                folder = folder / name
        except IgnoreFileError:  # the walk names it; nobody knows what it leaves out
            pass
        return ""

    def _is_ignored(self, folder: Path, name: str, is_folder: bool) -> bool:
        """By the nearest `.loupeignore` that says anything of it, as git has it."""
        for base, spec in self._specs(folder):
            path = composed((folder / name).relative_to(base).as_posix())
            found = spec.check_file(f"{path}/" if is_folder else path).include
            if found is not None:
                return bool(found)
        return False

    def _specs_of(self, folder: Path) -> tuple[tuple[Path, GitIgnoreSpec], ...]:
        above = () if folder == self.root else self._specs(folder.parent)
        lines = _read(folder / IGNORE_FILE)
        return above if lines is None else ((folder, _spec(lines)), *above)


def _read(file: Path) -> list[str] | None:
    try:
        try:
            found = file.stat()
        except PermissionError:  # of a folder that may not be entered, nothing can be ingested
            return None
        if not stat.S_ISREG(found.st_mode):
            raise IgnoreFileError(f"{IGNORE_FILE} is no regular file; remove it")
        if found.st_size > MAX_IGNORE_BYTES:
            raise IgnoreFileError(f"{IGNORE_FILE} has {found.st_size:,} bytes, more than {MAX_IGNORE_BYTES:,}")
        return file.read_text("utf-8-sig", "surrogateescape").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise IgnoreFileError(f"{IGNORE_FILE} cannot be read ({error.strerror or error})") from None


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    for number, line in enumerate(lines, 1):
        try:
            if any(len(re.findall(r"\*+", part)) > MAX_STARS for part in line.split("/")):
                raise ValueError(f"more than {MAX_STARS} * between two slashes")
            GitIgnoreSpec.from_lines([composed(line)])
        except ValueError as error:
            raise IgnoreFileError(f"{IGNORE_FILE}, line {number} is no pattern ({error}): {line[:80]!r}") from None
    return GitIgnoreSpec.from_lines(map(composed, lines))


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
