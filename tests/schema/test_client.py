"""Connecting: where, and what is said when it fails. The key is in no sentence."""

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from schema.client import Address, connect
from schema.errors import Unreachable

KEY = "a-secret-nobody-may-see"
REMEDY = "Call the janitor"


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "shown"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, False, "http://127.0.0.1:8080"),
        ("http://weaviate", "weaviate", 80, False, "http://weaviate:80"),
        ("https://example.org", "example.org", 443, True, "https://example.org:443"),
        ("https://example.org:8443/", "example.org", 8443, True, "https://example.org:8443"),
    ],
)
def test_an_address_is_read_from_a_url(url: str, host: str, port: int, secure: bool, shown: str) -> None:
    address = Address.of_url(url, KEY)
    assert (address.http_host, address.http_port, address.secure, address.url) == (host, port, secure, shown)
    assert (address.grpc_host, address.grpc_port) == (host, 50051)


def test_grpc_may_listen_elsewhere() -> None:
    address = Address.of_url("https://example.org", KEY, "grpc.example.org", 443)
    assert (address.grpc_host, address.grpc_port) == ("grpc.example.org", 443)


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(Address.of_url("https://example.org", KEY))


def refused(address: Address) -> str:
    """The sentence; it comes soon, names the address and not the key."""
    started = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        connect(address)
    assert time.monotonic() - started < 15
    assert address.url in str(caught.value)
    assert not address.api_key or address.api_key not in str(caught.value)
    return str(caught.value)


def test_a_running_server_is_connected_to(address: Address) -> None:
    with connect(address) as client:
        assert client.is_ready()


def test_a_wrong_key_is_said_with_the_setting_to_correct(address: Address) -> None:
    if not address.api_key:
        pytest.skip("the server of WEAVIATE_URL takes anybody")
    assert "WEAVIATE_API_KEY" in refused(replace(address, api_key=KEY))


def test_no_key_is_said_with_the_setting_to_correct(address: Address) -> None:
    if not address.api_key:
        pytest.skip("the server of WEAVIATE_URL takes anybody")
    assert "WEAVIATE_API_KEY" in refused(replace(address, api_key=""))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_nobody_listening_is_said_with_the_remedy(free_port: int) -> None:
    address = Address("127.0.0.1", free_port, "127.0.0.1", free_port, api_key=KEY, remedy=REMEDY)
    assert refused(address) == (
        f"Weaviate did not answer at http://127.0.0.1:{free_port} (gRPC port {free_port}). Call the janitor."
    )


def test_a_host_that_does_not_exist_is_said_with_the_remedy() -> None:
    assert REMEDY in refused(Address("no-such-host.invalid", 8080, "no-such-host.invalid", 50051, remedy=REMEDY))


def test_a_wrong_grpc_port_is_said_with_it(address: Address, free_port: int) -> None:
    """Questions go over gRPC: a server that answers on one port only is of no use."""
    assert f"gRPC port {free_port}" in refused(replace(address, grpc_port=free_port))


class Other(http.server.BaseHTTPRequestHandler):
    """Some other program on the port: every page is there, or none."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(params=[200, 404, 401, 500])
def other_program(request: pytest.FixtureRequest) -> Iterator[int]:
    handler = type("Handler", (Other,), {"status": request.param})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_something_that_is_no_weaviate_is_unreachable(other_program: int, free_port: int) -> None:
    address = Address("127.0.0.1", other_program, "127.0.0.1", free_port, api_key=KEY, remedy=REMEDY, restart=REMEDY)
    sentence = refused(address)
    assert REMEDY in sentence or "WEAVIATE_API_KEY" in sentence
