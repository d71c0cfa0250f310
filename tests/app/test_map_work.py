"""The process that computes a layout, seen from the app."""

from pathlib import Path

import pytest

from api.map_work import KILLED, MapWork
from errors import FolderError
from tests.app.conftest import wait_for


def test_a_layout_process_that_was_killed_is_said_in_words(tmp_path: Path) -> None:
    """A real process that ends itself as the kernel ends one when memory is short: no word, no exit code of its own."""
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "__main__.py").write_text("import os; os.kill(os.getpid(), 9)")
    maps = MapWork(tmp_path / "home", tmp_path)
    assert maps.start("image", "one")
    wait_for(lambda: not maps.running("image"), 60)
    assert maps.failure("image", "one") == KILLED and "killed" in KILLED


def test_a_layout_whose_log_cannot_be_written_is_tried_again_and_says_so_again(tmp_path: Path) -> None:
    maps = MapWork(tmp_path / "home", tmp_path)
    (tmp_path / "home" / "layout-image.log").mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(FolderError, match=r"layout-image\.log"):
            maps.start("image", "one")
