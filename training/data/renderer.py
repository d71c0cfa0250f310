"""Drawings rendered in processes of their own: one that hangs, crashes or eats memory costs its picture, not the run.

`python -m training.data.renderer` is such a process: SVG texts on stdin, PNGs on stdout, until stdin closes.
"""

import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import IO

from training.data.svg import Unrenderable, render

TIMEOUT_S = 20.0
MAX_MEMORY = 3 << 30
_ROOT = Path(__file__).resolve().parents[2]
_HEAD = struct.Struct("<?I")


class Accident(Unrenderable):
    """The renderer was too slow or crashed: on a machine less busy it may do better."""


class Renderer:
    """One worker process, started when first asked and again after each accident."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    def render(self, svg: str) -> bytes:
        """As `svg.render`; raises Accident for "too slow" and "the renderer crashed"."""
        if self._process is None:
            self._process = self._start()
            self._ask(self._process, "<svg/>")  # the time that starting takes is not the drawing's
        good, answer = self._ask(self._process, svg)
        if not good:
            raise Unrenderable(answer.decode())
        return answer

    def stop(self) -> None:
        """Let a `render` in another thread end now."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process; `render` starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "training.data.renderer"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # ctrl-C is for the one that asks
        )

    def _ask(self, process: subprocess.Popen[bytes], svg: str) -> tuple[bool, bytes]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(self._timeout_s, stop)
        clock.start()
        try:
            _write(process.stdin, True, svg.encode("utf-8", "replace"))  # type: ignore[arg-type]
            answer = _read(process.stdout)  # type: ignore[arg-type]
        except OSError:
            answer = None
        finally:
            clock.cancel()
        if answer is None:
            self.close()
            raise Accident("too slow" if late.is_set() else "the renderer crashed")
        return answer


def render_all(svgs: Iterable[tuple[str, str]], workers: int) -> Iterator[tuple[str, bytes | Unrenderable]]:
    """(key, SVG) -> (key, PNG or why not), as each is done; holds a few drawings in memory, whatever their number."""
    idle: queue.SimpleQueue[Renderer] = queue.SimpleQueue()
    renderers = [Renderer() for _ in range(workers)]
    for renderer in renderers:
        idle.put(renderer)

    def work(key: str, svg: str) -> tuple[str, bytes | Unrenderable]:
        renderer = idle.get()
        try:
            return key, renderer.render(svg)
        except Unrenderable as reason:
            return key, reason
        finally:
            idle.put(renderer)

    pool = ThreadPoolExecutor(workers)
    running: set[Future[tuple[str, bytes | Unrenderable]]] = set()
    try:
        for key, svg in svgs:
            running.add(pool.submit(work, key, svg))
            if len(running) >= 4 * workers:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        for future in list(running):
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for renderer in renderers:
            renderer.stop()
        pool.shutdown()
        for renderer in renderers:
            renderer.close()


def _write(pipe: IO[bytes], good: bool, content: bytes) -> None:
    pipe.write(_HEAD.pack(good, len(content)) + content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> tuple[bool, bytes] | None:
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    good, length = _HEAD.unpack(head)
    content = pipe.read(length)
    return (good, content) if len(content) == length else None


def _serve() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    while (asked := _read(sys.stdin.buffer)) is not None:
        try:
            _write(sys.stdout.buffer, True, render(asked[1].decode()))
        except Unrenderable as reason:
            _write(sys.stdout.buffer, False, str(reason).encode())
        except MemoryError:
            _write(sys.stdout.buffer, False, b"needs too much memory")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _serve()
