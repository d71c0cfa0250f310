"""The folders of this machine that were ingested: the only ones whose originals the app may show.

Not in Weaviate, so that a database somebody tampered with opens no file elsewhere. Knows no database.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from whole_files import write_text_whole


class Roots:
    def __init__(self, home: Path) -> None:
        self._file = home / "roots.json"

    def all(self) -> list[Path]:
        try:
            return [Path(text) for text in json.loads(self._file.read_text())]
        except (FileNotFoundError, ValueError):
            return []

    def add(self, root: Path) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self._file.with_suffix(".lock")):
            roots = self.all()
            if root not in roots:
                self._write([*roots, root])

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)

    def _write(self, roots: Sequence[Path]) -> None:
        write_text_whole(self._file, json.dumps([str(root) for root in roots]))
