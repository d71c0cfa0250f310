"""Pictures that were found as files to take away: a table (CSV), JSON, a zip of the originals."""

import csv
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from errors import SearchError
from schema.record import ImageRecord
from search.filters import comma_separated
from search.results import Hit

MAX_PICTURES = 1000
"""Originals in one zip."""
MAX_BYTES = 2_000_000_000
"""Of all originals in one zip."""
MISSING, WORDS = "MISSING.txt", "metadata.jsonl"
CHUNK = 1 << 20
EARLIEST, LATEST = 315_700_000, 4_354_000_000
"""Seconds of the epoch that a zip's date can say: 1980 to 2107."""
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the beginning of a formula; the last four are their full-width forms.
https://owasp.org/www-community/attacks/CSV_Injection"""
Locate = Callable[[ImageRecord], Path | None]
"""The file of a picture that may be read, and is a picture; None where there is none."""


@dataclass(frozen=True)
class Gone:
    """A picture that was selected and has left the library since."""

    uuid: UUID


Found = Hit | ImageRecord | Gone
NOTHING = ImageRecord(sha256="", places=(), width=0, height=0, bytes=0, format="")
GONE = "it is not in the library any more"


class ExportError(SearchError):
    """What was selected cannot be exported; the message says why, with the numbers, and what to do."""

    status = HTTPStatus.CONFLICT


def to_dicts(found: Sequence[Found]) -> list[dict[str, Any]]:
    """`Hit.to_json` without its shares; of a record without what only a question gives; of what is gone that it is."""
    return list(map(_to_dict, found))


def to_json(found: Sequence[Found]) -> str:
    return json.dumps(to_dicts(found), ensure_ascii=False, indent=1) + "\n"


def to_csv(found: Sequence[Found]) -> str:
    """A table with a column for each key of `to_dicts`; lists are written as in filters: `cat,"Paris, France"`.

    A text that a spreadsheet would calculate (it begins with = + - @, perhaps after blanks) or cut off (a tab or a line
    end in front) gets a ' before it: a caption comes from a file, and files come from anybody. Numbers keep their sign.
    """
    rows = to_dicts(found)
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(_to_dict(NOTHING))
    output = io.StringIO()
    table = csv.writer(output)
    table.writerow(names)
    table.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return output.getvalue()


def _to_dict(one: Found) -> dict[str, Any]:
    if isinstance(one, Gone):
        return {"uuid": str(one.uuid), "missing": GONE}
    hit = one if isinstance(one, Hit) else Hit(one.uuid, one, None)
    left_out = ("shares",) if hit is one else ("shares", "similarity", "score", "relevance", "unlikely", "copies")
    return {name: value for name, value in hit.to_json().items() if name not in left_out}


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        value = comma_separated([str(one) for one in value])
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and (value.lstrip()[:1] in tuple(FORMULA) or value[:1] in ("\t", "\r", "\n")):
        return f"'{value}"
    return value


@dataclass(frozen=True)
class Zipped:
    """What a zip holds, and what it does not."""

    pictures: int
    bytes: int
    missing: tuple[tuple[str, str], ...]
    """(path as it was ingested, or uuid; why it is not there)."""


def check_size(records: Sequence[ImageRecord], max_pictures: int = MAX_PICTURES, max_bytes: int = MAX_BYTES) -> None:
    """Raises ExportError for more than one zip may hold, before anything is read."""
    if not records:
        raise ExportError("No picture is selected, so there is nothing to export.")
    if len(records) > max_pictures:
        raise ExportError(
            f"{len(records):,} pictures are selected, and a zip of originals holds at most {max_pictures:,}. "
            "Select fewer; the table and JSON have no such limit."
        )
    if (size := sum(record.bytes for record in records)) > max_bytes:
        raise ExportError(
            f"The selected originals take {_megabytes(size)}, and a zip holds at most {_megabytes(max_bytes)}. "
            "Select fewer."
        )


def write_zip(
    records: Sequence[ImageRecord],
    locate: Locate,
    output: IO[bytes],
    *,
    gone: Sequence[Gone] = (),
    max_pictures: int = MAX_PICTURES,
    max_bytes: int = MAX_BYTES,
) -> Zipped:
    """The originals, as they are (pictures do not shrink), in one folder under names of their own.

    Read and written in pieces. `metadata.jsonl` beside them holds captions and tags as `python -m ingest` reads them; a
    file that is away or cannot be read is named in `MISSING.txt` and in the report. Raises ExportError for a selection
    that is too large, OSError where `output` cannot be written.
    """
    check_size(records, max_pictures, max_bytes)
    taken = {name.casefold() for name in (MISSING, WORDS, "metadata.csv")}
    words: list[str] = []
    missing = [(str(one.uuid), GONE) for one in gone]
    pictures = size = 0
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for record in records:
            path = locate(record)
            name = _unique(path.name if path else "", taken)
            try:
                size += _add(archive, path, name, max_bytes - size)
            except _NotReadable as error:
                missing.append((record.places[0].path if record.places else record.sha256, str(error)))
                continue
            words.append(json.dumps({"file_name": name, "text": record.caption, "tags": list(record.tags)}))
            pictures += 1
        archive.writestr(WORDS, "".join(f"{line}\n" for line in words))
        if missing:
            lines = (f"{path if path.isprintable() else repr(path)}: {why}\n" for path, why in missing)
            archive.writestr(MISSING, "".join(lines))
    return Zipped(pictures, size, tuple(missing))


class _NotReadable(Exception):
    """One original cannot be had; the message says why."""


def _add(archive: zipfile.ZipFile, path: Path | None, name: str, left: int) -> int:
    """Bytes written. Raises _NotReadable; a disk that fails in the middle leaves the beginning in the zip."""
    try:
        source = path.open("rb") if path is not None and path.is_file() else None
    except OSError as error:
        raise _NotReadable(f"its file could not be opened ({error.strerror})") from None
    if source is None:
        raise _NotReadable("its file is away (moved, or its disk is not mounted), or may not be read")
    with source:
        found = os.fstat(source.fileno())
        if found.st_size > left:
            raise _NotReadable("the zip is full, because files have grown since they were ingested")
        info = zipfile.ZipInfo(name, time.localtime(min(max(found.st_mtime, EARLIEST), LATEST))[:6])
        info.file_size, info.external_attr = found.st_size, 0o644 << 16
        with archive.open(info, "w") as target:
            for start in range(0, found.st_size, CHUNK):
                try:
                    piece = source.read(min(CHUNK, found.st_size - start))
                except OSError as error:
                    raise _NotReadable(f"only its first {start:,} bytes could be read ({error.strerror})") from None
                target.write(piece)
    return found.st_size


def _unique(name: str, taken: set[str]) -> str:
    """A file name that every system takes, and that no other in `taken` has whatever its case: `cat (2).jpg`."""
    text = name.encode("utf-8", "replace").decode()
    clean = "".join("_" if c in '<>:"/\\|?*' or ord(c) < 32 else c for c in text) or "picture"
    path, number, unique = Path(clean), 1, clean
    while unique.casefold() in taken:
        number += 1
        unique = f"{path.stem} ({number}){path.suffix}"
    taken.add(unique.casefold())
    return unique


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1_000_000 else f"{count / 1e3:,.0f} kB"
