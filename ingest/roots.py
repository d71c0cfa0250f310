"""The folders of this machine that were ingested: the only ones whose originals the app may show.

Not in Weaviate, so that a database somebody tampered with opens no file elsewhere.
"""

import json
from collections.abc import Sequence
from pathlib import Path, PurePath

from errors import FolderError
from host.files import write_text_whole
from host.folders import make_home, own_lock, using
from schema.names import composed


class Roots:
    def __init__(self, home: Path) -> None:
        self._file = home / "roots.json"

    def all(self) -> list[Path]:
        """Raises FolderError for a list that is damaged or may not be read."""
        try:
            with using(self._file):
                return [Path(text) for text in json.loads(self._file.read_text("utf-8"))] if self._file.exists() else []
        except (ValueError, TypeError):
            raise FolderError(
                f"{self._file} is no list of folders any more. Delete it and ingest your folders again: nothing is "
                "encoded again for that, and their originals are shown again."
            ) from None

    def copy_to(self, folder: Path) -> None:
        with using(folder):
            write_text_whole(folder / self._file.name, json.dumps([str(root) for root in self.all()]), private=True)

    def add_from(self, folder: Path) -> None:
        for root in Roots(folder).all():
            self.add(root)

    def add(self, root: Path) -> None:
        make_home(self._file.parent)
        with using(self._file), own_lock(self._file.with_suffix(".lock")):
            roots = self.all()
            if root not in roots:
                self._write([*roots, root])

    def remove(self, folder: Path) -> None:
        """The folder, and those below it, in any spelling of accents."""
        make_home(self._file.parent)
        with using(self._file), own_lock(self._file.with_suffix(".lock")):
            self._write([root for root in self.all() if not is_below(root, folder)])

    def forget(self) -> None:
        with using(self._file):
            self._file.unlink(missing_ok=True)

    def _write(self, roots: Sequence[Path]) -> None:
        write_text_whole(self._file, json.dumps([str(root) for root in roots]), private=True)


def is_below(path: str | Path, folder: Path) -> bool:
    """Whether it is the folder or lies below it, in any spelling of accents."""
    return PurePath(composed(str(path))).is_relative_to(composed(str(folder)))
