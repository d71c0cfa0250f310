"""One real Weaviate on this machine: started, shared, stopped.

The folder `home` holds all of it: `weaviate/` (data), `api_key` (mode 0600), `weaviate.log`, `server.json` (the
state: who runs, on which ports, who uses it). Every change happens under one file lock, so two processes may start or
stop at once. A state that is stale (kill -9, reboot) heals itself: a process counts only with its beginning, and
a server whose state file is lost is found again by its data folder.
"""

import contextlib
import errno
import logging
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
import tenacity

from errors import HomeError, ServerError
from host.folders import free_bytes, make_home, open_own, own_lock, using
from host.processes import ProcessIdentity
from server.binary import obtain_binary
from server.environment import READ_ONLY_SHARE, environment_of, free_ports
from server.state import HOST, Running, read_state, write_state

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
KILL_TIMEOUT_S = 10
ATTEMPTS = 4
LEAST_FREE = 2_000_000
"""Bytes; with less, a start that fails is taken to fail for want of space."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerPlan:
    """What the server is to be. The two ports are wishes: where one is taken, a free one is chosen and recorded."""

    home: Path
    cache: Path
    version: str
    http_port: int = 8080
    grpc_port: int = 50051
    clip_inference_api: str = "http://127.0.0.1:8085"


class LocalServer:
    def __init__(self, plan: ServerPlan) -> None:
        self.plan = plan
        self.home = plan.home
        self.data = plan.home / "weaviate"
        self.backups = plan.home / "backups"
        self.log_file = plan.home / "weaviate.log"
        self._state_file = plan.home / "server.json"

    @property
    def _wishes(self) -> tuple[int, int]:
        return self.plan.http_port, self.plan.grpc_port

    def start(self) -> Running:
        """Start it, or find it running, and keep it until `stop`. Raises ServerError."""
        with self._lock():
            running = replace(self._in_order() or self._spawn(), kept=True)
            write_state(self._state_file, running)
            return running

    def running(self) -> Running | None:
        """The server that runs on this home, by whichever process it was started; None when none does."""
        with self._lock():
            return self._running()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Running]:
        """The server for as long as the block lasts. The last user stops a server that nobody asked to keep."""
        running = self.join()
        try:
            yield running
        finally:
            self.leave()

    def join(self) -> Running:
        """Start it, or find it running, and count this process among its users."""
        with self._lock():
            running = self._in_order() or self._spawn()
            users = {*running.users, ProcessIdentity.of_this_process()}  # `leave` looks who lives
            running = replace(running, users=tuple(sorted(users, key=lambda user: user.pid)))
            write_state(self._state_file, running)
            return running

    def leave(self) -> None:
        with self._lock():
            if (running := self._running()) is None:
                return
            this = ProcessIdentity.of_this_process()
            users = tuple(user for user in running.users if user.alive and user != this)
            if not users and not running.kept:
                self._stop(running)
                return
            with contextlib.suppress(OSError):  # a full disk: soon this process is no user by its end
                write_state(self._state_file, replace(running, users=users))

    def stop(self) -> bool:
        """Stop it even while it is used; False when none ran. Raises ServerError if it will not end."""
        with self._lock():
            running = self._running()
            if running is not None:
                self._stop(running)
            return running is not None

    def checked(self, running: Running) -> None:
        with self._lock():
            now = self._running()
            if now is not None and now.process == running.process:
                write_state(self._state_file, replace(now, to_check=False))

    def api_key(self) -> str:
        """The key of this home; made at random, mode 0600, the first time."""
        path = self.home / "api_key"
        with using(path, HomeError):
            make_home(self.home)
            with contextlib.suppress(FileExistsError):
                _write_new(path, secrets.token_urlsafe(32))
            key = path.read_text("ascii", "replace").strip()
        if not key.isascii() or not key.isprintable() or not key:
            raise HomeError(f"The file {path} holds no key. Delete it; a new key is made at the next start.")
        return key

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with using(self.home, HomeError):
            make_home(self.home)
            with own_lock(self.home / "server.lock"):
                yield

    def _in_order(self) -> Running | None:
        """The server that runs, if it takes changes. One that a full disk made read-only stays so until it is started
        again; to set its shards READY would do, but it looks at the disk no more then (Weaviate 1.35)."""
        running = self._running()
        if running is None or not self._is_read_only(running) or _share_used(self.home) >= READ_ONLY_SHARE:
            return running
        log.warning(
            "Weaviate takes no changes since its disk was full. %.0f MB are free in %s by now: it is started again.",
            free_bytes(self.home) / 1e6,
            self.home,
        )
        self._stop(running)
        # Who uses it, who kept it and where it is stay as they are, so that waiting clients find it.
        write_state(self._state_file, replace(running, wishes=self._wishes))
        return None

    def _is_read_only(self, running: Running) -> bool:
        try:
            answer = self._ask(running, "/v1/nodes?output=verbose")
            shards = [shard for node in answer.json()["nodes"] for shard in node["shards"] or ()]
            return any(shard["vectorIndexingStatus"] == "READONLY" for shard in shards)
        except (httpx.HTTPError, ValueError, LookupError, TypeError):  # it does not answer: others will say so
            return False

    def _ask(self, running: Running, path: str) -> httpx.Response:
        key = {"Authorization": f"Bearer {self.api_key()}"}
        return httpx.get(f"{running.url}{path}", headers=key, timeout=2, trust_env=False)

    def _running(self) -> Running | None:
        state = read_state(self._state_file)
        if state is not None and state.process.alive:
            return state
        return self._adopt(state)

    def _adopt(self, state: Running | None) -> Running | None:
        """A server of our data folder whose state was lost: known by its environment, which names the folder."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, KeyError, ValueError, IndexError):
                if "weaviate-server" not in process.name():
                    continue
                environment = process.environ()
                if Path(environment["PERSISTENCE_DATA_PATH"]) != self.data:
                    continue
                command = process.cmdline()
                log.warning("found Weaviate running (pid %d) without a record of it; recorded again", process.pid)
                return Running(
                    process=ProcessIdentity.of(process.pid),
                    version=environment["LOUPE_SERVER_VERSION"],
                    http_port=int(command[command.index("--port") + 1]),
                    grpc_port=int(environment["GRPC_PORT"]),
                    kept=state.kept if state else True,
                    users=state.users if state else (),
                    wishes=state.wishes if state else self._wishes,
                    to_check=self._to_check(state),
                )
        return None

    def _to_check(self, previous: Running | None) -> bool:
        """Whether the data were left by a server that did not end in order, and nobody has looked at them since."""
        if previous is None:
            return self.data.exists()
        return previous.to_check or not previous.stopped

    def _spawn(self) -> Running:
        binary = obtain_binary(self.plan.cache, self.plan.version)
        previous = read_state(self._state_file)
        same = previous is not None and previous.wishes == self._wishes
        wish_http, wish_grpc = (previous.http_port, previous.grpc_port) if previous and same else self._wishes
        to_check = self._to_check(previous)  # before a first try that fails has made the folder
        for attempt in range(ATTEMPTS):
            http_port, grpc_port = (wish_http, wish_grpc) if attempt == 0 else (0, 0)
            running, process = self._spawn_once(binary, http_port, grpc_port, previous, to_check)
            if self._wait_until_ready(running, process):
                process.returncode = 0  # it is to outlive this process: without this, Python warns that it runs
                return running
            log.info("Weaviate ended while starting (attempt %d of %d)", attempt + 1, ATTEMPTS)
        if free_bytes(self.home) < LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.home))
        raise ServerError(
            f"Weaviate {self.plan.version} ended while starting, {ATTEMPTS} times. "
            f"Its last words: {self._last_words()}. "
            f"The whole log: {self.log_file}. Data of a newer version needs that version in LOUPE_WEAVIATE_VERSION."
        )

    def _spawn_once(
        self, binary: Path, http_port: int, grpc_port: int, previous: Running | None, to_check: bool
    ) -> tuple[Running, subprocess.Popen[bytes]]:
        with free_ports([http_port, grpc_port, 0, 0], pairs=(2, 3)) as ports:
            http_port, grpc_port, gossip_port, raft_port = ports
        environment = environment_of(self.data, self.backups, self.api_key(), grpc_port, gossip_port, raft_port) | {
            "LOUPE_SERVER_VERSION": self.plan.version,
            "CLIP_INFERENCE_API": self.plan.clip_inference_api,
        }
        if self.log_file.exists() and self.log_file.stat().st_size > 10_000_000:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        command = [str(binary), "--host", HOST, "--port", str(http_port), "--scheme", "http"]
        command += ["--read-timeout=600s", "--write-timeout=600s"]
        with open_own(self.log_file, "ab") as output:
            # A session of its own: ctrl-C in the shell is for the app, which then stops the server in order.
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,
            )
        identity = ProcessIdentity.of(process.pid)
        kept, users = (previous.kept, previous.users) if previous else (False, ())
        running = Running(
            identity, self.plan.version, http_port, grpc_port, kept, users, self._wishes, to_check=to_check
        )
        try:
            write_state(self._state_file, running)
        except OSError:  # a full disk: nobody would know of it
            process.kill()
            process.wait()
            raise
        return running, process

    def _wait_until_ready(self, running: Running, process: subprocess.Popen[bytes]) -> bool:
        """True once it answers with our key; False when it ended (a port was taken in between, most often)."""

        def answers() -> bool | None:
            if process.poll() is not None:
                return False
            try:
                ready, meta = (self._ask(running, path) for path in ("/v1/.well-known/ready", "/v1/meta"))
                ours = ready.is_success and meta.is_success and "version" in meta.json()
            except (httpx.HTTPError, ValueError):
                return None
            return ours or None

        try:
            return bool(
                tenacity.Retrying(
                    retry=tenacity.retry_if_result(lambda answer: answer is None),
                    wait=tenacity.wait_fixed(0.1),
                    stop=tenacity.stop_after_delay(START_TIMEOUT_S),
                )(answers)
            )
        except tenacity.RetryError:
            process.kill()
            raise ServerError(
                f"Weaviate did not get ready at {running.url} within {START_TIMEOUT_S} s. Its last words: "
                f"{self._last_words()}. The whole log: {self.log_file}"
            ) from None

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return " / ".join(lines[-3:]) or "none"

    def _stop(self, running: Running) -> None:
        process = psutil.Process(running.process.pid)
        stopped = False
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
            stopped = _ended(running.process, STOP_TIMEOUT_S)
            if not stopped:
                log.warning("Weaviate (pid %d) did not end within %d s; killed", process.pid, STOP_TIMEOUT_S)
                process.kill()
                if not _ended(running.process, KILL_TIMEOUT_S):
                    raise ServerError(
                        f"Weaviate (process {process.pid}) cannot be ended: it is still there {KILL_TIMEOUT_S} s after "
                        f"it was killed, as where it waits for a disk. Look at the disk of {self.home}, or restart "
                        "the machine, then do the same again."
                    )
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0)  # where it is our own child, it does not stay behind as a zombie
        # Ports are remembered; who kept it is not, unless it crashed.
        try:
            write_state(self._state_file, replace(running, kept=False, users=(), stopped=stopped))
        except OSError:  # a full disk
            self._state_file.unlink(missing_ok=True)


def _share_used(folder: Path) -> float:
    """In percent, as Weaviate reckons it."""
    disk = shutil.disk_usage(folder)
    return 100 * disk.used / disk.total


def _write_new(path: Path, text: str) -> None:
    """A file for its owner only. Raises FileExistsError, so that two processes agree on one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, text.encode())
    except OSError:  # a full disk
        path.unlink()
        raise
    finally:
        os.close(handle)


def _ended(process: ProcessIdentity, timeout_s: float) -> bool:
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        wait=tenacity.wait_fixed(0.05),
        stop=tenacity.stop_after_delay(timeout_s),
        retry_error_callback=lambda state: True,
    )
    return not waiting(lambda: process.alive)
