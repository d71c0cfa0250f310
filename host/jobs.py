"""One ingest at a time, and how far it is, for every process of this machine to see. Knows no database and no
picture."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import Timeout

from errors import IngestBusy
from host.files import write_text_whole
from host.folders import make_home, own_lock, using
from host.processes import ProcessIdentity

WRITE_EVERY_S = 0.5


@dataclass(frozen=True)
class Status:
    """The state of the last or the running ingest. `report` is set when it has ended, `error` when it ended early."""

    pid: int
    created: float
    """As in ProcessIdentity."""
    folder: str
    started_at: float
    """Seconds since the epoch."""
    done: int = 0
    total: int = 0
    encoded: int = 0
    failed: int = 0
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
    def __init__(self, home: Path) -> None:
        self._path = home / "ingest.json"
        self._written = 0.0

    def read(self) -> Status | None:
        """None when nothing was ingested yet."""
        try:
            with using(self._path):
                return Status(**json.loads(self._path.read_text("utf-8"))) if self._path.exists() else None
        except (ValueError, TypeError):  # damaged, or of a newer Loupe: the next ingest writes it anew
            return None

    def forget(self) -> None:
        with using(self._path):
            self._path.unlink(missing_ok=True)

    def write(self, status: Status, *, at_once: bool = True) -> None:
        """Atomically; with `at_once` False at most twice a second."""
        if not at_once and time.monotonic() - self._written < WRITE_EVERY_S:
            return
        make_home(self._path.parent)
        with using(self._path):  # not synced: after a power cut it ran nowhere
            write_text_whole(self._path, json.dumps(asdict(status)), sync=False, private=True)
        self._written = time.monotonic()


@contextmanager
def only_one(home: Path, collection: str, folder: Path) -> Iterator[StatusFile]:
    """Holds the collection for one ingest; raises IngestBusy. The lock of a process that died is free again."""
    file = StatusFile(home)
    with hold(home, collection):
        this = ProcessIdentity.of_this_process()
        status = Status(this.pid, this.created, str(folder), time.time(), began=this.began)
        file.write(status)
        try:
            yield file
        except BaseException as error:
            file.write(replace(file.read() or status, error=str(error) or type(error).__name__))
            raise


@contextmanager
def hold(home: Path, collection: str) -> Iterator[None]:
    """The collection for this process alone; raises IngestBusy."""
    lock = own_lock(make_home(home) / f"ingest-{collection}.lock", blocking=False)
    try:
        with using(home):
            lock.acquire()
    except Timeout:
        other = StatusFile(home).read()
        who = f"process {other.pid} is ingesting {other.folder}" if other else "another process is ingesting"
        raise IngestBusy(f"One ingest at a time: {who} into {collection}. Wait for it, or stop it.") from None
    try:
        yield
    finally:
        lock.release()
