"""Whether a file that is not found is gone, or only out of reach. Knows the file system and nothing else."""

import os
from functools import lru_cache
from pathlib import Path

from schema.record import Place


class Availability:
    """Asks each folder once; made anew for each run."""

    def __init__(self) -> None:
        self._has_entries = lru_cache(maxsize=4096)(_has_entries)

    def is_gone(self, place: Place) -> bool:
        """For a picture that was found elsewhere: the file is not there, and its disk is.

        The place is then dropped. The picture stays, so a wrong guess costs nothing: the place comes back with its
        disk.
        """
        if os.path.lexists(place.path):
            return False
        root = Path(place.root)
        return self._has_entries(root if os.path.exists(root) else root.parent)  # noqa: PTH110  never raises

    def is_lost(self, place: Place, root: Path) -> bool:
        """For a picture that may be removed: the file is not there, and the folder it lay in is not an empty mount
        point.

        The nearest folder that still exists must hold something and be readable, and so must `root`, which holds the
        place, and the folder that it was ingested with.
        """
        if os.path.lexists(place.path) or not (self._has_entries(root) and self._has_entries(Path(place.root))):
            return False
        nearest = next((folder for folder in Path(place.path).parents if os.path.isdir(folder)), None)  # noqa: PTH112
        return nearest is not None and self._has_entries(nearest)


def _has_entries(folder: Path) -> bool:
    """Whether it can be listed and holds anything at all."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
