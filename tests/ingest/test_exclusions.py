"""What a walk leaves out by rule: folders of Loupe, of a disk, of a photo program, and what `.loupeignore` names."""

import os
import time
import unicodedata
from pathlib import Path

import pytest

from errors import RootError
from ingest.exclusions import Exclusions
from ingest.files import Census, PictureFile, Skipped, check_root, find_images
from ingest.ledger import Ledger
from ingest.prune import find_losses, prune
from ingest.report import IngestReport
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, become_ordinary, counts, stored


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")


def walk(root: Path, *own: Path) -> tuple[list[str], Census, list[Skipped]]:
    census = Census()
    entries = list(find_images(root, census, Exclusions(root, own)))
    found = [e.path.relative_to(root).as_posix() for e in entries if isinstance(e, PictureFile)]
    return found, census, [e for e in entries if isinstance(e, Skipped)]


@pytest.mark.parametrize(
    "name",
    ["lost+found", "#snapshot", "@Recycle", "@Recently-Snapshot", "#recycle", "@eaDir", "found.000", "FOUND.012",
     "$RECYCLE.BIN", "System Volume Information", "Network Trash Folder", "@tmp", "LOST+FOUND"],
)  # fmt: skip
def test_folders_that_a_disk_or_a_nas_makes_are_left_out(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.jpg", f"{name}/b.jpg", f"sub/{name}/c.jpg", "found.jpg", "lost+found.jpg")
    found, census, skipped = walk(tmp_path)
    assert found == ["a.jpg", "found.jpg", "lost+found.jpg"]
    assert (census.by_rule, skipped) == ({"of the system": 2}, [])


def test_folders_whose_names_are_only_alike_are_looked_into(tmp_path: Path) -> None:
    names = ["found.0000/a.jpg", "found/a.jpg", "lost/a.jpg", "recycle/a.jpg", "snapshot/a.jpg", "originals/a.jpg"]
    touch(tmp_path, *names)
    assert sorted(walk(tmp_path)[0]) == sorted(names)


def test_a_lost_and_found_that_may_not_be_read_is_no_failure(ordinary_user: Path) -> None:
    touch(ordinary_user, "a.jpg")
    (ordinary_user / "lost+found").mkdir(mode=0o700)
    become_ordinary()
    found, census, skipped = walk(ordinary_user)
    assert (found, skipped) == (["a.jpg"], [])
    assert census.by_rule == {"of the system": 1}


def test_of_a_macs_photo_library_the_originals_are_taken_and_nothing_that_was_made_of_them(tmp_path: Path) -> None:
    """Its other folders hold smaller and edited copies of the same pictures; Lightroom's previews are such, too."""
    touch(tmp_path, "Photos.photoslibrary/originals/0/a.jpg", "Photos.photoslibrary/resources/derivatives/a.jpg")
    touch(tmp_path, "Photos.photoslibrary/database/x.jpg", "Old.photolibrary/Masters/2009/b.jpg")
    touch(tmp_path, "Old.photolibrary/Previews/b.jpg", "Old.photolibrary/Thumbnails/b.jpg", "lr/c.jpg")
    touch(tmp_path, "lr/Catalog Previews.lrdata/0/c.jpg", "lr/Catalog Smart Previews.lrdata/d.jpg")
    found, census, _ = walk(tmp_path)
    assert found == [
        "Old.photolibrary/Masters/2009/b.jpg", "Photos.photoslibrary/originals/0/a.jpg", "lr/c.jpg",
    ]  # fmt: skip
    assert census.by_rule == {"made by a photo program": 6}


def test_loupes_own_folders_are_left_out_however_they_are_named(tmp_path: Path) -> None:
    """By what they are, not by their path: through a link, too. A folder of the same name elsewhere is none."""
    root = tmp_path / "photos"
    touch(root, "a.jpg", "home/thumbs/b.jpg", "cache/banks/c.jpg", "sub/home/d.jpg")
    (tmp_path / "link").symlink_to(root / "home")
    found, census, _ = walk(root, tmp_path / "link", root / "cache")
    assert found == ["a.jpg", "sub/home/d.jpg"]
    assert census.by_rule == {"of Loupe's own": 2}


def test_loupeignore_has_gitignores_rules(tmp_path: Path) -> None:
    """Anchored and not, folders, `**`, `!` (not below a folder that is left out), comments, nested files: the nearest
    that says anything of a name counts."""
    touch(
        tmp_path, "a.tif", "keep.tif", "raw/a.jpg", "sub/raw/b.jpg", "top.jpg", "sub/top.jpg", "sub/a.tif", "#x.jpg",
        "deep/er/private/c.jpg", "deep/private.jpg", "out/keep.jpg", "sub/again.tif", "raw.jpg",
    )  # fmt: skip
    (tmp_path / ".loupeignore").write_text(
        "# a comment\n\n*.tif\n!keep.tif\nraw/\n/top.jpg\n**/private/\n\\#x.jpg\nout/\n!out/keep.jpg\n"
    )
    (tmp_path / "sub" / ".loupeignore").write_text("!again.tif\n/top.jpg\n")
    found, census, skipped = walk(tmp_path)
    assert found == ["keep.tif", "raw.jpg", "deep/private.jpg", "sub/again.tif"]
    assert census.by_rule == {"left out by .loupeignore": 9, "hidden": 2}
    assert skipped == []


def test_loupeignore_knows_accents_in_both_spellings_and_a_windows_editors_file(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        touch(tmp_path, unicodedata.normalize(form, f"café-{form}.jpg"))
    (tmp_path / ".loupeignore").write_bytes("\ufeffcafé*\r\n".encode())
    assert walk(tmp_path)[0] == []


@pytest.mark.parametrize("content", [b"ok.jpg\n!\n", b"*a*a*a*a*a*b\n"])
def test_a_line_that_is_no_pattern_is_named_and_nothing_of_its_folder_is_ingested(
    tmp_path: Path, content: bytes
) -> None:
    """What it should have left out must not get in. A pattern that would take minutes is none."""
    touch(tmp_path, "a.jpg", f"sub/{'a' * 200}.jpg", "sub/deeper/c.jpg")
    (tmp_path / "sub" / ".loupeignore").write_bytes(content)
    started = time.process_time()
    found, _, [skipped] = walk(tmp_path)
    assert time.process_time() - started < 1
    assert found == ["a.jpg"]
    assert (skipped.path, skipped.reason) == (str(tmp_path / "sub"), "unreadable_folder")
    assert ".loupeignore, line " in skipped.message


def test_a_loupeignore_that_cannot_be_read_is_named_and_nothing_of_its_folder_is_ingested(ordinary_user: Path) -> None:
    """Locked, a pipe, a folder: never waited for."""
    for name in ("locked", "pipe", "folder"):
        touch(ordinary_user, f"{name}/a.jpg")
    touch(ordinary_user / "locked", ".loupeignore")
    (ordinary_user / "locked" / ".loupeignore").chmod(0)
    os.mkfifo(ordinary_user / "pipe" / ".loupeignore")
    (ordinary_user / "folder" / ".loupeignore").mkdir()
    become_ordinary()
    found, _, skipped = walk(ordinary_user)
    assert found == []
    assert [Path(one.path).name for one in skipped] == ["folder", "locked", "pipe"]


def test_a_path_is_judged_as_the_walk_judges_it(tmp_path: Path) -> None:
    """Of pictures that are in the library already."""
    touch(
        tmp_path, "own/a.jpg", "raw/b.jpg", "lost+found/c.jpg", "ok/d.jpg", ".hidden/e.jpg", "P.photoslibrary/r/f.jpg"
    )
    (tmp_path / ".loupeignore").write_text("raw/\n")
    exclusions = Exclusions(tmp_path, [tmp_path / "own"])
    names = ["own/a.jpg", "raw/b.jpg", "lost+found/c.jpg", "ok/d.jpg", ".hidden/e.jpg", "P.photoslibrary/r/f.jpg"]
    assert [exclusions.rule_of(tmp_path / name) for name in names] == [
        "of Loupe's own", "left out by .loupeignore", "of the system", "", "hidden", "made by a photo program",
    ]  # fmt: skip
    assert exclusions.rule_of(tmp_path / "raw" / "is_gone.jpg") == "left out by .loupeignore"


def test_pictures_that_are_left_out_by_now_are_counted_kept_and_removed_by_prune(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """They are not gone: the report counts them separately, and `--prune` removes them as it removes what is gone."""
    paint_many(folder, 6)
    paths = [paint(folder / "raw" / f"{number}.png", seed=number + 90) for number in range(2)]
    run(folder)
    (folder / ".loupeignore").write_text("raw/\n")
    report = run(folder)
    assert counts(report) == {"unchanged": 6, "excluded": 2}
    assert "2 excluded by now (remove with --prune)" in str(report)
    assert report.left_out == "Not looked at: 1 hidden and 1 left out by .loupeignore"
    assert set(map(str, paths)) < set(stored(pictures))
    assert counts(run(folder, remove=True, dry_run=True)) == {"unchanged": 6, "removed": 2}
    assert counts(run(folder, remove=True)) == {"unchanged": 6, "removed": 2}
    assert len(stored(pictures)) == 6
    (folder / ".loupeignore").unlink()
    assert counts(run(folder)) == {"added": 2, "unchanged": 6, "encoded": 2}


def test_what_was_ingested_on_purpose_is_left_out_by_no_rule_of_a_folder_above(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """A hidden folder, one of a NAS, one that the folder above names in its .loupeignore: each was named by a person.
    What a rule within such a folder leaves out is left out from above, too."""
    paint_many(folder, 20)
    (folder / ".loupeignore").write_text("raw/\n")
    for seed, name in enumerate((".private", "#snapshot", "raw"), 50):
        paint(folder / name / "a.png", seed=seed)
        run(folder / name)
    assert counts(run(folder, remove=True)) == {"added": 20, "encoded": 20}
    assert len(stored(pictures)) == 23
    (folder / "raw" / ".loupeignore").write_text("a.png\n")
    assert counts(run(folder, remove=True)) == {"unchanged": 20, "removed": 1}
    paint(folder / "1" / "b.png", seed=80)
    run(folder)
    (folder / "1" / ".loupeignore").write_text("b.png\n")
    assert counts(run(folder / "1")) == {"excluded": 1}


def test_a_person_who_stops_it_at_the_question_has_nothing_removed(
    run: Run, folder: Path, ledger: Ledger, pictures: Pictures, tmp_path: Path
) -> None:
    """Whatever is answered afterwards; and what is left out is still counted."""
    paint_many(folder, 4)
    run(folder)
    (folder / ".loupeignore").write_text("*\n")
    stopped: list[bool] = []

    def agreed(question: str) -> bool:
        stopped.append(True)
        return True

    report = IngestReport()
    losses = find_losses(ledger, folder)
    thumbnails = ThumbnailStore(tmp_path / "thumbs")
    prune(ledger, thumbnails, losses, report, remove=True, agreed=agreed, stopped=lambda: bool(stopped))
    assert (report.interrupted, counts(report), len(stored(pictures))) == (True, {"excluded": 4}, 4)


def test_more_than_half_left_out_is_asked_about_first(run: Run, folder: Path, pictures: Pictures) -> None:
    paint_many(folder, 4)
    run(folder)
    (folder / ".loupeignore").write_text("*\n")
    assert counts(run(folder, remove=True, agreed=False)) == {"excluded": 4}
    assert len(stored(pictures)) == 4


def test_what_loupe_wrote_into_the_folder_is_not_ingested(run: Run, tmp_path: Path) -> None:
    """LOUPE_HOME inside the folder, with the thumbnails."""
    paint_many(tmp_path / "photos", 3)
    paint_many(tmp_path / "home" / "made", 9)
    report = run(tmp_path)
    assert counts(report) == {"added": 3, "encoded": 3}
    assert "1 of Loupe's own" in report.left_out


def test_loupes_own_folders_are_refused_as_a_folder_of_pictures(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "thumbs").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home / "thumbs")
    for folder in (home, home / "thumbs", tmp_path / "link"):
        with pytest.raises(RootError, match=r"where Loupe keeps what it made of your pictures\. Give the folder"):
            check_root(folder, [home])
    assert check_root(tmp_path, [home]) == tmp_path
