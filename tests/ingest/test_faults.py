"""The ingest command as a process of its own: killed, interrupted, without its database, beside another one.

The server and the home are of this module, as new for each test; the encoder is the colour encoder, so that a run
starts in a second.
"""

import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import psutil
import pytest
import weaviate

from host.jobs import StatusFile
from ingest.ledger import Ledger
from ingest.roots import Roots
from schema.client import Address, connect
from schema.collection import delete_library, open_pictures
from server.local_server import HOST, LocalServer
from settings import PROJECT
from tests.conftest import SETTINGS, all_records, plan
from tests.ingest.colour_ingest import forked
from tests.ingest.paint import paint, paint_many

BATCH = 4


class Shell:
    """Runs the command on one home, with the server of that home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = LocalServer(plan(home))
        self.log = home / "encoded.log"
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment |= {
            "LOUPE_HOME": str(home),
            "LOUPE_CACHE": str(SETTINGS.loupe_cache),
            "LOUPE_BATCH_SIZE": str(BATCH),
            "COLOUR_LOG": str(self.log),
        }

    def start(self, folder: Path, *arguments: str, **extra: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.colour_ingest", str(folder), "--json", *arguments],
            env=self.environment | extra,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fork(self, folder: Path, said: Path, **extra: str) -> BaseProcess:
        """As `start`, without the second that a new process needs to import everything."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.ingest.colour_ingest"])
        process = context.Process(target=forked, args=([str(folder), "--json"], self.environment | extra, said))
        # It would run the main module's file again, and the app's tests leave a page of Streamlit's as that module.
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            process.start()
        return process

    def run(self, folder: Path, *arguments: str, **extra: str) -> tuple[int, dict[str, object], str]:
        """Exit code, report, what was said."""
        process = self.start(folder, *arguments, **extra)
        output, said = process.communicate(timeout=120)
        return process.returncode, json.loads(output) if output else {}, said

    def encoded(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def client(self) -> "closing[weaviate.WeaviateClient]":
        running = self.server.running()
        assert running is not None
        address = Address(HOST, running.http_port, HOST, running.grpc_port, api_key=self.server.api_key())
        return closing(connect(address))

    def stored_paths(self) -> list[str]:
        with self.client() as client:
            return sorted(p.path for r in all_records(Ledger(open_pictures(client), 10)) for p in r.places)

    def forget(self) -> None:
        """No library, and in the home what the server has there."""
        with self.client() as client:
            delete_library(client)
            assert client.collections.list_all() == {}
        for path in self.home.iterdir():
            if path.is_dir() and path != self.server.data:
                shutil.rmtree(path)
            elif path.is_file() and path.name not in ("api_key", "server.json", "server.lock", "weaviate.log"):
                path.unlink()


@pytest.fixture(scope="module")
def one_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("faults") / "home")
    yield shell
    shell.server.stop()


@pytest.fixture
def shell(one_shell: Shell) -> Shell:
    one_shell.server.start()  # again, where a test has killed it
    one_shell.forget()
    return one_shell


