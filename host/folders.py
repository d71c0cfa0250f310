"""Loupe's own folders, LOUPE_HOME and LOUPE_CACHE: what is made in them is its owner's alone, what the system refuses
there is one sentence. Knows owners and disks, not what the files mean."""

import errno
import logging
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from filelock import FileLock

from errors import FolderError

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
DENIED = (errno.EACCES, errno.EPERM)
REFUSALS = (
    *DENIED, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO,
    getattr(errno, "ESTALE", errno.EIO), errno.ETIMEDOUT,
)  # fmt: skip
_seen: set[Path] = set()
log = logging.getLogger(__name__)
ELSEWHERE = "name another folder in LOUPE_HOME (in LOUPE_CACHE, for what can be made again)"


@contextmanager
def using(folder: Path, kind: type[Exception] = FolderError) -> Iterator[None]:
    """Raise what the system refuses within as a `kind` that explains it."""
    try:
        yield
    except FolderError as error:
        raise kind(str(error)) from error
    except OSError as error:
        if error.errno is None:  # not the system's word: somebody else holds a lock
            raise
        raise kind(explain(error, folder)) from error


def make_folder(folder: Path) -> Path:
    """The folder, made for its owner alone where it is not there yet. Raises FolderError."""
    with using(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def make_home(home: Path) -> Path:
    """LOUPE_HOME, made like that; where it was there already and others may look into it, that is reported once."""
    make_folder(home)
    if home not in _seen and os.name == "posix":
        _seen.add(home)
        if (mode := home.stat().st_mode) & 0o077:
            log.warning(
                "Other users of this machine may look into %s (mode %s). What Loupe writes there from now on is yours "
                "alone; to close the rest: chmod -R go= %s",
                home,
                stat.filemode(mode),
                home,
            )
    return home


def open_own(path: Path, mode: str) -> IO[Any]:
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))


def own_lock(path: Path, *, blocking: bool = True) -> FileLock:
    return FileLock(path, mode=0o600, blocking=blocking)


def is_refusal(error: OSError) -> bool:
    """Whether it is the system's or the disk's doing, and no fault of Loupe's."""
    if error.errno == errno.ENOENT:  # an unmounted disk
        return isinstance(error.filename, str) and not Path(error.filename).parent.exists()
    return error.errno in FULL or (error.errno in REFUSALS and isinstance(error.filename, str))


def explain(error: OSError, folder: Path | None = None) -> str:
    """One sentence: what cannot be done where, why, and what to do. `folder`: where, if the error does not say so."""
    named = Path(error.filename) if isinstance(error.filename, str) else folder
    why = error.strerror or str(error)
    if named is None:
        return f"What this command writes cannot be written ({why}). Free some space there, or send it elsewhere."
    there = _nearest(named)
    if error.errno in FULL:
        return (
            f"The disk is full: {_free(there)} ({why}). Free some space there and do the same again; what was written "
            "before is whole."
        )
    if error.errno in DENIED:
        mode, owner = stat.filemode(there.lstat().st_mode), _owner(there)
        return (
            f"{named} cannot be used: {there} belongs to {owner} (mode {mode}), and this is {_user()} ({why}). Run it "
            f"as {owner}, change owner or mode (chown, chmod), or {ELSEWHERE}."
        )
    if error.errno == errno.EROFS:
        return f"{named} cannot be written: its disk is mounted read-only. Mount it for writing, or {ELSEWHERE}."
    if error.errno == errno.EISDIR:
        return f"{named} is a folder where Loupe keeps a file. Move it away and do the same again."
    if error.errno in (errno.ENOTDIR, errno.EEXIST) and not there.is_dir():
        return f"{there} is a file where Loupe needs a folder. Move it away, or {ELSEWHERE}."
    return f"{named} cannot be used ({why}). Look at the disk of {there}, or {ELSEWHERE}."


def free_bytes(folder: Path) -> int:
    """What may still be written there, or where it is to be made."""
    return shutil.disk_usage(_nearest(folder)).free


def bytes_in(folder: Path) -> int:
    """Of the files below; those that go away meanwhile (the database cleans up at any moment) count nothing."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(above) / name).lstat().st_size
    return total


def _free(there: Path) -> str:
    folder = there if there.is_dir() else there.parent
    if hasattr(os, "statvfs") and (about := os.statvfs(folder)).f_files and not about.f_favail:
        return f"no more files can be made in {folder} (it has no free inodes)"
    return f"{free_bytes(folder) / 1e6:,.1f} MB are free in {folder}"


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that can be looked at."""
    for candidate in (path, *path.parents):
        try:
            candidate.lstat()
            return candidate
        except (OSError, ValueError):
            continue
    return Path(path.anchor or ".")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, NotImplementedError, OSError):  # an owner without a name; a system without owners
        return f"user {path.lstat().st_uid}"


def _user() -> str:
    if not hasattr(os, "getuid"):
        return "another user"
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
