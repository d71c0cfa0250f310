"""Row 58: a Weaviate that is stopped (SIGSTOP) takes connections and never answers. Questions give up with a sentence;
what needs no database goes on; after SIGCONT all is well without a restart."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from anyio import to_thread
from PIL import Image
from starlette.applications import Starlette

import assembly
from api import albums as albums_api
from api import files, map_points
from api import search as api
from api import selections as selection_files
from api.connection import Connection
from api.context import AppContext
from errors import SchemaError, SearchError, Unreachable
from schema.client import Address, connect
from schema.collection import StorageOptions, ensure_pictures
from schema.patience import QUESTION_S
from search.query import Query, Term
from server.local_server import HOST, LocalServer
from settings import PROJECT
from tests.app.conftest import open_page, parts_of, search_script, texts, wait_for
from tests.colours import ColourEncoder
from tests.conftest import plan
from tests.ingest.paint import paint_many
from tests.ingest.shell import Shell
from tests.search.colour_library import fill

MARGIN_S = 5.0
"""Sixty answers at once take a busy machine seconds of their own."""
RED = Query((Term(text="red"),))


@dataclass(frozen=True)
class Own:
    """A server of these tests' own, with a library."""

    server: LocalServer
    address: Address

    def send(self, number: int) -> None:
        running = self.server.running()
        assert running is not None
        os.kill(running.process.pid, number)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    server = LocalServer(plan(tmp_path_factory.mktemp("own")))
    running = server.start()
    own = Own(server, assembly.local_address(server, running))
    with connect(own.address) as client:
        encoder = ColourEncoder()
        fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder)
    yield own
    own.send(signal.SIGCONT)
    server.stop()


def connection_to(own: Own, timeout_s: float = QUESTION_S) -> Connection:
    connection = Connection(lambda: own.address, ColourEncoder, timeout_s=timeout_s)
    connection.encoder()
    return connection


