"""Files that are either whole or not there, whatever ends the process. Knows bytes and places, not what they mean."""

import errno
import os
import re
from collections.abc import Callable
from glob import escape
from pathlib import Path

import psutil
from safetensors import SafetensorError

from training.errors import CannotWrite

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """`write` fills a file of another name beside `path`, which then takes its place.

    After a kill the old file is still there. Raises CannotWrite when it cannot be written; nothing half-written stays.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, SafetensorError) as error:
        code = _error_number(error)
        reason = os.strerror(code) if code else str(error)
        remedy = "Free some space" if code in FULL else "Make it writable"
        raise CannotWrite(
            f"{path.name} cannot be written to {path.parent}: {reason}. {remedy} and start again; what was written "
            "before is whole and will be taken up."
        ) from error
    finally:
        if part.exists():
            part.unlink()


def write_text(path: Path, text: str) -> None:
    """UTF-8."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def _remove_abandoned(path: Path) -> None:
    """What a killed process left of its attempt at this file."""
    for part in path.parent.glob(f".{escape(path.name)}.*.part"):
        writer = part.name.split(".")[-2]
        if writer.isdigit() and not psutil.pid_exists(int(writer)):
            part.unlink(missing_ok=True)


def _error_number(error: OSError | SafetensorError) -> int:
    """The number is in words where safetensors did the writing."""
    if isinstance(error, OSError):
        return error.errno or 0
    said = re.search(r"os error (\d+)", str(error))
    return int(said[1]) if said else 0
