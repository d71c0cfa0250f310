"""find_images on real folders: what is found, in which order, and what is named instead of opened."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from errors import RootError
from ingest.files import Census, PictureFile, Skipped, check_root, find_images
from schema.names import escaped
from settings import PROJECT
from tests.ingest.runs import become_ordinary


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")


def found(root: Path) -> list[str]:
    return [e.path.relative_to(root).as_posix() for e in find_images(root) if isinstance(e, PictureFile)]


def skipped(root: Path) -> dict[str, str]:
    return {e.path: e.reason for e in find_images(root) if isinstance(e, Skipped)}


def test_a_folders_files_come_before_its_subfolders_each_sorted(tmp_path: Path) -> None:
    """The order is of the names' bytes, the same on every disk; subfolders are walked in depth."""
    names = ["b.jpg", "a.png", "B.jpg", "é.jpg", "z/1.jpg", "a/2.jpg", "a/1/deep.jpg", "a/1.jpg", "z.jpg"]
    touch(tmp_path, *reversed(names))
    expected = ["B.jpg", "a.png", "b.jpg", "z.jpg", "é.jpg", "a/1.jpg", "a/2.jpg", "a/1/deep.jpg", "z/1.jpg"]
    assert found(tmp_path) == expected


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    """Microseconds are cut from nanoseconds, so that the number is exact in a database of doubles."""
    touch(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(0, 1_700_000_000_123_456_789))
    assert list(find_images(tmp_path)) == [PictureFile(tmp_path / "a.jpg", 5, 1_700_000_000_123_456, None)]


def test_a_picture_is_known_by_its_extension_in_any_case(tmp_path: Path) -> None:
    pictures = [
        "a.JPG",
        "b.Jpeg",
        "c.heic",
        "d.AVIF",
        "e.tif",
        "f.jfif",
        "g.webp",
        "h.jp2",
        "i.mpo",
        "j.bmp",
        "k.gif",
        "l.hif",
    ]
    touch(tmp_path, *pictures, "m.mov", "n.txt", "o.svg", "p.eps", "q", "jpg", "r.jpg.bak")
    assert found(tmp_path) == pictures


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    """Other files by extension, hidden names by rule; sidecars and metadata files are used, and not counted."""
    touch(tmp_path, "a.jpg", "a.txt", "b.jpg", "b.jpg.txt", "notes.txt", "metadata.csv", "x.mov", "y.MOV", "README")
    touch(tmp_path, ".hidden.jpg", ".thumbs/x.jpg", "__MACOSX/._a.jpg", "@eaDir/a.jpg", "Thumbs.db", "sub/desktop.ini")
    touch(tmp_path, "sub/z.mov")
    census = Census()
    assert [e.path.name for e in find_images(tmp_path, census) if isinstance(e, PictureFile)] == ["a.jpg", "b.jpg"]
    assert census.others == {"mov": 3, "txt": 1, "": 1}
    assert census.others.total() == 5
    assert census.by_rule == {"hidden": 2, "of the system": 4}
    assert str(census) == (
        "Not looked at: 5 other files (3 mov, 1 without extension, 1 txt), 4 of the system and 2 hidden"
    )
    assert str(Census()) == ""


def test_a_sidecar_lies_beside_its_picture(tmp_path: Path) -> None:
    """The longer name is the closer one; upper case counts; a link or folder of that name does not."""
    touch(
        tmp_path, "a.jpg", "a.txt", "b.jpg", "b.png", "b.jpg.txt", "b.txt", "C.JPG", "C.TXT", "d.jpg", "e.jpg", "f.jpg"
    )
    (tmp_path / "d.txt").symlink_to("/etc/passwd")
    (tmp_path / "e.txt").mkdir()
    os.mkfifo(tmp_path / "f.txt")
    sidecars = {e.path.name: e.sidecar and e.sidecar.name for e in find_images(tmp_path) if isinstance(e, PictureFile)}
    assert sidecars == {
        "a.jpg": "a.txt",
        "b.jpg": "b.jpg.txt",
        "b.png": "b.txt",
        "C.JPG": "C.TXT",
        "d.jpg": None,
        "e.jpg": None,
        "f.jpg": None,
    }


