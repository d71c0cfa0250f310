"""A folder -> the picture files in it, and the names of those that are left out. Opens no file; knows no format."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.sidecars import FolderSidecars
from pictures.open import EXTENSIONS

METADATA_NAMES = ("metadata.csv", "metadata.jsonl")
_LEFT_OUT = frozenset(
    name.casefold()
    for name in (
        "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "desktop.ini",
    )
)  # fmt: skip


class RootError(Exception):
    """The folder to ingest cannot be used; the message says why and what to do. Entry points exit with 2."""


@dataclass(frozen=True)
class Found:
    """One regular file with a picture's name."""

    path: Path
    """Absolute, as found: links in the root's own path are kept."""
    size: int
    mtime_us: int
    sidecar: Path | None = None
    """`cat.jpg.txt`, else `cat.txt`, when it lies beside `cat.jpg` (upper or lower case)."""
    facts_from: tuple[Path, ...] = ()
    """Its XMP file and its JSON of Google Takeout's, see `ingest.sidecars`."""
    facts_stamp: str = ""
    """Their kinds, sizes and times."""


@dataclass(frozen=True)
class Skipped:
    """One file or folder that is left out.

    Reasons: symlink, special_file, unreadable_folder, unreadable, name_not_utf8, vanished.
    """

    path: str
    """Printable: bytes that are not UTF-8 are shown as \\udcXX, line breaks as \\n."""
    reason: str
    message: str


@dataclass
class Census:
    """What `find_images` passed over without a word, counted for the report (invariant I9)."""

    others: Counter[str] = field(default_factory=Counter)
    """Extension without its dot ("" for none) -> files that are neither pictures nor speak of any."""
    sidecars: Counter[str] = field(default_factory=Counter)
    """Extension -> files that speak of a picture or a video and were not read."""
    hidden: int = 0
    """Names left out by rule; a hidden folder counts once, it is not looked into."""

    @property
    def other_files(self) -> int:
        """How many there were of `others`."""
        return self.others.total()

    def __str__(self) -> str:
        """One line, as `12 other files (9 mov, 3 pdf) and 2 hidden ones left out; 4 sidecars not read (4 aae)`; empty
        when there was nothing."""
        parts, sentences = [], []
        if total := self.other_files:
            parts.append(f"{total} other file{'s' if total > 1 else ''} ({_kinds(self.others)})")
        if self.hidden:
            parts.append(f"{self.hidden} hidden one{'s' if self.hidden > 1 else ''}")
        if parts:
            sentences.append(f"{' and '.join(parts)} left out")
        if unread := self.sidecars.total():
            sentences.append(f"{unread} sidecar{'s' if unread > 1 else ''} not read ({_kinds(self.sidecars)})")
        return "; ".join(sentences)


def _kinds(counts: Counter[str]) -> str:
    counted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kinds = [f"{count} {kind or 'without extension'}" for kind, count in counted[:5]]
    return ", ".join([*kinds, "…"] if len(counted) > 5 else kinds)


