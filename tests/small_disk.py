"""A disk of some megabytes that a test may fill: a tmpfs, so only where one can be mounted."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def fill(self, leave: int = 0) -> None:
        """All but so many bytes of it."""
        self.clear()
        block = bytes(4096)
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(block):
                    pass
            except OSError:
                pass
            file.truncate(max(file.tell() - leave, 0))

    def clear(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(root: Path, megabytes: float) -> Iterator[SmallDisk]:
    root.mkdir()
    size = f"size={int(megabytes * 1024)}k"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(root)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)
