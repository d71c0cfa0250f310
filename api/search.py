"""The HTTP API: /api/search, what it says of itself at /api, and /healthz."""

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from anyio import move_on_after, to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api import links, threads
from api.context import AppContext
from errors import LoupeError, QueryError
from pictures.open import open_image
from search.filters import help_text
from search.grammar import GrammarError
from search.query import PARAMETERS, Query
from search.results import to_json
from search.term import QUERY_SIDE

MAX_JSON_BYTES = 1_000_000
FORM_BYTES = 200_000
"""What a form may hold beside its picture."""
HEALTH_TIMEOUT_S = 2.0
ABOUT = """\
Loupe's HTTP API

GET /api/search?q=beach+%2B+sunset+-+people     a + in an address is a blank; write %2B for a plus sign
    q         a question as the page's box takes it, see below; may be repeated
    like      [weight:]uuid or path of a picture of the library; may be repeated
    dislike   the same: what the pictures should not be like; may be repeated
    target    what counts: image=1 (what it shows), look=1 (how it looks), caption=.5 (what it says); may be repeated;
              or auto: learned from the likes
    strategy  how likes and dislikes are joined: average, best_score, sum_scores
    diversity 0 to 1: difference among the hits
    hide      uuid of a picture that must not come back; may be repeated
    collapse  1: near-duplicates are one hit
    filter    taken>=2020-05, see the end; ! in front negates it; may be repeated, and all have to hold
    limit     1 to 1000 (24)          offset    0 or more; offset + limit at most 10000
    words     1: match the words themselves as well (BM25)
    facets    1: count folders, tags, years, cameras and formats

The question in q
    red bicycle                 one term          beach + sunset - people       three terms, without the last
    2:beach + 0.5:sunset        weights           "red car"                     these words in caption, tags or name
    tag:cat  -tag:screenshot    tags              like:<uuid>  -like:"a b.jpg"  pictures of the library
    folder:/photos taken>=2020  any filter        text:"rock + roll"            words as they stand

POST /api/search, application/json
    {"q": "beach - people", "terms": [{"text": "red bicycle"}, {"item": "<uuid>", "weight": -0.5}, {"path": "a/b.jpg"}],
     "targets": {"image": 1, "caption": 0.5}, "filters": ["year=2024"], "strategy": "average", "diversity": 0.3,
     "hidden": ["<uuid>"], "collapse": false, "limit": 24, "offset": 0, "words": false, "facets": false}

POST /api/search, multipart/form-data
    the names of GET, and a file named image:   curl -F image=@cat.jpg -F q='but red' http://127.0.0.1:8501/api/search

Answer: {"hits": [{"uuid", "path", "similarity", "relevance", "unlikely", "shares", "caption", "tags", ...}],
         "total", "line", "likely", "note", "asked", "took_ms", ...}
    unlikely  true: no nearer than pictures are to questions about nothing in the library
    note      a sentence: no good match, no picture passes the filters; or ""
    asked     the question as it was read, in the form that is posted
    400 {"error": a sentence, "position": of the character in q, from 0, where there is one}
                                what was asked cannot be answered as it stands
    413, 415, 403               too large, another content type, another site's page asked
    404, 405                    no such address, no such method
    503 {"error": a sentence}   Weaviate or the encoder is away; ask again

GET /api/albums                   {"albums": [{"name", "encoder", "changed_at", "address"}]}
GET /api/albums/<name>?limit=5    the answer to the question that was kept; limit, offset and facets as above
GET /app/static/thumbs/<sha256>   a thumbnail         GET /originals/<uuid>   the picture
GET /healthz                      200 when questions can be answered, else 503 and the reason

Filters
"""


