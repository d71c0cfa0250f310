"""How the server's binary is obtained, also in a new environment, where most packages are not installed yet."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from errors import ServerError
from server.binary import binary_path, obtain_binary
from settings import PROJECT
from tests.conftest import SETTINGS

INSTALLED = {"filelock", "platformdirs", "pydantic", "pydantic_core", "pydantic_settings", "dotenv"}
ALONE = f"""
import importlib.abc, runpy, site, sys
from importlib.metadata import packages_distributions

LATER = set(packages_distributions()) - {INSTALLED | {"annotated_types", "typing_extensions", "typing_inspection"}!r}

class NotYet(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LATER:
            raise ModuleNotFoundError(f"{{name}} is not installed yet")

sys.meta_path.insert(0, NotYet())
runpy.run_module("server.binary", run_name="__main__")
"""


def obtain(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ALONE]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_it_runs_beside_the_installation_of_the_packages(environment: dict[str, str]) -> None:
    """`make setup` builds Weaviate while the packages are installed: what it needs is in the Makefile's first step."""
    done = obtain(environment)
    assert (done.returncode, "Weaviate is here: " in done.stderr) == (0, True), done.stderr
    assert str(SETTINGS.loupe_cache) in done.stderr


def test_a_cache_that_cannot_be_used_is_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    done = obtain(environment | {"LOUPE_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "is a file where Loupe needs a folder" in done.stderr


def put_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A Go tool that does this."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")


def test_a_half_built_binary_never_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that fails leaves nothing under the binary's name; the sentence holds what the Go tool said."""
    put_go(tmp_path, monkeypatch, 'echo "half" > "$GOBIN/weaviate-server"\necho "no such version" >&2\nexit 1')
    with pytest.raises(ServerError, match="no such version"):
        obtain_binary(tmp_path / "cache", "9.9.9")
    assert not binary_path(tmp_path / "cache", "9.9.9").exists()
    assert list((tmp_path / "cache" / "weaviate" / "9.9.9").glob("building-*")) == []


def test_two_builds_at_once_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and builds nothing."""
    put_go(tmp_path, monkeypatch, 'echo run >> "$COUNT"\nsleep 0.5\necho binary > "$GOBIN/weaviate-server"')
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    threads = [threading.Thread(target=obtain_binary, args=(tmp_path / "cache", "9.9.9")) for _ in range(3)]
    for step in ("start", "join"):
        for thread in threads:
            getattr(thread, step)()
    assert (tmp_path / "count").read_text() == "run\n"
