"""The processes in which hostile formats are decoded: an accident costs its picture, and nobody stays behind."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from errors import PictureError
from pictures import elsewhere
from pictures.elsewhere import Died, Worker, Workers
from pictures.open import Limits, open_image
from settings import PROJECT
from tests.pictures import bombs
from tests.pictures.builders import encode, opened, photo

WEBP = encode(photo(), "WEBP")


def workers(of: int | None = None) -> list[psutil.Process]:
    alive = [p for p in psutil.Process(of).children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in alive if "pictures.worker" in p.cmdline()]


@pytest.fixture(autouse=True)
def _none_before() -> None:
    """Each test begins without processes of the ones before."""
    elsewhere._workers.close()
    elsewhere._workers._closed = False


def works() -> bool:
    return open_image(WEBP, Limits(), 64).facts.format == "WEBP"


def test_a_process_serves_many_pictures() -> None:
    """One thread needs one process, whatever is refused between; threads at once need no more than there are places."""
    for _ in range(5):
        assert works()
        with pytest.raises(PictureError):
            open_image(WEBP[:40], Limits(), 64)
    assert len(workers()) == 1
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: works(), range(40)))
    assert 1 <= len(workers()) <= elsewhere.MOST_WORKERS


def test_a_decoder_that_crashes_costs_its_picture_only() -> None:
    assert works()
    (worker,) = workers()
    worker.suspend()
    killer = threading.Timer(0.3, worker.kill)
    killer.start()
    with pytest.raises(PictureError, match=r"the decoder crashed on it \(its process ended with -9\)") as caught:
        open_image(WEBP, Limits(), 64)
    assert caught.value.reason == "crashed"
    killer.join()
    assert works()


def test_a_process_that_cannot_be_started_costs_its_picture_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a container's limit of processes: one file is named, and the run goes on."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    elsewhere._workers.close()
    elsewhere._workers._closed = False
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(PictureError, match=r"no process could be started.*Resource temporarily unavailable") as caught:
        opened(encode(photo(), "WEBP"))
    assert caught.value.reason == "crashed"
    monkeypatch.undo()
    assert opened(encode(photo(), "WEBP")).facts.width == photo().width


def test_a_decoder_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that gets no processor time, or waits for ever, uses up none of its bound; a clock ends it."""
    assert works()
    (worker,) = workers()
    worker.suspend()
    monkeypatch.setattr(elsewhere, "_WAITING", 0.1)
    with pytest.raises(PictureError) as caught:
        open_image(WEBP, Limits(max_decode_s=5), 64)
    assert caught.value.reason == "too_slow"
    monkeypatch.undo()
    assert not worker.is_running()
    assert works()


def test_one_that_was_killed_while_idle_costs_nothing() -> None:
    assert works()
    (worker,) = workers()
    worker.kill()
    psutil.wait_procs([worker], timeout=10)
    assert works()


def test_a_process_that_used_much_memory_is_not_kept() -> None:
    assert open_image(bombs.webp(5000, 4000), Limits(), 64).facts.width == 5000
    assert workers() == []


def test_it_is_replaced_after_its_share_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a decoder leaks ends with its process."""
    monkeypatch.setattr(elsewhere._workers, "_works", 4)
    pids = set()
    for _ in range(6):
        assert works()  # two questions each: what it takes, and the pixels
        pids |= {worker.pid for worker in workers()}
    assert len(pids) >= 3


def test_it_imports_no_model_and_no_database() -> None:
    """It starts in a moment and is small: Pillow, numpy, pydantic, and `pictures`."""
    script = (
        "import pictures.worker, sys; print({m.split('.')[0] for m in sys.modules} & "
        "{'torch', 'transformers', 'streamlit', 'weaviate', 'encoder', 'search', 'schema', 'ingest', 'app_pages'})"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT).stdout == "set()\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_processes_of_its_own() -> None:
    """Parent and child never speak into one pipe; the child's end leaves the parent's process alone."""
    assert works()
    (worker,) = workers()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if works() and worker.pid not in [w.pid for w in workers()] else 2
            elsewhere._workers.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert worker.is_running() and works()
    assert [w.pid for w in workers()] == [worker.pid]


ASKS = """
import sys
from pathlib import Path
from pictures.open import Limits, open_image
open_image(Path(sys.argv[1]), Limits(), 64)
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    open_image(Path(sys.argv[2]), Limits(), 64)
"""


@pytest.mark.parametrize(
    ("how", "code"), [(None, 0), (signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_no_process_stays_behind(tmp_path: Path, how: signal.Signals | None, code: int) -> None:
    """After the end, ctrl-C, a plain kill and kill -9 in the middle of a decode; and no warning at the end."""
    (tmp_path / "a.webp").write_bytes(WEBP)
    (tmp_path / "b.heic").write_bytes(bombs.grid("HEIF", 8, 6))
    command = [
        sys.executable,
        "-W",
        "error",
        "-X",
        "dev",
        "-c",
        ASKS,
        str(tmp_path / "a.webp"),
        str(tmp_path / "b.heic"),
    ]
    asking = subprocess.Popen(
        [*command, "0" if how is None else "1000"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stdout is not None and asking.stderr is not None
    assert asking.stdout.readline() == "ready\n"
    started = [] if how is None else workers(asking.pid)
    assert how is None or started
    if how is not None:
        time.sleep(0.2)
        asking.send_signal(how)
    said = asking.communicate(timeout=30)[1]
    assert asking.returncode == code, said
    assert "Warning" not in said
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []


def test_what_is_no_answer_is_a_death() -> None:
    """A module that prints something else, and one that is not there."""
    for module in ("this", "pictures.there_is_no_such_module"):
        worker = Worker(module)
        with pytest.raises(Died):
            worker.ask(b"anything", timeout_s=20)
        assert not worker.alive


def test_work_that_is_broken_off_ends_its_process() -> None:
    """Else the answer would be taken for that of the next question."""
    pool = Workers("pictures.worker", 1)
    with pytest.raises(KeyboardInterrupt), pool.lent() as worker:
        raise KeyboardInterrupt
    assert not worker.alive
    with pool.lent() as other:
        assert other is not worker
    pool.close()
    assert not other.alive
