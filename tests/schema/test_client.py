"""Connecting: where, and the error when it fails. The key is in no sentence."""

import http.server
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

import grpc
import pytest
import weaviate
from weaviate.classes.data import DataObject
from weaviate.proto.v1 import search_get_pb2, weaviate_pb2_grpc

from errors import Unreachable
from schema.client import Address, connect, is_away, translating
from schema.collection import Pictures
from schema.patience import CLIENT_ERRORS, NobodyListens
from tests.search.colour_library import Library

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


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), ConnectionResetError(104, "reset")])
def test_a_pipe_that_is_closed_is_not_weaviates_silence(error: OSError) -> None:
    """As with `python -m ingest FOLDER | head -1`: what the block writes to is none of Weaviate's business."""
    with pytest.raises(type(error)), translating(away=lambda: Unreachable("away")):
        raise error
    assert not is_away(error)
    with pytest.raises(Unreachable), translating(away=lambda: Unreachable("away")):
        raise NobodyListens("refused")
    assert ConnectionError not in CLIENT_ERRORS


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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and says nothing, as a process that is stopped does."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        yield int(silent.getsockname()[1])


def test_which_half_is_silent_is_said(address: Address, silent_port: int, free_port: int) -> None:
    """HTTP answers and gRPC does not, the reverse, and neither: within ten seconds, with address, port and remedy."""
    last = "Call the janitor."
    told = replace(address, restart=REMEDY, remedy=REMEDY)
    for port, why in ((silent_port, "no answer within 5 s"), (free_port, "Connection refused (111)")):
        over_grpc = refused(replace(told, grpc_port=port))
        assert over_grpc.startswith(f"Weaviate answers at {address.url}, but not at 127.0.0.1, gRPC port {port} ({why}")
        over_http = refused(replace(told, http_port=port))
        assert f"gRPC port {address.grpc_port}, but not over HTTP at http://127.0.0.1:{port} (" in over_http
        assert over_grpc.endswith(last) and over_http.endswith(last)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(16)
        port = other.getsockname()[1]
        neither = refused(replace(told, http_port=silent_port, grpc_port=port))
    assert neither.startswith(f"Weaviate did not answer at http://127.0.0.1:{silent_port} (gRPC port {port}): ")
    assert "no answer within 5 s. It hangs, or is too busy. Call the janitor." in neither


def test_an_answer_larger_than_grpcs_own_limit_arrives(pictures: Pictures, client: weaviate.WeaviateClient) -> None:
    """gRPC takes 4 MB by itself; HTTP has no limit."""
    text = "x" * 300_000
    vectors = {name: [1.0] * dim for name, dim in pictures.identity.dims.items()}
    many = [DataObject(properties={"caption_place": text}, vector=vectors) for _ in range(20)]
    assert not pictures.collection.data.insert_many(many).errors
    found = pictures.collection.query.fetch_objects(limit=20, return_properties=["caption_place"]).objects
    assert sum(len(str(one.properties["caption_place"])) for one in found) == 6_000_000


def test_grpc_carries_the_key(address: Address, library: Library) -> None:
    """A key that HTTP refuses is refused by gRPC: it is sent there, and asked for."""
    if not address.api_key:
        pytest.skip("the server of WEAVIATE_URL takes anybody")
    request = search_get_pb2.SearchRequest(collection=library.pictures.name, limit=1)
    with grpc.insecure_channel(address.grpc_target) as channel:
        stub = weaviate_pb2_grpc.WeaviateStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Search(request, timeout=5, metadata=[("authorization", f"Bearer {KEY}")])
        assert "invalid api key" in caught.value.details()  # type: ignore[attr-defined]
    with connect(address) as client:
        assert client.collections.use(library.pictures.name).query.fetch_objects(limit=1).objects


def test_tls_is_asked_of_both(address: Address) -> None:
    """A server without TLS is named for both ports, not for one."""
    secure = replace(address, secure=True, remedy=REMEDY)
    assert refused(secure) == f"Weaviate did not answer at {secure.url} (gRPC port {address.grpc_port}). {REMEDY}."


class Proxy(socketserver.StreamRequestHandler):
    """CONNECT, as gRPC does, and whole addresses, as HTTP does; keeps what was asked of it."""

    asked: ClassVar[list[str]] = []

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        method, target, _ = line.split(" ", 2)
        headers = b""
        while (header := self.rfile.readline()).strip():
            headers += header
        self.asked.append(f"{method} {target}")
        host, _, port = (urlsplit(target).netloc if "//" in target else target).rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as other:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = target.split("/", 3)[3]
                other.sendall(f"{method} /{path} HTTP/1.1\r\n".encode() + headers + b"Connection: close\r\n\r\n")
            ends = {self.connection: other, other: self.connection}
            while True:
                for one in select.select(list(ends), [], [], 10)[0]:
                    if not (data := one.recv(65536)):
                        return
                    ends[one].sendall(data)


@pytest.fixture
def proxy() -> Iterator[str]:
    Proxy.asked.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_proxy_that_was_asked_for_is_used_by_http_and_grpc_alike(
    address: Address, library: Library, proxy: str
) -> None:
    with connect(replace(address, proxy=proxy)) as client:
        assert client.collections.use(library.pictures.name).query.fetch_objects(limit=1).objects
        assert client.collections.exists(library.pictures.name)
    assert f"CONNECT 127.0.0.1:{address.grpc_port}" in Proxy.asked
    assert f"GET {address.url}/v1/meta" in Proxy.asked


def test_a_dead_proxy_that_was_asked_for_is_a_sentence(address: Address, free_port: int) -> None:
    assert "did not answer at" in refused(replace(address, proxy=f"http://127.0.0.1:{free_port}"))
