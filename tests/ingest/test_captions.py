"""The words beside pictures: metadata.csv, metadata.jsonl and NAME.txt in real folders."""

import json
import os
import unicodedata
from pathlib import Path

import pytest

from ingest.captions import FolderWords, WordsBeside
from ingest.files import PictureFile, find_images
from tests.ingest.runs import become_ordinary


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def told(root: Path) -> tuple[dict[str, WordsBeside], list[str]]:
    """The words of every picture below the folder, and the warnings at the end."""
    words = FolderWords(root)
    entries = {
        e.path.relative_to(root).as_posix(): words.of(e) for e in find_images(root) if isinstance(e, PictureFile)
    }
    return entries, words.unused()


def captions(root: Path) -> dict[str, str]:
    return {name: words.caption for name, words in told(root)[0].items()}


def test_a_metadata_csv_gives_caption_and_tags(tmp_path: Path) -> None:
    """Hugging Face's ImageFolder: file_name and text; tags separated by any of ; , |"""
    touch(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg", "d.jpg")
    file = tmp_path / "metadata.csv"
    file.write_text(
        'file_name,text,tags\na.jpg,A cat,"cat; black|night, cat"\n./b.jpg,A dog,\nsub//c.jpg,"A ""big""\nbird",bird\n'
    )
    words, warnings = told(tmp_path)
    assert words["a.jpg"] == WordsBeside("A cat", "metadata", ("cat", "black", "night"), "metadata")
    assert words["b.jpg"] == WordsBeside("A dog", "metadata")
    assert words["sub/c.jpg"] == WordsBeside('A "big" bird', "metadata", ("bird",), "metadata")
    assert words["d.jpg"] == WordsBeside()
    assert warnings == []


def test_a_metadata_jsonl_gives_caption_and_tags(tmp_path: Path) -> None:
    """`text` or `caption`; tags as a list or a string."""
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    rows = [
        {"file_name": "a.jpg", "text": "A cat", "tags": ["cat", " black ", "cat", 7]},
        {"file_name": "b.jpg", "caption": "A dog\u2028asleep", "tags": "dog, sleep"},
        {"file_name": "c.jpg", "text": None},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    words, warnings = told(tmp_path)
    assert (words["a.jpg"].caption, words["a.jpg"].tags) == ("A cat", ("cat", "black"))
    assert (words["b.jpg"].caption, words["b.jpg"].tags) == ("A dog asleep", ("dog", "sleep"))
    assert words["c.jpg"] == WordsBeside()
    assert warnings == []


def test_the_nearest_metadata_wins_and_the_sidecar_comes_last(tmp_path: Path) -> None:
    """Caption and tags are looked for each by itself: one may come from a folder further up."""
    touch(tmp_path, "sub/a.jpg", "sub/b.jpg", "sub/c.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text,tags\nsub/a.jpg,far,tag\nsub/b.jpg,far,\n")
    (tmp_path / "sub" / "metadata.csv").write_text("file_name,text\na.jpg,near\n")
    for name in "abc":
        (tmp_path / "sub" / f"{name}.txt").write_text("beside")
    words, warnings = told(tmp_path)
    assert words["sub/a.jpg"] == WordsBeside("near", "metadata", ("tag",), "metadata")
    assert words["sub/b.jpg"].caption == "far"
    assert words["sub/c.jpg"] == WordsBeside("beside", "sidecar")
    assert warnings == []


def test_metadata_above_the_root_is_not_read(tmp_path: Path) -> None:
    touch(tmp_path, "root/a.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text\nroot/a.jpg,outside\n")
    assert captions(tmp_path / "root") == {"a.jpg": ""}


def test_a_root_of_two_slashes_is_the_same_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text\na.jpg,A cat\n")
    [entry] = find_images(tmp_path)
    assert isinstance(entry, PictureFile)
    assert FolderWords(Path(f"/{tmp_path}")).of(entry).caption == "A cat"


def test_csv_comes_first_and_jsonl_fills_what_is_missing(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text\na.jpg,from csv\n")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "a.jpg", "text": "from jsonl", "tags": ["t"]}\n{"file_name": "b.jpg", "text": "from jsonl"}'
    )
    words, _ = told(tmp_path)
    assert (words["a.jpg"].caption, words["a.jpg"].tags) == ("from csv", ("t",))
    assert words["b.jpg"].caption == "from jsonl"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_of_other_programs(tmp_path: Path, encoding: str, delimiter: str, newline: str) -> None:
    """Excel's semicolons, tabs and bars, byte order marks, old encodings, every line ending."""
    touch(tmp_path, "a.jpg")
    lines = [delimiter.join(row) for row in (("Text", " File_Name "), ("Grüße, alle", "a.jpg"))]
    if delimiter == ",":
        lines[1] = '"Grüße, alle",a.jpg'
    (tmp_path / "metadata.csv").write_bytes((newline.join(lines) + newline).encode(encoding))
    words, warnings = told(tmp_path)
    assert (words["a.jpg"].caption, warnings) == ("Grüße, alle", [])


def test_row_21_names_match_in_either_unicode_form(tmp_path: Path) -> None:
    """A CSV written in NFC describes a file stored in NFD, and the other way round; Windows's backslashes too."""
    nfc, nfd = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    touch(tmp_path, f"1/{nfc}", f"2/{nfd}", "3/c.jpg")
    (tmp_path / "metadata.csv").write_text(f"file_name,text\n1/{nfd},one\n2/{nfc},two\n3\\c.jpg,three\n")
    words, warnings = told(tmp_path)
    assert [w.caption for w in words.values()] == ["one", "two", "three"]
    assert warnings == []


def test_a_csv_without_file_names_is_told_once(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{i}.jpg" for i in range(5)))
    (tmp_path / "metadata.csv").write_text("image,text\n0.jpg,a cat\n")
    words, [warning] = told(tmp_path)
    assert words["0.jpg"] == WordsBeside()
    assert str(tmp_path / "metadata.csv") in warning and "file_name" in warning and "image, text" in warning


def test_bad_lines_are_told_with_their_number(tmp_path: Path) -> None:
    """The lines around them count."""
    touch(tmp_path, "a.jpg", "b.jpg")
    lines = [
        '{"file_name": "a.jpg", "text": "first"}',
        "{not json",
        "[1, 2]",
        "[" * 100_000,
        '{"text": "no name"}',
        '{"file_name": "b.jpg", "text": "last"}',
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    words, [warning] = told(tmp_path)
    assert [w.caption for w in words.values()] == ["first", "last"]
    for number in (2, 3, 4, 5):
        assert f"line {number} (" in warning
    assert "\n" not in warning


def test_duplicate_rows_the_last_one_counts(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text\na.jpg,old\n./a.jpg,new\n,nameless\n")
    words, [warning] = told(tmp_path)
    assert words["a.jpg"].caption == "new"
    assert "line 3 names './a.jpg' again" in warning and "line 4 (it has no file_name)" in warning


def test_rows_for_missing_files_are_named_up_to_twenty(tmp_path: Path) -> None:
    """Files that exist but were not asked for (unreadable, hidden) are no reason to warn; names that lead out are."""
    touch(tmp_path, "a.jpg", "notes.doc", ".hidden.jpg")
    outside = tmp_path.parent / "outside.jpg"
    outside.touch()
    names = ["a.jpg", "notes.doc", ".hidden.jpg", "../outside.jpg", str(outside), *(f"gone{i}.jpg" for i in range(30))]
    (tmp_path / "metadata.csv").write_text("file_name,text\n" + "".join(f"{name},x\n" for name in names))
    words = FolderWords(tmp_path)
    for entry in find_images(tmp_path):
        assert isinstance(entry, PictureFile)
        words.of(entry)
    assert words.warnings == []
    [warning] = words.unused()
    assert "'../outside.jpg'" in warning and "'gone0.jpg'" in warning and "and 12 more" in warning
    assert "a.jpg'," not in warning and "notes.doc" not in warning and "hidden" not in warning
    assert warning.count("'") == 40
    assert words.unused() == words.warnings == [warning]


def test_hostile_csv_costs_no_run(tmp_path: Path) -> None:
    """NUL bytes, a field of a megabyte, an open quote, a name with NUL, random bytes."""
    touch(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg")
    (tmp_path / "metadata.csv").write_bytes(
        b"file_name,text\na.jpg,\0nul\0\nb.jpg," + b"x" * 1_000_000 + b'\nno\0such.jpg,\n"open,quote\n'
    )
    (tmp_path / "sub" / "metadata.csv").write_bytes(os.urandom(5000))
    (tmp_path / "sub" / "metadata.jsonl").write_bytes(os.urandom(5000))
    words, warnings = told(tmp_path)
    assert words["a.jpg"].caption == "nul"
    assert words["b.jpg"].caption == "x" * 2000
    assert all("\n" not in warning and "\0" not in warning for warning in warnings)
    assert warnings


def test_row_20_metadata_and_sidecars_that_are_no_files_are_not_read(tmp_path: Path) -> None:
    """A link to /etc/passwd, a pipe, a folder: a warning at most, no content, no waiting."""
    touch(tmp_path, "a.jpg", "sub/b.jpg", "sub2/c.jpg")
    (tmp_path / "metadata.csv").symlink_to("/etc/passwd")
    (tmp_path / "a.txt").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "sub" / "metadata.csv")
    (tmp_path / "sub2" / "metadata.jsonl").mkdir()
    words, warnings = told(tmp_path)
    assert set(words.values()) == {WordsBeside(unread=True)}
    assert len(warnings) == 3 and all("link or no regular file" in warning for warning in warnings)


@pytest.mark.parametrize("became", ["link", "pipe", "heavy"])
def test_a_metadata_file_that_is_there_and_not_read_says_nothing_of_its_pictures(tmp_path: Path, became: str) -> None:
    """Neither in its folder nor below: what it said before still counts."""
    touch(tmp_path, "a.jpg", "sub/b.jpg")
    metadata = tmp_path / "metadata.csv"
    metadata.write_text("file_name,text\na.jpg,A cat\n")
    assert not told(tmp_path)[0]["a.jpg"].unread
    if became == "heavy":
        with metadata.open("r+b") as file:
            file.truncate(256_000_001)
    else:
        metadata.unlink()
        metadata.symlink_to(tmp_path / "elsewhere.csv") if became == "link" else os.mkfifo(metadata)
    words, [warning] = told(tmp_path)
    assert words == {"a.jpg": WordsBeside(unread=True), "sub/b.jpg": WordsBeside(unread=True)}
    assert "stay as they were" in warning


def test_rows_of_files_that_may_not_be_looked_at_are_not_called_missing(ordinary_user: Path) -> None:
    touch(ordinary_user, "a.jpg", "locked/b.jpg")
    (ordinary_user / "metadata.csv").write_text("file_name,text\na.jpg,x\nlocked/b.jpg,y\nnone.jpg,z\n")
    (ordinary_user / "locked").chmod(0o644)
    become_ordinary()
    [warning] = told(ordinary_user)[1]
    assert "none.jpg" in warning and "b.jpg" not in warning


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_sidecars_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_bytes("Grüße\n  von  hier\n".encode(encoding))
    assert captions(tmp_path) == {"a.jpg": "Grüße von hier"}


def test_a_sidecar_that_is_a_book_is_no_caption(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "a.txt").write_text("x" * 70_000)
    words, [warning] = told(tmp_path)
    assert words["a.jpg"] == WordsBeside() and "64 kB" in warning
    (tmp_path / "a.txt").write_text("")
    assert told(tmp_path) == ({"a.jpg": WordsBeside(), "b.jpg": WordsBeside()}, [])


def test_a_sidecar_that_is_no_text_is_no_caption(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    words, [warning] = told(tmp_path)
    assert words["a.jpg"] == WordsBeside() and "a.txt was not read as a caption: it is no text" in warning


def test_a_sidecar_that_vanished_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.txt")
    [entry] = find_images(tmp_path)
    assert isinstance(entry, PictureFile)
    (tmp_path / "a.txt").unlink()
    words = FolderWords(tmp_path)
    assert words.of(entry) == WordsBeside()
    assert "a.txt cannot be read" in words.warnings[0]


def test_memory_holds_the_metadata_of_one_branch(tmp_path: Path) -> None:
    """What the walk has left is forgotten; each file is read once, the root's stays."""
    for folder in ("a", "b", "c/d"):
        touch(tmp_path, f"{folder}/1.jpg", f"{folder}/2.jpg")
        (tmp_path / folder / "metadata.csv").write_text(f"file_name,text\n1.jpg,{folder}\n2.jpg,{folder}\n")
    words = FolderWords(tmp_path)
    held = []
    for entry in find_images(tmp_path):
        assert isinstance(entry, PictureFile)
        assert words.of(entry).caption == entry.path.parent.relative_to(tmp_path).as_posix()
        (entry.path.parent / "metadata.csv").write_text("")  # a second reading would be noticed
        held.append([folder.relative_to(tmp_path).as_posix() for folder in words._tables])
    assert held == [[".", "a"], [".", "a"], [".", "b"], [".", "b"], [".", "c", "c/d"], [".", "c", "c/d"]]