@contextlib.contextmanager
def served(context: AppContext) -> Iterator[str]:
    """The app's routes behind a real server: one event loop, and few threads for what needs no database."""

    @contextlib.asynccontextmanager
    async def few_threads(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = 5
        yield

    modules = (api, albums_api, files, map_points, selection_files)
    app = Starlette(routes=[route for module in modules for route in module.routes(context)], lifespan=few_threads)
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_for(lambda: server.started, 10)
            yield f"http://{HOST}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def test_row_58_sixty_questions_hang_and_nothing_else_does(own: Own, tmp_path: Path) -> None:
    """More questions at once than there are threads for them, of every kind that asks Weaviate."""
    connection = connection_to(own)
    parts = parts_of(tmp_path, connection)
    sha256 = "ab" * 32
    parts.thumbnails.write(sha256, Image.new("RGB", (400, 300), "red"))
    hits = connection.searcher().search(RED).hits
    asked = [
        "/api/search?q=red",
        "/api/search?filter=year=2024",
        "/api/albums",
        f"/originals/{hits[0].uuid}",
        parts.selections.hand_in(hits)("json"),
        parts.selections.hand_in(hits)("zip"),
    ]
    with served(parts) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as http:

        def p95() -> float:
            def thumbnail() -> None:
                assert http.get(f"/app/static/thumbs/{sha256}").status_code == 200

            took = [seconds(thumbnail) for _ in range(60)]
            assert max(took) < 3, "a single one that waits for the questions is hidden in no quantile"
            return float(np.quantile(took, 0.95))

        def ask(path: str) -> tuple[httpx.Response, float]:
            started = time.monotonic()
            answer = http.get(path)
            return answer, time.monotonic() - started

        assert http.get("/healthz").status_code == 200
        before = p95()
        with own.stopped(), ThreadPoolExecutor(60) as people:
            answers = [people.submit(ask, path) for path in asked * 10]
            time.sleep(2)
            assert not any(answer.done() for answer in answers)
            assert p95() < 3 * before + 0.1, "thumbnails are as fast as ever"
            for path, status in (("/healthz", 503), ("/api", 200), ("/app/static/thumbs/none", 404)):
                answer, took = ask(path)
                assert (answer.status_code, took < 2) == (status, True), path
            assert own.address.url in ask("/healthz")[0].json()["error"]
            for answer, took in [one.result() for one in answers]:
                assert answer.status_code == 503
                assert "Weaviate did not answer within 10 s (LOUPE_QUESTION_TIMEOUT_S)" in answer.text
                assert "python -m server" in answer.text
                assert took < QUESTION_S + MARGIN_S
        assert wait_for(lambda: all(http.get(path).status_code != 503 for path in ("/healthz", *asked)), 5) < 5
    connection.close()


def test_row_58_a_page_gives_up_with_the_sentence_and_comes_back(own: Own, tmp_path: Path) -> None:
    """Twenty sessions at once: none waits for the others."""
    connection = connection_to(own, 2)
    parts = parts_of(tmp_path, connection)
    open_page(search_script, parts, q="red")
    with own.stopped(), ThreadPoolExecutor(20) as people:
        pages = [people.submit(open_page, search_script, parts, q="red") for _ in range(20)]
        took = seconds(lambda: [page.result() for page in pages])
        assert all("Weaviate did not answer within 2 s" in texts(page.result()) for page in pages)
        assert took < 20, "one after the other they would take 40 s"
    wait_for(lambda: "did not answer" not in texts(pages[0].result().run()), 10)
    assert any((button.key or "").startswith("open-") for button in pages[0].result().button)
    connection.close()


def test_row_58_stopped_between_two_calls_the_question_ends_in_time(own: Own) -> None:
    """A searcher that a page holds, its library known or not: no call of it waits longer than the question may."""
    connection = connection_to(own, 2)
    searcher = connection.searcher()
    asks: list[Callable[[], object]] = [
        lambda: searcher.search(RED),
        lambda: connection.searcher(),
        searcher.count,
        searcher.facets,
        lambda: searcher.spread(3),
        lambda: connection.documents("Albums").list(),
    ]
    with own.stopped():
        for ask in asks:
            started = time.monotonic()
            with pytest.raises(Unreachable, match=r"within 2 s|no answer within"):
                ask()
            assert time.monotonic() - started < 3
            time.sleep(1.1)  # what failed a moment ago is told at once
    wait_for(lambda: not failed(lambda: connection.searcher().search(RED)), 5)
    connection.close()


def failed(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (SchemaError, SearchError):
        return True
    return False


def test_row_58_a_connection_that_is_made_while_it_is_stopped(own: Own) -> None:
    """TCP connects to a stopped server."""
    connection = connection_to(own)
    with own.stopped():
        started = time.monotonic()
        with pytest.raises(
            Unreachable, match=f"did not answer at {own.address.url} .gRPC port {own.address.grpc_port}"
        ):
            connection.searcher()
        assert time.monotonic() - started < QUESTION_S + MARGIN_S
    wait_for(lambda: not failed(lambda: connection.searcher().search(RED)), 5)
    connection.close()


def test_health_names_the_half_that_is_silent(own: Own, tmp_path: Path) -> None:
    """HTTP answers and gRPC hangs: questions would fail, so the app is not well."""
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen(16)
        connection = connection_to(own)
        with served(parts_of(tmp_path, connection)) as url, httpx.Client(base_url=url, trust_env=False) as http:
            assert http.get("/healthz").status_code == 200
            connection._address = replace(own.address, grpc_port=silent.getsockname()[1])
            started = time.monotonic()
            answer = http.get("/healthz")
            assert time.monotonic() - started < 2
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert f"but not at {HOST}, gRPC port {silent.getsockname()[1]}" in answer.json()["error"]
    connection.close()


@pytest.mark.parametrize("half", ["both", "gRPC", "HTTP"])
def test_the_command_gives_up_in_one_sentence(own: Own, tmp_path: Path, half: str) -> None:
    """`python -m search` while the whole server is stopped, or one of its ports takes connections and says nothing."""
    with socket.socket() as silent, own.stopped() if half == "both" else contextlib.nullcontext():
        silent.bind((HOST, 0))
        silent.listen(16)
        port = silent.getsockname()[1]
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
            "LOUPE_HOME": str(tmp_path),
            "WEAVIATE_URL": f"http://{HOST}:{port if half == 'HTTP' else own.address.http_port}",
            "WEAVIATE_API_KEY": own.address.api_key,
            "WEAVIATE_GRPC_PORT": str(port if half == "gRPC" else own.address.grpc_port),
        }
        command = [sys.executable, "-m", "search", "red"]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    [sentence] = done.stderr.splitlines()
    assert environment["WEAVIATE_URL"] in sentence
    assert f"gRPC port {environment['WEAVIATE_GRPC_PORT']}" in sentence
    assert sentence.endswith("Restart it, or correct WEAVIATE_URL, WEAVIATE_GRPC_HOST and WEAVIATE_GRPC_PORT.")


def test_an_ingest_waits_for_a_stopped_server_and_goes_on(tmp_path: Path) -> None:
    """Stopped for twelve seconds in the middle: all is stored; stopped for longer than it waits: exit 3."""
    shell = Shell(tmp_path / "home")
    folder = tmp_path / "photos"
    paths = paint_many(folder, 40)
    own = Own(shell.server, assembly.local_address(shell.server, shell.server.start()))
    try:
        process = shell.start(folder, COLOUR_DELAY_S="0.03")
        wait_for(lambda: shell.encoded() >= 8, 60)
        with own.stopped():
            time.sleep(12)
            assert process.poll() is None
        output, said = process.communicate(timeout=60)
        assert (process.returncode, json.loads(output)["added"]) == (0, len(paths)), said
        assert "waiting for it" in said
        paint_many(tmp_path / "more", 80)
        process = shell.start(tmp_path / "more", COLOUR_DELAY_S="0.03", LOUPE_WEAVIATE_WAIT_S="6")
        before = shell.encoded()
        wait_for(lambda: shell.encoded() > before, 60)
        with own.stopped():
            output, said = process.communicate(timeout=40)
        assert process.returncode == 3, said
        assert "python -m server" in said
    finally:
        own.send(signal.SIGCONT)
        shell.server.stop()
