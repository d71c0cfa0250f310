"""Route that sends what was selected as a file: a table, JSON, or the originals in one zip.

A page hands a selection in and gets addresses; the file is made when its address is opened. `st.download_button` takes
a function too, but keeps what that makes in the app's memory, and what went wrong in it is told to nobody.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import IO
from uuid import UUID

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from api import threads
from api.context import SELECTIONS, AppContext
from api.files import find_original
from errors import LoupeError, PictureError
from host.folders import make_home, using
from pictures.open import open_image
from schema.record import ImageRecord
from search.export import CHUNK, Gone, to_csv, to_json, write_zip
from search.results import Hit
from search.searcher import Searcher

KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "zip": "application/zip"}
FETCHED = 1000
"""Records asked for at once."""
CHECK_SIDE = 32
GONE = "This selection is not known any more: the app was restarted, or it is too long ago. Select the pictures again."


def routes(context: AppContext) -> list[Route]:
    return [Route(f"{SELECTIONS}{{name}}/loupe.{{kind}}", partial(send, context), methods=["GET"])]


async def send(context: AppContext, request: Request) -> Response:
    """GET /selections/<name>/loupe.csv, .json or .zip: 404 for a selection that nobody holds any more."""
    name, kind = request.path_params["name"], request.path_params["kind"]
    hits = context.selections.find(name)
    if hits is None or kind not in KINDS:
        return PlainTextResponse(GONE, status_code=HTTPStatus.NOT_FOUND)
    try:
        limiter = threads.ZIPS if kind == "zip" else threads.QUESTIONS
        return await to_thread.run_sync(_answer, kind, hits, context, limiter=limiter)
    except LoupeError as error:
        return PlainTextResponse(str(error), status_code=error.status)


def _answer(kind: str, hits: Sequence[Hit], context: AppContext) -> Response:
    fresh = refreshed(hits, context.connection.searcher())
    headers = {"Content-Disposition": f'attachment; filename="loupe.{kind}"', "Cache-Control": "no-store"}
    if kind == "zip":
        return _zip(fresh, context, headers)
    # The mark in front of a table tells spreadsheets that it is UTF-8.
    data = to_csv(fresh).encode("utf-8-sig") if kind == "csv" else to_json(fresh).encode()
    return Response(data, media_type=KINDS[kind], headers=headers)


def refreshed(hits: Sequence[Hit], searcher: Searcher) -> list[Hit | Gone]:
    """With the records as they are now."""
    records: dict[UUID, ImageRecord] = {}
    for start in range(0, len(hits), FETCHED):
        records |= searcher.records([hit.uuid for hit in hits[start : start + FETCHED]])
    return [replace(hit, record=records[hit.uuid]) if hit.uuid in records else Gone(hit.uuid) for hit in hits]


def _zip(found: Sequence[Hit | Gone], context: AppContext, headers: dict[str, str]) -> Response:
    """Made in a file without a name beside the library (a folder for temporary files may be in memory): whatever ends
    the app, nothing of it stays on the disk."""
    with using(make_home(context.home)):
        made: IO[bytes] = tempfile.TemporaryFile(dir=context.home)
    try:
        records = [one.record for one in found if isinstance(one, Hit)]
        gone = [one for one in found if isinstance(one, Gone)]
        with using(context.home):
            report = write_zip(records, partial(_find_picture, context), made, gone=gone)
        length = made.seek(0, os.SEEK_END)
        made.seek(0)
    except BaseException:
        made.close()
        raise
    counts = {"X-Loupe-Pictures": str(report.pictures), "X-Loupe-Missing": str(len(report.missing))}
    return StreamingResponse(
        _pieces(made), media_type=KINDS["zip"], headers=headers | counts | {"Content-Length": str(length)}
    )


def _pieces(made: IO[bytes]) -> Iterator[bytes]:
    with closing(made):
        while piece := made.read(CHUNK):
            yield piece


def _find_picture(context: AppContext, record: ImageRecord) -> Path | None:
    """Inside an ingested folder, and a picture: what is none never leaves."""
    path = find_original(record, context)
    if path is None:
        return None
    try:
        open_image(path, context.limits, CHECK_SIDE)
    except PictureError:
        return None
    return path
