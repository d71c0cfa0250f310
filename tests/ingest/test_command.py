"""The ingest command as a process of its own: arguments, exit codes, what is printed and asked, one at a time."""

import os
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from host.jobs import StatusFile
from ingest.roots import Roots
from schema.collection import open_pictures
from tests.ingest.paint import paint, paint_many
from tests.ingest.shell import BATCH, Shell, paused, wait_for


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
    assert "python -m server switch" in said
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
        code, _, said = shell.run(*wrong)
        assert code == 2, (wrong, said)
        assert "Traceback" not in said


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
    assert code == 2 and f"Its folders: {folder}." in said
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
