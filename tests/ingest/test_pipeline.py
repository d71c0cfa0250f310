"""One folder through the pipeline into a real Weaviate, again and again, with counts that can be worked out by hand."""

import json
import os
import re
import shutil
import threading
import unicodedata
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ingest.records
from ingest.ledger import Ledger
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from schema.record import DESCRIBED, ImageRecord, Place, sha256_of
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


def vectors(pictures: Pictures, record: ImageRecord) -> dict[str, list[float]]:
    return pictures.collection.query.fetch_object_by_id(record.uuid, include_vector=True).vector


def test_row_1_good_files_are_stored_and_a_broken_one_is_named(run: Run, folder: Path, pictures: Pictures) -> None:
    """Row 1: 20 good files and an empty one: 20 objects, and the report lists the one, with its reason."""
    paint_many(folder, 20)
    (folder / "0-byte.jpg").write_bytes(b"")
    report = run(folder)
    assert counts(report) == {"added": 20, "encoded": 20}
    [failure] = report.unreadable
    assert failure.path == str(folder / "0-byte.jpg")
    assert failure.reason.startswith("empty: ")
    assert len(stored(pictures)) == 20


def test_row_42_a_folder_ingested_three_times_is_stored_once(run: Run, folder: Path, colours: ColourEncoder) -> None:
    """Row 42: the second and third run encode nothing."""
    paint_many(folder, 10)
    assert [counts(run(folder)) for _ in range(3)] == [
        {"added": 10, "encoded": 10},
        {"unchanged": 10},
        {"unchanged": 10},
    ]
    assert colours.pictures_encoded == 10


def test_row_42_the_same_bytes_under_five_names_are_one_object(run: Run, folder: Path, pictures: Pictures) -> None:
    """Row 42, invariant I2: one object with five places, encoded once, whichever batch the copies fall into."""
    original = paint(folder / "0.png", seed=1)
    for number in range(1, 5):
        shutil.copy(original, folder / f"{number * 3}.png")
    paint_many(folder / "between", 9)
    assert counts(run(folder)) == {"added": 10, "copied": 4, "encoded": 10}
    places = stored(pictures)
    assert len({record.uuid for record in places.values()}) == 10
    assert len(places[str(original)].places) == 5
    assert counts(run(folder)) == {"unchanged": 14}


def test_row_43_edited_renamed_moved_deleted(run: Run, folder: Path, pictures: Pictures) -> None:
    """Row 43: an edit is encoded again, a new name or folder is not, and a deleted file is removed when asked to."""
    paths = paint_many(folder, 8)
    run(folder)
    paint(paths[0], "blue", seed=900)
    paths[1].rename(folder / "renamed.png")
    (folder / "sub").mkdir()
    paths[2].rename(folder / "sub" / "moved.png")
    paths[3].unlink()
    assert counts(run(folder)) == {"updated": 1, "renamed": 2, "unchanged": 4, "encoded": 1, "missing": 1}
    assert counts(run(folder, remove=True)) == {"unchanged": 7, "removed": 1}
    names = {str(folder / name) for name in ("renamed.png", "sub/moved.png")} | {str(paths[i]) for i in (0, 4, 5, 6, 7)}
    assert set(stored(pictures)) == names
    assert pictures.collection.aggregate.over_all(total_count=True).total_count == 7


def test_a_renamed_folder_is_not_encoded_again(run: Run, tmp_path: Path, folder: Path, pictures: Pictures) -> None:
    """Also when it is the ingested folder itself: the old place is gone while its parent is there."""
    paint_many(folder / "rome", 6)
    run(folder)
    (folder / "rome").rename(folder / "roma")
    assert counts(run(folder)) == {"renamed": 6}
    folder.rename(tmp_path / "pictures")
    assert counts(run(tmp_path / "pictures")) == {"renamed": 6}
    record = next(iter(stored(pictures).values()))
    assert [place.root for place in record.places] == [str(tmp_path / "pictures")]


