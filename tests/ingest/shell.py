"""The ingest command as a process of its own, on one home, with the server of that home."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import weaviate

from ingest.ledger import Ledger
from schema.client import Address, connect
from schema.collection import delete_library, open_pictures
from server.local_server import HOST, LocalServer
from settings import PROJECT
from tests.conftest import SETTINGS, all_records, plan
from tests.ingest.colour_ingest import forked

BATCH = 4
STARTING = threading.Lock()


class Shell:
    """Runs the command on one home, with the server of that home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = LocalServer(plan(home))
        self.log = home / "encoded.log"
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment |= {
            "LOUPE_HOME": str(home),
            "LOUPE_CACHE": str(SETTINGS.loupe_cache),
            "LOUPE_BATCH_SIZE": str(BATCH),
            "COLOUR_LOG": str(self.log),
        }

    def start(self, folder: Path, *arguments: str, **extra: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.colour_ingest", str(folder), "--json", *arguments],
            env=self.environment | extra,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fork(self, arguments: list[str], output: Path, said: Path, **extra: str) -> BaseProcess:
        """As `start`, without the second that a new process needs to import everything."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.ingest.colour_ingest"])
        process = context.Process(target=forked, args=(arguments, self.environment | extra, output, said))
        # It would run the main module's file again, and the app's tests leave a page of Streamlit's as that module.
        with STARTING, patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            process.start()
        return process

    def run(self, *arguments: Path | str, **extra: str) -> tuple[int, dict[str, object], str]:
        """Exit code, report, messages."""
        with tempfile.TemporaryDirectory() as folder:
            output, said = Path(folder) / "output", Path(folder) / "said"
            process = self.fork([*map(str, arguments), "--json"], output, said, **extra)
            process.join(120)
            assert process.exitcode is not None, "it did not end"
            text = output.read_text()
            return process.exitcode, json.loads(text) if text else {}, said.read_text()

    def encoded(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def client(self) -> "closing[weaviate.WeaviateClient]":
        running = self.server.running()
        assert running is not None
        address = Address(HOST, running.http_port, HOST, running.grpc_port, api_key=self.server.api_key())
        return closing(connect(address))

    def stored_paths(self) -> list[str]:
        with self.client() as client:
            return sorted(p.path for r in all_records(Ledger(open_pictures(client), 10)) for p in r.places)

    def forget(self) -> None:
        """No library, and in the home what the server has there."""
        with self.client() as client:
            delete_library(client)
            assert client.collections.list_all() == {}
        for path in self.home.iterdir():
            if path.is_dir() and path != self.server.data:
                shutil.rmtree(path)
            elif path.is_file() and path.name not in ("api_key", "server.json", "server.lock", "weaviate.log"):
                path.unlink()


def wait_for(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def paused(process: "subprocess.Popen[str]") -> Iterator[None]:
    """It is at work for as long as that takes, however busy the machine is."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
