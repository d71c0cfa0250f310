"""Bounds how long Weaviate is waited for. The client's own timeouts are per call and per try; here they are per block.

A question is everything that is asked for one answer: its calls share what it may wait. What is computed in between
does not count. A failure is told at once to everybody who asks within TOLD_S, so that those who queued behind it (for
a lock, for a thread) do not each wait in full again.
"""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import grpc
import httpx
from weaviate.classes.init import Timeout
from weaviate.exceptions import WeaviateBaseError

from errors import SchemaError, Unreachable


class NobodyListens(ConnectionError):
    """At Weaviate's gRPC port. A ConnectionError of another kind may be any pipe's."""


CLIENT_ERRORS = (WeaviateBaseError, httpx.HTTPError, grpc.RpcError, NobodyListens)
"""What a call of the client may raise while Weaviate is away, or because it refuses."""
START = "Start it with: python -m server start"
RESTART = "Restart it: python -m server stop, then python -m server start"
START_OWN = "Start it, or correct WEAVIATE_URL"
RESTART_OWN = "Restart it, or correct WEAVIATE_URL, WEAVIATE_GRPC_HOST and WEAVIATE_GRPC_PORT"
"""What to do where Weaviate does not answer, or hangs: the local one, or the one of WEAVIATE_URL."""
QUESTION_S = 10.0
TOLD_S = 1.0
LEAST_S = 0.05
"""With less than this left, nothing is asked any more."""
Answer = TypeVar("Answer")

_ends: ContextVar[float] = ContextVar("_ends", default=math.inf)
"""When the innermost block of `within` ends, by time.monotonic()."""


class Lock(Protocol):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...


class TimeLeft(Timeout):  # type: ignore[misc]
    """The client's timeouts. It reads them at every call, and finds at most what is left of `within`."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return max(LEAST_S, min(value, left_s())) if name in ("query", "insert") else value


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The client's calls in the block end within so many seconds of its beginning; a late one raises what it raises
    where Weaviate is away."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def left_s() -> float:
    """Until the end of `within`; infinite outside of one."""
    return _ends.get() - time.monotonic()


@dataclass(eq=False)
class Patience:
    """How long one question waits for a server, and the error when it waited in vain. Thread-safe."""

    timeout_s: float = QUESTION_S
    remedy: str = START
    restart: str = RESTART
    _failure: tuple[float, SchemaError] | None = field(default=None, init=False)

    @contextmanager
    def question(self) -> Iterator[None]:
        """The block is one question, or within another question a part of that."""
        if _question.get() is not None:
            yield
            return
        token = _question.set(_Question(self, self.timeout_s))
        try:
            yield
        finally:
            _question.reset(token)

    def check(self) -> None:
        """Raises the failure of a moment ago."""
        if self._failure is not None and time.monotonic() - self._failure[0] < TOLD_S:
            raise self._failure[1].with_traceback(None)

    def failed(self, error: SchemaError) -> SchemaError:
        """The error, which those who ask now are told too."""
        self._failure = (time.monotonic(), error)
        return error

    def too_late(self) -> SchemaError:
        return self.failed(
            Unreachable(
                f"Weaviate did not answer within {self.timeout_s:g} s (LOUPE_QUESTION_TIMEOUT_S): it hangs, or has too "
                f"much to do. {self.restart}."
            )
        )


def reading() -> Patience:
    """Patience for reading a whole library, on a local server or another."""
    return Patience(remedy="Start it, then try again")


@dataclass
class _Question:
    patience: Patience
    left_s: float

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self.patience.check()
        if self.left_s < LEAST_S:
            raise self.patience.too_late()
        started = time.monotonic()
        try:
            with within(self.left_s):
                yield
        except (*CLIENT_ERRORS, TimeoutError) as error:
            if time.monotonic() - started > self.left_s - LEAST_S:
                raise self.patience.too_late() from error
            raise
        finally:
            self.left_s -= time.monotonic() - started


_question: ContextVar[_Question | None] = ContextVar("_question", default=None)


def waiting() -> AbstractContextManager[None]:
    """The block waits for Weaviate, and the question has so much less left. Raises Unreachable where no time is left,
    or where another question failed just now; else what the client raises."""
    question = _question.get()
    return nullcontext() if question is None else question.waiting()


@contextmanager
def holding(lock: Lock) -> Iterator[None]:
    """The block has the lock of who reaches Weaviate, which is waited for like Weaviate."""
    with waiting():
        if not lock.acquire(timeout=_left_s() or -1):
            raise Unreachable("Weaviate is being started, or did not answer yet. Ask again in a moment.")
    try:
        yield
    finally:
        lock.release()


def begin(threads: Executor, work: Callable[[], Answer]) -> Callable[[], Answer]:
    """Has a part of the question done by another thread; its result, which is waited for like Weaviate."""
    context, question = copy_context(), _question.get()
    if question is not None:
        context.run(_question.set, replace(question))
    future = threads.submit(context.run, work)

    def result() -> Answer:
        with waiting():
            return future.result(_left_s())

    return result


def _left_s() -> float | None:
    question = _question.get()
    return None if question is None else question.left_s
