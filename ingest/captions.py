"""The words that stand beside pictures: metadata.csv, metadata.jsonl, NAME.txt. Opens no picture, knows no database.

The metadata files follow Hugging Face's ImageFolder: one row a picture, `file_name` relative to the metadata file, its
caption in `text` (or `caption`), and `tags`. https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

import codecs
import csv
import io
import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ingest.files import METADATA_NAMES, Found, printable
from ingest.sidecars import read_small
from pictures.words import clean_caption, clean_tags

MAX_SIDECAR_BYTES = 64 * 1024
MAX_METADATA_MB = 256
MAX_NAMED = 20
"""Rows that a metadata file's warnings name one by one; the rest is counted."""

# One limit for the whole process, by default 128 kB a field: a longer one would end the reading of the file.
csv.field_size_limit(max(csv.field_size_limit(), 16_000_000))


@dataclass(frozen=True)
class Words:
    """Caption and tags of one picture, each with where it was found: "metadata", "sidecar" (captions only) or ""."""

    caption: str = ""
    caption_source: str = ""
    caption_file: str = ""
    tags: tuple[str, ...] = ()
    tags_source: str = ""
    tags_file: str = ""


@dataclass(frozen=True)
class _Row:
    caption: str
    tags: tuple[str, ...]
    name: str
    """As it is written in the file."""


@dataclass
class _Table:
    """One metadata file."""

    file: Path
    rows: dict[str, _Row] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


class FolderWords:
    """Asked for the pictures of `find_images` in their order, it holds the metadata of one folder and those above it.

    In another order the answers are the same, but files are read again. Not thread-safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.abspath(root))  # noqa: PTH100  as check_root: links in it stay
        self._tables: dict[Path, list[_Table]] = {}
        self.warnings: list[str] = []
        """Sentences for the report; `unused()` adds the last ones."""

    def of(self, found: Found) -> Words:
        """Caption and tags each from the nearest metadata file that has them, up to the root; else the sidecar."""
        folder = found.path.parent
        chain = [f for f in (folder, *folder.parents) if f == self._root or self._root in f.parents]
        for left in [f for f in self._tables if f not in chain]:
            self._leave(left)
        caption = tags = None
        for above in reversed(chain):  # from the root down, so that warnings come in the order of the folders
            if above not in self._tables:
                self._tables[above] = self._read_folder(above)
        for above in chain:
            key = _key(found.path.relative_to(above).as_posix())
            for table in self._tables[above]:
                if (row := table.rows.get(key)) is not None:
                    table.used.add(key)
                    caption = caption or (row.caption and (row.caption, table.file))
                    tags = tags or (row.tags and (row.tags, table.file))
        source = "metadata" if caption else ""
        if not caption and found.sidecar and (text := self._sidecar(found.sidecar)):
            caption, source = (text, found.sidecar), "sidecar"
        return Words(
            caption=caption[0] if caption else "",
            caption_source=source,
            caption_file=str(caption[1]) if caption else "",
            tags=tags[0] if tags else (),
            tags_source="metadata" if tags else "",
            tags_file=str(tags[1]) if tags else "",
        )

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
                _fill(table, _csv_rows(text, table) if name.endswith(".csv") else _json_rows(text, table))
                tables.append(table)
                self._warn_of_some(table.file, "has lines that were left out", table.problems)
        return tables

    def _leave(self, folder: Path) -> None:
        for table in self._tables.pop(folder):
            unmatched = ((key, row) for key, row in table.rows.items() if key not in table.used)
            missing = [repr(row.name) for key, row in unmatched if not _exists(folder, key, row)]
            self._warn_of_some(table.file, "names files that are not there", missing)

    def _warn_of_some(self, file: Path, what: str, items: list[str]) -> None:
        if items:
            more = f"; and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
            named = "; ".join(items[:MAX_NAMED]) + more
            self._warn(f"{printable(str(file))} {what}: {named}. Correct it and run again.")

    def _text(self, file: Path) -> str | None:
        shown = printable(str(file))
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode):
                self._warn(f"{shown} is a link or no regular file, and was not read. Put the file itself in its place.")
                return None
            if status.st_size > MAX_METADATA_MB * 1e6:
                size = status.st_size / 1e6
                self._warn(f"{shown} has {size:.0f} MB; at most {MAX_METADATA_MB} MB are read. Split it by folder.")
                return None
            return _decode(file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn(f"{shown} cannot be read ({error.strerror or error}). Check its permissions.")
            return None

    def _sidecar(self, file: Path) -> str:
        shown = printable(str(file))
        try:
            data = read_small(file, MAX_SIDECAR_BYTES)
        except OSError as error:
            self._warn(f"The caption {shown} cannot be read ({error.strerror or error}). Check its permissions.")
            return ""
        except ValueError as error:
            self._warn(f"{shown} was not read as a caption: {error}. Shorten it or give it another name.")
            return ""
        return clean_caption(_decode(data))


def _key(name: str) -> str:
    """One spelling for "./x.jpg", "x.jpg" and "a//x.jpg", composed and decomposed accents (macOS writes the latter)."""
    return unicodedata.normalize("NFC", str(PurePosixPath(name)))


def _exists(folder: Path, key: str, row: _Row) -> bool:
    """Whether the row's file lies below the folder. The disk is asked only for rows that matched no picture."""
    parts = PurePosixPath(key)
    if parts.is_absolute() or ".." in parts.parts:
        return False
    try:
        return any(os.path.lexists(folder / name) for name in {key, row.name, unicodedata.normalize("NFD", key)})
    except ValueError:
        return False


