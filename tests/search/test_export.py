"""What is taken away: a table no spreadsheet calculates, JSON, a zip that says what it lacks. No server, no encoder."""

import csv
import errno
import io
import json
import os
import random
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import search.export
from ingest.captions import FolderWords
from ingest.files import PictureFile, find_images
from schema.record import ImageRecord, Place, sha256_of
from search.export import ExportError, Gone, Zipped, check_size, to_csv, to_dicts, to_json, write_zip
from search.results import Hit, Share


def record(name: str, size: int = 10, **changes: Any) -> ImageRecord:
    values: dict[str, Any] = {
        "sha256": sha256_of(name.encode()),
        "places": (Place(name, size, 1, "/"),),
        "width": 4,
        "height": 3,
        "bytes": size,
        "format": "JPEG",
    }
    return ImageRecord(**(values | changes))


HIT = Hit(
    UUID(int=7),
    record("/p/sea.jpg", caption="a red boat", file_tags=("boat", "Paris, France"), latitude=-3.5, longitude=-60.25),
    similarity=-0.25,
    relevance=3.14159,
    below=True,
    shares=(Share(0, "image", 0.5, 3.1),),
    copies=(UUID(int=8), UUID(int=9)),
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_hit_is_exported_as_the_api_gives_it_but_for_its_shares() -> None:
    [exported] = json.loads(to_json([HIT]))
    assert exported == {name: value for name, value in HIT.to_json().items() if name != "shares"}
    assert (exported["similarity"], exported["unlikely"], exported["tags"]) == (-0.25, True, ["boat", "Paris, France"])


def test_a_record_has_nothing_that_only_a_question_gives() -> None:
    [exported] = to_dicts([HIT.record])
    assert set(to_dicts([HIT])[0]) - set(exported) == {"similarity", "relevance", "unlikely", "copies"}
    assert exported["path"] == "/p/sea.jpg"


def test_a_table_has_a_row_for_each_picture_and_a_column_for_each_fact() -> None:
    [row] = rows(to_csv([HIT]))
    assert (row["similarity"], row["relevance"], row["unlikely"]) == ("-0.25", "3.1416", "true")
    assert (row["latitude"], row["longitude"]) == ("-3.5", "-60.25")  # numbers, which need no ' before their sign
    assert row["tags"] == 'boat,"Paris, France"'
    assert row["copies"] == f"{UUID(int=8)},{UUID(int=9)}"
    assert list(row) == list(to_dicts([HIT])[0])


def test_hits_and_records_share_a_table() -> None:
    first, second = rows(to_csv([HIT.record, HIT]))
    assert (first["similarity"], second["similarity"]) == ("", "-0.25")
    assert first["caption"] == second["caption"] == "a red boat"


def test_an_empty_table_still_has_its_columns() -> None:
    assert to_csv([]).startswith("uuid,path,") and len(to_csv([]).splitlines()) == 1
    assert to_json([]) == "[]\n"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://127.0.0.1/?"&A1)',
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\uff1d1",
        "\u00a0=1",
        "\n1",
    ],
)
def test_no_text_becomes_a_formula(text: str) -> None:
    """A caption, a tag, a camera, a path: all of them come from files, which come from anybody."""
    hostile = record(text, caption=text, file_tags=(text,), camera=text, format=text)
    [row] = rows(to_csv([hostile]))
    for name in ("caption", "tags", "camera", "path", "format"):
        assert row[name][0] in "'\"", (name, row[name])
    assert row["caption"] == f"'{text}"
    assert json.loads(to_json([hostile]))[0]["caption"] == text


@pytest.mark.parametrize(
    "text", ["a = b", "5 - 3", "me@home", "'quoted'", 'say "hi", twice\nand again', "1e5", "ünï 猫"]
)
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert rows(to_csv([record("/p/a.jpg", caption=text)]))[0]["caption"] == text


def test_a_date_is_written_as_the_api_writes_it() -> None:
    moment = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    assert rows(to_csv([record("/p/a.jpg", taken_at=moment)]))[0]["taken_at"] == "2024-02-29T12:30:00+00:00"