def test_a_copy_on_a_disk_that_is_away_is_kept(run: Run, tmp_path: Path, pictures: Pictures) -> None:
    """The disk's mount point is empty: the picture found elsewhere is a copy, not a rename."""
    disk, home = tmp_path / "disk", tmp_path / "home"
    picture = paint(disk / "a.png")
    run(disk)
    home.mkdir()
    shutil.move(picture, home / "a.png")
    assert counts(run(home)) == {"copied": 1}
    assert len(stored(pictures)) == 2


def test_a_touched_file_is_unchanged_and_its_place_is_brought_up_to_date(run: Run, folder: Path) -> None:
    path = paint(folder / "a.png")
    run(folder)
    os.utime(path, (1, 1))
    assert counts(run(folder)) == {"unchanged": 1}
    assert counts(run(folder)) == {"unchanged": 1}


def test_bytes_swapped_between_two_names_are_followed(run: Run, folder: Path, pictures: Pictures) -> None:
    first, second = paint(folder / "a.png", "red", 1), paint(folder / "b.png", "blue", 2)
    run(folder)
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)
    os.utime(first, (5, 5))
    os.utime(second, (6, 6))
    report = run(folder)
    assert (report.encoded, report.added, report.unreadable) == (0, 0, [])
    assert stored(pictures)[str(first)].sha256 == sha256_of(second_bytes)
    assert stored(pictures)[str(second)].sha256 == sha256_of(first_bytes)
    assert counts(run(folder)) == {"unchanged": 2}


def test_what_a_run_cut_off_between_two_writes_left_behind_is_mended(
    run: Run, folder: Path, ledger: Ledger, pictures: Pictures, colours: ColourEncoder
) -> None:
    """Killed after the new bytes were stored and before the old record lost its place: the next run removes the old
    one."""
    path = paint(folder / "a.png")
    run(folder)
    [record] = stored(pictures).values()
    old = replace(record, sha256="0" * 64, places=(Place(str(path), 1, 1, str(folder)),))
    rows = colours.encode_images([Image.open(path).convert("RGB")])
    ledger.add([(old, {"image": rows["image"][0], "caption": rows["image"][0], "look": rows["look"][0]})])
    assert counts(run(folder)) == {"unchanged": 1}
    assert [record.sha256 for record in all_records(ledger)] == [record.sha256]


def test_a_changed_sidecar_changes_the_caption_vector_and_no_other(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder
) -> None:
    """No picture is encoded, one text is; `image` and `look` stay bit for bit."""
    path = paint(folder / "a.png", "red")
    (folder / "a.txt").write_text("a green thing")
    run(folder)
    record = stored(pictures)[str(path)]
    assert (record.caption, record.caption_source) == ("a green thing", "sidecar")
    before = vectors(pictures, record)
    (folder / "a.txt").write_text("a blue thing")
    assert counts(run(folder)) == {"updated": 1}
    record = stored(pictures)[str(path)]
    after = vectors(pictures, record)
    assert record.caption == "a blue thing"
    assert (after["image"], after["look"]) == (before["image"], before["look"])
    assert np.allclose(after["caption"], colours.encode_texts(["a blue thing"])[0], atol=1e-6)
    assert colours.pictures_encoded == 1


def test_a_sidecar_that_is_gone_takes_its_caption_with_it(run: Run, folder: Path, pictures: Pictures) -> None:
    """The caption vector is the picture's own again, and `captioned` is false."""
    path = paint(folder / "a.png", "red")
    (folder / "a.txt").write_text("a green thing")
    run(folder)
    (folder / "a.txt").unlink()
    assert counts(run(folder)) == {"updated": 1}
    record = stored(pictures)[str(path)]
    after = vectors(pictures, record)
    assert (record.caption, record.caption_source, record.captioned) == ("", "", False)
    assert after["caption"] == after["image"]
    assert counts(run(folder)) == {"unchanged": 1}


