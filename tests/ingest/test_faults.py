"""The ingest command as a process of its own: killed, interrupted, without its database.

The server and the home are of this module, as new for each test; the encoder is the colour encoder, so that a run
starts in a second.
"""

import json
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from schema.collection import open_pictures
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.shell import BATCH, Shell, wait_for


def test_row_39_killed_again_and_again_it_goes_on_where_it_was(shell: Shell, tmp_path: Path) -> None:
    """Row 39: kill -9 at 20 random moments (seeded). The set is that of a run nobody killed, nothing is there twice,
    and each kill costs at most one batch of encoding; no thumbnail is half-written."""
    folder = tmp_path / "photos"
    paths = paint_many(folder, 120)
    chance = random.Random(39)
    kills = 0
    for number in range(20):
        said, before = tmp_path / f"said-{number}", shell.encoded()
        process = shell.fork([str(folder), "--json"], said.with_suffix(".json"), said, COLOUR_DELAY_S="0.02")
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
    process = shell.fork([str(folder), "--json"], said.with_suffix(".json"), said, COLOUR_KILL=point)
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
