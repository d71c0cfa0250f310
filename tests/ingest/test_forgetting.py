"""A folder leaves the library, and nothing else does."""

import shutil
import unicodedata
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from ingest.prune import UnknownFolder, find_below, forget
from ingest.roots import Roots
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots(tmp_path / "loupe")


def test_a_folder_that_is_forgotten_takes_with_it_what_lies_nowhere_else(
    run: Run, ledger: Ledger, pictures: Pictures, roots: Roots, tmp_path: Path
) -> None:
    """Also where its disk is gone for good. A copy elsewhere keeps its picture, tags and thumbnail; a folder whose name
    only begins alike stays."""
    first, second = tmp_path / "disk", tmp_path / "disk2"
    paths = paint_many(first, 4)
    paint(first / "sub" / "own.png", seed=50)
    paint(second / "own.png", seed=60)
    shutil.copy(paths[0], second / "copy.png")
    for folder in (first, second):
        run(folder)
        roots.add(folder)
    alone = stored(pictures)[str(paths[1])]
    shutil.rmtree(first)
    below = find_below(ledger, roots, first)
    assert (len(below.files), below.pictures, below.outer) == (5, 4, None)
    assert below.question.startswith(f"5 files below {first} leave the library. 4 pictures lie nowhere else")
    thumbnails = ThumbnailStore(tmp_path / "thumbs")

    told = forget(ledger, thumbnails, roots, below, dry_run=True)
    assert (counts(told), len(stored(pictures)), roots.all()) == ({"removed": 5}, 7, [first, second])

    report = forget(ledger, thumbnails, roots, below)
    assert (counts(report), report.warnings) == ({"removed": 5}, [])
    left = stored(pictures)
    assert set(left) == {str(second / "own.png"), str(second / "copy.png")}
    assert roots.all() == [second]
    assert thumbnails.find(alone.sha256) is None
    assert thumbnails.find(left[str(second / "copy.png")].sha256) is not None


def test_a_folder_that_is_not_known_is_refused_with_those_that_are(
    run: Run, folder: Path, ledger: Ledger, roots: Roots, tmp_path: Path
) -> None:
    with pytest.raises(UnknownFolder, match=r"The library has no folder .*other\. It has none yet"):
        find_below(ledger, roots, tmp_path / "other")
    paint(folder / "a.png")
    run(folder)
    roots.add(folder)
    with pytest.raises(UnknownFolder, match=rf"The library has no folder .*other\. Its folders: {folder}\."):
        find_below(ledger, roots, tmp_path / "other")
    with pytest.raises(UnknownFolder):
        find_below(ledger, roots, Path(str(folder)[:-1]))


def test_a_folder_inside_an_ingested_one_says_that_it_comes_back(
    run: Run, folder: Path, ledger: Ledger, roots: Roots, tmp_path: Path, pictures: Pictures
) -> None:
    """And a folder that holds ingested ones takes them with it."""
    paint(folder / "a.png", seed=1)
    paint(folder / "sub" / "b.png", seed=2)
    run(folder)
    roots.add(folder)
    report = forget(ledger, ThumbnailStore(tmp_path / "thumbs"), roots, find_below(ledger, roots, folder / "sub"))
    assert report.removed == 1
    assert report.warnings == [
        f"{folder / 'sub'} lies in {folder}, whose next ingest brings it back; name it in {folder / '.loupeignore'} to "
        "keep it out."
    ]
    assert roots.all() == [folder]
    assert counts(run(folder)) == {"added": 1, "unchanged": 1, "encoded": 1}
    forget(ledger, ThumbnailStore(tmp_path / "thumbs"), roots, find_below(ledger, roots, tmp_path))
    assert (roots.all(), stored(pictures)) == ([], {})


def test_a_folder_that_was_ingested_and_holds_nothing_is_forgotten(
    ledger: Ledger, roots: Roots, tmp_path: Path
) -> None:
    roots.add(tmp_path / "empty")
    forget(ledger, ThumbnailStore(tmp_path / "thumbs"), roots, find_below(ledger, roots, tmp_path / "empty"))
    assert roots.all() == []


def test_a_folder_is_forgotten_in_either_spelling_of_its_accents_and_slashes(
    run: Run, ledger: Ledger, pictures: Pictures, roots: Roots, tmp_path: Path
) -> None:
    """Ingested as a Mac writes it and typed as a keyboard does, with its own root and one below it."""
    stored_as, typed = (tmp_path / unicodedata.normalize(form, "Café") for form in ("NFD", "NFC"))
    paint(stored_as / "a.png")
    run(stored_as)
    roots.add(stored_as)
    roots.add(stored_as / "sub")
    below = find_below(ledger, roots, Path(f"/{typed}"))
    assert below.folder == typed
    assert forget(ledger, ThumbnailStore(tmp_path / "thumbs"), roots, below).removed == 1
    assert (stored(pictures), roots.all()) == ({}, [])
