"""Albums over HTTP: which there are, and what one holds now. Reading only."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import links
from api.context import AppContext
from api.links import link
from api.search import answered, lists
from errors import QueryError
from search import albums
from search.query import Query
from search.results import to_json

PREFIX = "/api/albums"
PAGE = ("limit", "offset", "facets")
"""What may be asked of an album beside its name, as of `/api/search`."""


def routes(context: AppContext) -> list[Route]:
    return [
        Route(PREFIX, partial(every, context), methods=["GET"]),
        Route(f"{PREFIX}/{{name:path}}", partial(one, context), methods=["GET"]),
    ]


async def every(context: AppContext, request: Request) -> Response:
    """GET /api/albums: {"albums": [{"name", "encoder", "changed_at", "address"}]}, by name."""
    return await answered(partial(_every, context))


async def one(context: AppContext, request: Request) -> Response:
    """GET /api/albums/<name>?limit=&offset=&facets=: the answer of /api/search to the question that was kept, with
    "album", "page" (the question's address on the page) and "encoder", a sentence where another one's library is open.
    """
    params = lists(request.query_params.multi_items())
    return await answered(partial(_one, request.path_params["name"], params, context))


def _every(context: AppContext) -> dict[str, Any]:
    found = [
        {
            "name": entry.name,
            "encoder": entry.encoder,
            "changed_at": entry.changed_at.isoformat(),
            "address": link(f"{PREFIX}/{quote(entry.name, safe='')}"),
        }
        for entry in context.connection.documents("Albums").list()
    ]
    return {"albums": found}


def _one(name: str, params: Mapping[str, list[str]], context: AppContext) -> dict[str, Any]:
    if unknown := sorted(set(params) - set(PAGE)):
        raise QueryError(f"unknown parameter {unknown[0]!r}; an album takes {', '.join(PAGE)}")
    album = albums.find(context.connection.documents("Albums"), name)
    searcher = context.connection.searcher()
    kept = album.query.params()
    asked = Query.from_params({**kept, **params}).check()
    return {
        "album": album.name,
        "encoder": album.note(searcher.pictures.identity.id),
        "page": link(f"/?{urlencode(kept, doseq=True)}"),
        **to_json(asked, searcher.answer(asked), links.prefix()),
    }
