"""Asks a Weaviate that may be away again and again, for a bounded time."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import grpc
import httpx
import tenacity
from weaviate.exceptions import (
    UnexpectedStatusCodeError,
    WeaviateConnectionError,
    WeaviateRetryError,
    WeaviateTimeoutError,
)

from errors import Unreachable
from schema.patience import CLIENT_ERRORS, within

Result = TypeVar("Result")
REFUSING_S = 5.0
"""How long a server that answers is asked again although it refuses: it may only just have come back."""
UP_S = 5.0
"""How long a server that was away may take to say whether it is up; one that hangs is away."""
STARTING_S = 60.0
"""How long a server that answers again may take to be ready, beyond what it is waited for."""
PAUSE_S = 2.0
"""Longest pause between two tries."""
SILENCE_S = 5.0
"""Seconds without an answer before the waiting is reported."""


def ask_patiently(
    question: Callable[[], Result],
    is_up: Callable[[], object],
    wait_s: float,
    remedy: str,
    say_waiting: Callable[[], object],
) -> Result:
    """The answer. A server that is away is waited for, `wait_s` from the first try on; then Unreachable is raised. A
    server that answers and refuses is asked for a few seconds more; then its own error is raised.

    `is_up` asks something that fails at once while the server is away: the client asks a question over gRPC by itself
    again, for up to a minute, in which the server may have come back long ago.
    """
    started = time.monotonic()
    was_away = False
    up_since: float | None = None

    def left() -> float:
        return max(wait_s - (time.monotonic() - started), min(wait_s, REFUSING_S))

    def ask() -> Result:
        nonlocal was_away, up_since
        if was_away:
            try:
                with within(min(UP_S, left())):
                    is_up()
            except CLIENT_ERRORS:
                up_since = None
                raise
            up_since = up_since or time.monotonic()
        try:
            with within(left()):
                return question()
        except CLIENT_ERRORS as error:
            was_away = was_away or is_away(error)
            raise

    def enough(state: tenacity.RetryCallState) -> bool:
        now = time.monotonic()
        if not was_away:
            return now - started >= REFUSING_S
        return now - started >= wait_s and (up_since is None or now - up_since >= min(wait_s, STARTING_S))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=tenacity.wait_exponential(multiplier=0.5, max=PAUSE_S),
        stop=enough,
        reraise=True,
    )
    silence = threading.Timer(SILENCE_S, say_waiting)
    silence.daemon = True
    silence.start()
    try:
        return retrying(ask)
    except CLIENT_ERRORS as error:
        if not is_away(error):
            raise
        raise Unreachable(
            f"Weaviate did not answer for {time.monotonic() - started:.0f} s. What was stored stays stored. {remedy}, "
            "then run the same command again; it goes on where it stopped."
        ) from error
    finally:
        silence.cancel()


def is_away(error: BaseException | None) -> bool:
    """Whether the error says that nobody answered, or that the server is not ready yet."""
    return any(_is_away(one) for one in _chain(error))


def _is_away(error: BaseException) -> bool:
    if isinstance(error, grpc.RpcError):
        code = error.code() if isinstance(error, grpc.Call) else None
        return code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    if isinstance(error, UnexpectedStatusCodeError):
        return bool(error.status_code == 503)
    nobody = (httpx.TransportError, ConnectionError, WeaviateConnectionError, WeaviateTimeoutError, WeaviateRetryError)
    return isinstance(error, nobody)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it was raised for: the client hides a lost connection behind its own errors."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _may_pass(error: BaseException) -> bool:
    """Whether asking again can help: not where the server says that the question itself is wrong."""
    if not isinstance(error, CLIENT_ERRORS):
        return False
    return not isinstance(error, UnexpectedStatusCodeError) or error.status_code >= 500
