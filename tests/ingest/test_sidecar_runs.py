"""Sidecars in runs of the pipeline into a real Weaviate: read once, noticed when they change, never at the price of an
encoded picture."""

import errno
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

import ingest.sidecars
import pictures.describe as pictures_describe
from ingest.known import KnownFile, KnownPictures
from schema.collection import Pictures
from schema.record import DESCRIBED, ImageRecord
from tests.colours import ColourEncoder
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored
from tests.pictures.test_sources import bag, xmp

NOON = datetime(2019, 5, 1, 10, 11, 12)
SAID = "<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>{}</rdf:li></rdf:Alt></dc:description>"


def photo(path: Path, date: str = "2001:01:01 00:00:00", caption: str = "embedded", seed: int = 0) -> Path:
    picture = Image.open(paint(path.with_suffix(".png"), seed=seed))
    exif = Image.Exif()
    exif[0x010E] = caption
    exif.get_ifd(0x8769)[0x9003] = date
    picture.save(path, exif=exif)
    path.with_suffix(".png").unlink()
    return path


def sidecar(path: Path, caption: str, attributes: str = 'exif:DateTimeOriginal="2019-05-01T10:11:12"') -> Path:
    path.write_bytes(xmp(SAID.format(caption) + bag("dc:subject", "cat"), attributes))
    return path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were opened of pictures which the library knows."""
    paths: list[Path] = []
    original = KnownPictures._read

    def noted(self: KnownPictures, one: KnownFile) -> object:
        paths.append(one.file.path)
        return original(self, one)

    monkeypatch.setattr(KnownPictures, "_read", noted)
    return paths


def only(pictures: Pictures) -> ImageRecord:
    [record] = {record.uuid: record for record in stored(pictures).values()}.values()
    return record


def test_a_changed_sidecar_is_noticed_without_decoding_what_did_not_change(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder, opened: list[Path]
) -> None:
    """Added, changed, unchanged, taken away: caption, tags, date and place follow; no picture is encoded again."""
    paint_many(folder, 3)
    picture = photo(folder / "a.jpg")
    (folder / "a.jpg.txt").write_text("")
    assert counts(run(folder)) == {"added": 4, "encoded": 4}
    record = stored(pictures)[str(picture)]
    assert (record.caption, record.taken_local, record.taken_source) == ("embedded", datetime(2001, 1, 1), "exif")

    file = sidecar(
        folder / "a.xmp",
        "beside",
        'exif:DateTimeOriginal="2019-05-01T10:11:12+02:00" exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21.0E"',
    )
    assert counts(run(folder)) == {"updated": 1, "unchanged": 3}
    record = stored(pictures)[str(picture)]
    assert (record.caption, record.caption_source, record.tags) == ("beside", "sidecar", ("cat",))
    assert (record.taken_local, record.taken_source) == (NOON, "sidecar")
    assert record.taken_at == datetime(2019, 5, 1, 8, 11, 12, tzinfo=UTC)
    assert record.latitude == pytest.approx(48.858333)

    assert opened == [picture]
    assert counts(run(folder)) == {"unchanged": 4}
    assert opened == [picture]

    sidecar(file, "beside again", 'xmp:CreateDate="2000-01-01"')
    assert counts(run(folder)) == {"updated": 1, "unchanged": 3}
    record = stored(pictures)[str(picture)]
    assert (record.caption, record.taken_local, record.taken_source) == ("beside again", datetime(2001, 1, 1), "exif")
    assert (record.latitude, record.longitude) == (None, None)

    file.unlink()
    assert counts(run(folder)) == {"updated": 1, "unchanged": 3}
    record = stored(pictures)[str(picture)]
    assert (record.caption, record.caption_source, record.tags) == ("embedded", "exif", ())
    assert colours.pictures_encoded == 4


def test_the_stored_picture_is_found_by_the_new_words(run: Run, folder: Path, pictures: Pictures) -> None:
    """The caption's vector follows the caption."""
    photo(folder / "a.jpg", caption="blue")
    run(folder)
    before = pictures.collection.query.fetch_object_by_id(only(pictures).uuid, include_vector=True).vector
    sidecar(folder / "a.xmp", "red")
    run(folder)
    after = pictures.collection.query.fetch_object_by_id(only(pictures).uuid, include_vector=True).vector
    assert before["caption"] != after["caption"]
    assert (before["image"], before["look"]) == (after["image"], after["look"])


