"""Starts `python -m evaluation layout` in a process of its own, so that no page waits for it. Knows no widget and no
database."""

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from evaluation.layouts import LayoutStore, Progress

LAST_WORDS = 4000
NICE = 10
"""It may take minutes, and nobody waits for it as for a search."""


class MapWork:
    """One for the process; thread-safe. Sees a layout that another process computes too."""

    def __init__(self, home: Path, project: Path) -> None:
        self.store = LayoutStore(home / "layouts")
        self._home = home
        self._project = project
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._tried: dict[str, str] = {}
        self._lock = threading.Lock()

    def start(self, space: str, version: str) -> bool:
        """Whether one is being computed now. One that was started for this version of the library is not started
        again."""
        with self._lock:
            if self._alive(space) or self._running(space):
                return True
            if self._tried.get(space) == version:
                return False
            self._tried[space] = version
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._log(space).open("wb") as output:
                self._processes[space] = subprocess.Popen(
                    [sys.executable, "-m", "evaluation", "layout", "--space", space],
                    cwd=self._project,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=output,
                    start_new_session=True,  # ctrl-C at the app does not reach it; what it computes is kept
                )
            with suppress(psutil.Error):  # it may have ended already
                psutil.Process(self._processes[space].pid).nice(NICE)
        return True

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
        if process is not None and process.returncode and (progress is None or progress.pid != process.pid):
            return self._last_words(space, process.returncode)  # it ended before it began to count
        if progress is None:
            return ""
        return progress.error or ("It ended without a word (killed, or out of memory)." if progress.died else "")

    def _running(self, space: str) -> bool:
        progress = self.store.progress(space)
        return progress is not None and progress.running

    def _alive(self, space: str) -> bool:
        return (process := self._processes.get(space)) is not None and process.poll() is None

    def _log(self, space: str) -> Path:
        return self._home / f"layout-{space}.log"

    def _last_words(self, space: str, code: int) -> str:
        log = self._log(space)
        text = log.read_bytes()[-LAST_WORDS:].decode("utf-8", "replace") if log.exists() else ""
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else f"It ended with exit code {code}. Its log: {log}"
