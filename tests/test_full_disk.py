"""Row 41: a real disk that is full, with LOUPE_HOME on it, Weaviate included. One sentence, nothing half-written, and
with room again everything goes on."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import FolderError, HomeError
from host.folders import using
from host.jobs import StatusFile, only_one
from ingest.roots import Roots
from layout.store import LayoutStore
from pictures.thumbnails import ThumbnailStore
from search.relevance import keep_bank
from server.local_server import LocalServer
from tests.colours import ColourEncoder
from tests.conftest import plan
from tests.ingest.paint import paint
from tests.ingest.shell import Shell
from tests.server.test_local_server import command, processes_of
from tests.small_disk import SmallDisk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Of 40 MB: at 99 % Weaviate takes no changes any more, so it does with 400 kB left."""
    with small_disk(tmp_path / "disk", 40) as disk:
        yield disk


@pytest.fixture
def shell(disk: SmallDisk) -> Iterator[Shell]:
    shell = Shell(disk.root / "home")
    yield shell
    disk.clear()
    shell.server.stop()


def half_written(home: Path) -> list[Path]:
    """Empty files that are no locks, and parts of files."""
    files = [path for path in home.rglob("*") if path.is_file() and home / "weaviate" not in path.parents]
    return [
        path
        for path in files
        if path.suffix == ".part" or (not path.stat().st_size and path.suffix not in (".lock", ".log"))
    ]


def paint_rows(folder: Path, count: int, row: int) -> list[Path]:
    return [paint(folder / f"{row}-{index:03}.png", (index % 250, row, 9), index) for index in range(count)]


def test_row_41_a_disk_that_fills_up_stops_the_ingest_and_the_next_goes_on(
    disk: SmallDisk, shell: Shell, tmp_path: Path
) -> None:
    """The server is to stay, so nobody restarts it: it takes no changes, also once there is room. The next ingest
    starts it again, and says so; its users find it on the same ports."""
    folder = tmp_path / "photos"
    first = paint_rows(folder, 12, 0)
    before = shell.server.start()
    assert shell.run(folder)[0] == 0
    more = paint_rows(folder, 300, 1)
    disk.fill(leave=600_000)
    code, _, said = shell.run(folder, LOUPE_WEAVIATE_WAIT_S="5")
    assert code in (2, 3), said
    assert "The disk is full" in said or "makes no changes at present" in said
    assert "Traceback" not in said and "ErrorObject" not in said
    assert half_written(shell.home) == []
    disk.fill()
    code, _, said = shell.run(folder, LOUPE_WEAVIATE_WAIT_S="5")
    assert code in (2, 3) and f"0.0 MB are free in {shell.home}" in said, said
    assert "Traceback" not in said and half_written(shell.home) == []
    stopped = set(shell.stored_paths())
    assert set(map(str, first)) <= stopped < set(map(str, first + more))

    disk.clear()
    code, report, said = shell.run(folder)
    assert (code, report["rejected"], report["unreadable"]) == (0, [], []), said
    assert "it is started again" in said and f"are free in {shell.home}" in said
    assert shell.stored_paths() == sorted(map(str, first + more))
    thumbnails = list((shell.home / "thumbs").rglob("*.jpg"))
    assert len(thumbnails) == len(first + more)
    for path in thumbnails:
        Image.open(path).load()
    after = shell.server.running()
    assert after is not None and after.kept and after.process != before.process
    assert (after.http_port, after.grpc_port) == (before.http_port, before.grpc_port)
    assert "started again" not in shell.run(folder)[2], "once is enough"


def test_row_41_while_there_is_no_room_a_read_only_server_is_left_to_those_who_search(
    disk: SmallDisk, shell: Shell, tmp_path: Path
) -> None:
    paint_rows(tmp_path / "photos", 3, 0)
    server = shell.server.start()
    assert shell.run(tmp_path / "photos")[0] == 0
    disk.fill(leave=100_000)
    with shell.client() as client:
        [name] = client.collections.list_all()
        client.collections.use(name).config.update_shards("READONLY")
    assert shell.server.start() == server


@pytest.mark.parametrize("leave", [0, 65_536])
def test_row_41_no_server_starts_on_a_full_disk_and_none_is_left_behind(disk: SmallDisk, leave: int) -> None:
    """Also where the server comes up and its record does not find room."""
    home = disk.root / "home"
    disk.fill(leave)
    started = command(home, "start")
    _, said = started.communicate(timeout=120)
    assert started.returncode == 2, said
    assert f"The disk is full: 0.0 MB are free in {home} " in said and "Traceback" not in said
    assert processes_of(home) == [] and half_written(home) == []
    disk.clear()
    server = LocalServer(plan(home))
    try:
        assert server.start().kept and len(server.api_key()) >= 32
    finally:
        server.stop()


def test_row_41_the_last_user_stops_the_server_on_a_full_disk_too(disk: SmallDisk) -> None:
    """That it stopped finds no room: then no record is better than a wrong one."""
    home = disk.root / "home"
    server = LocalServer(plan(home))
    with server.in_use():
        disk.fill()
    assert processes_of(home) == [] and not (home / "server.json").exists()


def layout(home: Path) -> None:
    with LayoutStore(home / "layouts").only_one("image"):
        pass


def ingesting(home: Path) -> None:
    with only_one(home, "Pictures", Path("/photos")):
        pass


def export(home: Path) -> None:
    """As the zip of a selection is made."""
    with using(home), (home / "zip").open("wb", buffering=0) as file:
        file.write(b"x" * 100_000)


WRITERS: dict[str, Callable[[Path], object]] = {
    "ingest.json": ingesting,
    "roots.json": lambda home: Roots(home).add(Path("/photos")),
    "thumbs": lambda home: ThumbnailStore(home / "thumbs").write("a" * 64, Image.new("RGB", (99, 99))),
    "layouts": layout,
    "api_key": lambda home: LocalServer(plan(home)).api_key(),
    "export": export,
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk", 1) as disk:
        yield disk


@pytest.mark.parametrize("writer", WRITERS)
def test_row_41_whoever_writes_there_says_the_folder_and_what_is_free(full: SmallDisk, writer: str) -> None:
    home = full.root / writer
    home.mkdir(mode=0o700)
    full.fill()
    with pytest.raises((FolderError, HomeError)) as raised:
        WRITERS[writer](home)
    assert str(raised.value).startswith(f"The disk is full: 0.0 MB are free in {home}"), raised.value
    assert "Free some space there" in str(raised.value)
    assert [path.name for path in half_written(home) if path.name != "zip"] == []
    full.clear()
    WRITERS[writer](home)
    shutil.rmtree(home)


def test_row_41_what_was_there_before_is_whole(full: SmallDisk) -> None:
    home = full.root / "before"
    Roots(home).add(Path("/one"))
    ingesting(home)
    full.fill()
    with pytest.raises(FolderError):
        Roots(home).add(Path("/two"))
    with pytest.raises(FolderError):
        ingesting(home)
    assert Roots(home).all() == [Path("/one")]
    status = StatusFile(home).read()
    assert status is not None and status.folder == "/photos"
    full.clear()


def test_row_41_the_cache_of_the_bank_costs_its_seconds_and_nothing_else(
    full: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    full.fill()
    with caplog.at_level("INFO"):
        bank = keep_bank(ColourEncoder(), full.root / "banks")
    full.clear()
    assert "The disk is full: 0.0 MB are free" in caplog.text and list((full.root / "banks").iterdir()) == []
    assert np.array_equal(bank.unrelated, keep_bank(ColourEncoder(), full.root / "banks").unrelated)
