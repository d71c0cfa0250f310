"""What a question is told where the library, the server or an answer is missing. A real Weaviate."""

import time
from pathlib import Path
from unittest.mock import Mock

import pytest
import weaviate

import search.searcher
from errors import NoLibrary, SearchError, Unreachable
from schema.client import Address, connect
from schema.collection import Pictures, StorageOptions, ensure_pictures
from schema.patience import Patience
from search.library import Refreshed
from search.query import Query, Term
from search.searcher import Searcher
from server.local_server import HOST, LocalServer
from tests.colours import ColourEncoder
from tests.conftest import plan
from tests.search.colour_library import fill

RED = Term(text="red")


def test_a_library_that_was_removed_meanwhile_is_said_so(client: weaviate.WeaviateClient) -> None:
    """The server answers, the collection is gone: not Unreachable."""
    encoder = ColourEncoder(revision="removed")
    pictures = ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True)
    client.collections.delete(pictures.name)
    with pytest.raises(NoLibrary, match=f"The library {pictures.name} was removed"):
        Searcher(pictures, encoder).search(Query((RED,)))


def test_what_weaviate_refuses_is_a_sentence(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window beyond the server's bound is refused by a server that works."""
    monkeypatch.setattr(search.searcher, "WINDOWS", (10_001,))
    with pytest.raises(SearchError, match="Weaviate refused the question: "):
        searcher.search(Query((RED,)))


@pytest.mark.parametrize("halfway", [False, True])
def test_a_connection_closed_meanwhile_is_logged_and_the_space_is_renewed_later(
    address: Address, caplog: pytest.LogCaptureFixture, halfway: bool
) -> None:
    """The app makes a new connection after an outage and closes the old one, whatever its background threads do."""
    client = connect(address)
    collection = client.collections.use("Pictures")
    refreshed = Refreshed(Pictures("Pictures", ColourEncoder().identity, False, collection, frozenset()), Mock())
    if halfway:  # as when the question was just about to be sent
        client._connection._grpc_channel.close()
    else:
        client.close()
    refreshed._reading.acquire()
    with caplog.at_level("INFO", "search.library"):
        refreshed._renew()
    assert "the library's space was not renewed" in caplog.text
    assert refreshed._reading.acquire(blocking=False)
    client.close()


def test_a_server_that_is_gone_is_said_with_the_remedy_and_soon(tmp_path: Path) -> None:
    """Stopped between two questions. After it is started again the same searcher answers."""
    server = LocalServer(plan(tmp_path / "home"))
    running = server.start()
    client = connect(Address(HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key()))
    try:
        encoder = ColourEncoder()
        library = fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder, 10)
        searcher = Searcher(library.pictures, encoder, Patience(remedy="Call the janitor"))
        assert searcher.search(Query((RED,))).total == 10
        server.stop()
        keys = list(library.records)
        for ask in (lambda: searcher.search(Query((RED,))), searcher.count, lambda: searcher.records(keys)):
            started = time.monotonic()
            with pytest.raises(Unreachable, match=r"^Weaviate did not answer the question\. Call the janitor\.$"):
                ask()
            assert time.monotonic() - started < 5
        server.start()
        assert searcher.search(Query((RED,))).total == 10
    finally:
        client.close()
        server.stop()
