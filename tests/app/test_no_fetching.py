"""Rows 25 and 26: nothing that a person, a file or a program gives Loupe makes it fetch an address. There is no
fetching that could be slow, endless or redirected."""

import io
import itertools
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.connection import Connection
from api.context import AppContext
from errors import PictureError, QueryError
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from pictures.open import Limits
from schema.client import Address
from schema.collection import Pictures
from search.__main__ import parse_arguments
from search.command import open_files, query_of
from tests.app.conftest import http_of, open_page, parts_of, search_script
from tests.colours import ColourEncoder

FORMS = [
    "http://127.0.0.1:{port}/x.jpg",
    "https://127.0.0.1:{port}/x.jpg",
    "http://[::1]:{port}/x.jpg",
    "http://0x7f000001:{port}/x.jpg",
    "http://2130706433:{port}/x.jpg",
    "http://localhost:{port}/x.jpg",
    "http://rebinding.invalid:{port}/x.jpg",
    "http://169.254.169.254/latest/meta-data/x.jpg",
    "//127.0.0.1:{port}/x.jpg",
    r"\\127.0.0.1@{port}\share\x.jpg",
    "gopher://127.0.0.1:{port}/x.jpg",
    "ftp://127.0.0.1:{port}/x.jpg",
    "file://127.0.0.1:{port}/x.jpg",
    "file:///etc/hostname",
    "url(http://127.0.0.1:{port}/x.jpg)",
]
_heard: list[str] = []
_listening = threading.Event()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _listening.is_set():
        return
    if event == "socket.getaddrinfo":
        _heard.append(f"{arguments[0]}:{arguments[1]}")
    elif event == "socket.connect" and arguments[0].family != socket.AF_UNIX:
        _heard.append(f"{arguments[1][0]}:{arguments[1][1]}")


sys.addaudithook(_hear)  # once in a process, and for good: it hears only while a test listens


class Canary:
    """Listens on loopback, and hears which addresses this process asks for or connects to."""

    def __init__(self, allowed: set[str]) -> None:
        self.connections = 0
        self._allowed = allowed
        self._servers = []
        first = socket.create_server(("127.0.0.1", 0))
        self.port = int(first.getsockname()[1])
        self._servers.append(first)
        with suppress(OSError):  # a machine without IPv6
            self._servers.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for server in self._servers:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                made, _ = server.accept()
                self.connections += 1
                made.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
                made.close()

    def close(self) -> None:
        for server in self._servers:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()

    @property
    def strangers(self) -> list[str]:
        return [one for one in _heard if one not in self._allowed]

    @property
    def urls(self) -> list[str]:
        return [form.format(port=self.port) for form in FORMS]


@pytest.fixture
def canary(address: Address) -> Iterator[Canary]:
    canary = Canary({f"{address.http_host}:{address.http_port}"})
    _heard.clear()
    _listening.set()
    yield canary
    _listening.clear()
    canary.close()
    assert canary.strangers == []
    assert canary.connections == 0


@pytest.fixture
def context(pictures: Pictures, address: Address, tmp_path: Path) -> Iterator[AppContext]:
    folder = tmp_path / "few"
    folder.mkdir()
    Image.new("RGB", (40, 30), "red").save(folder / "red.png")
    connection = Connection(lambda: address, ColourEncoder)
    parts = parts_of(tmp_path / "home", connection)
    Ingest(Ledger(pictures, wait_s=10), ColourEncoder(), parts.thumbnails, limits=Limits()).run(folder)
    connection.searcher()
    yield parts
    connection.close()


def svg(url: str) -> bytes:
    return (
        f'<?xml version="1.0"?><?xml-stylesheet href="{url}"?><!DOCTYPE svg SYSTEM "{url}"><svg width="9" height="9" '
        f'xmlns="http://www.w3.org/2000/svg"><style>@import "{url}";</style><image href="{url}" width="9" height="9"/>'
        f'<rect width="9" height="9" fill="url({url})"/></svg>'
    ).encode()


def xmp(url: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="{url}" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="{url}">'
        f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{url}</rdf:li></rdf:Alt></dc:title>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def png(url: str) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (20, 20), "blue").save(output, "PNG", xmp=xmp(url).encode())
    return output.getvalue()


