"""The words that stand beside pictures: metadata.csv, metadata.jsonl, NAME.txt. Opens no picture.

The metadata files follow Hugging Face's ImageFolder: one row a picture, `file_name` relative to the metadata file, its
caption in `text`, and `tags`; `ingest.rows` reads other spellings too. https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

import codecs
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ingest.files import METADATA_NAMES, PictureFile, absolute_path
from ingest.places import Look, look
from ingest.rows import CAPTIONS, TAGS, Rows
from ingest.sidecars import read_small
from pictures.describe import Words
from pictures.text import clean_caption
from schema.names import composed, escaped, some_of, spellings

MAX_SIDECAR_BYTES = 64 * 1024
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAX_METADATA_MB = 256
UNREAD_NAMES = ("metadata.parquet", "metadata.json", "metadata.tsv", "metadata.xlsx")


@dataclass(frozen=True)
class WordsBeside(Words):
    """Caption and tags that stand beside one picture, of the sources "metadata" and "sidecar" (captions only)."""

    unread: bool = False
    """A file that may hold its words was there and could not be read: what it said before still counts."""


@dataclass
class _Table:
    file: Path
    rows: dict[str, tuple[str, Words]] = field(default_factory=dict)
    """Key of a name -> the name as it is written, and its picture's words."""
    used: set[str] = field(default_factory=set)


class FolderWords:
    """Asked for the pictures of `find_images` in their order, it holds the metadata of one folder and those above it.

    In another order the answers are the same, but files are read again. Not thread-safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = absolute_path(root)
        self._tables: dict[Path, list[_Table]] = {}
        self._unread: set[Path] = set()
        """Folders with a metadata file that could not be read."""
        self.warnings: list[str] = []
        """Sentences for the report; `unused()` adds the last ones."""

    def of(self, found: PictureFile) -> WordsBeside:
        """Caption and tags each from the nearest metadata file that has them, up to the root; else the sidecar."""
        folder = found.path.parent
        chain = [f for f in (folder, *folder.parents) if f == self._root or self._root in f.parents]
        for left in [f for f in self._tables if f not in chain]:
            self._leave(left)
        for above in reversed(chain):  # from the root down, so that warnings come in the order of the folders
            if above not in self._tables:
                self._tables[above] = self._read_folder(above)
        words = Words()
        for above in chain:
            key = _key(found.path.relative_to(above).as_posix())
            for table in self._tables[above]:
                if key in table.rows:
                    table.used.add(key)
                    words = words.before(table.rows[key][1])
        unread = any(above in self._unread for above in chain)
        if not words.caption and found.sidecar:
            text = self._sidecar(found.sidecar)
            unread = unread or text is None
            words = words.before(Words.of("sidecar", text or ""))
        return WordsBeside(**vars(words), unread=unread)

    def unused(self) -> list[str]:
        """At the end of the walk: `warnings`, with the rows that name no file of every metadata file read."""
        for folder in list(self._tables):
            self._leave(folder)
        return self.warnings

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _read_folder(self, folder: Path) -> list[_Table]:
        tables = []
        for name in METADATA_NAMES:
            table = _Table(folder / name)
            if (text := self._text(table.file)) is not None:
                tables.append(table)
                self._fill(table, text)
        for name in UNREAD_NAMES:
            if os.path.isfile(file := folder / name) and not _is_album(file):  # noqa: PTH113  never raises
                self._warn(
                    f"{escaped(file)} was not read: captions and tags come from metadata.csv or metadata.jsonl. "
                    "Write it as one of them and run again."
                )
        return tables

    def _fill(self, table: _Table, text: str) -> None:
        rows = Rows()
        for number, name, words in rows.of_csv(text) if table.file.suffix == ".csv" else rows.of_jsonl(text):
            key = _key(name)
            if key in table.rows:
                rows.problems.append(f"line {number} names {name!r} again, the last one counts")
            table.rows[key] = name, words
        self._warn_of_some(table.file, "has lines that were left out", rows.problems)
        if rows.unread:
            named = ", ".join(escaped(name[:40]) for name in rows.unread[:20])
            self._warn(
                f"{escaped(table.file)} has columns that were not read: {named}. The caption is the first found "
                f"of {', '.join(CAPTIONS)}; tags are the first found of {', '.join(TAGS)}. Rename what should count."
            )

    def _leave(self, folder: Path) -> None:
        for table in self._tables.pop(folder):
            unmatched = ((key, name) for key, (name, _) in table.rows.items() if key not in table.used)
            missing = [repr(name) for key, name in unmatched if not _exists(folder, key, name)]
            self._warn_of_some(table.file, "names files that are not there", missing)

    def _warn_of_some(self, file: Path, what: str, items: list[str]) -> None:
        if items:
            self._warn(f"{escaped(file)} {what}: {some_of(items)}. Correct it and run again.")

    def _text(self, file: Path) -> str | None:
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode):
                why = (
                    "is a link or no regular file, and was not read; captions and tags stay as they were. Put the file "
                    "itself in its place, or take it away."
                )
            elif status.st_size > MAX_METADATA_MB * 1e6:
                why = (
                    f"has {status.st_size / 1e6:.0f} MB; at most {MAX_METADATA_MB} MB are read, so captions and tags "
                    "stay as they were. Split it by folder."
                )
            else:
                return _decode(file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = error.strerror or error
            why = f"cannot be read ({reason}), so captions and tags stay as they were. Check its permissions."
        self._unread.add(file.parent)
        self._warn(f"{escaped(file)} {why}")
        return None

    def _sidecar(self, file: Path) -> str | None:
        """None where it cannot be read."""
        shown = escaped(file)
        try:
            data = read_small(file, MAX_SIDECAR_BYTES)
            if b"\0" in data and not data.startswith(UTF_16):
                raise ValueError("it is no text")
        except OSError as error:
            self._warn(f"The caption {shown} cannot be read ({error.strerror or error}). Check its permissions.")
            return "" if isinstance(error, FileNotFoundError) else None
        except ValueError as error:
            self._warn(f"{shown} was not read as a caption: {error}. Correct it or give it another name.")
            return ""
        return clean_caption(_decode(data))


def _key(name: str) -> str:
    """One spelling for "./x.jpg", "x.jpg" and "a//x.jpg", composed and decomposed accents (macOS writes the latter)."""
    return composed(str(PurePosixPath(name)))


def _exists(folder: Path, key: str, written: str) -> bool:
    """Whether the row's file lies below the folder, or may. The disk is asked only for rows that matched no picture."""
    parts = PurePosixPath(key)
    if parts.is_absolute() or ".." in parts.parts or "\0" in key:
        return False
    return any(look(folder / name) is not Look.GONE for name in {written, *spellings(key)})


def _is_album(file: Path) -> bool:
    """Whether it is the JSON that Google Takeout lays into an album: it has the album's title and no picture's name."""
    try:
        found = json.loads(read_small(file, MAX_SIDECAR_BYTES)) if file.suffix == ".json" else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "title" in found and not any(isinstance(v, list) for v in found.values())


def _decode(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, else Latin-1, which every byte is."""
    if data.startswith(UTF_16):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
