"""Drawings rendered in processes of their own: one that hangs, crashes or eats memory costs its picture, not the run.

`python -m training.data.renderer` is such a process, asked by `pictures.elsewhere.Worker`: an SVG text in, a PNG or the
reason why not out, until its input closes.
"""

import queue
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress

from pictures.elsewhere import Died, Worker, read, write
from training.data.svg import Unrenderable, render

TIMEOUT_S = 20.0
MAX_MEMORY = 3 << 30
PICTURE, REASON = b"picture", b"reason"


class Accident(Unrenderable):
    """The renderer was too slow or crashed: on a machine less busy it may do better."""


class Renderer:
    """One worker process, started when first asked and again after each accident."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._worker: Worker | None = None

    def render(self, svg: str) -> bytes:
        """As `svg.render`; raises Accident for "too slow" and "the renderer crashed"."""
        try:
            if self._worker is None:
                self._worker = Worker("training.data.renderer")
                self._worker.ask(b"<svg/>", timeout_s=self._timeout_s)  # the time of starting is not the drawing's
            kind, answer = self._worker.ask(svg.encode("utf-8", "replace"), timeout_s=self._timeout_s)
        except Died as death:
            self._worker = None
            raise Accident("too slow" if death.late else "the renderer crashed") from None
        if kind == REASON:
            raise Unrenderable(answer.decode())
        return answer

    def stop(self) -> None:
        """Let a `render` in another thread end now."""
        if (worker := self._worker) is not None:
            worker.stop()

    def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


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


def _serve() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    while (asked := read(sys.stdin.buffer)) is not None:
        try:
            answer = [PICTURE, render(asked[0].decode())]
        except Unrenderable as reason:
            answer = [REASON, str(reason).encode()]
        except MemoryError:
            answer = [REASON, b"needs too much memory"]
        write(sys.stdout.buffer, answer)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _serve()
