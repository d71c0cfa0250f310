"""Starts `python -m layout` in a process of its own, so that no page waits for it. Knows no widget and no
database."""

import threading
from pathlib import Path

from host.child import OwnProcess
from layout.store import LayoutStore, Progress

KILLED = "It ended without a word (killed, or out of memory)."
NICE = 10
"""It may take minutes, and nobody waits for it as for a search."""


class MapWork:
    """One for the process; thread-safe. Sees a layout that another process computes too."""

    def __init__(self, home: Path, project: Path) -> None:
        self.store = LayoutStore(home / "layouts")
        self._home = home
        self._project = project
        self._processes: dict[str, OwnProcess] = {}
        self._tried: dict[str, str] = {}
        self._closed = False
        self._lock = threading.Lock()

    def start(self, space: str, version: str) -> bool:
        """Whether one is being computed now. One that was started for this version of the library is not started
        again."""
        with self._lock:
            if self._alive(space) or self._running(space):
                return True
            if self._closed or self._tried.get(space) == version:
                return False
            self._processes[space] = OwnProcess(["layout", "--space", space], self._project, self._log(space), NICE)
            self._tried[space] = version  # a folder that cannot be written is tried again
        return True

    def close(self) -> None:
        """For good; ends those that were started here."""
        with self._lock:
            self._closed = True
            for process in self._processes.values():
                process.end()

    def forget(self, space: str) -> None:
        """It may be tried again."""
        with self._lock:
            self._tried.pop(space, None)

    def running(self, space: str) -> bool:
        with self._lock:
            return self._alive(space) or self._running(space)

    def progress(self, space: str) -> Progress | None:
        """Of the running one; None while ours has not said anything yet."""
        progress = self.store.progress(space)
        return progress if progress is not None and progress.running else None

    def failure(self, space: str, version: str) -> str:
        """Why the one that was started for this version ended early; "" when it did not."""
        with self._lock:
            process = self._processes.get(space)
            if self._tried.get(space) != version or self._alive(space) or self._running(space):
                return ""
        progress = self.store.progress(space)
        code = process.poll() if process is not None else None
        if process is not None and code and (progress is None or progress.pid != process.pid):
            lines = process.last_words()  # it ended before it began to count
            ended = KILLED if code < 0 else f"It ended with exit code {code}. Its log: {self._log(space)}"
            return lines[-1] if lines else ended
        if progress is None:
            return ""
        return progress.error or (KILLED if progress.died else "")

    def _running(self, space: str) -> bool:
        progress = self.store.progress(space)
        return progress is not None and progress.running

    def _alive(self, space: str) -> bool:
        return (process := self._processes.get(space)) is not None and process.poll() is None

    def _log(self, space: str) -> Path:
        return self._home / f"layout-{space}.log"