# The zip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, two of one name."""
    for name, data in {"a/cat.jpg": b"cat" * 400_000, "b/CAT.jpg": b"other cat", "b/dog.png": b""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def of(path: Path, **changes: Any) -> ImageRecord:
    return record(str(path), path.stat().st_size if path.exists() else 10, **changes)


def here(one: ImageRecord) -> Path | None:
    path = Path(one.places[0].path)
    return path if path.exists() else None


def zipped(records: list[ImageRecord], **caps: int) -> tuple[Zipped, zipfile.ZipFile]:
    output = io.BytesIO()
    report = write_zip(records, here, output, **caps)
    archive = zipfile.ZipFile(output)
    assert archive.testzip() is None
    return report, archive


def test_originals_come_out_as_they_went_in(folder: Path) -> None:
    records = [of(folder / "a/cat.jpg"), of(folder / "b/CAT.jpg"), of(folder / "b/dog.png")]
    report, archive = zipped(records)
    assert report == Zipped(3, 1_200_009, ())
    assert archive.namelist() == ["cat.jpg", "CAT (2).jpg", "dog.png", "metadata.jsonl"]
    assert archive.read("cat.jpg") == b"cat" * 400_000
    assert archive.read("CAT (2).jpg") == b"other cat"
    assert archive.read("dog.png") == b""


def test_pictures_are_stored_not_deflated(folder: Path) -> None:
    """They do not shrink: 400,000 times "cat" would, to almost nothing."""
    _, archive = zipped([of(folder / "a/cat.jpg")])
    info = archive.getinfo("cat.jpg")
    assert (info.compress_type, info.compress_size) == (zipfile.ZIP_STORED, 1_200_000)


def test_what_is_missing_is_named_inside_and_in_the_report(folder: Path) -> None:
    gone = of(folder / "b/gone.jpg")
    odd = of(folder / "b/new\nline.jpg")
    report, archive = zipped([gone, of(folder / "b/CAT.jpg"), odd])
    assert report.pictures == 1
    assert [path for path, _ in report.missing] == [str(folder / "b/gone.jpg"), str(folder / "b/new\nline.jpg")]
    first, second = archive.read("MISSING.txt").decode().splitlines()
    assert first == f"{folder}/b/gone.jpg: its file is away (moved, or its disk is not mounted), or may not be read"
    assert "new\\nline.jpg" in second


@pytest.mark.parametrize("call", ["open", "is_file"])
def test_a_file_that_may_not_be_opened_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Nor looked at: its folder may not be entered."""
    record = of(folder / "a/cat.jpg")

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, call, refuse)
    report, archive = zipped([record])
    assert report.missing == ((str(folder / "a/cat.jpg"), "its file could not be opened (Permission denied)"),)
    assert archive.namelist() == ["metadata.jsonl", "MISSING.txt"]


def test_a_disk_that_fails_in_the_middle_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda self, mode: Failing(self))
    report, archive = zipped([of(folder / "a/cat.jpg"), of(folder / "b/CAT.jpg")])
    assert report.missing == (
        (str(folder / "a/cat.jpg"), "only its first 1,048,576 bytes could be read (Input/output error)"),
    )
    assert archive.read("CAT (2).jpg") == b"other cat"
    assert len(archive.read("cat.jpg")) == 1_048_576


def test_captions_and_tags_go_with_them_as_ingest_reads_them(folder: Path, tmp_path: Path) -> None:
    _, archive = zipped(
        [of(folder / "a/cat.jpg", caption="=a cat", file_tags=("cat", "Paris, France")), of(folder / "b/CAT.jpg")]
    )
    out = tmp_path / "out"
    archive.extractall(out)
    words = FolderWords(out)
    found = {one.path.name: words.of(one) for one in find_images(out) if isinstance(one, PictureFile)}
    assert (found["cat.jpg"].caption, found["cat.jpg"].tags) == ("=a cat", ("cat", "Paris, France"))
    assert (found["CAT (2).jpg"].caption, found["CAT (2).jpg"].tags) == ("", ())
    assert words.unused() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MISSING.txt", "MISSING (2).txt"),
        ("Metadata.JSONL", "Metadata (2).JSONL"),
        ("a\\..\\b.jpg", "a_.._b.jpg"),
        ("c:d.jpg", "c_d.jpg"),
        ("new\nline.jpg", "new_line.jpg"),
        (".jpg", ".jpg"),
        ("a" * 200 + ".jpg", "a" * 200 + ".jpg"),
        ("猫.jpg", "猫.jpg"),
        (os.fsdecode(b"\xff\xfe.jpg"), "__.jpg"),
    ],
)
def test_names_in_the_zip_are_such_as_every_system_takes(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    output = io.BytesIO()
    write_zip([record("/p")], lambda _: tmp_path / name, output)
    assert zipfile.ZipFile(output).namelist()[0] == expected


def test_every_name_is_there_once_whatever_they_are() -> None:
    """Against the slow one: try numbers until it is free."""
    rng = random.Random(0)
    taken: set[str] = set()
    slow: set[str] = set()
    for _ in range(300):
        name = rng.choice(["a.jpg", "A.jpg", "a (2).jpg", "a (2) (2).jpg", "b", "B", "b (3)"])
        stem, _, suffix = name.partition(".")
        wanted = [name, *(f"{stem} ({n}){'.' if suffix else ''}{suffix}" for n in range(2, 400))]
        expected = next(one for one in wanted if one.casefold() not in slow)
        slow.add(expected.casefold())
        assert search.export._unique(name, taken) == expected
    assert taken == slow and len(taken) == 300


def test_too_many_pictures_and_too_many_bytes_are_refused_before_anything_is_read() -> None:
    never = io.BytesIO()
    many = [record(f"/p/{n}.jpg") for n in range(4)]

    def read(_: ImageRecord) -> Path:
        raise AssertionError("a file was looked for")

    with pytest.raises(ExportError, match=r"4 pictures are selected, and a zip of originals holds at most 3\."):
        write_zip(many, read, never, max_pictures=3)
    with pytest.raises(ExportError, match=r"The selected originals take 4 MB, and a zip holds at most 3 MB\."):
        write_zip([replace(one, bytes=1_000_000) for one in many], read, never, max_bytes=3_000_000)
    with pytest.raises(ExportError, match="No picture is selected"):
        write_zip([], read, never)
    assert never.getvalue() == b""
    check_size(many, max_pictures=4, max_bytes=40)


def test_a_file_that_has_grown_does_not_break_the_cap(folder: Path) -> None:
    """The library says 10 bytes each; one has a million."""
    grown = record(str(folder / "a/cat.jpg"))
    report, archive = zipped([grown, of(folder / "b/CAT.jpg")], max_bytes=100)
    assert report == Zipped(
        1,
        9,
        ((str(folder / "a/cat.jpg"), "the zip is full, because files have grown since they were ingested"),),
    )
    assert sum(info.file_size for info in archive.infolist() if info.filename.endswith(".jpg")) == 9


def test_a_full_disk_is_no_fault_of_an_original(folder: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        write_zip([of(folder / "a/cat.jpg")], here, Full())


@pytest.mark.parametrize("mtime", [0, -1, 315_532_800, 2_000_000_000, 10_000_000_000])
def test_any_date_of_a_file_is_taken(folder: Path, mtime: int) -> None:
    """A zip's dates reach from 1980 to 2107."""
    os.utime(folder / "b/CAT.jpg", (mtime, mtime))
    _, archive = zipped([of(folder / "b/CAT.jpg")])
    assert 1980 <= archive.getinfo("CAT.jpg").date_time[0] <= 2107


def test_the_cap_is_exact(folder: Path) -> None:
    """The text "other cat" has 9 bytes, whatever the library says of it."""
    smaller = record(str(folder / "b/CAT.jpg"), 1)
    assert zipped([smaller], max_bytes=9)[0].pictures == 1
    assert zipped([smaller], max_bytes=8)[0].pictures == 0


def test_what_left_the_library_since_it_was_selected_is_named(folder: Path) -> None:
    gone = Gone(UUID(int=3))
    assert to_dicts([gone]) == [{"uuid": str(gone.uuid), "missing": "it is not in the library any more"}]
    output = io.BytesIO()
    report = write_zip([of(folder / "b/CAT.jpg")], here, output, gone=[gone])
    assert report.missing == ((str(gone.uuid), "it is not in the library any more"),)
    assert zipfile.ZipFile(output).read("MISSING.txt").decode().startswith(f"{gone.uuid}: it is not in the library")
