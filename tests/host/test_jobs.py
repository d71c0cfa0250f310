"""The process that computes a layout, seen from the app."""

from pathlib import Path

import pytest

from api.context import layout_jobs
from host.jobs import Job
from layout.store import LayoutStore
from tests.app.conftest import wait_for


@pytest.fixture
def job(tmp_path: Path) -> Job:
    home = tmp_path / "home"
    return layout_jobs(LayoutStore(home / "layouts"), home, tmp_path)["image"]


def test_a_layout_process_that_was_killed_is_said_in_words(job: Job, tmp_path: Path) -> None:
    """A real process that ends itself as the kernel ends one when memory is short: no word, no exit code of its own."""
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout" / "__main__.py").write_text("import os; os.kill(os.getpid(), 9)")
    assert job.start(version="one")
    wait_for(lambda: not job.running, 60)
    assert job.failure("one").startswith("The layout ended early (killed, or out of memory), with exit code -9.")
    assert not job.failure("two") and not job.start(version="one"), "it is begun once for a version"


def test_a_layout_whose_log_cannot_be_written_is_tried_again_and_says_so_again(job: Job, tmp_path: Path) -> None:
    (tmp_path / "home" / "layout-image.log").mkdir(parents=True)
    for _ in range(2):
        assert not job.start(version="one") and "layout-image.log" in job.failure("one")
        job.try_again()
        assert not job.failure("one")


def test_a_status_file_of_another_version_is_ignored(tmp_path: Path) -> None:
    """A layout's of before jobs had one form is read; what has unknown fields is as if it were not there."""
    store = LayoutStore(tmp_path)
    file = tmp_path / "image.json"
    file.write_text(
        '{"pid": 1, "created": 2.0, "stage": "UMAP", "share": 1.0, "error": "", "done": true, "began": "3"}'
    )
    status = store.status("image").read()
    assert status is not None and (status.stage, status.running) == ("UMAP", False)
    file.write_text('{"pid": 1, "created": 2.0, "unknown": 4}')
    assert store.status("image").read() is None
