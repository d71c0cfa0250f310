"""python run.py [--port N]: from nothing to the app in the browser; ctrl-C stops what it started. (`make run`)"""

import argparse
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil

import assembly
import exits
from errors import NoLibrary, ServerError
from host import folders
from schema.collection import open_pictures
from settings import PROJECT, Settings, read_settings

PORT = 8501
READY_S = 180
SETTLE_S = 3.0
"""A reason not to be ready that stays this long is told, and no longer waited for."""
STOP_S = 40
"""More than the app takes to end an ingest and layouts that do not want to end (`host.jobs.END_S`)."""
STREAMLIT = [sys.executable, "-m", "streamlit", "run", "app.py"]
# Directly to this machine: a proxy in the environment is for other servers.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(port: int) -> int:
    settings = read_settings()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # the terminal is closed; nohup ignores that
        signal.signal(signal.SIGHUP, _interrupt)
    for quiet in ("schema", "server"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    try:
        with assembly.connected(settings) as client, _children_ended() as begun:
            if _is_empty(client):
                print("The library is empty: adding the sample pictures ...", flush=True)
                subprocess.run([sys.executable, "-m", "ingest", str(PROJECT / "samples")], cwd=PROJECT, check=False)
            app, url, log = _app(_free_port(port), settings)
            begun.append(app)
            reason = _wait_until_ready(app, url, log)
            print(f"Loupe is ready: {url}  (ctrl-C stops it)", flush=True)
            if reason:
                print(f"But it cannot answer yet: {reason}", file=sys.stderr)
            if _has_display():
                webbrowser.open(url)
            app.wait()
            raise _ended(app, log)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # the terminal may be gone
            print("\nLoupe is stopped.", flush=True)
        return exits.Exit.DONE


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise KeyboardInterrupt


def _is_empty(client: object) -> bool:
    try:
        return not open_pictures(client).collection.aggregate.over_all(total_count=True).total_count
    except NoLibrary:
        return True


def _app(port: int, settings: Settings) -> tuple[subprocess.Popen[bytes], str, Path]:
    """The web app in a session of its own, so that ctrl-C reaches it in order: first the app, then Weaviate."""
    log = assembly.make_home(settings) / "app.log"
    with folders.using(log), folders.open_own(log, "wb") as output:
        app = subprocess.Popen(
            [*STREAMLIT, f"--server.port={port}"],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return app, f"http://127.0.0.1:{port}", log


@contextlib.contextmanager
def _children_ended() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Afterwards every process begun within has ended, also one whose very beginning was interrupted: while it lives,
    Weaviate stays. Those in the list know it then, and give no warning."""
    this = psutil.Process()
    before = set(this.children())
    known: list[subprocess.Popen[bytes]] = []
    try:
        yield known
    finally:
        begun = [child for child in this.children() if child not in before]
        for child in begun:
            with contextlib.suppress(psutil.Error):
                child.terminate()
        _, alive = psutil.wait_procs(begun, STOP_S)
        for child in alive:
            with contextlib.suppress(psutil.Error):
                child.kill()
        psutil.wait_procs(alive)
        for process in known:
            process.poll()


def _wait_until_ready(app: subprocess.Popen[bytes], url: str, log: Path) -> str:
    """Why questions cannot be answered, where waiting does not help; empty when they can."""
    started = starting = time.monotonic()
    while True:
        if app.poll() is not None:
            raise _ended(app, log)
        state, reason = _health(url)
        if state == "ok":
            return ""
        now = time.monotonic()
        if state != "unavailable":
            starting = now
        if now - starting > SETTLE_S or now - started > READY_S:
            return reason
        time.sleep(0.1)


def _health(url: str) -> tuple[str, str]:
    try:
        with _opener.open(f"{url}/healthz", timeout=5) as answer:
            return str(json.load(answer)["status"]), ""
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, KeyError):
            body = json.load(error)
            return str(body["status"]), str(body["error"])
        return "", f"it answers with status {error.code}"
    except OSError:
        return "", "it does not answer yet"


def _ended(app: subprocess.Popen[bytes], log: Path) -> ServerError:
    words = " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) or "none"
    return ServerError(f"The web app ended (exit code {app.returncode}). Its last words: {words}. The whole log: {log}")


def _free_port(wish: int) -> int:
    for port in [*range(wish, min(wish + 50, 65536)), 0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise ServerError("No free port was found on 127.0.0.1; close some servers and try again.")


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, got {text!r}")
    return int(text)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python run.py", description=__doc__)
    parser.add_argument("--port", type=_port, default=os.environ.get("PORT") or str(PORT), metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    exits.run(lambda: main(_parse_arguments().port))