def check_root(root: Path) -> Path:
    """The absolute path of the folder; raises RootError when it is missing, is no folder or cannot be read."""
    absolute = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100  resolve() would replace links in its path
    if absolute.anchor == "//":  # POSIX lets a system give two slashes a meaning of their own; none of ours does
        absolute = Path("/", *absolute.parts[1:])
    shown = printable(str(absolute))
    try:
        shown.encode()
        str(absolute).encode()
        with os.scandir(absolute):
            return absolute
    except UnicodeEncodeError:
        raise RootError(f"The folder's name is not valid UTF-8: {shown}. Rename it.") from None
    except FileNotFoundError:
        raise RootError(f"There is no folder {shown}. Check its spelling, or mount its disk.") from None
    except NotADirectoryError:
        holder = printable(str(absolute.parent))
        raise RootError(f"{shown} is a file. Give the folder that holds it: {holder}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RootError(f"The folder {shown} cannot be read ({why}). Check its permissions.") from None


def find_images(root: Path, census: Census | None = None) -> Iterator[Found | Skipped]:
    """Every picture below `root`, one at a time; a folder's own files before its subfolders, each sorted by its bytes.

    A name is a picture's by its extension, in any case. Left out by rule, and counted in `census`: names that begin
    with a dot, and `__MACOSX`, `@eaDir`, `#recycle`, `$RECYCLE.BIN`, `System Volume Information`, `Thumbs.db` and
    `desktop.ini`. Links are never followed. Memory holds the names of one folder, and its sisters' on each level above.
    Raises RootError when `root` is no folder.
    """
    census = Census() if census is None else census
    pending = [check_root(root)]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except FileNotFoundError:
            message = "the folder was there and is gone; run again if it was moved"
            yield Skipped(printable(str(folder)), "vanished", message)
            continue
        except OSError as error:
            message = f"the folder cannot be read ({error.strerror or error}); check its permissions"
            yield Skipped(printable(str(folder)), "unreadable_folder", message)
            continue
        subfolders: list[Path] = []
        yield from _one_folder(folder, entries, subfolders, census)
        pending.extend(reversed(subfolders))


def printable(path: str) -> str:
    """A path for one line of a report: no undecodable byte, no line break, no other control character."""
    shown = path.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in shown)


def _one_folder(
    folder: Path, entries: list[os.DirEntry[str]], subfolders: list[Path], census: Census
) -> Iterator[Found | Skipped]:
    """The pictures of one listing; `subfolders` is filled with those to go into."""
    regular = {entry.name: entry for entry in entries if not entry.name.startswith(".") and _is_regular(entry)}
    sidecars = FolderSidecars(regular)
    others: Counter[str] = Counter()
    for entry in entries:
        if entry.name.startswith(".") or entry.name.casefold() in _LEFT_OUT:
            census.hidden += 1
            continue
        extension = os.path.splitext(entry.name)[1]  # noqa: PTH122  a Path for each file is six times as slow
        is_picture = extension.lower() in EXTENSIONS
        shown = printable(entry.path)
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.is_symlink():
                if is_picture or _leads_to_folder(entry):
                    yield Skipped(shown, "symlink", "links are not followed; ingest the folder that it points to")
                else:
                    others[extension.lower()] += 1
            elif (is_folder or is_picture) and not _is_utf8(entry.name):
                kind = "folder's" if is_folder else "file's"
                yield Skipped(shown, "name_not_utf8", f"the {kind} name is not valid UTF-8; rename it")
            elif is_folder:
                subfolders.append(folder / entry.name)
            elif not is_picture:
                if entry.name not in METADATA_NAMES and entry.name not in sidecars.names:
                    others[extension.lower()] += 1
            else:
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    message = "this is a pipe, socket or device and no picture; it is not opened, remove it"
                    yield Skipped(shown, "special_file", message)
                    continue
                text, facts_from = sidecars.of(entry.name)
                yield Found(
                    path=folder / entry.name,
                    size=status.st_size,
                    mtime_us=status.st_mtime_ns // 1000,
                    sidecar=None if text is None else folder / text,
                    facts_from=tuple(folder / name for name in facts_from),
                    facts_stamp="; ".join(_stamp(regular[name]) for name in facts_from),
                )
        except FileNotFoundError:
            yield Skipped(shown, "vanished", "the file was there and is gone; run again if it was moved")
        except OSError as error:
            message = f"the file cannot be looked at ({error.strerror or error}); check its permissions"
            yield Skipped(shown, "unreadable", message)
    unread, nobodys = sidecars.left()
    census.sidecars.update({kind.removeprefix("."): count for kind, count in unread.items()})
    census.others.update({kind.removeprefix("."): count for kind, count in (others + nobodys).items()})


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def _stamp(entry: os.DirEntry[str]) -> str:
    """`xmp 1234 1700000000123456`; without its name, so that a file which is moved with its sidecars keeps it."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return "gone"
    return f"{entry.name.rpartition('.')[2].lower()} {status.st_size} {status.st_mtime_ns // 1000}"


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
