"""Routes that send pictures: thumbnails, and originals from inside the ingested folders."""

import io
import logging
import uuid
from functools import partial
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from api import threads
from api.context import AppContext
from errors import LoupeError, PictureError
from pictures.open import MEDIA_TYPES, Limits, open_image
from schema.record import ImageRecord

CHECK_SIDE = 32
SHOWN_SIDE = 1024
"""Of the short side; `open_image` keeps twice as many pixels and at most 2048 on the long side."""
QUALITY = 88
THUMBNAIL_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
ORIGINAL_HEADERS = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "default-src 'none'; sandbox"}
log = logging.getLogger(__name__)


def routes(context: AppContext) -> list[Route]:
    # {name:path} also takes what holds slashes, so that no such address falls through to another route.
    return [
        Route("/app/static/thumbs/{name:path}", partial(thumbnail, context), methods=["GET"]),
        Route("/originals/{name:path}", partial(original, context), methods=["GET"]),
    ]


async def thumbnail(context: AppContext, request: Request) -> Response:
    """GET /app/static/thumbs/<sha256>: 404 for anything but a name of the store."""
    name = request.path_params["name"]
    path = await to_thread.run_sync(context.thumbnails.find, name)
    if path is None:
        return _missing()
    headers = THUMBNAIL_HEADERS | {"ETag": f'"{name}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="image/jpeg", headers=headers)


async def original(context: AppContext, request: Request) -> Response:
    """GET /originals/<uuid>: the picture itself, or a JPEG of it where browsers cannot show its format."""
    return await to_thread.run_sync(_original, context, request.path_params["name"], limiter=threads.ORIGINALS)


def _original(context: AppContext, name: str) -> Response:
    try:
        key = uuid.UUID(name)
    except ValueError:
        return _missing()
    path = None
    try:
        record = context.connection.searcher().records([key]).get(key)
        path = find_original(record, context) if record else None
        return _picture(path, context.limits) if path else _missing()
    except PictureError as error:
        log.warning("the original of %s is not sent: %s: %s", name, path, error)
        return _missing()
    except LoupeError as error:
        return PlainTextResponse(str(error), status_code=503)


def find_original(record: ImageRecord, context: AppContext) -> Path | None:
    """The first of its files that is there, and, every link followed, lies inside an ingested folder of this machine.

    The database may have been changed by somebody else, so what it says is a claim.
    """
    roots = [root.resolve() for root in context.roots()]
    for place in record.places:
        try:
            path = Path(place.path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            continue
        if not any(path.is_relative_to(root) for root in roots):
            log.warning("the original of %s is refused: %r is in no ingested folder", record.uuid, place.path)
        elif path.is_file():
            return path
    return None


def _picture(path: Path, limits: Limits) -> Response:
    """Raises PictureError. Every original is decoded before it is sent, small: what is no picture never leaves."""
    opened = open_image(path, limits, CHECK_SIDE)
    if (media_type := MEDIA_TYPES.get(opened.facts.format)) is not None:
        return FileResponse(path, media_type=media_type, headers=ORIGINAL_HEADERS)
    output = io.BytesIO()
    open_image(path, limits, SHOWN_SIDE).image.save(output, "JPEG", quality=QUALITY)
    return Response(output.getvalue(), media_type="image/jpeg", headers=ORIGINAL_HEADERS)


def _missing() -> Response:
    return PlainTextResponse("There is no such picture.", status_code=404)
