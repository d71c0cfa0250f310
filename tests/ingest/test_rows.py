"""Captions and tags of metadata files in other shapes: read, or named in a warning; never mangled."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.captions import FolderWords
from ingest.files import PictureFile, find_images
from ingest.rows import Rows
from pictures.describe import Words


def csv_row(cells: dict[str, str]) -> tuple[Words, Rows]:
    """One line, every cell in quotation marks."""
    quoted = [[f'"{text.replace(chr(34), chr(34) * 2)}"' for text in line] for line in (cells.keys(), cells.values())]
    rows = Rows()
    [(_, _, row)] = rows.of_csv(
        "\n".join(",".join(("file_name" if i == 0 else '"a.jpg"', *line)) for i, line in enumerate(quoted))
    )
    return row, rows


def json_row(**values: Any) -> tuple[Words, Rows]:
    rows = Rows()
    [(_, _, row)] = rows.of_jsonl(json.dumps({"file_name": "a.jpg"} | values))
    return row, rows


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ('["red fox", "snow"]', ("red fox", "snow")),
        ("['red fox', 'snow']", ("red fox", "snow")),
        ("['red fox' 'snow']", ("red fox", "snow")),
        ("['red fox'\n 'snow']", ("red fox", "snow")),
        ("('red fox', 'snow')", ("red fox", "snow")),
        ("{'red fox', 'snow'}", ("red fox", "snow")),
        ('["a; b", "c, d"]', ("a; b", "c, d")),
        ("['it\\'s', \"Ann's\"]", ("it's", "Ann's")),
        ('["Gr\\u00fc\\u00dfe"]', ("Grüße",)),
        ("['a', None, nan, 'b']", ("a", "b")),
        ("[fox, snow]", ("fox", "snow")),
        ("[]", ()),
        ("[None]", ()),
        *((nothing, ()) for nothing in ("nan", "NaN", "None", "null", "NULL", "N/A", "<NA>", " nan ", "")),
        ("fox;nan;snow", ("fox", "snow")),
        ("fox, snow|ice", ("fox", "snow", "ice")),
        ("2019;beach", ("2019", "beach")),
        ("(c) 2019; beach (night)", ("(c) 2019", "beach (night)")),
        ("banana;Nantes;Nonet", ("banana", "Nantes", "Nonet")),
    ],
)
def test_tags_of_a_cell(cell: str, tags: tuple[str, ...]) -> None:
    """JSON, Python and numpy lists, separators, and what pandas writes where there is nothing."""
    assert csv_row({"tags": cell})[0].tags == tags


@pytest.mark.parametrize(
    ("cell", "caption"),
    [
        ('["A fox", "A fox in snow."]', "A fox. A fox in snow."),
        ("['A fox', 'A fox', \"The fox's snow\"]", "A fox. The fox's snow."),
        ('["A fox"]', "A fox"),
        *((nothing, "") for nothing in ("nan", "NaN", "None", "null", "[]", "")),
        ("[untitled]", "[untitled]"),
        ("[1] a fox, 'so-called'", "[1] a fox, 'so-called'"),
        ("['a fox' and a hare]", "['a fox' and a hare]"),
        ("nan and grandpa", "nan and grandpa"),
    ],
)
@pytest.mark.parametrize("column", ["text", "caption", "captions"])
def test_captions_of_a_cell(cell: str, caption: str, column: str) -> None:
    assert csv_row({column: cell})[0].caption == caption


@pytest.mark.parametrize(
    ("values", "caption", "tags"),
    [
        ({"captions": ["A fox", "Snow"]}, "A fox. Snow.", ()),
        ({"text": ["A fox", None, 7]}, "A fox", ()),
        ({"captions": [{"caption": "A fox", "id": 3}, {"raw": "Snow!"}, {"id": 4}]}, "A fox. Snow!", ()),
        ({"text": float("nan"), "tags": float("nan")}, "", ()),
        ({"text": "nan", "caption": "A fox"}, "A fox", ()),
        ({"text": None, "description": "A fox", "title": "Fox"}, "A fox", ()),
        ({"Title": "Fox", "Keywords": ["snow"]}, "Fox", ("snow",)),
        ({"labels": ["fox", "snow"]}, "", ("fox", "snow")),
        ({"label": "fox"}, "", ("fox",)),
        ({"tags": None, "keywords": "fox;snow"}, "", ("fox", "snow")),
        ({"tags": '["fox", "snow"]'}, "", ("fox", "snow")),
        ({"tags": ["2019", "7"]}, "", ("2019", "7")),
    ],
)
def test_other_columns_count_where_the_first_say_nothing(
    values: dict[str, Any], caption: str, tags: tuple[str, ...]
) -> None:
    row, rows = json_row(**values)
    assert (row.caption, row.tags, rows.problems) == (caption, tags, [])


@pytest.mark.parametrize(
    ("values", "unread"),
    [
        ({"text": "a", "tags": ["b"], "width": 7, "split": "train", "altitude": 3, "author": "Ann"}, []),
        ({"text": "a", "captions": ["b"], "title": "c"}, ["captions", "title"]),
        ({"text": "a", "captions": None, "title": "nan", "keywords": [], "description": float("nan")}, []),
        (
            {"objects": {"bbox": [[1, 2, 3, 4]], "categories": [3]}, "label": 3, "labels": [1, 2]},
            ["objects", "label", "labels"],
        ),
        ({"text": {"en": "a"}, "tags": {"a": 1}, "caption_en": "b"}, ["text", "tags", "caption_en"]),
        ({"sentences": ["a"], "alt_text": "b", "prompt": "c"}, ["sentences", "alt_text", "prompt"]),
    ],
)
def test_columns_of_words_that_are_not_read_are_named(values: dict[str, Any], unread: list[str]) -> None:
    assert json_row(**values)[1].unread == unread


def test_numbers_of_classes_are_no_tags() -> None:
    row, rows = csv_row({"labels": "[3, 7]", "label": "12"})
    assert (row.tags, rows.unread) == ((), ["labels", "label"])


def test_a_line_with_more_cells_than_columns_is_named_and_not_cut() -> None:
    rows = Rows()
    text = "file_name,text\na.jpg,A fox, red\nb.jpg,A hare,,\n"
    assert list(rows.of_csv(text)) == [(3, "b.jpg", Words.of("metadata", "A hare"))]
    [problem] = rows.problems
    assert problem.startswith("line 2 (3 cells for 2 columns")


@pytest.mark.parametrize(
    "cell", ["[" * 100_000, "['" * 50_000, "['a'" + ", 'a'" * 50_000 + "]", "['" + "\\" * 100_001 + "']"]
)
def test_hostile_cells_take_no_time(cell: str) -> None:
    assert len(csv_row({"text": cell, "tags": cell})[0].tags) <= 64


def told(root: Path) -> tuple[dict[str, Words], list[str]]:
    words = FolderWords(root)
    entries = {e.path.name: words.of(e) for e in find_images(root) if isinstance(e, PictureFile)}
    return entries, words.unused()


def test_the_warning_says_what_would_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "metadata.csv").write_text("file_name,text,title,objects\na.jpg,A fox,Fox,[]\n")
    words, [warning] = told(tmp_path)
    assert words["a.jpg"].caption == "A fox"
    assert f"{tmp_path / 'metadata.csv'} has columns that were not read: title. The caption is the first" in warning


@pytest.mark.parametrize("name", ["metadata.parquet", "metadata.json", "metadata.tsv"])
def test_a_metadata_file_of_another_kind_is_named(tmp_path: Path, name: str) -> None:
    """Once for its folder, beside one that is read too."""
    for picture in ("a.jpg", "sub/b.jpg"):
        (tmp_path / picture).parent.mkdir(exist_ok=True)
        (tmp_path / picture).touch()
    (tmp_path / "metadata.csv").write_text("file_name,text\na.jpg,A fox\n")
    (tmp_path / name).write_text('[{"file_name": "a.jpg", "text": "A hare"}]')
    words, [warning] = told(tmp_path)
    assert words["a.jpg"].caption == "A fox"
    assert f"{tmp_path / name} was not read" in warning


def test_the_json_of_a_takeout_album_is_no_reason_to_warn(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "metadata.json").write_text('{"title": "Holidays", "description": "", "access": "protected"}')
    assert told(tmp_path)[1] == []
