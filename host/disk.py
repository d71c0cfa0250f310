"""How much room a folder takes. Knows nothing else."""

import os
from contextlib import suppress
from pathlib import Path


def bytes_in(folder: Path) -> int:
    """Bytes of the files below; those that go away meanwhile (the database cleans up at any moment) count nothing."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(above) / name).lstat().st_size
    return total
