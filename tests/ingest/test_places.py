"""A file that is gone, and one that cannot be looked at: only the first may cost a picture or a place."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.places import Availability, Look, look
from ingest.prune import find_losses, prune
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from schema.record import Place
from search.filters import Condition
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, become_ordinary, counts, stored

ERRORS = (errno.EACCES, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN)
by_name = pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plays a disk or a network folder that answers every question about what lies below `folder` with an error."""

    def fail(folder: Path, number: int, *calls: str) -> None:
        for name in calls:
            real = getattr(os, name)

            def call(path: object, *rest: object, real: object = real, **named: object) -> object:
                if Path(os.fspath(path)).is_relative_to(folder):  # type: ignore[call-overload]
                    raise OSError(number, os.strerror(number), path)
                return real(path, *rest, **named)  # type: ignore[operator]

            monkeypatch.setattr(os, name, call)

    return fail


def test_only_no_such_file_means_gone(tmp_path: Path) -> None:
    """Real answers of the system: a loop of links, a name that is too long and a NUL say nothing."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "file").touch()
    assert look(tmp_path / "none" / "x.jpg") is Look.GONE
    assert look(tmp_path / "file" / "x.jpg") is Look.GONE
    assert look(tmp_path / "a") is Look.THERE
    assert look(tmp_path / "a" / "x.jpg") is Look.UNKNOWN
    assert look(tmp_path / ("x" * 300)) is Look.UNKNOWN
    assert look(f"{tmp_path}/x\0.jpg") is Look.UNKNOWN


def test_row_61_pictures_of_a_folder_that_may_not_be_entered_are_kept(
    ordinary_user: Path, ledger: Ledger, pictures: Pictures, colours: ColourEncoder
) -> None:
    """Row 61: `chmod -R 644` takes away the right to enter: all of its pictures are kept and each is named; tags that
    were given by hand stay. A file that is gone elsewhere is removed in the same run."""
    folder = ordinary_user / "photos"
    paint_many(folder / "locked", 4)
    others = [paint(folder / "open" / f"{number}.png", seed=100 + number) for number in range(6)]
    thumbnails = ThumbnailStore(ordinary_user / "thumbs")
    Ingest(ledger, colours, thumbnails, limits=Limits()).run(folder)
    [tagged] = ledger.by_paths([str(folder / "locked" / "0000.png")]).values()
    ledger.set_tags(tagged[0].with_own_tags(("by hand",)))
    others[0].unlink()
    (folder / "locked").chmod(0o644)
    for made in (ordinary_user / "thumbs", *(ordinary_user / "thumbs").rglob("*")):
        made.chmod(0o777)
    become_ordinary()
    ingest = Ingest(ledger, colours, thumbnails, limits=Limits())
    report = ingest.run(folder)
    losses = find_losses(ledger, folder, ingest.would_drop, ingest.unread)
    prune(ledger, thumbnails, losses, report, remove=True, agreed=lambda question: True)
    assert counts(report) == {"unchanged": 5, "removed": 1, "offline": 4}
    assert [failure.reason.split(":")[0] for failure in report.unreadable] == ["unreadable"] * 4
    left = stored(pictures)
    assert len(left) == 9
    assert left[str(folder / "locked" / "0000.png")].own_tags == ("by hand",)


@by_name
def test_row_61_pictures_of_a_disk_that_fails_are_kept(
    run: Run, folder: Path, pictures: Pictures, fail: Callable[..., None], number: int
) -> None:
    """Row 61: each error of a disk or a network folder, below one folder of several."""
    paint_many(folder / "nas", 3)
    paint_many(folder / "own", 8)
    run(folder)
    fail(folder / "nas", number, "lstat", "stat", "scandir")
    report = run(folder, remove=True)
    assert (report.removed, report.missing, report.offline) == (0, 0, 3)
    assert report.failed, "the folder is named"
    assert len({record.sha256 for record in stored(pictures).values()}) == 8, "copies of the first three lie in `own`"
    assert len(stored(pictures)) == 11


def test_row_61_what_the_run_could_not_read_is_kept_though_it_seems_gone_a_moment_later(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network folder that fails to be listed, and a moment later can be listed, but holds not everything yet."""
    paths = [paint(folder / "nas" / f"{number}.png", seed=number + 50) for number in range(4)]
    paint_many(folder / "own", 8)
    run(folder)
    for path in paths[1:]:
        path.unlink()
    with monkeypatch.context() as patch:
        real = os.scandir
        answers = iter([OSError(errno.EIO, "Input/output error")])

        def scandir(path: Path) -> object:
            if path == folder / "nas" and (error := next(answers, None)):
                raise error
            return real(path)

        patch.setattr(os, "scandir", scandir)
        report = run(folder, remove=True)
    assert (report.removed, report.missing, report.offline) == (0, 0, 3)
    assert run(folder, remove=True).removed == 3


