"""Asks a Weaviate that may be away again and again, for a bounded time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import tenacity
from weaviate.exceptions import UnexpectedStatusCodeError

from errors import Unreachable
from schema.client import is_away
from schema.patience import CLIENT_ERRORS, within

Result = TypeVar("Result")
REFUSING_S = 5.0
"""How long a server that answers is asked again although it refuses: it may only just have come back."""
UP_S = 5.0
"""How long a server that was away may take to answer whether it is up; one that hangs is away."""
STARTING_S = 60.0
"""How long a server that is up may take to be ready, beyond what it is waited for."""
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

    `is_up` asks over HTTP, which a server that starts answers before gRPC.
    """
    started = time.monotonic()
    last_away: float | None = None

    def waited() -> float:
        return time.monotonic() - started

    def ask() -> Result:
        with within(max(wait_s - waited(), min(wait_s, REFUSING_S))):
            return question()

    def starts() -> bool:
        try:
            with within(UP_S):
                is_up()
            return True
        except CLIENT_ERRORS:
            return False

    def enough(state: tenacity.RetryCallState) -> bool:
        nonlocal last_away
        if is_away(state.outcome.exception() if state.outcome else None):
            last_away = waited()
            return last_away >= wait_s and (last_away >= wait_s + min(wait_s, STARTING_S) or not starts())
        if last_away is None:
            return waited() >= REFUSING_S
        return waited() >= min(max(wait_s, last_away + REFUSING_S), wait_s + STARTING_S)

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
            f"Weaviate did not answer for {waited():.0f} s. What was stored stays stored. {remedy}, "
            "then run the same command again; it goes on where it stopped."
        ) from error
    finally:
        silence.cancel()


def _may_pass(error: BaseException) -> bool:
    """Whether asking again can help: not where the server says that the question itself is wrong."""
    if not isinstance(error, CLIENT_ERRORS):
        return False
    return not isinstance(error, UnexpectedStatusCodeError) or error.status_code >= 500