def quoted(url: str) -> str:
    return '"' + url.replace('"', "") + '"'


def asks(http: TestClient, url: str) -> Iterator[Callable[[], Any]]:
    """Every field of the API that takes text, an address or a file."""
    for line in (url, f"like:{quoted(url)}", f"-like:{quoted(url)}", f"folder:{quoted(url)}", f"path~{quoted(url)}"):
        yield lambda line=line: http.get("/api/search", params={"q": line})
        yield lambda line=line: http.post("/api/search", json={"q": line})
    for name in ("like", "dislike", "hide", "filter", "target", "image", "url"):
        yield lambda name=name: http.get("/api/search", params={"q": "red", name: url})
        yield lambda name=name: http.post("/api/search", data={"q": "red", name: url}, files={"x": b""})
    for term in ({"text": url}, {"path": url}, {"item": url}, {"image": url}, {"url": url}):
        yield lambda term=term: http.post("/api/search", json={"terms": [term]})
    for name, data in (("a.svg", svg(url)), ("a.png", png(url)), (url, png(url)), ("a.jpg", url.encode())):
        yield lambda name=name, data=data: http.post("/api/search", files={"image": (name, data)})
    for path in ("/originals/", "/app/static/thumbs/", "/api/albums/", "/selections/"):
        yield lambda path=path: http.get(path + url)


def test_row_25_no_field_of_the_api_is_fetched(context: AppContext, canary: Canary) -> None:
    http = http_of(context)
    for url in canary.urls:
        for ask in asks(http, url):
            assert ask().status_code < 500


def test_row_25_no_address_of_a_page_and_no_album_is_fetched(context: AppContext, canary: Canary) -> None:
    store = context.connection.documents("Albums")
    for number, url in enumerate(canary.urls):
        store.save(f"album {number}", {"terms": [{"path": url, "weight": 1.0}]}, "e")
        http_of(context).get(f"/api/albums/album {number}")
        page = open_page(search_script, context, q=[url, f"like:{quoted(url)}"], like=url, filter=f"folder={url}")
        assert not page.exception
        store.delete(f"album {number}")


def test_row_25_no_argument_of_the_command_is_fetched(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, option in itertools.product(canary.urls, ("--image", "--like", "--dislike", "--filter")):
        monkeypatch.setattr(sys, "argv", ["search", "red", f"{option}={url}", f"like:{quoted(url)}"])
        with suppress(QueryError, PictureError):
            open_files(query_of(parse_arguments(), Limits()), Limits())


def test_row_25_no_word_beside_a_picture_is_fetched(
    context: AppContext, pictures: Pictures, canary: Canary, tmp_path: Path
) -> None:
    """Metadata files, sidecars, XMP within, pictures that refer elsewhere, and files that are only an address."""
    folder = tmp_path / "given"
    folder.mkdir()
    lines = []
    for number, url in enumerate(canary.urls):
        (folder / f"{number}.svg").write_bytes(svg(url))
        (folder / f"{number}.png").write_bytes(png(url))
        (folder / f"{number}.png.xmp").write_text(xmp(url))
        (folder / f"{number}.png.json").write_text(json.dumps({"title": url, "url": url, "googlePhotosOrigin": {}}))
        (folder / f"{number}.url").write_text(f"[InternetShortcut]\nURL={url}\n")
        (folder / f"{number}.jpg").write_text(url)
        lines += [{"file_name": url, "caption": url}, {"file_name": f"{number}.png", "caption": url, "tags": [url]}]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = Ingest(Ledger(pictures, wait_s=10), ColourEncoder(), context.thumbnails, limits=Limits()).run(folder)
    assert report.added


def test_the_canary_hears_a_fetch(address: Address) -> None:
    """What the others rely on."""
    canary = Canary(set())
    _heard.clear()
    _listening.set()
    socket.create_connection(("127.0.0.1", canary.port)).close()
    _listening.clear()
    deadline = threading.Event()
    for _ in range(50):
        if canary.connections:
            break
        deadline.wait(0.1)
    canary.close()
    assert canary.connections == 1
    assert f"127.0.0.1:{canary.port}" in canary.strangers