def test_a_text_or_metadata_file_counts_more_than_a_sidecar(run: Run, folder: Path, pictures: Pictures) -> None:
    """Also when the sidecar changes; its date and its tags count."""
    photo(folder / "a.jpg")
    (folder / "a.txt").write_text("text")
    file = sidecar(folder / "a.xmp", "beside")
    run(folder)
    assert (only(pictures).caption, only(pictures).tags, only(pictures).taken_local) == ("text", ("cat",), NOON)
    sidecar(file, "beside again", 'exif:DateTimeOriginal="2018-01-01"')
    run(folder)
    assert (only(pictures).caption, only(pictures).taken_local) == ("text", datetime(2018, 1, 1))
    (folder / "a.txt").unlink()
    run(folder)
    assert only(pictures).caption == "beside again"


def test_takeout_is_read_by_a_run(run: Run, folder: Path, pictures: Pictures) -> None:
    """A picture that says nothing itself, its copy with a counter, and one that was edited."""
    for name, seed in (("a.png", 1), ("a(1).png", 2), ("a-edited.png", 3)):
        paint(folder / name, seed=seed)
    for name, taken in (("a.png.supplemental-metadata", 1556705472), ("a.png.supplemental-metadata(1)", 1500000000)):
        told = {"photoTakenTime": {"timestamp": str(taken)}, "people": [{"name": "Ann"}], "description": str(taken)}
        (folder / f"{name}.json").write_text(json.dumps(told))
    assert counts(run(folder)) == {"added": 3, "encoded": 3}
    found = {
        Path(path).name: (record.caption, record.tags, record.taken_local) for path, record in stored(pictures).items()
    }
    assert found == {
        "a.png": ("1556705472", ("Ann",), NOON),
        "a-edited.png": ("1556705472", ("Ann",), NOON),
        "a(1).png": ("1500000000", ("Ann",), datetime(2017, 7, 14, 2, 40)),
    }
    assert run(folder).left_out == ""


def test_tags_by_hand_stay_when_a_sidecar_changes(run: Run, folder: Path, pictures: Pictures, ledger: object) -> None:
    photo(folder / "a.jpg")
    file = sidecar(folder / "a.xmp", "beside")
    run(folder)
    ledger.set_tags(only(pictures).with_own_tags(("mine",)))  # type: ignore[attr-defined]
    file.write_bytes(xmp(bag("dc:subject", "dog")))
    run(folder)
    assert (only(pictures).tags, only(pictures).caption) == (("dog", "mine"), "embedded")


def test_a_folder_that_was_moved_with_its_sidecars_is_not_read_again(
    run: Run, folder: Path, pictures: Pictures, opened: list[Path]
) -> None:
    (folder / "one").mkdir()
    photo(folder / "one" / "a.jpg")
    sidecar(folder / "one" / "a.xmp", "beside")
    run(folder)
    (folder / "one").rename(folder / "two")
    assert counts(run(folder)) == {"renamed": 1}
    assert (only(pictures).caption, only(pictures).sidecars_place) == ("beside", str(folder / "two" / "a.jpg"))
    assert counts(run(folder)) == {"unchanged": 1}
    assert opened == []


def test_two_places_with_different_sidecars_do_not_take_turns(
    run: Run, folder: Path, pictures: Pictures, opened: list[Path]
) -> None:
    """As Takeout's albums repeat pictures: the first place keeps its words until it is gone."""
    for name in ("one", "two", "zero"):
        (folder / name).mkdir()
    photo(folder / "one" / "a.jpg")
    shutil.copy(folder / "one" / "a.jpg", folder / "two" / "a.jpg")
    shutil.copy(folder / "one" / "a.jpg", folder / "zero" / "a.jpg")
    sidecar(folder / "one" / "a.xmp", "first")
    sidecar(folder / "two" / "a.xmp", "the second place")
    run(folder)
    assert [counts(run(folder)) for _ in range(2)] == [{"unchanged": 3}] * 2
    assert only(pictures).caption == "first" and opened == []
    shutil.rmtree(folder / "one")
    run(folder, remove=True)
    run(folder)
    assert only(pictures).caption == "the second place"
    assert counts(run(folder)) == {"unchanged": 2}


def test_a_broken_sidecar_is_named_and_the_picture_kept(run: Run, folder: Path, pictures: Pictures) -> None:
    photo(folder / "a.jpg")
    (folder / "a.xmp").write_bytes(b"<x")
    report = run(folder)
    assert counts(report) == {"added": 1, "encoded": 1}
    [warning] = report.warnings
    assert "a.xmp (" in warning and only(pictures).caption == "embedded"