def test_row_20_links_pipes_and_sockets_are_named_never_opened(tmp_path: Path) -> None:
    """Link loops, links to the parent, out of the root and to /dev/zero; FIFO; socket: named in a moment."""
    root = tmp_path / "root"
    touch(root, "real.jpg", "sub/real.jpg")
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    (root / "sub" / "up").symlink_to("..")
    (root / "outside").symlink_to("/etc")
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "zero.jpg").symlink_to("/dev/zero")
    (root / "link.jpg").symlink_to("real.jpg")
    (root / "dangling.png").symlink_to("nowhere")
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        old = Path.cwd()
        os.chdir(root)  # a socket's path may have 108 bytes only
        try:
            server.bind("socket.jpg")
        finally:
            os.chdir(old)
        started = time.perf_counter()
        assert found(root) == ["real.jpg", "sub/real.jpg"]
        names = {str(Path(path).relative_to(root)): reason for path, reason in skipped(root).items()}
        assert time.perf_counter() - started < 1
    assert names == {
        "self.jpg": "symlink",
        "zero.jpg": "symlink",
        "link.jpg": "symlink",
        "dangling.png": "symlink",
        "outside": "symlink",
        "sub/up": "symlink",
        "pipe.jpg": "special_file",
        "socket.jpg": "special_file",
    }


def test_row_21_strange_names_come_through_as_they_are(tmp_path: Path) -> None:
    """NFC and NFD, emoji, a line break, a leading dash, 255 bytes: the path opens the file, and prints on one line."""
    names = [
        unicodedata.normalize("NFC", "café.jpg"),
        unicodedata.normalize("NFD", "café.jpg"),
        "🐈‍⬛.jpg",
        "two\nlines.jpg",
        "-rf.jpg",
        "x" * 251 + ".jpg",
        "猫" * 83 + ".jpg",
        " .jpg",
        "a;b|c'\"d.jpg",
        "a..jpg",
    ]
    touch(tmp_path, *names)
    entries = [e for e in find_images(tmp_path) if isinstance(e, PictureFile)]
    assert {e.path.name for e in entries} == set(names)
    assert all(e.path.read_bytes() == b"12345" for e in entries)
    assert all("\n" not in escaped(e.path) for e in entries)
    assert escaped("two\nlines.jpg") == "two\\nlines.jpg"


def test_row_21_names_that_are_not_utf8_are_skipped_and_shown(tmp_path: Path) -> None:
    """Latin-1 names of a file and of a folder: skipped with the remedy, printable; other files only count."""
    raw = os.fsencode(tmp_path)
    Path(os.fsdecode(raw + b"/caf\xe9.jpg")).touch()
    Path(os.fsdecode(raw + b"/b\xfccher")).mkdir()
    Path(os.fsdecode(raw + b"/b\xfccher/in.jpg")).touch()
    Path(os.fsdecode(raw + b"/caf\xe9.doc")).touch()
    touch(tmp_path, "good.jpg")
    assert found(tmp_path) == ["good.jpg"]
    entries = [e for e in find_images(tmp_path) if isinstance(e, Skipped)]
    assert [(e.reason, Path(e.path).name) for e in entries] == [
        ("name_not_utf8", "b\\udcfccher"),
        ("name_not_utf8", "caf\\udce9.jpg"),
    ]
    for entry in entries:
        entry.path.encode()
        assert "rename" in entry.message


def test_row_22_an_unreadable_folder_is_named_and_the_walk_goes_on(ordinary_user: Path) -> None:
    touch(ordinary_user, "a/1.jpg", "locked/2.jpg", "z/3.jpg")
    (ordinary_user / "locked").chmod(0)
    become_ordinary()
    assert found(ordinary_user) == ["a/1.jpg", "z/3.jpg"]
    assert skipped(ordinary_user) == {str(ordinary_user / "locked"): "unreadable_folder"}


