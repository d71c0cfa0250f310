"""A real server is started, shared, killed and found again. Each test has a home of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from errors import ServerError
from host.folders import own_lock
from server.environment import free_ports
from server.local_server import LocalServer
from tests.conftest import SETTINGS, plan
from tests.schema.kills import kill


def processes_of(home: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "weaviate-server" and process.environ().get("PERSISTENCE_DATA_PATH") == str(
                home / "weaviate"
            ):
                found.append(process.pid)
        except psutil.Error:
            pass
    return found


def command(home: Path, *arguments: str, package: str = "server", **extra: str) -> "subprocess.Popen[str]":
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"LOUPE_HOME": str(home), "LOUPE_CACHE": str(SETTINGS.loupe_cache)} | extra
    return subprocess.Popen(
        [sys.executable, "-m", package, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_start_finds_the_first(own: LocalServer) -> None:
    """Starting is idempotent: the same process, the same ports, one server."""
    first, second = own.start(), own.start()
    assert first == second
    assert processes_of(own.home) == [first.process.pid]


def test_row_45_two_processes_that_start_at_once_get_one_server(own: LocalServer) -> None:
    """Row 45: one data folder, one server; the second attaches."""
    starters = [command(own.home, "start") for _ in range(2)]
    outputs = [starter.communicate(timeout=90) for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert len(processes_of(own.home)) == 1


def test_row_45_whoever_starts_waits_for_whoever_starts(own: LocalServer) -> None:
    """Row 45, without chance: while one holds the turn nobody starts, joins, leaves, looks or stops; afterwards each
    does, and there is one server."""
    own.home.mkdir(parents=True)
    done: list[str] = []
    threads = [
        threading.Thread(target=lambda name=name: (getattr(LocalServer(own.plan), name)(), done.append(name)))  # type: ignore[misc]
        for name in ("start", "join", "leave", "running", "stop")
    ]
    with own_lock(own.home / "server.lock"):
        for thread in threads:
            thread.start()
        time.sleep(1)
        assert done == [] and processes_of(own.home) == []
    for thread in threads:
        thread.join(60)
    assert sorted(done) == ["join", "leave", "running", "start", "stop"]
    own.start()
    assert len(processes_of(own.home)) == 1


def test_row_45_starts_in_the_same_moment_are_one_start(own: LocalServer) -> None:
    """Row 45: each finds no server when it looks, so without turns each would start one on the same files."""
    together = threading.Barrier(3)

    def start() -> int:
        server = LocalServer(own.plan)
        together.wait()
        return server.start().process.pid

    with ThreadPoolExecutor(3) as pool:
        pids = [future.result() for future in [pool.submit(start) for _ in range(3)]]
    assert processes_of(own.home) == [pids[0]] and len(set(pids)) == 1


class Everything(BaseHTTPRequestHandler):
    """A program that answers every address with a page, as servers of web apps do."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stranger(port: int = 0) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", port), Everything) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_row_45_a_port_that_is_taken_in_the_last_moment_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was free whenever it was looked for. Who answers there is not taken for our server; that one ends, and is
    started on others."""
    with stranger() as port:
        asked = []

        @contextmanager
        def ports(wishes: list[int], pairs: tuple[int, ...]) -> Iterator[list[int]]:
            asked.append(wishes[0])
            with free_ports(wishes, pairs) as found:
                yield [port, *found[1:]] if wishes[0] == port else found

        monkeypatch.setattr("server.local_server.free_ports", ports)
        own = LocalServer(plan(tmp_path / "home", http_port=port))
        try:
            running = own.start()
            assert running.http_port != port and asked == [port, 0]
            assert processes_of(own.home) == [running.process.pid]
        finally:
            own.stop()


def test_row_45_another_program_on_the_recorded_ports_is_not_taken_for_the_server(own: LocalServer) -> None:
    """The server was killed, and a program that answers everything has its port by now."""
    first = own.start()
    kill(own)
    with stranger(first.http_port):
        assert own.running() is None
        second = own.start()
        assert second.http_port != first.http_port and second.grpc_port == first.grpc_port
        assert own.running() == second


def test_row_45_a_taken_port_is_answered_with_another_one_which_is_recorded(tmp_path: Path) -> None:
    """Row 45: the wished port is busy by another program; the server takes a free one, and a later start finds it
    there."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        server = LocalServer(plan(tmp_path / "home", http_port=port))
        try:
            running = server.start()
            assert running.http_port != port
            assert LocalServer(plan(tmp_path / "home", http_port=port)).running() == running
        finally:
            server.stop()


def test_a_state_left_by_kill_9_heals_itself_and_keeps_the_ports(own: LocalServer) -> None:
    """After kill -9 the next start is a new process on the ports that were recorded, so that waiting clients find
    it."""
    first = own.start()
    kill(own)
    assert own.running() is None
    second = own.start()
    assert second.process.pid != first.process.pid
    assert (second.http_port, second.grpc_port) == (first.http_port, first.grpc_port)


