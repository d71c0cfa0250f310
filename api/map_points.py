"""Routes of the map: where its points are, what one point is, and plotly's script.

Coordinates travel as plain float32, once in a browser: their address changes when they do. What a point is called is
asked only for points that somebody looks at.
"""

from functools import partial
from importlib.metadata import version
from importlib.resources import files

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.context import AppContext
from api.links import link
from layout.store import SPACES, Layout
from pictures.text import inert

PLOTLY = "/app/static/plotly/{version}.js"
POINTS = "/app/static/map/{layout}/points/{view}"
POINT = "/app/static/map/{layout}/point/{index:int}"
VIEWS = {"umap2": 2, "pca2": 2, "pca3": 3}
"""The ways to draw a layout, and how many coordinates each has."""
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


def routes(context: AppContext) -> list[Route]:
    return [
        Route(PLOTLY, plotly, methods=["GET"]),
        Route(POINTS, partial(points, context), methods=["GET"]),
        Route(POINT, partial(point, context), methods=["GET"]),
    ]


def plotly_url() -> str:
    return link(PLOTLY).format(version=version("plotly"))


def points_url(layout: Layout, view: str) -> str:
    return link(POINTS).format(layout=layout.id, view=view)


def point_url(layout: Layout) -> str:
    """Without the index, which the browser adds."""
    return link(POINT).removesuffix("{index:int}").format(layout=layout.id)


async def plotly(request: Request) -> Response:
    """GET /app/static/plotly/<version>.js: the script in the installed plotly package, whatever the version."""
    script = str(files("plotly") / "package_data" / "plotly.min.js")
    return FileResponse(script, media_type="text/javascript", headers=IMMUTABLE)


async def points(context: AppContext, request: Request) -> Response:
    """GET …/points/<view>: (n, 2) or (n, 3) little-endian float32, point after point."""
    layout = await _find(context, request)
    view = request.path_params["view"]
    if layout is None or view not in VIEWS:
        return _missing()
    array = layout.umap if view == "umap2" else layout.pca[:, : VIEWS[view]]
    return Response(array.astype("<f4").tobytes(), media_type="application/octet-stream", headers=IMMUTABLE)


async def point(context: AppContext, request: Request) -> Response:
    """GET …/point/<index>: {"title", "thumbnail"} of one point."""
    layout = await _find(context, request)
    index = request.path_params["index"]
    if layout is None or not 0 <= index < len(layout):
        return _missing()
    about = {"title": inert(layout.titles[index]), "thumbnail": link(f"/app/static/thumbs/{layout.thumbnail(index)}")}
    return JSONResponse(about, headers=IMMUTABLE)


async def _find(context: AppContext, request: Request) -> Layout | None:
    """The layout of that name, as long as no newer one has taken its place."""
    name = request.path_params["layout"]
    space = name.partition("-")[0]
    layout = await to_thread.run_sync(context.layouts.read, space) if space in SPACES else None
    return layout if layout is not None and layout.id == name else None


def _missing() -> Response:
    return PlainTextResponse("There is no such point.", status_code=404)
