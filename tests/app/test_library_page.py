"""The library page: what is in it, adding, updating, removing, and what went wrong, each as a sentence."""

import json
import os
import time
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext, ingest_job
from encoder.protocol import Encoder
from errors import Unreachable
from host.jobs import Job, Status, StatusFile
from ingest.roots import Roots
from schema.client import Address
from schema.collection import open_pictures
from settings import PROJECT
from tests.app.conftest import library_script, open_page, parts_of, texts, wait_for
from tests.conftest import SAMPLES, copy_samples


@pytest.fixture
def own(tmp_path: Path, samples: object, connection: Connection) -> AppContext:
    """The samples, with a home of the test's own for what ingests leave behind."""
    Roots(tmp_path).add(SAMPLES)
    return parts_of(tmp_path, connection)


def finished(page: AppTest, context: AppContext) -> AppTest:
    wait_for(lambda: not context.ingestion.running, 120)
    return page.run()


def report(context: AppContext, **changes: object) -> None:
    """The last ingest left this report behind."""
    counts: dict[str, object] = {
        name: 0
        for name in ("added", "updated", "renamed", "copied", "removed", "unchanged", "missing", "offline", "encoded")
    }
    lists: dict[str, object] = {name: [] for name in ("unreadable", "rejected", "skipped", "warnings")}
    StatusFile(context.home).write(
        Status(
            1,
            0.0,
            str(SAMPLES),
            time.time(),
            report=counts | lists | {"seconds": 1.5, "images_per_second": 0} | changes,
        )
    )


def test_the_figures_of_the_samples(own: AppContext) -> None:
    page = open_page(library_script, own)
    assert not page.exception
    figures = {metric.label: metric.value for metric in page.metric}
    assert (figures["Pictures"], figures["With a caption"], figures["Encoder"]) == ("100", "100", "specialists")
    tables = {frame.value.columns[0]: dict(frame.value.values.tolist()) for frame in page.dataframe}
    assert tables["Folders"][str(SAMPLES / "photos")] == 60
    assert tables["Formats"] == {"JPEG": 58, "PNG": 36, "WEBP": 3, "GIF": 1, "TIFF": 1, "AVIF": 1}
    assert sum(tables["Years"].values()) > 0 and tables["Cameras"]


def test_every_ingested_folder_can_be_brought_up_to_date(own: AppContext) -> None:
    page = open_page(library_script, own)
    assert page.button(key=f"update-{SAMPLES}").label == "Bring up to date"


def test_the_last_report_names_every_file_that_failed(own: AppContext) -> None:
    report(
        own,
        added=3,
        unreadable=[{"path": "/p/a.jpg", "reason": "empty: the file has 0 bytes"}],
        warnings=["metadata.csv: line 3"],
    )
    page = open_page(library_script, own)
    text = texts(page).replace("\\", "")
    assert "3 added" in text and "1 could not be read" in text
    rows = page.dataframe[0].value.values.tolist()
    assert rows == [
        ["/p/a.jpg", "could not be read", "empty: the file has 0 bytes"],
        ["", "warning", "metadata.csv: line 3"],
    ]


def test_an_ingest_that_died_is_told(own: AppContext) -> None:
    StatusFile(own.home).write(Status(2**22 + 5, 0.0, "/photos", time.time(), done=3, total=9))
    assert "ended early" in open_page(library_script, own).warning[0].value


def test_a_running_ingest_of_a_shell_is_shown(own: AppContext) -> None:
    created = psutil.Process().create_time()
    counts = {"done": 30, "total": 90, "encoded": 28, "failed": 2}
    StatusFile(own.home).write(Status(os.getpid(), created, "/photos", time.time(), **counts))  # type: ignore[arg-type]
    page = open_page(library_script, own)
    assert page.progress[0].value == 33
    text = page.progress[0].text.replace("\\", "")
    assert text == "/photos: 30 of 90 files, 28 encoded, 2 could not be read"
    assert page.button(key=f"update-{SAMPLES}").disabled


