"""Row 59: proxies in the environment are for other servers. Each spelling names an address where nobody answers."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import weaviate

import run
from schema.client import Address, ask_both, connect
from settings import PROJECT
from tests.app.conftest import app_process, wait_for
from tests.conftest import copy_samples
from tests.search.colour_library import Library

NAMES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
SPELLINGS = (*NAMES, *map(str.upper, NAMES))


@pytest.fixture
def dead_proxy() -> Iterator[str]:
    """Takes connections and says nothing: a proxy that hangs is worse than one that refuses."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_row_59_no_spelling_of_a_proxy_is_used_for_weaviate(
    name: str, dead_proxy: str, library: Library, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in (*SPELLINGS, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, dead_proxy)
    assert ask_both(address, 2) == ""
    with connect(address) as client:
        assert client.collections.use(library.pictures.name).aggregate.over_all(total_count=True).total_count == 60


def test_row_59_every_command_works_with_a_dead_proxy_in_the_environment(
    dead_proxy: str,
    environment: dict[str, str],
    empty: weaviate.WeaviateClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commands, the app, and how run.py looks after it. Each would wait a minute or more for the proxy."""
    proxied = environment | dict.fromkeys(SPELLINGS, dead_proxy)
    copy_samples(tmp_path / "photos", 3)

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=PROJECT, env=proxied, capture_output=True, text=True, timeout=50
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(command("server", "status", "--json"))["running"]
    assert json.loads(command("ingest", str(tmp_path / "photos"), "--json"))["added"] == 3
    assert json.loads(command("search", "a cat", "--json"))["total"] == 3
    with app_process(proxied, tmp_path / "app.log") as url:
        for name in SPELLINGS:
            monkeypatch.setenv(name, dead_proxy)
        wait_for(lambda: run._health(url)[0] == "ok", 60)
        assert httpx.get(f"{url}/api/search?q=cat", trust_env=False, timeout=30).json()["total"] == 3
