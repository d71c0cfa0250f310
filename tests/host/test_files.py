"""A file is there whole or not at all, with several writers and whatever ends the writing."""

import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from host.files import write_text_whole, write_whole
from settings import PROJECT

HALF_WRITTEN = """
import sys, time
from pathlib import Path
from host.files import write_whole

def half(part):
    part.write_text("half")
    print("half", flush=True)
    time.sleep(60)

write_whole(Path(sys.argv[1]), half)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("sync", [True, False])
def test_the_new_file_takes_the_old_ones_place(tmp_path: Path, sync: bool) -> None:
    """And a name that reads as a pattern is a name."""
    path = tmp_path / "a[1]*.json"
    write_text_whole(path, "old", sync=sync)
    write_text_whole(path, "neü", sync=sync)
    assert path.read_bytes() == "neü".encode()
    assert names(tmp_path) == [path.name]


def test_who_may_read_it_is_what_the_umask_says_whoever_writes(tmp_path: Path) -> None:
    """safetensors' files are their owner's alone."""
    path, plain = tmp_path / "a.safetensors", tmp_path / "plain"
    write_whole(path, lambda part: save_file({"a": np.ones(1)}, part))
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    """While it is written, the old one stands under the name; the part lies in the same folder, so on the same disk."""
    path = tmp_path / "a.txt"
    write_text_whole(path, "old")

    def write(part: Path) -> None:
        part.write_text("new")
        assert part.parent == path.parent and path.read_text() == "old"

    write_whole(path, write)
    assert path.read_text() == "new"


def test_only_what_is_synced_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are on the disk before they take the name."""
    path, seen = tmp_path / "a.txt", []
    monkeypatch.setattr(os, "fsync", lambda file: seen.append((os.fstat(file).st_size, path.exists())))
    write_text_whole(path, "four", sync=False)
    assert seen == []
    path.unlink()
    write_text_whole(path, "seven!!")
    assert seen == [(7, False)]


def test_what_the_writing_raises_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    write_text_whole(tmp_path / "a.txt", "old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise KeyError("no such array")

    with pytest.raises(KeyError, match="no such array"):
        write_whole(tmp_path / "a.txt", fail)
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_full_disk_is_an_os_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    """The kernel refuses to write past 1,000 bytes."""
    write_text_whole(tmp_path / "a.txt", "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_text_whole(tmp_path / "a.txt", "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text_whole(tmp_path / "none" / "a.txt", "")


def test_threads_that_write_one_file_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write_text_whole(path, f"{n % 10}" * 50_000, sync=False), range(64)))
    assert names(tmp_path) == ["a.txt"]
    text = path.read_text()
    assert len(text) == 50_000 and len(set(text)) == 1


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    """What a writer that lives is busy with stays; so does what belongs to another file."""
    path = tmp_path / "a.txt"
    write_text_whole(path, "old")
    writer = subprocess.Popen(
        [sys.executable, "-c", HALF_WRITTEN, str(path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None and writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert path.read_text() == "old" and len(names(tmp_path)) == 2
    others = [f".a.txt.1.{os.getppid()}.part", f".b.txt.1.{dead_pid()}.part", ".a.txt.old.part"]
    for name in others:
        (tmp_path / name).touch()
    write_text_whole(path, "new")
    assert names(tmp_path) == sorted([*others, "a.txt"])
    assert path.read_text() == "new"


def test_the_process_decides_who_may_read_it(tmp_path: Path) -> None:
    """By its umask, as for every file."""
    old = os.umask(0o027)
    try:
        write_text_whole(tmp_path / "a.txt", "")
    finally:
        os.umask(old)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
