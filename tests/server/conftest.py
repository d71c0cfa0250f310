"""A server of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.local_server import LocalServer
from tests.conftest import plan


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalServer]:
    server = LocalServer(plan(tmp_path / "home"))
    yield server
    server.stop()
