"""What the app began ends with it: the layout of the map, an ingest; and it goes without a complaint."""

import signal
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from api.context import ingest_job
from host.jobs import Child
from schema.collection import Pictures
from tests.app.conftest import app_process, wait_for
from tests.app.session import session

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"


def project(tmp_path: Path, package: str, script: str) -> Path:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__main__.py").write_text(script)
    return tmp_path


def command_of(process: psutil.Process) -> list[str]:
    """Nothing of one that has ended and was not waited for."""
    try:
        return process.cmdline()
    except psutil.ZombieProcess:
        return []


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.jobs.END_S", 0.3)
    log = tmp_path / "log"
    script = f"import sys; sys.stdout = sys.stderr\n{STUBBORN}"
    process = Child(["stubborn"], project(tmp_path, "stubborn", script), log)
    wait_for(lambda: "deaf" in log.read_text(), 30)
    process.end()
    assert process.poll() == -signal.SIGKILL and not psutil.pid_exists(process.pid)


def test_nothing_begins_after_the_end(tmp_path: Path) -> None:
    ingestion = ingest_job(tmp_path / "home", tmp_path)
    ingestion.close()
    assert not ingestion.start("/photos") and not ingestion.start(version="one") and not ingestion.running
    assert not (tmp_path / "home" / "ingest-app.log").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-C", "kill"])
def test_layout_and_ingest_end_with_the_app(
    samples: Pictures, environment: dict[str, str], own_server: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """Each waits in an interpreter of its own that sleeps before it begins: what is ended is never nearly done."""
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(
        "import sys, time\nif {'layout', 'ingest'} & set(sys.orig_argv): time.sleep(600)\n"
    )
    log = tmp_path / "log"
    settings = environment | own_server | {"LOUPE_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "default"}
    settings["PYTHONPATH"] = f"{slow}:{environment['PYTHONPATH']}"
    with app_process(settings, log) as url:
        wait_for(lambda: httpx.get(f"{url}/api/search?q=cat", trust_env=False).is_success, 120)
        app = next(p for p in psutil.Process().children() if f"--server.port={url.rpartition(':')[2]}" in command_of(p))
        with session(url) as visitor:
            visitor.open(page="map")
            visitor.open(page="library")
            submit = next(one for one in visitor.ids() if "FormSubmitter" in one)
            visitor.send({visitor.id_of("folder"): {"string_value": "/photos"}, submit: {"trigger_value": True}})
            wait_for(lambda: len(app.children()) >= 2, 60)
            begun = [p for p in app.children() if sys.executable in command_of(p) or "-m" in command_of(p)]
            assert {"layout", "ingest"} <= {word for p in begun for word in command_of(p)}
            app.send_signal(number)
            wait_for(lambda: not app.is_running() or app.status() == psutil.STATUS_ZOMBIE, 30)
        assert not [p for p in begun if p.is_running()]
    said = log.read_text()
    assert "ResourceWarning" not in said and "Traceback" not in said, said