def test_removing_asks_first_and_says_how_many(own: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(Job, "start", lambda self, *arguments: started.append(arguments))
    report(own, missing=12)
    page = open_page(library_script, own)
    page.button(key="prune").click().run()
    assert "12 pictures" in texts(page) and not started
    page.button(key="prune-no").click().run()
    assert not started and "prune-yes" not in [b.key for b in page.button]
    page.button(key="prune").click().run()
    page.button(key="prune-yes").click().run()
    assert started == [("--prune", "--at-most", "12", "--", str(SAMPLES))]


def test_no_more_is_removed_than_was_confirmed(ingesting: AppContext, tmp_path: Path) -> None:
    """One more file goes away while the question is on the screen: nothing is removed, and the page asks again."""
    folder = tmp_path / "pictures"
    first, second, *_ = copy_samples(folder, 3)
    ingesting.ingestion.start(str(folder))
    wait_for(lambda: not ingesting.ingestion.running, 120)
    first.unlink()
    ingesting.ingestion.start(str(folder))
    wait_for(lambda: not ingesting.ingestion.running, 120)
    page = open_page(library_script, ingesting)
    page.button(key="prune").click().run()
    second.unlink()
    page.button(key="prune-yes").click().run()
    page = finished(page, ingesting)
    assert not page.error and ": 1 unchanged, 2 gone from the folder, in" in texts(page).replace("\\", "")
    assert page.button(key="prune").label == "Remove the 2 whose files are gone"


def test_a_dry_run_is_not_told_as_done(own: AppContext) -> None:
    report(own, added=3, missing=2, dry_run=True)
    page = open_page(library_script, own)
    assert "Last time" not in texts(page) and "prune" not in [b.key for b in page.button]


@pytest.mark.parametrize(
    ("code", "script", "told"),
    [
        (1, "print('a file failed', file=sys.stderr)", ""),
        (130, "print('Interrupted.', file=sys.stderr)", ""),
        (3, "print('Weaviate is away.', file=sys.stderr); print('a report')", "Weaviate is away."),
        (70, "print('Something unexpected happened.', file=sys.stderr)", "Something unexpected happened."),
        (5, "", "The ingest ended early, with exit code 5. Its log: LOG"),
        (-9, "print('device=cpu', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)",
         "The ingest ended early (killed, or out of memory), with exit code -9. Its last words: device=cpu. "
         "Its log: LOG"),
    ],
)  # fmt: skip
def test_an_ingest_that_ends_before_its_first_word_is_told(tmp_path: Path, code: int, script: str, told: str) -> None:
    """No status file is there yet: what it said on stderr is all there is."""
    package = tmp_path / "project" / "ingest"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(f"import os, sys\n{script}\nsys.exit({code})\n")
    home = tmp_path / "home"
    ingestion = ingest_job(home, package.parent)
    ingestion.start("/photos")
    wait_for(lambda: not ingestion.running, 30)
    assert ingestion.failure() == told.replace("LOG", str(home / "ingest-app.log"))
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_folder_is_added_updated_and_pruned(ingesting: AppContext, tmp_path: Path, address: Address) -> None:
    """Real processes from the first page of an empty library on."""
    folder = tmp_path / "my pictures [1]"
    first, *_ = copy_samples(folder, 3)
    (folder / "broken.jpg").write_bytes(b"no picture")
    page = open_page(library_script, ingesting)
    assert page.title[0].value == "There are no pictures yet"
    page.text_input(key="folder").set_value(f" {folder} ")
    page.form_submit_button[0].click().run()
    assert page.progress
    page = finished(page, ingesting)
    text = texts(page).replace("\\", "")
    assert "3 added, 1 could not be read" in text, text
    assert dict((m.label, m.value) for m in page.metric)["Pictures"] == "3"
    assert [root for root in ingesting.roots()] == [folder]
    first.unlink()
    page.button(key=f"update-{folder}").click().run()
    page = finished(page, ingesting)
    page.button(key="prune").click().run()
    page.button(key="prune-yes").click().run()
    page = finished(page, ingesting)
    assert "1 removed" in texts(page)


def test_a_folder_that_is_not_there_is_a_sentence(ingesting: AppContext) -> None:
    page = open_page(library_script, ingesting)
    page.text_input(key="folder").set_value("/nowhere/at/all")
    page.form_submit_button[0].click().run()
    page = finished(page, ingesting)
    assert page.error[0].value.replace("\\", "").startswith("There is no folder /nowhere/at/all.")


def test_a_folder_that_looks_like_an_option_is_a_folder(ingesting: AppContext) -> None:
    ingesting.ingestion.start("--", "--prune")
    wait_for(lambda: not ingesting.ingestion.running, 60)
    assert "There is no folder" in ingesting.ingestion.failure()


def test_two_starts_are_one_ingest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Process:
        pid, returncode = os.getpid(), None

        def poll(self) -> None:
            return None

        def wait(self) -> int:
            return 0

    def popen(*arguments: object, **options: object) -> Process:
        calls.append(arguments)
        return Process()

    monkeypatch.setattr("host.jobs.subprocess.Popen", popen)
    ingestion = ingest_job(tmp_path, PROJECT)
    for _ in range(3):
        ingestion.start("/photos")
    assert len(calls) == 1
    assert ingestion.running and ingestion.status() is None


def test_row_36_without_a_database_the_library_page_says_how_to_start_it(tmp_path: Path, specialists: Encoder) -> None:
    def nowhere() -> Address:
        raise Unreachable("Weaviate did not answer. Start it with: python -m server start.")

    page = open_page(library_script, parts_of(tmp_path, Connection(nowhere, lambda: specialists)))
    assert not page.exception
    assert "python -m server start" in page.error[0].value.replace("\\", "")


def test_the_status_file_may_be_half_written(own: AppContext) -> None:
    (own.home / "ingest.json").write_text(json.dumps({"pid": 1})[:-2])
    assert not open_page(library_script, own).exception
    assert open_pictures  # the library itself is not touched by it