class Refused(LoupeError):
    """A request that is not even read."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def routes(context: AppContext) -> list[Route]:
    return [
        Route("/api", about, methods=["GET"]),
        Route("/api/search", partial(search, context), methods=["GET", "POST"]),
        Route("/healthz", partial(health, context), methods=["GET"]),
    ]


async def about(request: Request) -> Response:
    return PlainTextResponse(f"{ABOUT}{help_text()}\n")


async def health(context: AppContext, request: Request) -> Response:
    """GET /healthz: answers within HEALTH_TIMEOUT_S whatever Weaviate does."""
    problem = f"Weaviate did not answer within {HEALTH_TIMEOUT_S:g} s."
    with move_on_after(HEALTH_TIMEOUT_S):
        problem = await to_thread.run_sync(_problem, context, abandon_on_cancel=True, limiter=threads.HEALTH)
    if problem:
        state = "unavailable" if context.connection.encoder_loaded else "starting"
        return JSONResponse({"status": state, "error": problem}, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse({"status": "ok"})


def _problem(context: AppContext) -> str:
    try:
        context.connection.check()
    except LoupeError as error:
        return str(error)
    return ""


async def search(context: AppContext, request: Request) -> Response:
    """GET and POST /api/search, see ABOUT."""

    def answer(query: Query) -> dict[str, Any]:
        return to_json(query, context.connection.searcher().answer(query), links.prefix())

    if request.method == "POST":
        try:
            query = await _posted(request, context)
        except LoupeError as error:
            return _refused(error)
        return await answered(partial(answer, query))
    params = lists(request.query_params.multi_items())
    return await answered(lambda: answer(_query_of(params, None, context)))


async def answered(ask: Callable[[], Any]) -> Response:
    """The JSON of what `ask` gives, asked in a thread; of an error its sentence and its status."""
    try:
        return JSONResponse(await to_thread.run_sync(ask, limiter=threads.QUESTIONS))
    except LoupeError as error:
        return _refused(error)


def _refused(error: LoupeError) -> Response:
    place = {"position": error.position} if isinstance(error, GrammarError) else {}
    return JSONResponse({"error": str(error), **place}, status_code=error.status)


async def _posted(request: Request, context: AppContext) -> Query:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = b"".join([chunk async for chunk in _bounded(request, MAX_JSON_BYTES)])
        try:
            return Query.from_json(json.loads(body))
        except (ValueError, RecursionError) as error:
            if isinstance(error, QueryError):
                raise
            raise QueryError(f"the body is not JSON ({str(error)[:200]})") from None
    if kind == "multipart/form-data":
        most = int(context.upload_limits.max_file_mb * 1e6) + FORM_BYTES
        try:
            form = await MultiPartParser(request.headers, _bounded(request, most), max_files=1, max_fields=200).parse()
        except (MultiPartException, KeyError) as error:
            raise QueryError(f"the form cannot be read ({error})") from None
        try:
            return await _form_query(form, context)
        finally:
            await form.close()
    raise Refused(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"POST application/json or multipart/form-data, got {kind[:100] or 'no content type'!r}; see /api",
    )


async def _form_query(form: FormData, context: AppContext) -> Query:
    file = form.get("image")
    data = await file.read() if isinstance(file, UploadFile) else None
    if data is None and "image" in form:
        raise QueryError("'image' must be a file, got text")
    if strange := [name for name, value in form.multi_items() if name != "image" and isinstance(value, UploadFile)]:
        raise QueryError(f"unknown file {strange[0][:40]!r}; the picture that asks is named image")
    fields = lists((name, value) for name, value in form.multi_items() if isinstance(value, str))
    return await to_thread.run_sync(_query_of, fields, data, context)


def _query_of(params: Mapping[str, list[str]], picture: bytes | None, context: AppContext) -> Query:
    if unknown := sorted(set(params) - set(PARAMETERS)):
        raise QueryError(f"unknown parameter {unknown[0][:40]!r}; known are {', '.join(PARAMETERS)}")
    images = [] if picture is None else [open_image(picture, context.upload_limits, QUERY_SIDE).image]
    return Query.from_params(params, images).check()


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, as long as it has at most `most` bytes: what is sent beyond is not read."""
    too_large = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A request may have {most / 1e6:g} MB at most.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > most:
        raise too_large
    read = 0
    try:
        async for chunk in request.stream():
            read += len(chunk)
            if read > most:
                raise too_large
            yield chunk
    except ClientDisconnect:
        raise QueryError("the request ended early") from None


def lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each name's values."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