def wait_for(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def paused(process: "subprocess.Popen[str]") -> Iterator[None]:
    """It is at work for as long as that takes, however busy the machine is."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_row_39_killed_again_and_again_it_goes_on_where_it_was(shell: Shell, tmp_path: Path) -> None:
    """Row 39: kill -9 at 20 random moments (seeded). The set is that of a run nobody killed, nothing is there twice,
    and each kill costs at most one batch of encoding; no thumbnail is half-written."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 120)
    chance = random.Random(39)
    kills = 0
    for number in range(20):
        said, before = tmp_path / f"said-{number}", shell.encoded()
        process = shell.fork(folder, said, COLOUR_DELAY_S="0.02")
        wait_for(lambda said=said: said.exists() and "ready" in said.read_text())
        if chance.random() < 0.7:  # while it works; else anywhere in its start
            wait_for(lambda process=process, before=before: shell.encoded() > before or not process.is_alive())
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        process.close()
    code, report, said = shell.run(folder)
    assert code == 0, said
    assert shell.stored_paths() == sorted(map(str, paths))
    assert kills >= 5, "the runs ended before they were killed; the test shows nothing"
    assert shell.encoded() <= len(paths) + BATCH * kills
    assert report["added"] == report["encoded"] and report["added"] + report["unchanged"] == len(paths)  # type: ignore[operator]
    thumbnails = list((shell.home / "thumbs").rglob("*.jpg"))
    assert len(thumbnails) == len(paths) and all(path.stat().st_size > 0 for path in thumbnails)
    assert shell.run(folder)[1]["unchanged"] == len(paths)


def killed(shell: Shell, folder: Path, said: Path, point: str) -> None:
    process = shell.fork(folder, said, COLOUR_KILL=point)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (point, said.read_text())
    process.close()


def test_row_39_killed_in_each_stage_it_repeats_no_more_than_the_batch_in_flight(shell: Shell, tmp_path: Path) -> None:
    """Row 39: kill -9 before and after a call of each stage, 20 times: what a batch had before it was stored is done
    again, what was stored is not, and the library is that of a run nobody killed."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 120)
    chance = random.Random(39)
    points = [f"{stage}:{moment}" for stage in ("hash", "decode", "thumbnail") for moment in ("before", "after")]
    points += [f"{stage}:{moment}" for stage in ("encode", "upload", "flush") for moment in ("before", "after")]
    points += ["upload:before", "upload:after", "flush:before", "flush:after"] * 2
    chance.shuffle(points)
    stored = 0
    for number, point in enumerate(points):
        before = shell.encoded()
        is_batch = point.split(":")[0] in ("encode", "upload", "flush")
        killed(shell, folder, tmp_path / f"said-{number}", f"{point}:{chance.randint(1, 2) if is_batch else 3}")
        now = len(shell.stored_paths())
        assert shell.encoded() - before - (now - stored) in (0, BATCH), "encoded and not stored: the batch in flight"
        stored = now
    assert 0 < stored < len(paths), "each run was killed in the middle"
    code, report, said = shell.run(folder)
    assert code == 0, said
    assert (report["added"], report["encoded"]) == (len(paths) - stored, len(paths) - stored)
    assert shell.stored_paths() == sorted(map(str, paths))
    with shell.client() as client:
        objects = open_pictures(client).collection.query.fetch_objects(limit=1000, include_vector=True).objects
        assert len(objects) == len(paths)
        assert all(set(one.vector) == {"image", "caption", "look"} for one in objects)
    thumbnails = list((shell.home / "thumbs").rglob("*.jpg"))
    assert len(thumbnails) == len(paths) and all(path.stat().st_size > 0 for path in thumbnails)


@pytest.mark.parametrize("point", ["places:before:1", "places:after:1", "places:before:3", "upload:after:1"])
def test_row_39_killed_while_edits_and_renames_are_stored_the_next_run_settles_them(
    shell: Shell, tmp_path: Path, point: str
) -> None:
    """An edited picture's old record, a renamed one's old place: nothing is there twice, and nothing is lost."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 8)
    assert shell.run(folder)[0] == 0
    for index in range(3):
        paint(paths[index], seed=500 + index)
    for index in range(3, 6):
        paths[index] = paths[index].rename(folder / f"renamed-{index}.png")
    killed(shell, folder, tmp_path / "said", point)
    assert shell.run(folder)[0] == 0
    assert shell.stored_paths() == sorted(map(str, paths))
    with shell.client() as client:
        assert len(all_records(Ledger(open_pictures(client), 10))) == 8


@pytest.mark.parametrize("away_s", [20, *(pytest.param(seconds, marks=pytest.mark.slow) for seconds in (50, 75, 110))])
def test_rows_37_and_56_a_database_killed_in_the_middle_is_waited_for(
    shell: Shell, tmp_path: Path, away_s: int
) -> None:
    """Rows 37 and 56: SIGKILL during the ingest, started again after 20, 50, 75 or 110 s: exit 0, every file once.

    The longer ones: `pytest -m slow tests/ingest/test_faults.py -k rows_37`
    """
    folder = tmp_path / "photos"
    paths = paint_many(folder, 80)
    process = shell.start(folder, COLOUR_DELAY_S="0.03")
    wait_for(lambda: shell.encoded() >= 8)
    running = shell.server.running()
    assert running is not None
    os.kill(running.process.pid, signal.SIGKILL)
    time.sleep(away_s)
    assert process.poll() is None, process.communicate()
    shell.server.start()
    back = time.monotonic()
    output, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert time.monotonic() - back < 60, "it goes on soon after the database is back"
    assert "waiting for it" in said
    assert json.loads(output)["added"] == len(paths)
    assert shell.stored_paths() == sorted(map(str, paths))


def test_a_database_that_stays_away_ends_the_run_with_3_and_nothing_half_done(shell: Shell, tmp_path: Path) -> None:
    """The sentence says what to do, and the same command goes on afterwards."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 40)
    process = shell.start(folder, COLOUR_DELAY_S="0.05", LOUPE_WEAVIATE_WAIT_S="2")
    wait_for(lambda: shell.encoded() >= 8)
    running = shell.server.running()
    assert running is not None
    os.kill(running.process.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert re.search(
        r"Weaviate did not answer for \d+ s\. What was stored stays stored\. Start it with: python -m", said
    )
    assert "Traceback" not in said
    shell.server.start()
    code, report, _ = shell.run(folder)
    assert (code, report["added"] + report["unchanged"]) == (0, len(paths))  # type: ignore[operator]
    assert shell.stored_paths() == sorted(map(str, paths))


def test_row_40_ctrl_c_once_finishes_the_batch_and_twice_ends_at_once(shell: Shell, tmp_path: Path) -> None:
    """Row 40: exit 130 both ways, and the library is sound."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 60)
    once = shell.start(folder, COLOUR_DELAY_S="0.05")
    wait_for(lambda: shell.encoded() >= BATCH)
    once.send_signal(signal.SIGINT)
    output, said = once.communicate(timeout=60)
    assert once.returncode == 130, said
    report = json.loads(output)
    assert report["interrupted"] and report["added"] == report["encoded"] < len(paths)
    assert len(shell.stored_paths()) == report["added"]

    twice = shell.start(folder, COLOUR_DELAY_S="1")
    before = shell.encoded()
    wait_for(lambda: shell.encoded() > before)
    started = time.monotonic()
    twice.send_signal(signal.SIGINT)
    time.sleep(0.2)
    twice.send_signal(signal.SIGINT)
    output, said = twice.communicate(timeout=60)
    assert (twice.returncode, output) == (130, ""), said
    assert time.monotonic() - started < 4, "a batch takes 4 s"
    assert "Traceback" not in said
    assert shell.run(folder)[0] == 0
    assert shell.stored_paths() == sorted(map(str, paths))


@pytest.mark.parametrize("wish", ["--prune", "--forget"])
def test_row_40_ctrl_c_ends_a_removal_after_the_batch_in_flight(shell: Shell, tmp_path: Path, wish: str) -> None:
    """Row 40: of 300 files 256 have left the library, the others are still known, and the same command goes on. While
    it only looks for what is gone, nothing has left."""
    folder = tmp_path / "photos"
    first = paint(folder / "gone" / "0.png", seed=1)
    for number in range(1, 300):
        shutil.copy(first, folder / "gone" / f"{number}.png")
    kept = paint(folder / "a.png", seed=2)
    assert shell.run(folder)[0] == 0
    shutil.rmtree(folder / "gone")
    named = folder if wish == "--prune" else folder / "gone"
    press = {"COLOUR_SIGNAL": "SIGINT"}
    code, report, said = shell.run(named, wish, "--yes", COLOUR_KILL="losses:before:1", **press)
    assert (code, len(shell.stored_paths())) == (130, 301), said
    code, report, said = shell.run(named, wish, "--yes", COLOUR_KILL="places:before:1", **press)
    assert code == 130, said
    assert (report["interrupted"], report["removed"], report["forgotten"]) == (True, 256, False)
    assert len(shell.stored_paths()) == 45
    assert shell.run(named, wish, "--yes")[1]["removed"] == 44
    assert shell.stored_paths() == [str(kept)]


def test_row_44_a_second_ingest_refuses_and_names_the_first(shell: Shell, tmp_path: Path) -> None:
    """Row 44: one at a time per collection; nothing twice."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 40)
    first = shell.start(folder, COLOUR_DELAY_S="0.05")
    wait_for(lambda: shell.encoded() >= BATCH)
    with paused(first):
        code, report, said = shell.run(folder)
    assert (code, report) == (2, {})
    assert f"process {first.pid} is ingesting {folder}" in said
    assert first.communicate(timeout=60)[0] and first.returncode == 0
    assert shell.stored_paths() == sorted(map(str, paths))


def test_row_44_the_lock_of_a_process_that_died_is_taken_over(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    paint_many(folder, 40)
    first = shell.start(folder, COLOUR_DELAY_S="0.1")
    wait_for(lambda: shell.encoded() >= BATCH)
    first.kill()
    first.communicate()
    assert shell.run(folder)[0] == 0


def test_row_46_another_encoder_is_refused_and_a_new_collection_stands_beside_the_old(
    shell: Shell, tmp_path: Path
) -> None:
    """Row 46: exit 4 and both names; `--new-collection` fills another one; the old one is still the library."""
    folder = tmp_path / "photos"
    paint_many(folder, 5)
    assert shell.run(folder)[0] == 0
    with shell.client() as client:
        old = open_pictures(client)
    code, _, said = shell.run(folder, COLOUR_REVISION="2")
    assert code == 4
    assert f"holds vectors of the encoder '{old.identity.id}', but this is 'colours-" in said
    assert "--new-collection" in said
    code, report, said = shell.run(folder, "--new-collection", COLOUR_REVISION="2")
    assert (code, report["added"]) == (0, 5)
    assert "python -m schema switch" in said
    with shell.client() as client:
        assert open_pictures(client).name == old.name


def test_row_44_ingests_of_two_servers_do_not_wait_for_each_other(shell: Shell, tmp_path: Path) -> None:
    other = Shell(tmp_path / "other")
    folder = tmp_path / "photos"
    paint_many(folder, 8)
    try:
        results = []
        threads = [threading.Thread(target=lambda s=s: results.append(s.run(folder)[0])) for s in (shell, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [0, 0]
    finally:
        other.server.stop()


def test_an_ingest_without_a_server_starts_one_and_leaves_none_behind(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    paint_many(tmp_path / "photos", 3)
    assert shell.run(tmp_path / "photos")[0] == 0
    assert shell.server.running() is None
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it may end while it is looked at
            if process.name() == "weaviate-server":
                assert process.environ().get("PERSISTENCE_DATA_PATH") != str(shell.server.data)


def test_exit_codes_and_the_report_of_the_command(shell: Shell, tmp_path: Path) -> None:
    """0 all done, 1 some failed, 2 usage; one JSON object with every key of the issue."""
    folder = tmp_path / "photos"
    paint_many(folder, 2)
    code, report, _ = shell.run(folder)
    assert code == 0
    keys = {"added", "updated", "renamed", "removed", "unchanged", "unreadable", "rejected", "encoded", "seconds"}
    assert keys | {"images_per_second"} <= set(report)
    (folder / "bad.jpg").write_bytes(b"<html>")
    code, report, said = shell.run(folder)
    assert code == 1
    [failure] = report["unreadable"]  # type: ignore[misc]
    assert failure["path"] == str(folder / "bad.jpg") and failure["reason"].startswith("unidentified: ")
    assert f"{folder / 'bad.jpg'}: unidentified: " in said
    for wrong in ([str(tmp_path / "none")], [str(folder / "bad.jpg")], [str(folder), "--max-megapixels", "0"], []):
        process = subprocess.run(
            [sys.executable, "-m", "tests.ingest.colour_ingest", *wrong],
            env=shell.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 2, (wrong, process.stderr)
        assert "Traceback" not in process.stderr


def test_pruning_more_than_half_without_a_person_to_ask_removes_nothing(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    paths = paint_many(folder, 4)
    shell.run(folder)
    for path in paths[:3]:
        path.unlink()
    code, report, said = shell.run(folder, "--prune")
    assert (code, report["removed"], report["missing"]) == (0, 0, 3)
    assert "3 of the 4 pictures the library knows in this folder are gone" in said and "--yes" in said
    assert shell.run(folder, "--prune", "--yes")[1]["removed"] == 3


def test_the_megapixel_limit_of_the_command_line_counts(shell: Shell, tmp_path: Path) -> None:
    """Row 6's flag: a picture of 1,200 pixels against a limit of 0.001 megapixels."""
    folder = tmp_path / "photos"
    paint(folder / "a.png")
    code, report, _ = shell.run(folder, "--max-megapixels", "0.001")
    assert code == 1
    assert report["unreadable"][0]["reason"].startswith("too_large: ")  # type: ignore[index]
    assert shell.run(folder, "--max-megapixels", "0.002")[1]["added"] == 1


def test_removing_at_most_what_was_agreed_to(shell: Shell, tmp_path: Path) -> None:
    """More are gone than a person was told: nothing is removed."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 4)
    shell.run(folder)
    for path in paths[:3]:
        path.unlink()
    assert shell.run(folder, "--prune", "--at-most", "2")[1]["missing"] == 3
    assert shell.run(folder, "--prune", "--at-most", "3")[1]["removed"] == 3


def test_a_folder_is_forgotten_by_the_command_only_after_a_yes(shell: Shell, tmp_path: Path) -> None:
    """No encoder is loaded, and the folder need not be there."""
    folder = tmp_path / "photos"
    paint_many(folder, 3)
    shell.run(folder)
    folder.rename(tmp_path / "away")
    code, report, said = shell.run(folder, "--forget")
    assert (code, report) == (2, {})
    assert f"3 files below {folder} leave the library" in said and "--yes" in said
    assert shell.run(folder, "--forget", "--dry-run")[1]["removed"] == 3
    assert len(shell.stored_paths()) == 3
    code, report, said = shell.run(tmp_path / "other", "--forget", "--yes")
    assert code == 2 and f"It knows: {folder}." in said
    code, report, _ = shell.run(folder, "--forget", "--yes")
    assert (code, report["removed"]) == (0, 3)
    assert (shell.stored_paths(), Roots(shell.home).all()) == ([], [])
    status = StatusFile(shell.home).read()
    assert status is not None and status.report is not None and status.report["removed"] == 3


def test_a_dry_run_on_a_server_without_a_library_makes_nothing(shell: Shell, tmp_path: Path) -> None:
    """No collection, no alias, no status, no root."""
    folder = tmp_path / "photos"
    paint_many(folder, 3)
    assert shell.run(folder, "--dry-run")[1]["added"] == 3
    with shell.client() as client:
        assert client.collections.list_all() == {}
    assert not (shell.home / "ingest.json").exists() and not (shell.home / "roots.json").exists()


def test_the_folder_of_a_run_that_was_killed_is_known(shell: Shell, tmp_path: Path) -> None:
    """So that the app may show what was stored; and a later process with the same pid is not taken for the ingest."""
    folder = tmp_path / "photos"
    paint_many(folder, 20)
    process = shell.start(folder, COLOUR_DELAY_S="0.1")
    wait_for(lambda: shell.encoded() >= BATCH)
    process.kill()
    process.communicate()
    assert Roots(shell.home).all() == [folder]
    status = StatusFile(shell.home).read()
    assert status is not None and status.died and not status.running
    StatusFile(shell.home).write(replace(status, pid=os.getpid()))
    reused = StatusFile(shell.home).read()
    assert reused is not None and not reused.running
