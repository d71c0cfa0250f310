"""One rule for every route and for the page's WebSocket: only this server's own pages may ask, and programs.

Browsers say which page asks (Origin, and Sec-Fetch-Site where the address is https or this machine's); programs such as
curl say nothing and are let through. A link on another site may open a page, and nothing else. The answers say as much
to the browser, so that no other site can embed a picture or a page.
"""

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FRAMES = "frame-ancestors 'self'"
"""A policy of its own: it holds beside whatever other policy an answer has."""
PORTS = {"http": 80, "https": 443}
SCHEMES = {"ws": "http", "wss": "https"}
POLICY_VIOLATION = 1008
"""WebSocket close code; before the handshake it becomes status 403."""


class SameOrigin:
    """`is_page`: whether a path is a page, which links elsewhere may open. `allowed`: further origins that may ask
    (`server.corsAllowedOrigins`), for example "https://photos.example.org" where a proxy answers for this server."""

    def __init__(self, app: ASGIApp, is_page: Callable[[str], bool], allowed: Collection[str] = ()) -> None:
        self._app = app
        self._is_page = is_page
        self._allowed = {_origin(one) for one in allowed} - {None}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._may_ask(scope):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            refusal = JSONResponse({"error": _sentence(Headers(scope=scope))}, HTTPStatus.FORBIDDEN)
            await refusal(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})

    def _may_ask(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origins = {_origin(text) for text in headers.getlist("origin")}
        if origins and origins <= self._allowed:
            return True
        if not origins <= {_own(scope, headers)} - {None}:
            return False
        if all(site in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")):
            return True
        return _opens_a_document(scope, headers) and self._is_page(scope["path"])


def _opens_a_document(scope: Scope, headers: Mapping[str, str]) -> bool:
    """In a tab of its own: no frame, no picture, no form that posts."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _own(scope: Scope, headers: Mapping[str, str]) -> tuple[str, str, int] | None:
    """The server's own origin, by the name under which it was asked. `TrustedHostMiddleware` knows which names may."""
    return _origin(f"{SCHEMES.get(scope['scheme'], scope['scheme'])}://{headers.get('host', '')}")


def _origin(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is no origin, such as "null"."""
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname.lower(), port) if parts.hostname else None


def _sentence(headers: Headers) -> str:
    asking = headers.get("origin") or headers.get("referer") or "another site"
    return (
        f"A page of {asking[:200]} may not ask here; pages of this server may. Behind a proxy, name the address that "
        "people open in server.corsAllowedOrigins."
    )


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.append("Content-Security-Policy", FRAMES)
        await send(message)

    return send_with_headers
