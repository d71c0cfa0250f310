"""Read the rows of a metadata file, however it spells captions and tags. Text in, rows out; opens no file.

Columns are Hugging Face's ImageFolder's, and those that other data sets use in their place. A cell may hold a list as
JSON, Python or numpy write it, or what pandas writes where there is nothing.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pictures.describe import Words
from pictures.text import clean_caption, clean_tags

Row = tuple[int, str, Words]
"""The number of a line, the name of a picture as it is written there, and its words."""

CAPTIONS = ("text", "caption", "captions", "description", "title")
TAGS = ("tags", "keywords", "labels", "label")
"""Columns, in the order in which they are asked; the first that says something for a picture counts."""
_CLASSES = ("labels", "label")
"""Of them, those that may hold numbers of classes whose names are not here."""
_WORDY = re.compile(
    r"(^|_)(text|alt|tags?|class(es)?)(_|$)|capt|descr|title|keyword|label|object|categor|sentence|prompt|subject|comment"
)
"""Names of columns that are likely to hold words: where they are not read, a warning names them."""
_NOTHING = frozenset({"", "nan", "none", "null", "n/a", "<na>", "#n/a", "[]", "{}"})
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_SENTENCE_ENDS = tuple(".!?…。！？")
_CELL = 1_000_000
"""Characters of a cell that is looked at for a list; a longer one is no list."""

# One limit for the whole process, by default 128 kB a field: a longer one would end the reading of the file.
csv.field_size_limit(max(csv.field_size_limit(), 16_000_000))


@dataclass
class Rows:
    """What reading them showed."""

    problems: list[str] = field(default_factory=list)
    """Lines that were left out, and why."""
    _used: set[str] = field(default_factory=set)
    _filled: dict[str, None] = field(default_factory=dict)

    @property
    def unread(self) -> list[str]:
        """Columns of words that said something and of which nothing was taken."""
        return [name for name in self._filled if name not in self._used]

    def of_csv(self, text: str) -> Iterator[Row]:
        """The delimiter is what makes a `file_name` column of the first line: a comma, semicolon, tab or bar."""
        text = text.replace("\x00", "")
        first_line = next((line for line in text.splitlines() if line.strip()), "")
        columns: list[str] = []
        for delimiter in ",;\t|":
            columns = [name.strip().lower() for name in next(csv.reader([first_line], delimiter=delimiter), [])]
            if "file_name" in columns:
                break
        else:
            found = ", ".join(name.strip()[:40] for name in first_line[:400].split(",")) or "none"
            self.problems.append(
                f"all of them, because there is no column 'file_name' (columns found: {found})",
            )
            return
        below = text[text.index(first_line) + len(first_line) :]
        reader = csv.reader(io.StringIO(below, newline=""), delimiter=delimiter)
        before = text[: text.index(first_line)].count("\n")
        while True:
            try:
                values = next(reader, None)
            except csv.Error as error:
                self.problems.append(f"line {before + reader.line_num} ({error})")
                continue
            if values is None:
                return
            number = before + reader.line_num
            cells = dict(zip(columns, values, strict=False))
            if any(value.strip() for value in values[len(columns) :]):
                self.problems.append(
                    f"line {number} ({len(values)} cells for {len(columns)} columns; put a text that holds "
                    f"{delimiter!r} into quotation marks)"
                )
            elif name := cells.get("file_name", "").strip():
                yield self._row(number, name, cells)
            elif any(values):
                self.problems.append(f"line {number} (it has no file_name)")

    def of_jsonl(self, text: str) -> Iterator[Row]:
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                data = json.loads(line)
            except (ValueError, RecursionError) as error:
                self.problems.append(f"line {number} (not JSON: {error})")
                continue
            if not isinstance(data, dict) or not isinstance(name := data.get("file_name"), str) or not name.strip():
                self.problems.append(f"line {number} (no object with a file_name)")
                continue
            yield self._row(number, name.strip(), {key.strip().lower(): value for key, value in data.items()})

    def _row(self, number: int, name: str, cells: Mapping[str, Any]) -> Row:
        if "\\" in name and "/" not in name:  # written on Windows; a backslash within a name is rarer
            name = name.replace("\\", "/")
        filled = {column: value for column, value in cells.items() if not _is_nothing(value)}
        captions = ((column, _caption(filled[column])) for column in CAPTIONS if column in filled)
        tags = ((column, _tags(filled[column], column)) for column in TAGS if column in filled)
        caption_from, caption = next((found for found in captions if found[1]), ("", ""))
        tags_from, found_tags = next((found for found in tags if found[1]), ("", ()))
        self._used |= {caption_from, tags_from}
        self._filled |= dict.fromkeys(column for column in filled if column != "file_name" and _WORDY.search(column))
        return number, name, Words.of("metadata", caption, found_tags)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    return value is None or value != value or value == [] or value == {}


def _caption(value: Any) -> str:
    """Several captions of one picture are one text, each a sentence of it."""
    texts = [clean_caption(text) for text in _strings(value)] if _is_list(value) else []
    texts = list(dict.fromkeys(text for text in texts if text and not _is_nothing(text)))
    if not texts:
        return clean_caption(value) if isinstance(value, str) else ""
    if len(texts) == 1:
        return texts[0]
    return clean_caption(" ".join(text if text.endswith(_SENTENCE_ENDS) else f"{text}." for text in texts))


def _tags(value: Any, column: str) -> tuple[str, ...]:
    if _is_list(value):
        words = _strings(value)
    elif isinstance(value, str):
        bare = value.strip()
        words = re.split("[;,|]", bare[1:-1] if bare[:1] + bare[-1:] in ("[]", "{}") else bare)
    else:
        return ()
    if column in _CLASSES and all(word.strip().isdecimal() for word in words):
        return ()
    return clean_tags(word for word in words if not _is_nothing(word))


def _is_list(value: Any) -> bool:
    """A list, or a text that is one: between brackets nothing but quoted words, commas and nothings."""
    if isinstance(value, list):
        return True
    if not isinstance(value, str) or len(value) > _CELL:
        return False
    bare = value.strip()
    if bare[:1] + bare[-1:] not in ("[]", "()", "{}"):
        return False
    rest, quoted = _QUOTED.subn(" ", bare[1:-1])
    return quoted > 0 and all(_is_nothing(word) for word in re.split(r"[\s,]+", rest))


def _strings(value: Any) -> list[str]:
    """The texts of a list; of an object in it (COCO's, and Flickr's) its caption."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):  # Python's or numpy's, whose words no comma need divide
            value = [_unescaped(found[1] if found[1] is not None else found[2]) for found in _QUOTED.finditer(value)]
    found = []
    for item in value:
        if isinstance(item, Mapping):
            item = next((item[key] for key in ("caption", "text", "raw") if key in item), None)
        if isinstance(item, str):
            found.append(item)
    return found


def _unescaped(text: str) -> str:
    r"""`it\'s` -> it's"""
    escapes = {"n": " ", "t": " ", "r": " "}
    return re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), text, flags=re.DOTALL)
