"""A real Weaviate for the session, with a data folder of its own; or the server that WEAVIATE_URL names.

Tests that fill a library start from an empty one (`empty`); tests that only read share the samples (`samples`), which
are encoded once in a session and stored again when a test before has removed them.
"""

import io
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import weaviate
from weaviate.classes.data import DataObject

import assembly
import exits
from encoder.load import load_encoder
from encoder.protocol import Encoder
from errors import NoLibrary
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import Address, connect
from schema.collection import Pictures, StorageOptions, delete_library, ensure_pictures, list_pictures, open_pictures
from schema.documents import COLLECTIONS
from schema.record import ImageRecord, to_properties
from search.relevance import ThresholdOptions
from server.__main__ import main
from server.local_server import HOST, LocalServer, ServerPlan
from settings import PROJECT, Settings
from tests.colours import ColourEncoder
from tests.search.colour_library import Library, fill

SAMPLES = PROJECT / "samples"
SETTINGS = Settings()
for name in list(os.environ):
    if name.startswith(("LOUPE_", "WEAVIATE_")):
        del os.environ[name]  # tests decide their settings themselves
# A suite that a script starts in the background is deaf to ctrl-C, and so would be every command it tests.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """The markers that follow from what a test uses."""
    for item in items:
        for marker, fixtures in (("weaviate", {"server", "address"}), ("browser", {"chromium"})):
            if fixtures & set(item.fixturenames):
                item.add_marker(marker)


def plan(home: Path, **changes: object) -> ServerPlan:
    """A server of its own, on ports that nobody wished for."""
    values = {"cache": SETTINGS.loupe_cache, "version": SETTINGS.loupe_weaviate_version, "http_port": 0, "grpc_port": 0}
    return ServerPlan(home=home, **(values | changes))  # type: ignore[arg-type]


