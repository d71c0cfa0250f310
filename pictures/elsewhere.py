"""Decode a picture in a process of its own (`pictures.worker`), which may hang, crash or be ended: that costs the
picture, within the memory and time that its limits give, and not this process.

The worker reads messages from its standard input and answers on its standard output until the input closes, which also
happens when this process dies. Messages are lists of bytes and are never unpickled: what a decoder that was taken over
sends must not run here. That, and that multiprocessing would import the main script (the app with its models) into each
process, is why no process pool of a library is used.
"""

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from PIL import Image

from errors import PictureError
from pictures.decode import FACTS, Facts
from pictures.limits import Limits, check_room, room

MOST_WORKERS = max(1, min(4, os.cpu_count() or 1))
_STARTING_S = 60
_WAITING = 10
"""A process that got no processor time for this many times its limit is ended too; where the system does not bound
processor time (Windows), this is all that holds."""
_LARGE = 200_000_000
"""A process that used more bytes is ended: the C library would keep much of them for later."""
_ROOT = Path(__file__).resolve().parents[1]
_LENGTH = struct.Struct("<Q")
_MOST_PARTS = 16


class Died(Exception):
    """The process ended before it answered. `late`: it was ended because its time was over."""

    def __init__(self, late: bool, code: int | None) -> None:
        super().__init__("too slow" if late else f"ended with {code}")
        self.late, self.code = late, code


class Worker:
    """One process, started at once; after Died it is closed."""

    def __init__(self, module: str) -> None:
        self.served = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # ctrl-C is for the one that asks
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, *parts: bytes, timeout_s: float) -> list[bytes]:
        """Send a message and wait for the answer. Raises Died."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        clock = threading.Timer(timeout_s, end)
        clock.daemon = True
        clock.start()
        try:
            write(self._process.stdin, parts)  # type: ignore[arg-type]
            answer = read(self._process.stdout)  # type: ignore[arg-type]
        except (OSError, ValueError):  # a broken pipe; one that was closed meanwhile
            answer = None
        except BaseException:  # ctrl-C: the answer would be taken for the next question's
            self.close()
            raise
        finally:
            clock.cancel()
        if answer is None:
            self.close()
            raise Died(late.is_set(), self._process.returncode)
        self.served += 1
        return answer

    def stop(self) -> None:
        """Let an `ask` in another thread end now."""
        self._process.kill()

    def close(self) -> None:
        """End the process and wait for its end."""
        if self._process.poll() is None:
            with suppress(OSError):
                self._process.stdin.close()  # type: ignore[union-attr]
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)  # one that reads its input, or is dying, ends by itself and says why
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._process.wait()

    def disown(self) -> None:
        """Forget the process without ending it: after a fork it is the parent's."""
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._process.returncode = 0


class Workers:
    """At most `most` processes of one module, each kept for the next work until it has done `works` of them."""

    def __init__(self, module: str, most: int, works: int = 500) -> None:
        self._module, self._most, self._works = module, most, works
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    @contextmanager
    def lent(self) -> Iterator[Worker]:
        with self._free:
            worker = self._take() or self._started()
            try:
                yield worker
            except BaseException:  # what it was doing is unknown
                worker.close()
                raise
            if not worker.alive:
                pass
            elif worker.served >= self._works or self._closed:  # what decoders leak ends with it
                worker.close()
            else:
                self._idle.append(worker)

    def close(self) -> None:
        """End the processes that are idle; one at work ends with its work."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _started(self) -> Worker:
        """Raises PictureError: one picture is not decoded, and the run goes on."""
        try:
            return Worker(self._module)
        except OSError as error:  # no more processes, memory or open files for this user or container
            raise PictureError(
                "crashed", f"no process could be started to decode it ({error.strerror or error}); try it again"
            ) from error

    def _take(self) -> Worker | None:
        """An idle process that nobody has killed meanwhile."""
        with suppress(IndexError):
            while True:
                if (worker := self._idle.pop()).alive:
                    return worker
                worker.close()
        return None

    def _forget(self) -> None:
        self._free = threading.BoundedSemaphore(self._most)
        self._idle: list[Worker] = []
        self._closed = False

    def _after_fork(self) -> None:
        for worker in self._idle:
            worker.disown()
        self._forget()


def write(pipe: IO[bytes], parts: Sequence[bytes]) -> None:
    pipe.write(_LENGTH.pack(len(parts)) + b"".join(_LENGTH.pack(len(part)) for part in parts))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read(pipe: IO[bytes]) -> list[bytes] | None:
    """Receive one message; None when the other side is gone or sends none."""
    count = _number(pipe)
    if count is None or count > _MOST_PARTS:
        return None
    lengths = [_number(pipe) for _ in range(count)]
    parts = [pipe.read(length) for length in lengths if length is not None]
    whole = [len(part) for part in parts] == lengths
    return parts if whole else None


def _number(pipe: IO[bytes]) -> int | None:
    head = pipe.read(_LENGTH.size)
    return _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else None


_workers = Workers("pictures.worker", MOST_WORKERS)
atexit.register(_workers.close)
_measuring = threading.Lock()
"""Held while a picture is read and until it has its room: who waits for room holds no part of it that another one
waits for."""


def decode_elsewhere(source: Path | bytes, size: int, limits: Limits, side: int) -> tuple[Image.Image, Facts, str]:
    """Decode a file of `size` bytes; returns the picture, its facts and its SHA-256. Raises PictureError only."""
    payload = source if isinstance(source, bytes) else os.fsencode(source)
    order = json.dumps({"limits": asdict(limits), "side": side, "size": size}).encode()
    kind = b"bytes" if isinstance(source, bytes) else b"path"
    with _workers.lent() as worker, ExitStack() as reserved:
        with _measuring:
            reserved.enter_context(room.reserved(size, limits))
            answer = _ask(worker, size, limits, kind, payload, order)
            if answer[0] == b"needed":
                needed = int(answer[1])
                check_room(needed, limits)  # with what is reserved already: else the wait below has no end
                reserved.enter_context(room.reserved(needed - size, limits))
        if answer[0] == b"needed":
            answer = _ask(worker, size, limits, b"go on")
            if needed > _LARGE:
                worker.close()
    if answer[0] != b"decoded":
        raise PictureError(answer[1].decode(), answer[2].decode())
    width, height = json.loads(answer[1])
    image = Image.frombytes("RGB", (width, height), answer[4])
    return image, FACTS.validate_json(answer[3]), answer[2].decode()


def _ask(worker: Worker, size: int, limits: Limits, *parts: bytes) -> list[bytes]:
    seconds = limits.decode_s(size)
    try:
        return worker.ask(*parts, timeout_s=_WAITING * seconds + (0 if worker.served else _STARTING_S))
    except Died as death:
        if death.late or death.code == -getattr(signal, "SIGPROF", 0):
            raise PictureError(
                "too_slow",
                f"decoding it took more than {seconds:.1f} s of processor time; save it again as an ordinary JPEG or "
                "PNG, or raise LOUPE_MAX_DECODE_S",
            ) from None
        raise PictureError(
            "crashed",
            f"the decoder crashed on it (its process ended with {death.code}); replace it with an intact copy, or "
            "convert it to JPEG or PNG",
        ) from None
