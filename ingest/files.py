"""A folder -> the picture files in it, and the names of those that are left out. Opens no file."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from errors import RootError
from ingest.exclusions import Exclusions, IgnoreFileError
from ingest.sidecars import FolderSidecars
from pictures.open import EXTENSIONS
from schema.names import escaped

METADATA_NAMES = ("metadata.csv", "metadata.jsonl")


@dataclass(frozen=True)
class PictureFile:
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
    """The same of files that speak of a picture or a video and were not read."""
    by_rule: Counter[str] = field(default_factory=Counter)
    """Rule of `exclusions` -> names left out by it; a folder counts once, it is not looked into."""

    def __str__(self) -> str:
        """One line, as `12 other files (9 mov, 3 pdf), 4 sidecars (3 aae, 1 thm), 2 hidden and 1 of the system`; empty
        when there was nothing."""
        parts = []
        for what, counts in (("other file", self.others), ("sidecar", self.sidecars)):
            if total := counts.total():
                counted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
                kinds = [f"{count} {kind or 'without extension'}" for kind, count in counted[:5]]
                kinds += ["…"] if len(counted) > 5 else []
                parts.append(f"{total} {what}{'s' if total > 1 else ''} ({', '.join(kinds)})")
        parts += [f"{count} {rule}" for rule, count in self.by_rule.most_common()]
        joined = " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
        return f"Not looked at: {joined}" if parts else ""


def absolute_path(folder: Path) -> Path:
    """The folder's path as it is stored: links in it stay."""
    absolute = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  resolve() would replace links
    # POSIX lets a system give two slashes a meaning of their own; none of ours does.
    return Path("/", *absolute.parts[1:]) if absolute.anchor == "//" else absolute


def check_root(root: Path, own: Sequence[Path] = ()) -> Path:
    """The absolute path of the folder; raises RootError when it is missing, is no folder, cannot be read, or lies in
    one of the folders of Loupe's `own`."""
    absolute = absolute_path(root)
    shown = escaped(absolute)
    try:
        shown.encode()
        str(absolute).encode()
        with os.scandir(absolute):
            pass
    except UnicodeEncodeError:
        raise RootError(f"The folder's name is not valid UTF-8: {shown}. Rename it.") from None
    except FileNotFoundError:
        raise RootError(f"There is no folder {shown}. Check its spelling, or mount its disk.") from None
    except NotADirectoryError:
        holder = escaped(absolute.parent)
        raise RootError(f"{shown} is a file. Give the folder that holds it: {holder}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RootError(f"The folder {shown} cannot be read ({why}). Check its permissions.") from None
    for folder in own:
        if absolute.resolve().is_relative_to(folder.resolve()):
            raise RootError(
                f"{shown} lies in {escaped(folder)}, where Loupe keeps what it made of your pictures. "
                "Give the folder of the pictures."
            )
    return absolute


def find_images(
    root: Path, census: Census | None = None, exclusions: Exclusions | None = None
) -> Iterator[PictureFile | Skipped]:
    """Every picture below `root`, one at a time; a folder's own files before its subfolders, each sorted by its bytes.

    A name is a picture's by its extension, in any case. What `exclusions` leaves out is counted in `census`. Links are
    never followed. Memory holds the names of one folder, and its sisters' on each level above. Raises RootError when
    `root` is no folder.
    """
    census = Census() if census is None else census
    pending = [check_root(root)]
    exclusions = exclusions or Exclusions(pending[0])
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except FileNotFoundError:
            message = "the folder was there and is gone; run again if it was moved"
            yield Skipped(escaped(folder), "vanished", message)
            continue
        except OSError as error:
            message = f"the folder cannot be read ({error.strerror or error}); check its permissions"
            yield Skipped(escaped(folder), "unreadable_folder", message)
            continue
        subfolders: list[Path] = []
        try:
            yield from _one_folder(folder, entries, subfolders, census, exclusions)
        except IgnoreFileError as error:
            yield Skipped(escaped(folder), "unreadable_folder", f"{error}; nothing of the folder was ingested")
        pending.extend(reversed(subfolders))


def _one_folder(
    folder: Path, entries: list[os.DirEntry[str]], subfolders: list[Path], census: Census, exclusions: Exclusions
) -> Iterator[PictureFile | Skipped]:
    """The pictures of one listing; `subfolders` is filled with those to go into."""
    regular = {entry.name: entry for entry in entries if _is_regular(entry)}
    sidecars = FolderSidecars(regular, lambda name: bool(exclusions.rule(folder, name, is_folder=False)))
    others: Counter[str] = Counter()
    for entry in entries:
        extension = os.path.splitext(entry.name)[1]  # noqa: PTH122  a Path for each file is six times as slow
        is_picture = extension.lower() in EXTENSIONS
        shown = escaped(entry.path)
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            if rule := exclusions.rule(folder, entry.name, is_folder=is_folder):
                census.by_rule[rule] += 1
            elif entry.is_symlink():
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
                yield PictureFile(
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
