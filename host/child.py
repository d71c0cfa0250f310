"""One `python -m …` of Loupe in a process of its own, so that no page waits for it. Knows no widget and no database."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from host.folders import make_home, open_own, using

LAST_WORDS = 4000
END_S = 4.0
"""How long it may take to end in order before it is asked again, and then killed."""


class OwnProcess:
    """Its standard error goes to `log`, which is made anew; its standard output goes nowhere."""

    def __init__(self, arguments: Sequence[str], project: Path, log: Path, niceness: int = 0) -> None:
        self._log = log
        make_home(log.parent)
        with using(log), open_own(log, "wb") as output:
            # A session of its own: ctrl-C reaches the app, which ends this in order (`end`).
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=project,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        with suppress(psutil.Error):  # it may have ended already
            psutil.Process(self.pid).nice(niceness)
        # Somebody waits for it from the start, so that none stays behind as a zombie when nobody asks again.
        threading.Thread(target=self._process.wait, daemon=True, name=f"waits for {arguments[0]}").start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """In order where that is quick; afterwards it runs no more."""
        for ask in (self._process.terminate, self._process.terminate, self._process.kill):
            if self.poll() is not None:
                return
            ask()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)

    def last_words(self) -> list[str]:
        """The last lines of its log that say something."""
        text = self._log.read_bytes()[-LAST_WORDS:].decode("utf-8", "replace") if self._log.exists() else ""
        return [line for line in text.splitlines() if line.strip()]
