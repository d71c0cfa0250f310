"""One folder through the pipeline into a real Weaviate, again and again, with counts that can be worked out by hand."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ingest.ledger import Ledger
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from schema.record import DESCRIBED, Place, sha256_of
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


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
    # The edited picture's old bytes have left in this very run, the deleted file's are kept.
    assert pictures.collection.aggregate.over_all(total_count=True).total_count == 8
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


def test_a_thumbnail_that_is_gone_is_made_again(run: Run, folder: Path, pictures: Pictures, tmp_path: Path) -> None:
    path = paint(folder / "a.png")
    run(folder)
    store = ThumbnailStore(tmp_path / "thumbs")
    sha256 = stored(pictures)[str(path)].sha256
    store.remove(sha256)
    assert counts(run(folder)) == {"unchanged": 1}
    assert store.find(sha256) is not None


def test_a_touched_file_keeps_the_folder_that_it_was_first_ingested_with(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """That folder may be a disk of its own: whether it is mounted is asked before anything is pruned."""
    path = paint(folder / "disk" / "a.png")
    run(folder / "disk")
    os.utime(path, (1, 1))
    assert counts(run(folder)) == {"unchanged": 1}
    assert [place.root for place in stored(pictures)[str(path)].places] == [str(folder / "disk")]