def test_captions_and_tags_of_a_metadata_file_are_stored_and_followed(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """The ImageFolder convention; a row that names no file is told."""
    path = paint(folder / "sub" / "a.png")
    metadata = folder / "metadata.csv"
    metadata.write_text("file_name,text,tags\nsub/a.png,a red field,one;two\nsub/none.png,nothing,\n")
    report = run(folder)
    record = stored(pictures)[str(path)]
    assert (record.caption, record.caption_source, record.tags) == ("a red field", "metadata", ("one", "two"))
    assert any("none.png" in warning for warning in report.warnings)
    metadata.write_text("file_name,text,tags\nsub/a.png,a red field,one;three\n")
    assert counts(run(folder)) == {"updated": 1}
    assert stored(pictures)[str(path)].tags == ("one", "three")


def test_two_copies_with_two_captions_do_not_take_turns(run: Run, folder: Path, pictures: Pictures) -> None:
    """The place that gave the caption first keeps it; later runs change nothing."""
    paint(folder / "a.png", seed=5)
    shutil.copy(folder / "a.png", folder / "b.png")
    (folder / "a.txt").write_text("first")
    (folder / "b.txt").write_text("second")
    run(folder)
    assert counts(run(folder)) == {"unchanged": 2}
    assert {record.caption for record in stored(pictures).values()} == {"first"}


def test_a_renamed_picture_keeps_its_caption_and_a_moved_sidecar_goes_with_it(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    for name in ("a", "b"):
        paint(folder / f"{name}.png", seed=ord(name))
        (folder / f"{name}.txt").write_text(f"caption of {name}")
    run(folder)
    (folder / "a.png").rename(folder / "a2.png")
    (folder / "a.txt").rename(folder / "a2.txt")
    (folder / "b.png").rename(folder / "b2.png")
    assert counts(run(folder)) == {"renamed": 2}
    assert counts(run(folder)) == {"unchanged": 2}
    captions = {Path(path).name: record.caption for path, record in stored(pictures).items()}
    assert captions == {"a2.png": "caption of a", "b2.png": "caption of b"}


def test_one_copy_of_two_is_pruned_and_the_picture_stays(
    run: Run, folder: Path, pictures: Pictures, tmp_path: Path
) -> None:
    paint(folder / "a.png")
    shutil.copy(folder / "a.png", folder / "b.png")
    run(folder)
    (folder / "b.png").unlink()
    assert counts(run(folder, remove=True)) == {"unchanged": 1, "removed": 1}
    [record] = stored(pictures).values()
    assert [Path(place.path).name for place in record.places] == ["a.png"]
    assert ThumbnailStore(tmp_path / "thumbs").find(record.sha256) is not None


def test_a_pruned_picture_loses_its_thumbnail(run: Run, folder: Path, pictures: Pictures, tmp_path: Path) -> None:
    paths = paint_many(folder, 4)
    run(folder)
    sha256 = stored(pictures)[str(paths[0])].sha256
    paths[0].unlink()
    run(folder, remove=True)
    assert ThumbnailStore(tmp_path / "thumbs").find(sha256) is None


def test_nothing_is_removed_when_the_folder_is_empty(run: Run, folder: Path, pictures: Pictures) -> None:
    """An unmounted disk leaves its mount point behind, empty."""
    paths = paint_many(folder, 4)
    run(folder)
    for path in paths:
        path.unlink()
    assert counts(run(folder, remove=True)) == {"offline": 4}
    assert len(stored(pictures)) == 4


def test_nothing_is_removed_below_a_subfolder_that_became_empty(run: Run, folder: Path) -> None:
    """A disk mounted inside the folder; the other pictures go on as ever."""
    paint_many(folder / "disk", 4)
    paint(folder / "own.png", seed=77)
    run(folder)
    for path in (folder / "disk").iterdir():
        path.unlink()
    assert counts(run(folder, remove=True)) == {"unchanged": 1, "offline": 4}


def test_a_deleted_subfolder_is_removed(run: Run, folder: Path) -> None:
    paint_many(folder / "a", 2)
    paint_many(folder / "b", 6)
    shutil.copytree(folder / "b", folder / "c")
    for path in (folder / "c").iterdir():
        path.write_bytes(path.read_bytes() + b"other bytes")
    run(folder)
    shutil.rmtree(folder / "b")
    assert counts(run(folder, remove=True))["removed"] == 6


def test_a_loss_of_more_than_half_is_asked_about_first(run: Run, folder: Path, pictures: Pictures) -> None:
    paths = paint_many(folder, 4)
    run(folder)
    for path in paths[:3]:
        path.unlink()
    assert counts(run(folder, remove=True, agreed=False)) == {"unchanged": 1, "missing": 3}
    assert len(stored(pictures)) == 4
    assert counts(run(folder, remove=True, agreed=True)) == {"unchanged": 1, "removed": 3}


def test_a_dry_run_tells_the_same_and_changes_nothing(
    run: Run, folder: Path, pictures: Pictures, tmp_path: Path
) -> None:
    paths = paint_many(folder, 6)
    shutil.copy(paths[0], folder / "copy.png")
    assert counts(run(folder, dry_run=True)) == {"added": 6, "copied": 1}
    assert stored(pictures) == {}
    assert list((tmp_path / "thumbs").rglob("*.jpg")) == []
    run(folder)
    before = stored(pictures)
    paint(paths[1], seed=901)
    paths[2].rename(folder / "new.png")
    paths[3].unlink()
    report = run(folder, dry_run=True, remove=True)
    assert counts(report) == {"updated": 1, "renamed": 1, "unchanged": 4, "removed": 1}
    assert stored(pictures) == before


@pytest.mark.parametrize("broken", [np.nan, 0.0, np.inf])
def test_row_52_a_vector_that_is_none_is_rejected_before_weaviate_sees_it(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder, broken: float
) -> None:
    """Row 52, invariant I1: NaN, zero, infinite: the picture is named, its neighbours in the batch are stored."""
    colours.broken = broken
    paint_many(folder, 3)
    bad = paint(folder / "bad.png", (1, 2, 3))
    report = run(folder)
    assert counts(report) == {"added": 3, "encoded": 4}
    [failure] = report.rejected
    assert failure.path == str(bad)
    assert failure.reason.startswith("vector_unusable: vector 'image': not a finite unit vector")
    assert str(bad) not in stored(pictures)


def test_row_52_vectors_of_another_dimension_are_rejected_before_weaviate_sees_them(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_many(folder, 2)
    encode = colours.encode_images

    def shorter(images: list[Image.Image]) -> dict[str, np.ndarray]:
        rows = encode(images)
        return {
            "image": rows["image"],
            "look": rows["look"][:, :5] / np.linalg.norm(rows["look"][:, :5], axis=1)[:, None],
        }

    monkeypatch.setattr(colours, "encode_images", shorter)
    report = run(folder)
    assert [failure.reason for failure in report.rejected] == [
        "vector_unusable: vector 'look': expected a vector of 13 dimensions, got 5"
    ] * 2
    assert stored(pictures) == {}


def test_what_weaviate_refuses_is_named_and_the_rest_of_the_batch_is_stored(
    run: Run, folder: Path, ledger: Ledger, pictures: Pictures, colours: ColourEncoder
) -> None:
    """An object of a batch that Weaviate does not take: a vector of another length, sent past our own check."""
    paint_many(folder, 3)
    run(folder)
    [first, second, third] = [replace(r, sha256=sha256_of(r.sha256.encode())) for r in all_records(ledger)]
    good = {"image": np.ones(4, np.float32), "caption": np.ones(4, np.float32), "look": np.ones(13, np.float32)}
    bad = good | {"look": np.ones(7, np.float32)}
    refused = ledger.add([(first, good), (second, bad), (third, good)])
    assert [record for record, _ in refused] == [second]
    assert refused[0][1]
    assert [record.sha256 for record, _ in ledger.add([(second, bad)])] == [second.sha256]
    assert pictures.collection.aggregate.over_all(total_count=True).total_count == 5


def test_a_broken_edit_is_named_and_the_picture_stays_as_it_was(run: Run, folder: Path, pictures: Pictures) -> None:
    paths = paint_many(folder, 3)
    run(folder)
    paths[0].write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    report = run(folder)
    assert counts(report) == {"unchanged": 2}
    assert [failure.path for failure in report.unreadable] == [str(paths[0])]
    assert len(stored(pictures)) == 3


def test_what_a_picture_looks_like_is_stored_with_it(run: Run, folder: Path, pictures: Pictures) -> None:
    """Colours, perceptual hash and position, and that a picture of one pixel has what it can have."""
    path = paint(folder / "red.png", "red")
    Image.new("RGB", (1, 1), "blue").save(folder / "pixel.png")
    Image.new("RGBA", (50, 50), (9, 9, 9, 0)).save(folder / "nothing.png")
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, 20:] = 255
    Image.fromarray(pixels).save(folder / "corner.png")
    assert not run(folder).failed
    found = {Path(name).name: record for name, record in stored(pictures).items()}
    assert (found[path.name].colours, found[path.name].described) == (("red",), DESCRIBED)
    assert (found["pixel.png"].colours, found["pixel.png"].swatches) == (("blue",), ("#0000ff",))
    assert (found["nothing.png"].colours, found["nothing.png"].swatches) == (("white",), ("#ffffff",))
    assert found["pixel.png"].phash == found["nothing.png"].phash == ""
    assert re.fullmatch("[0-9a-f]{16}", found["corner.png"].phash)
    assert found["corner.png"].colours == ("black", "white")


def test_row_22_a_file_that_vanishes_between_listing_and_opening_is_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 22: the run goes on."""
    paths = paint_many(folder, 3)
    original = Ledger.by_paths

    def vanish(self: Ledger, wanted: list[str]) -> dict[str, list[ImageRecord]]:
        paths[1].unlink(missing_ok=True)
        return original(self, wanted)

    monkeypatch.setattr(Ledger, "by_paths", vanish)
    report = run(folder)
    assert report.added == 2
    assert [failure.path for failure in report.unreadable] == [str(paths[1])]
    assert report.unreadable[0].reason.startswith("vanished: ")


def test_a_pipe_that_took_a_files_place_is_not_waited_for(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = paint_many(folder, 3)
    original = Ledger.by_paths
    waited = []

    def become_pipe(self: Ledger, wanted: list[str]) -> dict[str, list[ImageRecord]]:
        if paths[1].is_file():
            paths[1].unlink()
            os.mkfifo(paths[1])
        return original(self, wanted)

    def end_wait() -> None:
        with suppress(OSError):  # nobody reads
            os.close(os.open(paths[1], os.O_WRONLY | os.O_NONBLOCK))
            waited.append(paths[1])

    monkeypatch.setattr(Ledger, "by_paths", become_pipe)
    timer = threading.Timer(2, end_wait)
    timer.start()
    report = run(folder)
    timer.cancel()
    assert (report.added, [failure.path for failure in report.unreadable], waited) == (2, [str(paths[1])], [])
    assert "not a regular file" in report.unreadable[0].reason


def test_every_file_is_in_exactly_one_count(run: Run, folder: Path) -> None:
    """Invariant I9."""
    paths = paint_many(folder, 12)
    run(folder)
    paint(paths[0], seed=902)
    paths[1].rename(folder / "r.png")
    shutil.copy(paths[2], folder / "c.png")
    paint(folder / "n.png", seed=903)
    paint(folder / "bad.png", (1, 2, 3))
    (folder / "e.jpg").write_bytes(b"")
    (folder / "l.jpg").symlink_to(paths[3])
    report = run(folder)
    files = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    lists = (report.unreadable, report.rejected, report.skipped)
    whole = report.added + report.updated + report.renamed + report.copied + report.unchanged + sum(map(len, lists))
    assert whole == len(files) == 17
    assert [len(names) for names in lists] == [1, 1, 1]


def test_originals_moved_beside_their_edits_are_not_encoded_again(run: Run, folder: Path, pictures: Pictures) -> None:
    """More files than any batch or window: every edit is encoded, no original is, and none is lost on the way."""
    paths = paint_many(folder, 40)
    run(folder)
    (folder / "originals").mkdir()
    for index, path in enumerate(paths):
        path.rename(folder / "originals" / path.name)
        paint(path, "blue", seed=1000 + index)
    paint_many(folder / "new", 40)  # copies of the originals' bytes, too
    paths_of_new = [paint(folder / "zz" / f"{index}.png", "red", seed=2000 + index) for index in range(15)]
    report = run(folder)
    assert (report.encoded, report.updated, report.added) == (55, 40, 15)
    assert not report.failed
    assert len(stored(pictures)) == 40 + 40 + 40 + len(paths_of_new)
    assert counts(run(folder)) == {"unchanged": 135}


def test_a_caption_that_changes_while_a_copy_is_found_costs_no_place(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """`z.txt` changes in the run that finds `a.png`, a copy of `z.png`: both places and the new caption are stored."""
    last = paint(folder / "z.png", seed=1)
    (folder / "z.txt").write_text("old words")
    run(folder)
    shutil.copy(last, folder / "a.png")
    (folder / "z.txt").write_text("new words")
    paint_many(folder / "more", 30)
    run(folder)
    record = stored(pictures)[str(folder / "a.png")]
    assert [Path(place.path).name for place in record.places] == ["a.png", "z.png"]
    assert record.caption == "new words"


def test_nothing_is_removed_when_a_root_below_is_missing(run: Run, tmp_path: Path, pictures: Pictures) -> None:
    """Two disks below one folder, ingested one by one; one is unmounted and its mount point is gone."""
    paint_many(tmp_path / "media" / "disk1", 5)
    paint(tmp_path / "media" / "disk2" / "a.png", seed=600)
    run(tmp_path / "media" / "disk1")
    run(tmp_path / "media" / "disk2")
    shutil.rmtree(tmp_path / "media" / "disk2")
    assert counts(run(tmp_path / "media", remove=True)) == {"unchanged": 5, "offline": 1}


def test_a_thumbnail_that_is_gone_is_made_again(run: Run, folder: Path, pictures: Pictures, tmp_path: Path) -> None:
    path = paint(folder / "a.png")
    run(folder)
    store = ThumbnailStore(tmp_path / "thumbs")
    sha256 = stored(pictures)[str(path)].sha256
    store.remove(sha256)
    assert counts(run(folder)) == {"unchanged": 1}
    assert store.find(sha256) is not None


def test_a_folder_of_nothing_but_links_is_no_error(run: Run, folder: Path, tmp_path: Path) -> None:
    """A chunk without a single file asks the database nothing."""
    (folder / "a.jpg").symlink_to(tmp_path / "nowhere.jpg")
    report = run(folder)
    assert (counts(report), len(report.skipped)) == ({}, 1)


def test_row_21_strange_names_go_through_weaviate_and_back_to_the_file(
    run: Run, folder: Path, pictures: Pictures, ledger: Ledger
) -> None:
    """Row 21: both spellings of an accent, emoji, a line break, a leading dash, 255 bytes and what has a meaning in
    filters, JSON or paths: each is stored as the disk has it, is found by its path, opens that very file, is unchanged
    in the next run, is renamed and pruned. A name that is not UTF-8 is named in a report that can be printed."""
    names = [
        unicodedata.normalize("NFC", "café.png"),
        unicodedata.normalize("NFD", "café.png"),
        "🐈‍⬛.png",
        "two\nlines.png",
        "-rf.png",
        "x" * 251 + ".png",
        "猫" * 83 + ".png",
        " .png",
        "a;b|c'\"d.png",
        "a..png",
        "50%_*?.png",
        "\\back.png",
        "\u202egnp.png",
        "tab\t.png",
        "ſtraße.png",
        "STRASSE.png",
        "~.png",
        "&<b>.png",
        "\u00a0.png",
        "null\x01.png",
    ]
    paths = [paint(folder / "ö\n" / name, seed=number) for number, name in enumerate(names)]
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_bytes(paths[0].read_bytes())
    report = run(folder)
    assert counts(report) == {"added": len(names), "encoded": len(names)}
    [failure] = report.unreadable
    assert failure.reason.startswith("name_not_utf8: ")
    json.dumps(report.to_json(), ensure_ascii=False).encode()
    found = stored(pictures)
    assert set(found) == {str(path) for path in paths}
    for path in paths:
        [record] = ledger.by_paths([str(path)])[str(path)]
        assert record == found[str(path)]
        assert sha256_of(Path(record.places[0].path).read_bytes()) == record.sha256 == sha256_of(path.read_bytes())
    assert counts(run(folder)) == {"unchanged": len(names)}
    for number, path in enumerate(paths[:4]):
        path.rename(folder / f"{number}.png")
    paths[4].unlink()
    report = run(folder, remove=True)
    assert counts(report) == {"unchanged": len(names) - 5, "renamed": 4, "removed": 1}
    assert {str(folder / f"{number}.png") for number in range(4)} < set(stored(pictures))


def test_a_library_of_many_pages_is_read_whole(
    run: Run, folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every picture once, also where the last page is full; so all that is gone is pruned."""
    paths = paint_many(folder, 9)
    run(folder)
    for page in (1, 3, 4, 9, 10):
        monkeypatch.setattr("ingest.ledger.PAGE", page)
        assert sorted(place.path for _, places in ledger.all_places() for place in places) == sorted(map(str, paths))
    monkeypatch.setattr("ingest.ledger.PAGE", 2)
    for path in paths[:4]:
        path.unlink()
    assert counts(run(folder, remove=True)) == {"unchanged": 5, "removed": 4}


def test_a_file_that_changes_between_its_hash_and_its_decode_is_named(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a record would hold the hash of one picture and the vectors of another."""
    path = paint(folder / "a.png", "red")
    real = ingest.records.open_image

    def late(file: Path, *rest: Any, **named: Any) -> Any:
        paint(path, "blue", seed=9)
        return real(file, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr("ingest.records.open_image", late)
        report = run(folder)
    assert [failure.reason.split(":")[0] for failure in report.unreadable] == ["changed"]
    assert stored(pictures) == {}
    assert counts(run(folder)) == {"added": 1, "encoded": 1}


def test_a_loss_of_exactly_half_is_not_asked_about(run: Run, folder: Path) -> None:
    paths = paint_many(folder, 4)
    run(folder)
    for path in paths[:2]:
        path.unlink()
    assert counts(run(folder, remove=True, agreed=False)) == {"unchanged": 2, "removed": 2}


def test_a_touched_file_keeps_the_folder_that_it_was_first_ingested_with(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """That folder may be a disk of its own: whether it is mounted is asked before anything is pruned."""
    path = paint(folder / "disk" / "a.png")
    run(folder / "disk")
    os.utime(path, (1, 1))
    assert counts(run(folder)) == {"unchanged": 1}
    assert [place.root for place in stored(pictures)[str(path)].places] == [str(folder / "disk")]
