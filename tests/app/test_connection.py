"""One connection for the whole process, which finds its server again whatever happens to it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import weaviate

from api.connection import Connection
from encoder.protocol import Encoder
from errors import EncoderError, EncoderMismatch, NoLibrary, SchemaError, ServerError, Unreachable
from schema.client import Address, connect
from schema.collection import Pictures, StorageOptions, ensure_pictures, open_pictures, switch_alias
from search.query import Query, Term
from server.local_server import HOST, LocalServer
from settings import PROJECT
from tests.app.conftest import wait_for
from tests.colours import ColourEncoder
from tests.conftest import plan

RED = Query((Term(text="red"),))


def address_of(server: LocalServer) -> Address:
    """Where a server that runs listens; starts nothing, as with WEAVIATE_URL."""
    if (running := server.running()) is None:
        raise Unreachable("Weaviate did not answer at 127.0.0.1. Start it with: python -m server start.")
    return Address(HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key())


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server of the test's own, not started."""
    server = LocalServer(plan(tmp_path / "own"))
    yield server
    server.stop()


def kill(server: LocalServer) -> None:
    running = server.running()
    assert running is not None
    os.kill(running.process.pid, signal.SIGKILL)
    wait_for(lambda: not running.process.alive, 10)


def answers(connection: Connection) -> bool:
    try:
        connection.searcher()
    except Unreachable:
        return False
    except NoLibrary:
        pass
    return True


def test_the_encoder_is_loaded_once_for_every_thread(
    pictures: Pictures, address: Address, colours: ColourEncoder
) -> None:
    loads = []

    def load() -> Encoder:
        loads.append(1)
        time.sleep(0.2)
        return colours

    connection = Connection(lambda: address, load)
    connection.start()
    with ThreadPoolExecutor(8) as pool:
        searchers = list(pool.map(lambda _: connection.searcher(), range(8)))
    assert len(loads) == 1
    assert len(set(map(id, searchers))) == 1
    connection.close()


def test_no_library_is_known_without_waiting_for_the_encoder(empty: weaviate.WeaviateClient, address: Address) -> None:
    connection = Connection(lambda: address, lambda: time.sleep(60))  # type: ignore[arg-type,return-value]
    started = time.monotonic()
    with pytest.raises(NoLibrary):
        connection.searcher()
    assert time.monotonic() - started < 5
    connection.close()


def test_a_switched_alias_is_noticed(empty: weaviate.WeaviateClient, address: Address) -> None:
    """The next question goes to the new collection; where the encoder does not fit, the sentence says so."""
    one, two = ColourEncoder("1"), ColourEncoder("2")
    first = ensure_pictures(empty, one.identity, StorageOptions())
    second = ensure_pictures(empty, two.identity, StorageOptions(), new_collection=True)
    connection = Connection(lambda: address, lambda: one)
    assert connection.searcher().pictures.name == first.name
    switch_alias(empty, two.identity)
    with pytest.raises(EncoderMismatch, match=second.identity.id):
        connection.searcher()
    switch_alias(empty, one.identity)
    assert connection.searcher().pictures.name == first.name
    connection.close()


def test_a_library_made_meanwhile_is_noticed(
    empty: weaviate.WeaviateClient, address: Address, colours: ColourEncoder
) -> None:
    connection = Connection(lambda: address, lambda: colours)
    with pytest.raises(NoLibrary):
        connection.searcher()
    ensure_pictures(empty, colours.identity, StorageOptions())
    assert connection.searcher().count() == 0
    connection.close()


def test_row_36_it_recovers_within_ten_seconds_of_the_start(own_server: LocalServer, colours: ColourEncoder) -> None:
    """The database is not running when the app starts: a sentence with the command, and no restart afterwards."""
    connection = Connection(lambda: address_of(own_server), lambda: colours)
    connection.start()
    with pytest.raises(Unreachable, match="python -m server start"):
        connection.searcher()
    own_server.start()
    assert wait_for(lambda: answers(connection), 10) < 10
    connection.close()


def test_row_36_it_recovers_when_the_server_is_killed_and_started_again(
    own_server: LocalServer, colours: ColourEncoder
) -> None:
    own_server.start()
    connection = Connection(lambda: address_of(own_server), lambda: colours)
    assert answers(connection)
    kill(own_server)
    assert not answers(connection)
    own_server.start()
    assert wait_for(lambda: answers(connection), 10) < 10
    connection.close()


def test_a_server_that_is_killed_right_after_an_answer_is_noticed_at_once(
    own_server: LocalServer, colours: ColourEncoder
) -> None:
    """A connection that is refused is no server that hangs: the sentence is another, and nobody waits for it."""
    own_server.start()
    with connect(address_of(own_server)) as client:
        ensure_pictures(client, colours.identity, StorageOptions())
    connection = Connection(lambda: address_of(own_server), lambda: colours)
    searcher, albums = connection.searcher(), connection.documents("Albums")
    assert (searcher.search(RED).total, albums.list()) == (0, [])
    kill(own_server)
    for ask in (lambda: searcher.search(RED), searcher.count, albums.list):
        started = time.monotonic()
        with pytest.raises(
            Unreachable, match=r"^Weaviate did not answer (the question|what was asked of its Albums)\. Start it"
        ):
            ask()
        assert time.monotonic() - started < 2
        time.sleep(1.1)  # what failed a moment ago is told at once
    connection.close()


