"""python run.py: from nothing to an app that answers, and everything stopped again."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from schema.client import Address
from schema.collection import Pictures
from server.local_server import LocalServer
from settings import PROJECT
from tests.app.conftest import free_port, wait_for
from tests.conftest import plan

READY = re.compile(r"Loupe is ready: (http://127\.0\.0\.1:(\d+))  \(ctrl-C stops it\)")


@pytest.fixture
def alone(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with a home of its own and a Weaviate of its own."""
    kept = {name: value for name, value in environment.items() if not name.startswith("WEAVIATE_")}
    return kept | {"LOUPE_HOME": str(tmp_path / "home"), "LOUPE_WEAVIATE_PORT": str(free_port())}


@contextlib.contextmanager
def running(environment: dict[str, str], output: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "run.py", *arguments], cwd=PROJECT, env=environment, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def processes_of(home: str) -> list[str]:
    """Everything that runs on this home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and home in str(process.environ()):
                found.append(" ".join(process.cmdline()))
    return found


def test_from_nothing_to_the_samples_and_back_to_nothing(alone: dict[str, str], tmp_path: Path) -> None:
    """The port that is asked for is taken, so it is another one; ctrl-C ends the app, the server and every child."""
    output = tmp_path / "output"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(alone, output, "--port", str(port)) as process:
            wait_for(lambda: READY.search(output.read_text()) or process.poll() is not None, 150)
            found = READY.search(output.read_text())
            assert found, output.read_text()
            assert int(found[2]) != port
            answer = httpx.get(f"{found[1]}/api/search?q=a+castle&limit=1", trust_env=False).json()
            assert answer["total"] == 100
            assert httpx.get(found[1] + answer["hits"][0]["thumbnail"], trust_env=False).is_success
            assert httpx.get(f"{found[1]}/originals/{answer['hits'][0]['uuid']}", trust_env=False).is_success
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert "Loupe is stopped." in output.read_text()
    assert processes_of(alone["LOUPE_HOME"]) == []


def test_it_leaves_a_server_running_that_was_running_before(alone: dict[str, str], tmp_path: Path) -> None:
    """A person who started it by `python -m server start` wants it to stay."""
    server = LocalServer(plan(Path(alone["LOUPE_HOME"]), cache=Path(alone["LOUPE_CACHE"])))
    server.start()
    try:
        with running(alone, tmp_path / "output") as process:
            wait_for(lambda: "The library is empty" in (tmp_path / "output").read_text(), 60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert server.running() is not None
    finally:
        server.stop()


@pytest.mark.parametrize("ignored", [False, True], ids=["terminal", "nohup"])
def test_a_closed_terminal_leaves_nothing_behind(alone: dict[str, str], tmp_path: Path, ignored: bool) -> None:
    output = tmp_path / "output"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with running(alone, output) as process:
            signal.signal(signal.SIGHUP, before)
            wait_for(lambda: "The library is empty" in output.read_text(), 60)
            process.send_signal(signal.SIGHUP)
            if ignored:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(2)
                process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert processes_of(alone["LOUPE_HOME"]) == []


def test_a_home_that_is_not_there_is_made_for_its_owner_only(
    environment: dict[str, str], address: Address, samples: Pictures, tmp_path: Path
) -> None:
    """With WEAVIATE_URL nobody else makes it before the app's log is opened."""
    home, output = tmp_path / "fresh" / "home", tmp_path / "output"
    own = {"LOUPE_HOME": str(home), "WEAVIATE_URL": address.url, "WEAVIATE_API_KEY": address.api_key}
    own |= {"WEAVIATE_GRPC_HOST": address.grpc_host, "WEAVIATE_GRPC_PORT": str(address.grpc_port)}
    with running(environment | own, output) as process:
        wait_for((home / "app.log").exists, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, output.read_text()
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("settings", "arguments", "code", "words"),
    [
        (
            {"WEAVIATE_URL": "http://127.0.0.1:1", "WEAVIATE_GRPC_PORT": "1"},
            [],
            3,
            "Weaviate did not answer at http://127.0.0.1:1 ",
        ),
        ({"LOUPE_DEVICE": "abacus"}, [], 2, "LOUPE_DEVICE"),
        ({}, ["--port", "eighty"], 2, "a port is a number"),
        ({"PORT": "99999"}, [], 2, "a port is a number"),
    ],
)
def test_what_it_cannot_do_is_a_sentence(
    alone: dict[str, str], settings: dict[str, str], arguments: list[str], code: int, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=PROJECT,
        env=alone | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