@by_name
def test_a_picture_found_elsewhere_is_a_copy_while_its_old_place_cannot_be_looked_at(
    run: Run, folder: Path, pictures: Pictures, tmp_path: Path, fail: Callable[..., None], number: int
) -> None:
    """Its old place is kept, whether the folder fails before or after the walk has met the copy, or lies elsewhere."""
    for name in ("a", "z"):
        paint(folder / name / "old.png", seed=ord(name))
        paint(folder / name / "other.png", seed=ord(name) + 500)
    paint(tmp_path / "elsewhere" / "old.png", seed=7)
    run(folder)
    run(tmp_path / "elsewhere")
    for old in (folder / "a", folder / "z", tmp_path / "elsewhere"):
        shutil.copy(old / "old.png", folder / f"{old.name}.png")
    fail(folder / "a", number, "lstat", "stat", "scandir")
    fail(folder / "z", number, "lstat", "stat", "scandir")
    fail(tmp_path / "elsewhere", number, "lstat", "stat", "scandir")
    report = run(folder)
    assert (report.copied, report.renamed) == (3, 0)
    assert len(stored(pictures)) == 8


def test_a_picture_found_elsewhere_is_a_copy_while_its_old_folder_cannot_be_listed(
    run: Run, folder: Path, fail: Callable[..., None]
) -> None:
    """The old file seems gone, but the walk fails to list its folder later in the same run."""
    old = paint(folder / "z" / "old.png")
    run(folder)
    old.rename(folder / "new.png")
    fail(folder / "z", errno.EIO, "scandir")
    report = run(folder)
    assert (report.copied, report.renamed) == (1, 0)


def test_nothing_is_lost_behind_a_link_to_a_disk_that_is_away(tmp_path: Path) -> None:
    """A folder that was moved to a disk, with a link in its place, whose disk is not mounted."""
    root = tmp_path / "photos"
    paint(root / "own.png")
    (root / "moved").symlink_to(tmp_path / "unmounted" / "moved")
    place = Place(str(root / "moved" / "a.png"), 1, 1, str(root))
    assert not Availability().is_lost(place, root)
    assert not Availability().is_gone(place)


def test_a_file_in_the_place_of_a_folder_means_that_its_pictures_are_gone(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    paint(root / "folder.png").rename(root / "folder")
    place = Place(str(root / "folder" / "a.png"), 1, 1, str(root))
    assert Availability().is_lost(place, root)
    assert Availability().is_gone(place)


def test_a_place_that_is_there_is_shown_first(
    run: Run, tmp_path: Path, pictures: Pictures, colours: ColourEncoder
) -> None:
    """A picture on a disk that is unmounted and in a folder that is there: the page, the command and the API name the
    file that is there; with the disk back, the first again."""
    first, second = tmp_path / "a-disk", tmp_path / "folder"
    old = paint(first / "old.png")
    new = second / "new.png"
    second.mkdir()
    shutil.copy(old, new)
    run(first)
    run(second)
    searcher = Searcher(pictures, colours)
    for shown, other in ((old, new), (new, old), (old, new)):
        [hit] = searcher.search(Query((Term(text="red"),))).hits
        [listed] = searcher.search(Query((), filters=(Condition.parse("format=PNG"),))).hits
        [record] = searcher.records([hit.uuid]).values()
        assert [[place.path for place in one.places] for one in (hit.record, listed.record, record)] == [
            [str(shown), str(other)]
        ] * 3
        assert hit.to_json()["path"] == str(shown)
        if shown == old:
            first.rename(tmp_path / "away")
            first.mkdir()
        else:
            first.rmdir()
            (tmp_path / "away").rename(first)


@pytest.mark.parametrize("name", ["metadata.csv", "a.txt"])
def test_words_that_cannot_be_read_for_once_stay_in_the_library(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A disk that fails to give the file beside a picture has not taken the caption away; a file that is gone has."""
    path = paint(folder / "a.png")
    (folder / name).write_text("file_name,text,tags\na.png,a red field,one;two\n" if "csv" in name else "a red field")
    run(folder)
    before = stored(pictures)[str(path)]
    assert before.caption == "a red field"
    with monkeypatch.context() as patch:
        for owner, function in ((os, "open"), (Path, "read_bytes")):
            real = getattr(owner, function)

            def failing(path: object, *rest: object, real: object = real, **named: object) -> object:
                if Path(os.fspath(path)).name == name:  # type: ignore[call-overload]
                    raise OSError(errno.EIO, "Input/output error")
                return real(path, *rest, **named)  # type: ignore[operator]

            patch.setattr(owner, function, failing)
        report = run(folder)
    assert counts(report) == {"unchanged": 1}
    assert any(name in warning and "cannot be read" in warning for warning in report.warnings)
    assert stored(pictures)[str(path)] == before
    (folder / name).unlink()
    assert counts(run(folder)) == {"updated": 1}
    assert stored(pictures)[str(path)].caption == ""
