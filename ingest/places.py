"""Tells a file that is gone from one that cannot be looked at. Knows the file system and nothing else.

Only an answer of "no such file" means gone. A disk that fails, a network folder that does not answer and a folder that
may not be entered say nothing of what lies in them.
"""

import os
import stat
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from pathlib import Path

from schema.names import escaped
from schema.record import Place


class Look(Enum):
    """What the file system answers about a path, links not followed."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"
    """It cannot be looked at: no right to, an error of the disk or of the network."""


def look(path: str | Path) -> Look:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Look.GONE
    except (OSError, ValueError):
        return Look.UNKNOWN
    return Look.THERE


class Availability:
    """Asks each folder once; made anew for each run. `unread`: files and folders that the run could not read, as the
    report names them; nothing of them, nor below them, is called gone."""

    def __init__(self, unread: Iterable[str] = ()) -> None:
        self._unread = {escaped(path) for path in unread}
        self._has_entries = lru_cache(maxsize=4096)(_has_entries)

    def note_unread(self, path: str) -> None:
        self._unread.add(escaped(path))

    def look(self, path: str) -> Look:
        """As `look`; what the run could not read is unknown even where it is answered for now."""
        found = look(path)
        return Look.UNKNOWN if found is Look.GONE and self._is_unread(path) else found

    def is_gone(self, place: Place) -> bool:
        """Whether the file of a picture that was found elsewhere is not there, while its disk is.

        The place is then dropped. The picture stays, so a wrong guess costs nothing: the place comes back with its
        disk.
        """
        if self.look(place.path) is not Look.GONE or self._nearest_has_entries(place.path) is None:
            return False
        root = Path(place.root)
        return bool(self._has_entries(root.parent if look(root) is Look.GONE else root))

    def is_lost(self, place: Place, root: Path) -> bool:
        """Whether the file of a picture that may be removed is not there, and the folder it lay in is no empty mount
        point.

        The nearest folder that still exists must hold something and be readable, and so must `root`, which holds the
        place, and the folder that it was ingested with.
        """
        if self.look(place.path) is not Look.GONE:
            return False
        return bool(
            self._has_entries(root) and self._has_entries(Path(place.root)) and self._nearest_has_entries(place.path)
        )

    def _nearest_has_entries(self, path: str) -> bool | None:
        """As `_has_entries`, of the nearest folder above `path` that exists. A link counts as the folder that it leads
        to, and a file in a folder's place as nothing."""
        for folder in Path(path).parents:
            try:
                mode = os.lstat(folder).st_mode
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return None
            if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
                return self._has_entries(folder)
        return None

    def _is_unread(self, path: str) -> bool:
        shown = Path(escaped(path))
        return bool(self._unread) and any(str(one) in self._unread for one in (shown, *shown.parents))


def _has_entries(folder: Path) -> bool | None:
    """Whether it holds anything at all; None where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return None
