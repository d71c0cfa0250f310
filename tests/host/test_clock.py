"""Row 60: the clock is set by an hour, or stands still, while Loupe works: nobody is taken for dead."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from host.jobs import StatusFile, only_one
from host.processes import ProcessIdentity
from layout.store import LayoutStore
from server.local_server import LocalServer
from settings import PROJECT
from tests.conftest import plan
from tests.ingest.paint import paint_many
from tests.ingest.shell import Shell, paused, wait_for

HOUR = 3600


def after_a_step(seconds: int, code: str) -> str:
    """What a command prints that is started once the clock was set by so much."""
    command = [sys.executable, "-m", "tests.stepped_clock", str(seconds), code]
    return subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "home")
    yield shell
    shell.server.stop()


def test_row_60_a_command_that_comes_and_goes_leaves_the_server_to_a_running_ingest(own: Shell, tmp_path: Path) -> None:
    """The ingest has started the server, so the last user stops it. Other commands find the ingest running."""
    paths = paint_many(tmp_path / "photos", 20)
    visit = (
        "from pathlib import Path; from host.jobs import StatusFile; from server.local_server import LocalServer\n"
        "from tests.conftest import plan\n"
        f"home = Path({str(own.home)!r}); server = LocalServer(plan(home))\n"
        "with server.in_use(): pass\n"
        "print(StatusFile(home).read().running, server.running() is not None)"
    )
    with own.start(tmp_path / "photos", COLOUR_DELAY_S="0.1") as ingest:
        wait_for(lambda: own.encoded() > 0)
        with paused(ingest):
            first = own.server.running()
            said = [after_a_step(seconds, visit) for seconds in (HOUR, -HOUR)]
            assert (said, own.server.running()) == (["True True\n"] * 2, first)
        output, said = ingest.communicate(timeout=120)
    assert (ingest.returncode, json.loads(output)["added"]) == (0, len(paths)), said
    assert "waiting for it" not in said
    assert own.server.running() is None, "and it is the last one to leave"


@pytest.mark.parametrize("seconds", [HOUR, -HOUR, 2])
def test_row_60_who_is_at_work_is_known_as_before(tmp_path: Path, seconds: int) -> None:
    """The ingest's and the Map's file, and an identity as such. Who ended is still known as ended."""
    ended = subprocess.Popen(["sleep", "60"])
    gone = ProcessIdentity.of(ended.pid)
    ended.kill()
    ended.wait()
    look = (
        "from pathlib import Path; from layout.store import LayoutStore; from host.jobs import StatusFile\n"
        "from host.processes import ProcessIdentity\n"
        f"home = Path({str(tmp_path)!r}); layout = LayoutStore(home).status('image').read()\n"
        "print(StatusFile(home).read().running, layout.running,"
        f" {ProcessIdentity.of_this_process()!r}.alive, {gone!r}.alive)"
    )
    with only_one(tmp_path, "Pictures", tmp_path), LayoutStore(tmp_path).only_one("image"):
        assert after_a_step(seconds, look) == "True True True False\n"


def test_row_60_a_process_that_sees_the_clock_set_counts_itself_once(tmp_path: Path) -> None:
    """The app joins again after the step, and then leaves: it is no user any more, and nobody keeps the server."""
    home = tmp_path / "home"
    code = (
        "from pathlib import Path; from server.local_server import LocalServer; from tests.conftest import plan\n"
        f"server = LocalServer(plan(Path({str(home)!r})))\n"
        "boot = system.boot_time\n"
        "server.join(); system.boot_time = lambda: boot() + 3600\n"
        "print(len(server.join().users)); server.leave(); print(server.running())"
    )
    assert after_a_step(0, code) == "1\nNone\n"


def test_row_60_a_suspended_process_lives(tmp_path: Path) -> None:
    """Its user closed the lid, or pressed ctrl-Z: it comes back, and wants its server."""
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = ProcessIdentity.of(child.pid)
        child.send_signal(signal.SIGSTOP)
        wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
        assert identity.alive
        child.kill()


def test_what_an_older_loupe_wrote_is_read(tmp_path: Path) -> None:
    """It knew a process by its creation time alone."""
    this = ProcessIdentity.of_this_process()
    written = {"pid": this.pid, "created": this.created}
    server = {"process": written, "version": "1.35.2", "http_port": 1, "grpc_port": 2, "kept": True, "users": [written]}
    (tmp_path / "server.json").write_text(json.dumps(server | {"wishes": [1, 2]}))
    (tmp_path / "ingest.json").write_text(json.dumps(written | {"folder": "/photos", "started_at": 1.0}))
    running = LocalServer(plan(tmp_path)).running()
    assert running is not None and [user.pid for user in running.users] == [os.getpid()]
    status = StatusFile(tmp_path).read()
    assert status is not None and status.running