def test_a_killed_local_server_is_started_again_by_the_next_question(
    own_server: LocalServer, colours: ColourEncoder
) -> None:
    def join() -> Address:
        running = own_server.join()
        return Address(HOST, running.http_port, HOST, running.grpc_port, api_key=own_server.api_key())

    connection = Connection(join, lambda: colours, own_server.leave)
    assert answers(connection)
    kill(own_server)
    assert answers(connection)
    connection.close()
    assert own_server.running() is None


def test_what_was_frozen_for_good_is_let_go_at_the_end() -> None:
    """Else libraries that count what they own report leaks when the process ends, as triton's binding does."""
    code = """
from api.connection import Connection
from tests.colours import ColourEncoder

class Owned:
    def __init__(self): self.itself = self
    def __del__(self): print("let go")

owned = Owned()
connection = Connection(lambda: None, ColourEncoder)
connection._load()
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert run.stdout == "let go\n"


def test_a_failure_is_not_tried_again_by_everybody_at_once(colours: ColourEncoder) -> None:
    tries = []

    def fail() -> Address:
        tries.append(1)
        raise ServerError("Weaviate ended while starting")

    connection = Connection(fail, lambda: colours)
    for _ in range(20):
        with pytest.raises(ServerError):
            connection.searcher()
    assert len(tries) == 1
    connection.close()


def test_a_failure_is_logged_once_and_not_for_everybody_who_is_told(
    colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Silent:
        """A client whose server takes the question and never answers."""

        alias = property(lambda self: self)

        def get(self, **_: object) -> None:
            if not others:  # while the first waits, a second asks and fails
                others.append(threading.Thread(target=fails))
                others[0].start()
                others[0].join()
            raise httpx.ReadTimeout("late")

        def close(self) -> None:
            pass

    others: list[threading.Thread] = []

    def fails() -> None:
        with pytest.raises(Unreachable):
            connection.searcher()

    monkeypatch.setattr("api.connection.connect", lambda address: Silent())
    monkeypatch.setattr("schema.patience.TOLD_S", 60)
    connection = Connection(lambda: Address(HOST, 1, HOST, 2), lambda: colours)
    for _ in range(3):
        fails()
    assert [one.levelname for one in caplog.records if one.name == "api.connection"] == ["WARNING"]
    connection.close()


def test_after_close_nobody_joins_again(colours: ColourEncoder) -> None:
    """A request still under way must not start a server that nobody stops."""
    joins = []

    def join() -> Address:
        joins.append(1)
        raise Unreachable("Weaviate did not answer.")

    connection = Connection(join, lambda: colours)
    connection.close()
    with pytest.raises(SchemaError, match="is being stopped"):
        connection.searcher()
    assert not joins


def test_an_encoder_that_failed_is_loaded_again_but_not_by_everybody_at_once(
    pictures: Pictures, address: Address, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []

    def load() -> Encoder:
        loads.append(1)
        if len(loads) == 1:
            raise EncoderError("The hub did not answer.")
        return colours

    connection = Connection(lambda: address, load)
    for _ in range(3):
        with pytest.raises(EncoderError, match="restart the app after correcting LOUPE_ENCODER"):
            connection.searcher()
    assert len(loads) == 1
    monkeypatch.setattr("api.connection.RELOAD_S", 0.0)
    assert connection.searcher().count() == 0
    assert len(loads) == 2
    connection.close()


def test_a_check_alone_loads_an_encoder_that_failed_again(
    pictures: Pictures, address: Address, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a page or a question: a monitor of /healthz sees it get well."""
    answers: list[Encoder | None] = [None, colours]

    def load() -> Encoder:
        if (encoder := answers.pop(0)) is None:
            raise EncoderError("The hub did not answer.")
        return encoder

    monkeypatch.setattr("api.connection.RELOAD_S", 0.0)
    connection = Connection(lambda: address, load)
    with pytest.raises(EncoderError):
        connection.encoder()
    with pytest.raises(EncoderError, match="The hub did not answer"):
        connection.check()

    def well() -> bool:
        try:
            connection.check()
        except EncoderError:
            return False
        return True

    wait_for(well, 10)
    connection.close()


def test_the_encoder_must_be_the_librarys(pictures: Pictures, address: Address) -> None:
    connection = Connection(lambda: address, lambda: ColourEncoder("other"))
    with pytest.raises(EncoderMismatch):
        connection.searcher()
    connection.close()


def test_questions_go_through(
    pictures: Pictures, address: Address, colours: ColourEncoder, client: weaviate.WeaviateClient
) -> None:
    connection = Connection(lambda: address, lambda: colours)
    assert connection.searcher().search(RED).total == 0
    assert open_pictures(client).name == connection.searcher().pictures.name
    connection.close()
