"""The app's parts on the session's server and samples; the app as a process; a browser."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import weaviate
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext, ingest_job, layout_jobs
from api.routes import is_page, routes
from api.same_origin import SameOrigin
from encoder.protocol import Encoder
from host.jobs import Child
from ingest.roots import Roots
from layout.store import LayoutStore
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import Address
from schema.collection import Pictures, delete_library
from search.relevance import ThresholdOptions
from search.searcher import Searcher
from settings import PROJECT
from tests.app.browser import OpenTab, Tab
from tests.colours import ColourEncoder
from tests.conftest import SAMPLES

CHROMIUM = next(
    (
        path
        for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
        if Path(path).exists()
    ),
    "",
)
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


def parts_of(home: Path, connection: Connection, thumbnails: ThumbnailStore | None = None) -> AppContext:
    return AppContext(
        connection=connection,
        thumbnails=thumbnails or ThumbnailStore(home / "thumbs"),
        ingestion=ingest_job(home, PROJECT),
        roots=Roots(home).all,
        limits=Limits(),
        upload_limits=Limits(max_file_mb=20, max_decoded_mb=600),
        samples=SAMPLES,
        home=home,
        layouts=(layouts := LayoutStore(home / "layouts")),
        maps=layout_jobs(layouts, home, PROJECT),
        training_runs=home / "training" / "runs",
        remote_folders=True,  # an AppTest's browser is nowhere
    )


@pytest.fixture(scope="session")
def connection(address: Address, specialists: Encoder, threshold: ThresholdOptions) -> Iterator[Connection]:
    connection = Connection(lambda: address, lambda: specialists, threshold=threshold)
    yield connection
    connection.close()


@pytest.fixture
def context(samples: Pictures, home: Path, connection: Connection, thumbnails: ThumbnailStore) -> AppContext:
    """The samples, searchable."""
    Roots(home).add(SAMPLES)
    return parts_of(home, connection, thumbnails)


@pytest.fixture
def ingesting(
    empty: weaviate.WeaviateClient,
    home: Path,
    environment: dict[str, str],
    address: Address,
    colours: ColourEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AppContext]:
    """An empty library, and parts whose ingests are real processes on it, with the colour encoder: it needs no time to
    be loaded. (`test_run` has the samples ingested by the default encoder.)"""

    def start(arguments: Sequence[str], *more: Any) -> Child:
        assert arguments[0] == "ingest"
        return Child(["tests.ingest.colour_ingest", *arguments[1:]], *more)

    monkeypatch.setattr("host.jobs.Child", start)
    for name in [name for name in os.environ if name.startswith(("LOUPE_", "WEAVIATE_"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("ingest.json", "roots.json"):
        (home / name).unlink(missing_ok=True)
    connection = Connection(lambda: address, lambda: colours)
    yield parts_of(home, connection)
    connection.close()
    delete_library(empty)
    for name in ("ingest.json", "roots.json"):
        (home / name).unlink(missing_ok=True)


def http_of(context: AppContext) -> TestClient:
    served = routes(context)
    guard = Middleware(SameOrigin, is_page=partial(is_page, served=served))
    app = Starlette(routes=[*served], middleware=[guard])
    return TestClient(app, base_url="http://127.0.0.1:8501")


@pytest.fixture
def http(context: AppContext) -> TestClient:
    return http_of(context)


@pytest.fixture
def searcher(context: AppContext) -> Searcher:
    return context.connection.searcher()


def search_script(context):  # Streamlit copies its source: it may name nothing of this module
    from app_pages.search.page import search_page

    search_page(context)


def library_script(context):
    from app_pages.library.page import library_page

    library_page(context)


def open_page(script: Callable[[AppContext], None], context: AppContext, **params: str | list[str]) -> AppTest:
    """A page with an address of these parameters, drawn."""
    page = AppTest.from_function(script, args=(context,), default_timeout=60)
    for name, value in params.items():
        page.query_params[name] = value
    return page.run()


def tiles(page: AppTest) -> list[str]:
    """The uuids of the pictures in the grid, in order."""
    return [button.key.removeprefix("open-") for button in page.button if (button.key or "").startswith("open-")]


def texts(page: AppTest) -> str:
    """Everything a person can read on the page."""
    kinds = ("markdown", "caption", "title", "subheader", "html", "error", "warning", "info", "button", "metric")
    return "\n".join(f"{getattr(e, 'label', '')} {e.value}" for kind in kinds for e in getattr(page, kind))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lan_address() -> str:
    """By which other machines of the network would reach this one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


@contextlib.contextmanager
def app_process(environment: dict[str, str], log: Path, *options: str) -> Iterator[str]:
    """`streamlit run app.py` as a process; its address, as soon as it answers at all."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], Any], seconds: float) -> float:
    """Seconds until it held; fails when it does not hold in time."""
    started = time.monotonic()
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if condition():
                return time.monotonic() - started
        assert time.monotonic() - started < seconds, f"it did not happen within {seconds} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def app_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app") / "app.log"


@pytest.fixture(scope="session")
def app_url(environment: dict[str, str], app_log: Path) -> Iterator[str]:
    """The web app on the session's home, with its encoder loaded."""
    with app_process(environment, app_log) as url:
        wait_for(lambda: httpx.get(f"{url}/healthz", trust_env=False).is_success, 120)
        yield url


@pytest.fixture(scope="session")
def own_server(address: Address) -> dict[str, str]:
    """Settings that name the session's server, for commands with a home of their own."""
    return {
        "WEAVIATE_URL": address.url,
        "WEAVIATE_API_KEY": address.api_key,
        "WEAVIATE_GRPC_HOST": address.grpc_host,
        "WEAVIATE_GRPC_PORT": str(address.grpc_port),
    }


@pytest.fixture(scope="session")
def exposed(
    environment: dict[str, str], own_server: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The app for a network: on every interface, and behind a proxy that people open as https://photos.example."""
    home = tmp_path_factory.mktemp("exposed")
    options = ["--server.address=0.0.0.0", "--server.corsAllowedOrigins=https://photos.example"]
    options += [f"--server.allowedHosts={name}" for name in ("127.0.0.1", "localhost", "photos.example", lan_address())]
    with app_process(environment | own_server | {"LOUPE_HOME": str(home)}, home / "log", *options) as url:
        wait_for(lambda: httpx.get(f"{url}/healthz", trust_env=False).is_success, 120)
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need: pip install playwright")
    if not CHROMIUM:
        pytest.skip("the browser tests need Chromium (Debian: apt install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split(), env=dict(os.environ))
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium: Any) -> Iterator[OpenTab]:
    """Tabs that know nothing of each other, closed after the test."""
    with contextlib.ExitStack() as tabs:

        def open_one(width: int = 1280) -> Tab:
            tab = Tab(chromium, width)
            tabs.callback(tab.context.close)
            return tab

        yield open_one


@pytest.fixture
def tab(open_tab: OpenTab) -> Tab:
    return open_tab()


@pytest.fixture
def url(samples: Pictures, home: Path, app_url: str) -> str:
    """The web app, with the samples found."""
    Roots(home).add(SAMPLES)
    wait_for(lambda: httpx.get(f"{app_url}/api/search?q=cat", trust_env=False).is_success, 30)
    return app_url