def test_row_22_a_file_in_a_folder_that_may_be_listed_only_is_named(ordinary_user: Path) -> None:
    """Listing without the right to look at the files: each is named, none stops the walk."""
    touch(ordinary_user, "listed/1.jpg", "z.jpg")
    (ordinary_user / "listed").chmod(0o444)
    become_ordinary()
    assert found(ordinary_user) == ["z.jpg"]
    assert skipped(ordinary_user) == {str(ordinary_user / "listed" / "1.jpg"): "unreadable"}


def test_row_22_a_file_or_folder_that_vanishes_during_the_walk_is_named(tmp_path: Path) -> None:
    """Between the listing and the stat: `vanished`, and the walk goes on."""
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg", "sub/4.jpg", "sub2/5.jpg")
    walk = find_images(tmp_path)
    assert isinstance(next(walk), PictureFile)
    (tmp_path / "2.jpg").unlink()
    shutil.rmtree(tmp_path / "sub")
    rest = [(Path(str(e.path)).name, e.reason if isinstance(e, Skipped) else "") for e in walk]
    assert rest == [("2.jpg", "vanished"), ("3.jpg", ""), ("sub", "vanished"), ("5.jpg", "")]


def test_row_22_a_path_too_long_for_the_system_is_named(tmp_path: Path) -> None:
    """Folders nested beyond 4,096 bytes cannot be listed by name: named, and the walk goes on."""
    name, top = "d" * 250, os.open(tmp_path, os.O_RDONLY)
    for _ in range(18):
        os.mkdir(name, dir_fd=top)
        below = os.open(name, os.O_RDONLY, dir_fd=top)
        os.close(top)
        top = below
    os.close(top)
    touch(tmp_path, "z/a.jpg")
    assert found(tmp_path) == ["z/a.jpg"]
    assert list(skipped(tmp_path).values()) == ["unreadable_folder"]
    shutil.rmtree(tmp_path / name)


def test_the_root_must_be_a_readable_folder(ordinary_user: Path) -> None:
    """Missing, a file, locked, not UTF-8: each a sentence with the path and the remedy."""
    touch(ordinary_user, "file.jpg", "locked/x.jpg")
    (ordinary_user / "locked").chmod(0)
    become_ordinary()
    for root, words in [
        (ordinary_user / "missing", "There is no folder .*missing.* spelling"),
        (ordinary_user / "file.jpg", "is a file. Give the folder"),
        (ordinary_user / "locked", "cannot be read .*permissions"),
        (Path(os.fsdecode(b"/tmp/caf\xe9")), "not valid UTF-8.*Rename"),
        (Path("nul\0"), "cannot be read"),
    ]:
        with pytest.raises(RootError, match=words):
            check_root(root)
        with pytest.raises(RootError, match=words):
            list(find_images(root))


def test_a_relative_root_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links in the root's own path are kept: the person named it so."""
    touch(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert check_root(Path("link/../link")) == tmp_path / "link"
    assert [e.path for e in find_images(Path("link")) if isinstance(e, PictureFile)] == [tmp_path / "link" / "a.jpg"]


WALK = """
import sys
from pathlib import Path
from ingest.files import find_images
# Not ru_maxrss: that starts at the peak of the process which started this one, and so shows no growth.
peak = lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
before = peak()
count = sum(1 for _ in find_images(Path(sys.argv[1])))
print(count, (peak() - before) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_folders(tmp_path: Path) -> None:
    """5,000 files in 50 folders are streamed: under 3 MB."""
    for folder in range(50):
        (tmp_path / str(folder)).mkdir()
        for file in range(100):
            (tmp_path / str(folder) / f"{file:03}.jpg").touch()
    command = [sys.executable, "-c", WALK, str(tmp_path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT).stdout
    count, megabytes = output.split()
    assert int(count) == 5_000
    assert float(megabytes) < 3


def test_the_walk_holds_one_open_folder_at_most(tmp_path: Path) -> None:
    """A tree deeper than the number of files a process may open is walked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    deep = tmp_path.joinpath(*["d"] * 150)
    deep.mkdir(parents=True)
    touch(deep, "a.jpg")
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        assert len(found(tmp_path)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