def command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`python -m server …` on a home, in this process: to import what it imports costs a second of its own."""
    output, said = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    home_and_cache = {"LOUPE_HOME": str(home), "LOUPE_CACHE": str(SETTINGS.loupe_cache)}
    try:
        with (
            patch.dict(os.environ, home_and_cache),
            redirect_stdout(output),
            redirect_stderr(said),
            pytest.raises(SystemExit) as end,
        ):
            exits.run(lambda: main(arguments))
    finally:
        logging.getLogger().removeHandler(handler)
    return subprocess.CompletedProcess(arguments, int(end.value.code or 0), output.getvalue(), said.getvalue())


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of the module's own, started."""
    server = LocalServer(plan(tmp_path_factory.mktemp("own") / "home"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LOUPE_HOME of the session."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[LocalServer]:
    """The session's local server, running."""
    server = LocalServer(plan(home))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def address(request: pytest.FixtureRequest) -> Address:
    if SETTINGS.weaviate_url:
        return assembly.own_address(SETTINGS)
    server: LocalServer = request.getfixturevalue("server")
    running = server.running()
    assert running is not None
    return Address(HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key())


@pytest.fixture(scope="session")
def client(address: Address) -> Iterator[weaviate.WeaviateClient]:
    client = connect(address)
    named = [name for name in COLLECTIONS.values() if client.collections.exists(name)]
    if SETTINGS.weaviate_url and (list_pictures(client) or named):
        client.close()
        pytest.exit(
            f"The server {address.url} of WEAVIATE_URL holds a library, albums or profiles, which the tests would "
            "remove.",
            2,
        )
    yield client
    delete_library(client)
    client.collections.delete(list(COLLECTIONS.values()))
    client.close()


@pytest.fixture(scope="session")
def environment(home: Path, address: Address) -> dict[str, str]:
    """The environment for commands of ours that run as processes of their own."""
    values = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    values |= {
        "LOUPE_ENCODER": "specialists",
        "LOUPE_HOME": str(home),
        "LOUPE_CACHE": str(SETTINGS.loupe_cache),
        "PYTHONPATH": str(PROJECT),
    }
    if SETTINGS.weaviate_url:
        values |= {
            "WEAVIATE_URL": address.url,
            "WEAVIATE_API_KEY": address.api_key,
            "WEAVIATE_GRPC_HOST": address.grpc_host,
            "WEAVIATE_GRPC_PORT": str(address.grpc_port),
        }
    return values


@pytest.fixture
def empty(client: weaviate.WeaviateClient) -> weaviate.WeaviateClient:
    """A server without a library."""
    delete_library(client)
    return client


@pytest.fixture
def colours() -> ColourEncoder:
    return ColourEncoder()


@pytest.fixture
def pictures(empty: weaviate.WeaviateClient, colours: ColourEncoder) -> Pictures:
    """An empty library for the colour encoder."""
    return ensure_pictures(empty, colours.identity, StorageOptions())


@pytest.fixture(scope="module")
def library(client: weaviate.WeaviateClient) -> Library:
    """Sixty pictures of random colours; for reading only."""
    delete_library(client)
    encoder = ColourEncoder()
    return fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder)


@pytest.fixture(scope="session")
def specialists() -> Encoder:
    """From the export in the machine's cache, which the first session makes in half a minute."""
    return load_encoder("specialists", cache=SETTINGS.loupe_cache)


@pytest.fixture(scope="session")
def thumbnails(home: Path) -> ThumbnailStore:
    return ThumbnailStore(home / "thumbs")


@pytest.fixture(scope="session")
def threshold(home: Path) -> ThresholdOptions:
    """The default, with the bank's embeddings kept for the session: the specialists need seconds for them."""
    return ThresholdOptions(folder=home / "banks")


@pytest.fixture(scope="session")
def _encoded_samples(
    client: weaviate.WeaviateClient, specialists: Encoder, thumbnails: ThumbnailStore
) -> list[tuple[ImageRecord, dict[str, list[float]]]]:
    delete_library(client)
    pictures = ensure_pictures(client, specialists.identity, StorageOptions())
    ledger = Ledger(pictures, wait_s=10)
    report = Ingest(ledger, specialists, thumbnails, limits=Limits()).run(SAMPLES)
    assert not report.failed, report
    return [
        (record, pictures.collection.query.fetch_object_by_id(record.uuid, include_vector=True).vector)
        for record in all_records(ledger)
    ]


@pytest.fixture(scope="session")
def _thumbnails_of_samples(
    thumbnails: ThumbnailStore, _encoded_samples: list[tuple[ImageRecord, dict[str, list[float]]]]
) -> dict[Path, bytes]:
    paths = [thumbnails.path_of(record.sha256) for record, _ in _encoded_samples]
    return {path: path.read_bytes() for path in paths}


@pytest.fixture
def samples(
    client: weaviate.WeaviateClient,
    specialists: Encoder,
    _encoded_samples: list[tuple[ImageRecord, dict[str, list[float]]]],
    _thumbnails_of_samples: dict[Path, bytes],
) -> Pictures:
    """The library of samples/, encoded by the specialists. For reading; a test that changes it takes `empty`
    instead."""
    for path, data in _thumbnails_of_samples.items():
        if not path.exists():  # a test took a copy of that sample out of a library of its own
            path.write_bytes(data)
    try:
        pictures = open_pictures(client)
        count = pictures.collection.aggregate.over_all(total_count=True).total_count
        if pictures.identity == specialists.identity and count == len(_encoded_samples):
            return pictures
    except NoLibrary:
        pass
    delete_library(client)
    pictures = ensure_pictures(client, specialists.identity, StorageOptions())
    errors = pictures.collection.data.insert_many(
        [DataObject(uuid=r.uuid, properties=to_properties(r), vector=v) for r, v in _encoded_samples]
    ).errors
    assert not errors
    return pictures


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def all_records(ledger: Ledger) -> list[ImageRecord]:
    """Every record of the library, by hash."""
    hashes = sorted(sha256 for sha256, _ in ledger.all_places())
    records = ledger.by_hash(hashes)
    return [records[sha256] for sha256 in hashes]


def copy_samples(folder: Path, count: int) -> list[Path]:
    """The first `count` photographs of samples/, copied into `folder`, without their captions."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted((SAMPLES / "photos").glob("*.jpg"))[:count]
    return [Path(shutil.copy2(name, folder)) for name in names]
