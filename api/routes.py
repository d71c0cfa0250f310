"""Everything that is served beside the pages: the routes of all modules, and what an unknown address is told."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from api import albums as albums_api
from api import files, map_points
from api import search as api
from api import selections as selection_files
from api.context import AppContext

MODULES = (api, albums_api, files, map_points, selection_files)
HEALTH = "/healthz"
STREAMLIT = frozenset({"_stcore", "media", "component", "static"})
"""The first parts of the paths that Streamlit serves and that are no pages."""


def routes(context: AppContext, prefix: str = "") -> list[Route]:
    """Below `prefix`, for example "/loupe". With one, health is answered without it too, for a monitor of the
    server, and "/" leads to the pages."""
    own = [route for module in MODULES for route in module.routes(context)]
    served = [Route(prefix + route.path, route.endpoint, methods=route.methods) for route in own]
    unknown = NoSuchAddress(served)
    ends = [
        Route(f"{prefix}/{first}{rest}", unknown) for first in sorted(_firsts(own)) for rest in ("", "/{rest:path}")
    ]
    if prefix:
        health = next(route for route in own if route.path == HEALTH)
        ends += [health, Route("/", partial(_to_the_pages, prefix))]
    return [*served, *ends]


class NoSuchAddress:
    """Answers what no route does: 405 where another method would do, else 404. Streamlit would answer 200 with the
    HTML of its pages."""

    def __init__(self, served: Sequence[Route]) -> None:
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = [route for route in self._served if route.matches(scope)[0] != Match.NONE]
        method, path = scope["method"][:20], scope["path"][:200]
        if found:
            allowed = ", ".join(sorted({method for route in found for method in route.methods or ()}))
            answer = JSONResponse(
                {"error": f"{method} is not answered at {path}; {allowed} are."},
                HTTPStatus.METHOD_NOT_ALLOWED,
                {"Allow": allowed},
            )
        else:
            answer = JSONResponse(
                {"error": f"There is nothing at {path}; /api says what there is."}, HTTPStatus.NOT_FOUND
            )
        await answer(scope, receive, send)


def is_page(path: str, served: Sequence[Route], prefix: str = "") -> bool:
    """Whether it is a page, which links on other sites may open: whatever is neither a route's nor Streamlit's."""
    first = path.removeprefix(prefix).removeprefix("/").partition("/")[0]
    return first not in _firsts(served, prefix) | STREAMLIT


def _firsts(served: Sequence[Route], prefix: str = "") -> set[str]:
    """The first parts of their paths."""
    return {route.path.removeprefix(prefix).split("/")[1] for route in served} - {""}


async def _to_the_pages(prefix: str, request: Request) -> Response:
    return RedirectResponse(f"{prefix}/?{request.url.query}" if request.url.query else f"{prefix}/")