def test_the_date_in_a_files_name_is_stored_with_its_source(run: Run, folder: Path, pictures: Pictures) -> None:
    paint(folder / "IMG-20190501-WA0001.png", seed=1)
    run(folder)
    assert (only(pictures).taken_local, only(pictures).taken_source) == (datetime(2019, 5, 1), "file_name")
    properties = pictures.collection.query.fetch_object_by_id(only(pictures).uuid).properties
    assert (properties["year"], properties["month"]) == (2019, "2019-05")


def test_the_year_is_that_of_the_place(run: Run, folder: Path, pictures: Pictures) -> None:
    photo(folder / "a.jpg", date="2023:12:31 21:30:00-08:00")
    run(folder)
    properties = pictures.collection.query.fetch_object_by_id(only(pictures).uuid).properties
    assert (properties["year"], properties["month"]) == (2023, "2023-12")
    assert only(pictures).taken_local == datetime(2023, 12, 31, 21, 30)
    assert only(pictures).taken_at == datetime(2024, 1, 1, 5, 30, tzinfo=UTC)


def test_what_lies_unread_is_told_by_the_report(run: Run, folder: Path) -> None:
    photo(folder / "a.jpg")
    for name in ("a.aae", "b.aae", "c.thm", "notes.pdf"):
        (folder / name).touch()
    assert run(folder).left_out == "Not looked at: 1 other file (1 pdf) and 3 sidecars (2 aae, 1 thm)"


def test_a_sidecar_of_the_same_size_is_another_by_its_time(run: Run, folder: Path, pictures: Pictures) -> None:
    photo(folder / "a.jpg")
    file = sidecar(folder / "a.xmp", "a red sky")
    os.utime(file, ns=(0, 1_700_000_000_000_000_000))
    run(folder)
    size = file.stat().st_size
    os.utime(sidecar(file, "a red sea"), ns=(0, 1_700_000_000_000_001_000))
    assert file.stat().st_size == size
    assert counts(run(folder)) == {"updated": 1}
    assert only(pictures).caption == "a red sea"


def test_a_sidecar_that_the_disk_refuses_for_once_takes_nothing_away(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known of the picture stays, a new picture is stored without it, and the next run reads it."""
    photo(folder / "a.jpg")
    sidecar(folder / "a.xmp", "first")
    run(folder)
    sidecar(folder / "a.xmp", "and second")
    photo(folder / "b.jpg", seed=1)
    sidecar(folder / "b.xmp", "third")

    def refused(path: Path, limit: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(ingest.sidecars, "read_small", refused)
        report = run(folder)
    assert counts(report) == {"added": 1, "unchanged": 1, "encoded": 1}
    assert any("a.xmp (Input/output error)" in warning for warning in report.warnings)
    assert {record.caption for record in stored(pictures).values()} == {"first", "embedded"}
    assert counts(run(folder)) == {"updated": 2}
    assert {record.caption for record in stored(pictures).values()} == {"and second", "third"}


@pytest.mark.parametrize("name", ["a.jpg", "a.xmp"])
def test_words_inside_a_picture_that_the_disk_refuses_for_once_are_read_by_the_next_run(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The text file that said more is gone, and its words are kept until it is known what the other sources say."""
    path = photo(folder / "a.jpg")
    if name == "a.xmp":
        sidecar(folder / name, "beside")
    (folder / "a.txt").write_text("of the text file")
    run(folder)
    before = stored(pictures)[str(path)]
    assert before.caption == "of the text file"
    (folder / "a.txt").unlink()
    real = os.open

    def failing(path: str, *rest: int, **named: int) -> int:
        if Path(path).name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", failing)
        report = run(folder)
    assert counts(report) == {"unchanged": 1}
    assert any(name in warning and "Input/output error" in warning for warning in report.warnings)
    assert only(pictures) == before
    assert counts(run(folder)) == {"updated": 1}
    assert only(pictures).caption == ("beside" if name == "a.xmp" else "embedded")


def test_what_a_newer_loupe_reads_of_a_picture_is_read_of_older_ones(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library of the Loupe that knew no titles: the next ingest gives them, and encodes the words alone."""
    title = "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>a red sea</rdf:li></rdf:Alt></dc:title>"
    Image.open(paint(folder / "a.png", seed=1)).save(folder / "a.jpg", xmp=xmp(title))
    (folder / "a.png").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(pictures_describe, "clean_title", lambda text: "")
        for module in ("known", "records"):
            patched.setattr(f"ingest.{module}.DESCRIBED", DESCRIBED - 1)
        run(folder)
    assert only(pictures).caption == ""
    report = run(folder)
    assert (counts(report), report.described) == ({"updated": 1}, 1)
    assert (only(pictures).caption, only(pictures).caption_source) == ("a red sea", "xmp")
    assert (colours.pictures_encoded, counts(run(folder))) == (1, {"unchanged": 1})
