"""Write files whole or not at all; where a run cannot write, raise a sentence."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from errors import CannotWrite
from host import files

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """`write` fills a file of another name, which then takes the place of `path`; its folder is made. Raises
    CannotWrite."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, write)
    except (OSError, SafetensorError) as error:
        code = _error_number(error)
        reason = os.strerror(code) if code else str(error)
        remedy = "Free some space" if code in FULL else "Make it writable"
        raise CannotWrite(
            f"{path.name} cannot be written to {path.parent}: {reason}. {remedy} and start again; what was written "
            "before is whole and will be taken up."
        ) from error


def write_text(path: Path, text: str) -> None:
    """UTF-8."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def _error_number(error: OSError | SafetensorError) -> int:
    """The number is in words where safetensors did the writing."""
    if isinstance(error, OSError):
        return error.errno or 0
    said = re.search(r"os error (\d+)", str(error))
    return int(said[1]) if said else 0
