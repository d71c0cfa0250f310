"""Thumbnails on disk: small, whole or absent, and found by their own name only."""

import hashlib
import io
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from errors import FolderError
from pictures.thumbnails import ThumbnailStore
from tests.pictures.builders import difference, photo

NAME = hashlib.sha256(b"a picture").hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ThumbnailStore:
    return ThumbnailStore(tmp_path / "thumbs")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_a_thumbnail_is_written_found_and_removed(store: ThumbnailStore) -> None:
    """At root/ab/cd/<sha256>.jpg, within 384 x 384, a JPEG that shows the picture."""
    path = store.write(NAME, photo(800, 600))
    assert path == store.root / NAME[:2] / NAME[2:4] / f"{NAME}.jpg" == store.path_of(NAME)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (384, 288))
        assert difference(image, photo(800, 600).resize((384, 288))) < 4
    assert store.find(NAME) == path.resolve()
    store.remove(NAME)
    store.remove(NAME)
    assert store.find(NAME) is None


@pytest.mark.parametrize(
    ("size", "expected"), [((2048, 1), (384, 1)), ((1, 2048), (1, 384)), ((5, 3), (5, 3)), ((1, 1), (1, 1))]
)
def test_row_07_each_side_keeps_a_pixel(
    store: ThumbnailStore, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Strips become one pixel wide, never none; small pictures are not enlarged."""
    with Image.open(store.write(NAME, Image.new("RGB", size))) as image:
        assert image.size == expected


def test_an_existing_thumbnail_is_left_alone(store: ThumbnailStore) -> None:
    path = store.write(NAME, photo())
    before = path.stat()
    store.write(NAME, Image.new("RGB", (9, 9)))
    assert path.stat() == before


def test_writers_at_once_leave_one_whole_file(store: ThumbnailStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.write(NAME, photo(400, 300)), range(32)))
    assert files_below(store.root) == [store.path_of(NAME)]
    Image.open(io.BytesIO(store.path_of(NAME).read_bytes())).load()


def test_row_41_a_full_disk_leaves_nothing_half_written(store: ThumbnailStore) -> None:
    """The kernel refuses to write past 1,000 bytes: FolderError, no file of any name; with room again it is written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(FolderError, match="File too large"):
            store.write(NAME, photo(384, 384))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_below(store.root) == []
    assert store.write(NAME, photo(384, 384)).stat().st_size > 1000


def test_row_23_only_a_thumbnails_own_name_finds_it(store: ThumbnailStore, tmp_path: Path) -> None:
    """Dots, encoded dots, backslashes, absolute paths, NUL, other case, other lengths, a line break: all None."""
    path = store.write(NAME, photo())
    (store.root / "app.py").write_text("secret")
    variants = [
        "../app.py",
        "%2e%2e%2fapp.py",
        "..\\app.py",
        str(path),
        f"{NAME}\0",
        NAME.upper(),
        f"{NAME}.jpg",
        f"{NAME}\n",
        f"../{NAME[:2]}/{NAME[2:4]}/{NAME}",
        NAME[:-1],
        NAME + "0",
        "",
        "٠" * 64,
        "/etc/passwd",
    ]
    assert [store.find(name) for name in variants] == [None] * len(variants)
    assert store.find(NAME) is not None


def test_row_23_links_out_of_the_root_are_refused(store: ThumbnailStore, tmp_path: Path) -> None:
    """A link in a thumbnail's place, or in its folder's place, leads nowhere; a loop neither; a folder neither."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"{NAME}.jpg").write_bytes(b"secret")
    path = store.path_of(NAME)
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / f"{NAME}.jpg")
    assert store.find(NAME) is None
    path.unlink()
    path.symlink_to(path)
    assert store.find(NAME) is None
    path.unlink()
    path.mkdir()
    assert store.find(NAME) is None
    path.rmdir()
    path.parent.rmdir()
    path.parent.symlink_to(outside)
    assert store.find(NAME) is None


def test_a_root_that_is_reached_by_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = ThumbnailStore(tmp_path / "link")
    store.write(NAME, photo())
    assert store.find(NAME) is not None


@pytest.mark.parametrize("name", ["", "../../evil", NAME.upper(), NAME[:63]])
def test_a_wrong_name_is_never_written_or_removed(store: ThumbnailStore, name: str) -> None:
    for act in (lambda: store.write(name, photo()), lambda: store.remove(name), lambda: store.path_of(name)):
        with pytest.raises(ValueError, match="64 lower-case hex digits"):
            act()


def test_clear_removes_thumbnails_and_nothing_else(store: ThumbnailStore) -> None:
    store.clear()  # before there are any
    store.write(NAME, photo())
    (store.root / "ab" / "cd").mkdir(parents=True, exist_ok=True)
    kept = [store.root / "notes.txt", store.root / "ab" / "cd" / "holiday.jpg"]
    for path in kept:
        path.write_text("mine")
    store.clear()
    assert sorted(files_below(store.root)) == sorted(kept)


def test_its_owners_alone_whatever_the_umask_says(store: ThumbnailStore) -> None:
    """Pictures of others are nobody's business, also in a home that was made by hand."""
    old = os.umask(0o022)
    try:
        assert store.write(NAME, photo()).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)
