"""Files that are either whole or not there, whatever ends the process. Knows bytes and places, not what they mean."""

import contextlib
import os
import threading
from collections.abc import Callable
from glob import escape
from pathlib import Path

import psutil


def write_whole(path: Path, write: Callable[[Path], object], *, sync: bool = True, private: bool = False) -> None:
    """`write` fills a file of another name beside `path`, which then takes its place.

    Threads and processes may write one file at once; a reader finds a whole one, old or new. With `sync` that holds for
    a power cut too, at the price of waiting for the disk. Raises what `write` raises, and OSError; nothing half-written
    stays then. What a killed process leaves, the next writer of the same file removes. The folder must be there. Its
    readers are whom the umask lets, with `private` its owner alone.
    """
    part = path.with_name(f".{path.name}.{threading.get_native_id()}.{os.getpid()}.part")
    try:
        _remove_abandoned(path)
        part.touch(0o600 if private else 0o666)
        mode = part.stat().st_mode
        write(part)
        part.chmod(mode)  # safetensors makes files that only their owner can read
        if sync:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str, *, sync: bool = True, private: bool = False) -> None:
    """UTF-8."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"), sync=sync, private=private)


def _remove_abandoned(path: Path) -> None:
    for part in path.parent.glob(f".{escape(path.name)}.*.part"):
        writer = part.name.split(".")[-2]
        if writer.isdigit() and not psutil.pid_exists(int(writer)):
            part.unlink(missing_ok=True)
