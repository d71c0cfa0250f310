"""Work that takes long: only one of a kind at a time, how far it is for every process of this machine to see, and, for
the app, started in a process of its own, so that no page waits for it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import Timeout

from errors import FolderError, IngestBusy
from host.files import write_text_whole
from host.folders import make_folder, make_home, open_own, own_lock, using
from host.processes import ProcessIdentity

WRITE_EVERY_S = 0.5
LAST_WORDS = 4000
END_S = 4.0
"""How long a child may take to end in order before it is asked again, and then killed."""


@dataclass(frozen=True)
class Status:
    """The state of the last or the running work. `report` is set when it has ended, `error` when it ended early."""

    pid: int
    created: float
    """As in ProcessIdentity."""
    folder: str = ""
    started_at: float = 0.0
    """Seconds since the epoch."""
    done: int = 0
    total: int = 0
    encoded: int = 0
    failed: int = 0
    stage: str = "Starting"
    share: float = 0.0
    report: dict[str, Any] | None = None
    error: str = ""
    began: str = ""
    """As in ProcessIdentity; a file of an older Loupe has none."""

    @property
    def running(self) -> bool:
        return self.report is None and not self.error and self._alive

    @property
    def died(self) -> bool:
        """It ended without a word: killed, or the machine went down."""
        return self.report is None and not self.error and not self._alive

    @property
    def _alive(self) -> bool:
        return ProcessIdentity(self.pid, self.created, self.began).alive


class StatusFile:
    def __init__(self, folder: Path, name: str = "ingest") -> None:
        self._path = folder / f"{name}.json"
        self._written = 0.0
        self._status: Status | None = None
        """What this process has reported."""

    def read(self) -> Status | None:
        """None when there never was any work."""
        try:
            with using(self._path):
                return Status(**json.loads(self._path.read_text("utf-8"))) if self._path.exists() else None
        except (ValueError, TypeError):  # damaged, or of a newer Loupe: the next one writes it anew
            return None

    def forget(self) -> None:
        with using(self._path):
            self._path.unlink(missing_ok=True)

    def write(self, status: Status, *, at_once: bool = True) -> None:
        """Atomically; with `at_once` False at most twice a second."""
        self._status = status
        if not at_once and time.monotonic() - self._written < WRITE_EVERY_S:
            return
        make_folder(self._path.parent)
        with using(self._path):  # not synced: after a power cut it ran nowhere
            write_text_whole(self._path, json.dumps(asdict(status)), sync=False, private=True)
        self._written = time.monotonic()

    def update(self, *, at_once: bool = True, **changes: Any) -> None:
        """Within `reporting`."""
        if self._status is not None:
            self.write(replace(self._status, **changes), at_once=at_once)

    def stage(self, stage: str, share: float) -> None:
        new = self._status is None or stage != self._status.stage
        self.update(stage=stage, share=min(max(share, 0.0), 1.0), at_once=new)

    @contextmanager
    def reporting(self, folder: str = "") -> Iterator["StatusFile"]:
        """The block is work of this process; an exception is its error."""
        this = ProcessIdentity.of_this_process()
        self.write(Status(this.pid, this.created, folder, time.time(), began=this.began))
        try:
            yield self
        except BaseException as error:
            self.update(error=str(error) or type(error).__name__)
            raise


@contextmanager
def exclusive(lock: Path, busy: Callable[[], Exception]) -> Iterator[None]:
    """The block alone holds the lock, among all processes; else raises `busy()`. The lock of a process that died is
    free again."""
    held = own_lock(make_folder(lock.parent) / lock.name, blocking=False)
    try:
        with using(lock.parent):
            held.acquire()
    except Timeout:
        raise busy() from None
    try:
        yield
    finally:
        held.release()


@contextmanager
def only_one(home: Path, collection: str, folder: Path) -> Iterator[StatusFile]:
    """Holds the collection for one ingest; raises IngestBusy."""
    with hold(home, collection), StatusFile(home).reporting(str(folder)) as file:
        yield file


@contextmanager
def hold(home: Path, collection: str) -> Iterator[None]:

    def busy() -> IngestBusy:
        other = StatusFile(home).read()
        who = f"process {other.pid} is ingesting {other.folder}" if other else "another process is ingesting"
        return IngestBusy(f"One ingest at a time: {who} into {collection}. Wait for it, or stop it.")

    with exclusive(make_home(home) / f"ingest-{collection}.lock", busy):
        yield


class Child:
    """A `python -m …` of Loupe. Its standard error goes to `log`, which is made anew; its standard output nowhere."""

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
        text = self._log.read_bytes()[-LAST_WORDS:].decode("utf-8", "replace") if self._log.exists() else ""
        return [line for line in text.splitlines() if line.strip()]


class Job:
    """One `python -m …`, begun by the app when it is asked for. Thread-safe; sees the work of other processes too."""

    def __init__(
        self, command: Sequence[str], project: Path, file: StatusFile, log: Path,
        niceness: int = 0, successes: tuple[int, ...] = (0,),
    ) -> None:  # fmt: skip
        """`successes`: the exit codes that are no failure."""
        self._command, self._project, self._file, self._log = command, project, file, log
        self._niceness, self._successes = niceness, successes
        self._child: Child | None = None
        self._tried = self._refusal = ""
        self._closed = False
        self._lock = threading.Lock()

    def start(self, *arguments: str, version: str = "") -> bool:
        """Whether it runs now; `failure` says why it could not. With a `version`, it is begun once for that version,
        and not while another process does the same."""
        with self._lock:
            if self._alive() or (version and self._elsewhere()):
                return True
            if self._closed or (version and version == self._tried):
                return False
            self._child, self._refusal, self._tried = None, "", version
            try:
                self._child = Child([*self._command, *arguments], self._project, self._log, self._niceness)
            except FolderError as error:
                self._refusal = str(error)
            return self._child is not None

    def try_again(self) -> None:
        """The same version may be tried once more."""
        with self._lock:
            self._tried = self._refusal = ""

    def close(self) -> None:
        """For good; ends ours. What is stored is done, and the next one goes on."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.end()

    @property
    def running(self) -> bool:
        with self._lock:
            return self._alive() or self._elsewhere()

    def status(self) -> Status | None:
        """Of the last or the running job, ours or another process's; None until ours has begun to count."""
        status, child = self._file.read(), self._child
        begins = child is not None and child.poll() is None and (status is None or status.pid != child.pid)
        return None if begins else status

    def failure(self, version: str = "") -> str:
        """Why ours (for that version) could not start or ended early, in its own words where it has some; else ""."""
        with self._lock:
            child, refusal, tried = self._child, self._refusal, self._tried
        if tried != version or refusal:
            return refusal if tried == version else ""
        code = child.poll() if child is not None else None
        if child is None or code is None or code in self._successes:
            return ""
        status = self._file.read()
        if status is not None and status.pid == child.pid and status.error:
            return status.error
        lines = child.last_words()
        if lines and code > 0 and not any(line.startswith("Traceback") for line in lines):
            return lines[-1]
        killed = " (killed, or out of memory)" if code < 0 else ""
        words = f" Its last words: {lines[-1].rstrip('.')}." if lines else ""
        return f"The {self._command[0]} ended early{killed}, with exit code {code}.{words} Its log: {self._log}"

    def _alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _elsewhere(self) -> bool:
        status = self._file.read()
        return status is not None and status.running
