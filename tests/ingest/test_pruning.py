"""What is removed when a person asks for it, and what never is."""

import shutil
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


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


def test_nothing_is_removed_when_a_root_below_is_missing(run: Run, tmp_path: Path, pictures: Pictures) -> None:
    """Two disks below one folder, ingested one by one; one is unmounted and its mount point is gone."""
    paint_many(tmp_path / "media" / "disk1", 5)
    paint(tmp_path / "media" / "disk2" / "a.png", seed=600)
    run(tmp_path / "media" / "disk1")
    run(tmp_path / "media" / "disk2")
    shutil.rmtree(tmp_path / "media" / "disk2")
    assert counts(run(tmp_path / "media", remove=True)) == {"unchanged": 5, "offline": 1}


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


def test_a_loss_of_exactly_half_is_not_asked_about(run: Run, folder: Path) -> None:
    paths = paint_many(folder, 4)
    run(folder)
    for path in paths[:2]:
        path.unlink()
    assert counts(run(folder, remove=True, agreed=False)) == {"unchanged": 2, "removed": 2}