def test_a_pid_that_another_process_has_after_a_reboot_is_not_taken_for_the_server(own: LocalServer) -> None:
    """The state names a living process (this one) with another creation time: no server runs."""
    own.home.mkdir(parents=True)
    state = {"pid": os.getpid(), "created": 1.0}
    data = {"process": state, "version": "1.0.0", "http_port": 1, "grpc_port": 2, "kept": True, "users": []}
    (own.home / "server.json").write_text(json.dumps(data))
    assert own.running() is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"process": 1}', '{"users": [], "process": {"pid": 1, "created": 1}}']
)
def test_a_damaged_state_file_is_no_state(own: LocalServer, content: str) -> None:
    own.home.mkdir(parents=True)
    (own.home / "server.json").write_text(content)
    assert own.running() is None


def test_a_server_whose_state_was_lost_is_found_again(own: LocalServer) -> None:
    """No orphans: the state file is gone, the server is known by its data folder, and can be stopped."""
    running = own.start()
    (own.home / "server.json").unlink()
    found = own.running()
    assert found is not None
    assert (found.process, found.http_port, found.grpc_port) == (running.process, running.http_port, running.grpc_port)
    assert found.kept, "who asked for it is not known any more: it is stopped by command only"
    assert own.stop()
    assert processes_of(own.home) == []


def test_the_last_user_stops_a_server_that_nobody_asked_to_keep(own: LocalServer) -> None:
    """Two processes use it; it lives until the second leaves. The other user here is this test's child."""
    with own.in_use() as running:
        script = (
            "import sys; from pathlib import Path; from tests.conftest import plan\n"
            "from server.local_server import LocalServer\n"
            "with LocalServer(plan(Path(sys.argv[1]))).in_use(): print('in', flush=True); sys.stdin.read()"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(own.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None and child.stdin is not None
        assert child.stdout.readline() == "in\n"
    assert own.running() is not None, "the child still uses it"
    child.stdin.close()
    assert child.wait(60) == 0
    child.stdout.close()
    assert own.running() is None
    assert not running.process.alive


def test_a_user_that_was_killed_keeps_nothing_alive(own: LocalServer) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.conftest import plan\n"
        "from server.local_server import LocalServer\n"
        "LocalServer(plan(Path(sys.argv[1]))).join(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(own.home)], check=False)
    assert own.running() is not None
    with own.in_use():
        pass
    assert own.running() is None


def test_a_server_started_by_command_stays_when_its_users_leave(own: LocalServer) -> None:
    own.start()
    with own.in_use():
        pass
    assert own.running() is not None


def test_the_key_is_random_and_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 0600, one key for good in one home, another in another."""
    first, other = LocalServer(plan(tmp_path / "a")), LocalServer(plan(tmp_path / "b"))
    key = first.api_key()
    assert first.api_key() == key != other.api_key()
    assert len(key) >= 32
    assert (tmp_path / "a" / "api_key").stat().st_mode & 0o777 == 0o600


def test_a_server_that_will_not_start_says_why(tmp_path: Path) -> None:
    """The data folder cannot be made: the sentence names the log, and holds the server's last words."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "weaviate").write_text("a file where the data folder should be")
    with pytest.raises(ServerError, match=r"ended while starting.*weaviate\.log"):
        LocalServer(plan(home)).start()


def test_ready_within_ten_seconds(own: LocalServer) -> None:
    """WEAVIATE.md: 2-3 s. Ten leave room for a busy machine; 60 s would mean the fast raft timeouts are not in
    force."""
    started = time.monotonic()
    own.start()
    assert time.monotonic() - started < 10


def test_a_server_that_was_to_stay_is_still_to_stay_after_a_crash(own: LocalServer) -> None:
    """Started by command, killed, started again by a user that leaves: it stays. After `stop` a user's server ends
    with it."""
    own.start()
    kill(own)
    with own.in_use():
        pass
    assert own.running() is not None
    own.stop()
    with own.in_use():
        pass
    assert own.running() is None


def test_a_server_that_is_deaf_to_the_polite_signal_is_killed(
    own: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It hangs (here: it is stopped), so SIGTERM does nothing."""
    monkeypatch.setattr("server.local_server.STOP_TIMEOUT_S", 1)
    running = own.start()
    os.kill(running.process.pid, signal.SIGSTOP)
    assert own.stop()
    assert not running.process.alive and processes_of(own.home) == []
    assert "did not end within 1 s; killed" in caplog.text


def test_a_server_that_cannot_be_killed_is_not_called_stopped(
    own: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a disk that hangs: it is still recorded, so none is started beside it on the same data."""
    running = own.start()
    os.kill(running.process.pid, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr("server.local_server.STOP_TIMEOUT_S", 0.5)
        patch.setattr("server.local_server.KILL_TIMEOUT_S", 0.5, raising=False)
        patch.setattr(psutil.Process, "kill", lambda self: None)
        with pytest.raises(ServerError, match=rf"process {running.process.pid}\) cannot be ended"):
            own.stop()
        assert own.start().process == running.process
    assert processes_of(own.home) == [running.process.pid]
    os.kill(running.process.pid, signal.SIGCONT)  # so that it ends now when it is asked to


def test_it_runs_in_a_session_of_its_own_and_its_log_does_not_grow_for_good(own: LocalServer) -> None:
    """Ctrl-C in the shell does not reach it: the app stops it in order. A log of 10 MB is put aside once."""
    own.home.mkdir(parents=True)
    with own.log_file.open("wb") as log:
        log.truncate(10_000_001)
    running = own.start()
    assert os.getsid(running.process.pid) == running.process.pid
    assert (own.home / "weaviate.log.1").stat().st_size == 10_000_001
    assert own.log_file.stat().st_size < 1_000_000
