"""Thumbnails in folders that may not be entered: the fault is the folder's, never the pictures'."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from errors import FolderError
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.prune import find_below, forget
from ingest.roots import Roots
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from tests.colours import ColourEncoder
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import become_ordinary, stored

NAME = "ab" * 32
USES: dict[str, Callable[[ThumbnailStore], object]] = {
    "write": lambda store: store.write(NAME, Image.new("RGB", (9, 9))),
    "holds": lambda store: store.holds(NAME),
    "remove": lambda store: store.remove(NAME),
    "clear": lambda store: store.clear(),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_folder_of_thumbnails_that_may_not_be_entered_is_named(ordinary_user: Path, use: str, depth: int) -> None:
    """The folder itself, or one below it; a thumbnail lies in it."""
    store = ThumbnailStore(ordinary_user / "thumbs")
    path = store.write(NAME, Image.new("RGB", (9, 9)))
    folders = (store.root, path.parent.parent, path.parent)
    for folder in folders:
        folder.chmod(0o777)
    folders[depth].chmod(0o600)
    become_ordinary()
    with pytest.raises(FolderError, match="thumbs"):
        USES[use](store)
    os.seteuid(os.getuid())
    folders[depth].chmod(0o700)
    assert store.holds(NAME)


def test_no_picture_is_blamed_for_the_folder_of_thumbnails(
    ordinary_user: Path, ledger: Ledger, pictures: Pictures, colours: ColourEncoder
) -> None:
    """Neither one that is known, and whose thumbnail is looked for, nor a new one."""
    store = ThumbnailStore(ordinary_user / "thumbs")
    paint_many(ordinary_user / "known", 3)
    paint(ordinary_user / "new" / "a.png", seed=99)
    Ingest(ledger, colours, store, limits=Limits()).run(ordinary_user / "known")
    before = stored(pictures)
    store.root.chmod(0o600)
    become_ordinary()
    for name in ("known", "new"):
        with pytest.raises(FolderError, match="thumbs"):
            Ingest(ledger, colours, store, limits=Limits()).run(ordinary_user / name)
        assert stored(pictures) == before


def test_a_thumbnail_that_cannot_be_removed_keeps_its_picture_and_no_other(
    ordinary_user: Path, ledger: Ledger, pictures: Pictures, colours: ColourEncoder, tmp_path: Path
) -> None:
    """It is named with what to do, and the same command again ends it."""
    store, roots = ThumbnailStore(ordinary_user / "thumbs"), Roots(tmp_path / "loupe")
    folder = ordinary_user / "photos"
    kept, *_ = paint_many(folder, 3)
    roots.add(folder)
    Ingest(ledger, colours, store, limits=Limits()).run(folder)
    for made in (store.root, *store.root.rglob("*")):
        made.chmod(0o777)
    locked = store.path_of(stored(pictures)[str(kept)].sha256).parent
    below = find_below(ledger, roots, folder)
    locked.chmod(0o600)
    become_ordinary()
    report = forget(ledger, store, roots, below)
    assert (report.removed, [failure.path for failure in report.not_removed]) == (2, [str(kept)])
    assert report.not_removed[0].reason.startswith(f"thumbnail_stays: {locked}")
    assert set(stored(pictures)) == {str(kept)}
    os.seteuid(os.getuid())
    locked.chmod(0o700)
    assert forget(ledger, store, roots, find_below(ledger, roots, folder)).removed == 1
    assert (stored(pictures), list(store.root.rglob("*.jpg")), roots.all()) == ({}, [], [])
