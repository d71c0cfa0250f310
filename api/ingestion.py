"""Starts `python -m ingest` in a process of its own, so that no page waits for it. Knows no widget and no database."""

import threading
from collections.abc import Sequence
from pathlib import Path

from errors import FolderError
from host.child import OwnProcess
from host.jobs import Status, StatusFile

NO_FAILURES = (0, 1, 130)
"""Exit codes: all went well, some files failed (the report names them), interrupted."""


class Ingestion:
    """One for the process; thread-safe. Sees an ingest that was started from a shell too."""

    def __init__(self, home: Path, project: Path) -> None:
        self._home = home
        self._project = project
        self._file = StatusFile(home)
        self._log = home / "ingest-app.log"
        self._process: OwnProcess | None = None
        self._refusal = ""
        self._closed = False
        self._lock = threading.Lock()

    def start(self, folder: str, options: Sequence[str] = ()) -> None:
        """Does nothing while one runs; `failure` says why it could not."""
        with self._lock:
            if self._closed or self._alive():
                return
            self._process, self._refusal = None, ""
            try:
                self._process = OwnProcess(["ingest", *options, "--", folder], self._project, self._log)
            except FolderError as error:
                self._refusal = str(error)

    def close(self) -> None:
        """For good; ends ours. What is stored is done, and the next ingest goes on."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.end()

    @property
    def running(self) -> bool:
        """Ours, also before it has said a word; or another process's."""
        with self._lock:
            alive = self._alive()
        status = self._file.read()
        return alive or (status is not None and status.running)

    def status(self) -> Status | None:
        """Of the last or the running ingest, whoever started it; None while ours has not yet begun to count."""
        status = self._file.read()
        with self._lock:
            if self._process is not None and self._alive() and (status is None or status.pid != self._process.pid):
                return None
        return status

    def failure(self) -> str:
        """Why ours could not start or ended early, in its own words where it has some; "" otherwise."""
        with self._lock:
            process, refusal = self._process, self._refusal
        if refusal:
            return refusal
        code = process.poll() if process is not None else None
        if process is None or code is None or code in NO_FAILURES:
            return ""
        lines = process.last_words()
        if lines and code > 0 and not any(line.startswith("Traceback") for line in lines):
            return lines[-1]
        words = f" Its last words: {lines[-1].rstrip('.')}." if lines else ""
        return f"The ingest ended early (exit code {code}).{words} Its log: {self._log}"

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None
