"""How often a question asks first whether Weaviate is there."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.connection import Connection
from api.context import AppContext
from schema.client import Address
from tests.app.conftest import http_of, open_page, parts_of, search_script, tiles
from tests.search.colour_library import Library


@pytest.fixture
def context(library: Library, address: Address, tmp_path: Path) -> Iterator[AppContext]:
    connection = Connection(lambda: address, lambda: library.encoder)
    yield parts_of(tmp_path, connection)
    connection.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests over HTTP. Questions go over gRPC, so these ask whether the server and the library are there."""
    monkeypatch.setattr("schema.patience.TOLD_S", 60.0)  # on a busy machine, too
    urls: list[str] = []
    send = httpx.Client.send

    def counted(self: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        if "/v1/" in request.url.path:
            urls.append(request.url.path)
        return send(self, request, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx.Client, "send", counted)
    return urls


def test_a_redraw_of_the_search_page_asks_once_whether_weaviate_is_there(context: AppContext, asked: list[str]) -> None:
    page = open_page(search_script, context, q="red")
    asked.clear()
    page.run()
    assert tiles(page) and len(asked) == 1, asked


def test_a_question_over_http_asks_once_whether_weaviate_is_there(context: AppContext, asked: list[str]) -> None:
    http = http_of(context)
    http.get("/api/search?q=red")
    asked.clear()
    assert http.get("/api/search?q=blue").json()["hits"]
    assert len([url for url in asked if "search" not in url]) == 1, asked