def _decode(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, else Latin-1, which every byte is."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _fill(table: _Table, rows: Iterator[tuple[int, _Row]]) -> None:
    for number, row in rows:
        key = _key(row.name)
        if key in table.rows:
            table.problems.append(f"line {number} names {row.name!r} again, the last one counts")
        table.rows[key] = row


def _csv_rows(text: str, table: _Table) -> Iterator[tuple[int, _Row]]:
    """The delimiter is the one that makes a `file_name` column of the first line: a comma, semicolon, tab or bar."""
    text = text.replace("\x00", "")
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    columns: list[str] = []
    for delimiter in ",;\t|":
        columns = [name.strip().lower() for name in next(csv.reader([first_line], delimiter=delimiter), [])]
        if "file_name" in columns:
            break
    else:
        found = ", ".join(name.strip()[:40] for name in first_line[:400].split(",")) or "none"
        table.problems.append(f"all of them, because there is no column 'file_name' (columns found: {found})")
        return
    reader = csv.reader(io.StringIO(text[text.index(first_line) + len(first_line) :], newline=""), delimiter=delimiter)
    before = text[: text.index(first_line)].count("\n") + 1
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            table.problems.append(f"line {before + reader.line_num - 1} ({error})")
            continue
        if values is None:
            return
        cells = dict(zip(columns, values, strict=False))
        if name := cells.get("file_name", "").strip():
            number = before + reader.line_num - 1
            yield number, _row(name, cells.get("text") or cells.get("caption", ""), cells.get("tags", ""))
        elif any(values):
            table.problems.append(f"line {before + reader.line_num - 1} (it has no file_name)")


def _json_rows(text: str, table: _Table) -> Iterator[tuple[int, _Row]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            table.problems.append(f"line {number} (not JSON: {error})")
            continue
        if not isinstance(data, dict) or not isinstance(name := data.get("file_name"), str) or not name.strip():
            table.problems.append(f"line {number} (no object with a file_name)")
            continue
        yield number, _row(name.strip(), data.get("text") or data.get("caption"), data.get("tags"))


def _row(name: str, caption: object, tags: object) -> _Row:
    if isinstance(tags, str):
        tags = re.split("[;,|]", tags)
    if "\\" in name and "/" not in name:  # written on Windows; a backslash within a name is rarer
        name = name.replace("\\", "/")
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return _Row(clean_caption(caption) if isinstance(caption, str) else "", clean_tags(words), name)
