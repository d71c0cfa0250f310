"""`python -m server` from the shell."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from server.local_server import LocalServer
from tests.conftest import command
from tests.server.test_local_server import command as shell_command
from tests.server.test_local_server import processes_of


def test_stopping_and_status_from_the_shell(own: LocalServer) -> None:
    """`status` starts nothing, `stop` of nothing is no error, and the words say which it was."""
    state = command(own.home, "status", "--json")
    assert state.returncode == 3
    assert json.loads(state.stdout) == {
        "running": False,
        "reason": "Weaviate is not running. Start it with: python -m server start.",
    }
    old = shell_command(own.home, "stop", package="schema").communicate(timeout=60)
    assert old == ("Weaviate was not running.\n", "python -m schema is called python -m server now.\n")
    own.start()
    facts = json.loads(command(own.home, "status", "--json").stdout)
    assert facts["running"] and facts["collections"] == [] and facts["version"] == own.plan.version
    text = command(own.home, "status").stdout
    assert "There is no library yet. Make one with: python -m ingest FOLDER" in text
    assert command(own.home, "stop").stdout == "Weaviate is stopped.\n"
    assert processes_of(own.home) == []


def test_ctrl_d_at_a_question_is_a_no(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "reset"],
        env=environment | {"LOUPE_HOME": str(tmp_path / "home")},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"\x04")
    _, said = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, said.splitlines()[-1]) == (2, "Nothing was removed.")
