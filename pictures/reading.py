"""A path -> its bytes, read whole or not at all. Knows no format."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from pictures.errors import PictureError
from pictures.limits import Limits


def read(path: Path, limits: Limits) -> bytes:
    """Read a regular file that nobody writes meanwhile. Raises PictureError and nothing else."""
    with opened_for_reading(path, limits) as (file, size):
        return read_whole(file, size)


@contextmanager
def opened_for_reading(path: Path, limits: Limits) -> Iterator[tuple[BufferedReader, int]]:
    """Open a regular file of an accepted size; the block may raise OSError, which becomes PictureError."""
    try:
        # Without O_NONBLOCK, a FIFO that took the file's place would be waited for forever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise PictureError("unreadable", "this is not a regular file; put the picture itself in its place")
            check_bytes(before.st_size, limits)
            yield file, before.st_size
    except FileNotFoundError:
        raise PictureError("vanished", "the file was there and is gone; run again if it was moved") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PictureError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PictureError("unreadable", f"the file cannot be read ({reason}); check its permissions") from error


def read_whole(file: BinaryIO, size: int) -> bytes:
    """Read from the start the `size` bytes that the file had when it was opened; raises PictureError if it changed."""
    before = os.fstat(file.fileno()).st_mtime_ns
    file.seek(0)
    data = file.read(size + 1)
    if len(data) != size or os.fstat(file.fileno()).st_mtime_ns != before:
        raise PictureError(
            "changed",
            f"the file changed while it was read ({size} bytes expected, {len(data)} read); "
            "run again when it is written completely",
        )
    return data


def check_bytes(size: int, limits: Limits) -> None:
    """Raise PictureError for a file of no bytes or of too many."""
    if size == 0:
        raise PictureError("empty", "the file has 0 bytes; replace it with an intact copy")
    if size > limits.max_file_mb * 1e6:
        raise PictureError(
            "too_heavy",
            f"the file has {size / 1e6:.1f} MB, at most {limits.max_file_mb:g} MB are read; "
            "raise LOUPE_MAX_FILE_MB or export a smaller copy",
        )
