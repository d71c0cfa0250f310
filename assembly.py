"""Puts the parts together from the settings. Imported by entry points only; here and nowhere else are they chosen."""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import weaviate

from encoder.load import load_encoder
from encoder.protocol import Encoder
from errors import HomeError, Refused, SchemaError, Unreachable, first_line
from host import folders
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.check import mend_all
from schema.client import Address, connect, translating
from schema.collection import StorageOptions
from schema.patience import RESTART, RESTART_OWN, START, START_OWN, Patience
from search.relevance import ThresholdOptions
from server.local_server import LocalServer, ServerPlan
from server.state import HOST, Running
from settings import Settings

log = logging.getLogger(__name__)


def local_server(settings: Settings) -> LocalServer:
    return LocalServer(
        ServerPlan(
            home=settings.loupe_home,
            cache=settings.loupe_cache,
            version=settings.loupe_weaviate_version,
            http_port=settings.loupe_weaviate_port,
            grpc_port=settings.loupe_weaviate_grpc_port,
            clip_inference_api=settings.loupe_clip_inference_api,
        )
    )


def remedy(settings: Settings) -> str:
    """What to do when Weaviate does not answer."""
    return START_OWN if settings.weaviate_url else START


def patience(settings: Settings) -> Patience:
    """How long a question waits for Weaviate."""
    restart = RESTART_OWN if settings.weaviate_url else RESTART
    return Patience(settings.loupe_question_timeout_s, remedy(settings), restart)


def own_address(settings: Settings) -> Address:
    """The server of WEAVIATE_URL."""
    return Address.of_url(
        settings.weaviate_url,
        settings.weaviate_api_key.get_secret_value(),
        settings.weaviate_grpc_host,
        settings.weaviate_grpc_port,
        remedy=START_OWN,
        restart=RESTART_OWN,
        proxy=settings.weaviate_proxy.get_secret_value(),
    )


def local_address(server: LocalServer, running: Running) -> Address:
    return Address(
        HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key(), remedy=START, restart=RESTART
    )


def joined(server: LocalServer) -> Address:
    """The local server, started where it does not run. What a crash of it may have lost is mended behind the scenes."""
    running = server.join()
    address = local_address(server, running)
    if running.to_check:
        threading.Thread(target=_mend, args=(server, address), name="after_a_crash", daemon=True).start()
    return address


def _mend(server: LocalServer, address: Address) -> None:
    with suppress(Unreachable), closing(connect(address)) as client:
        after_a_crash(server, client)


def after_a_crash(server: LocalServer, client: weaviate.WeaviateClient) -> None:
    """Mend what a local server that did not end in order may have lost, once after each such end.

    The first process that connects does it, so that an ingest never calls lost pictures unchanged. Where it
    cannot be done the next one tries again; what this one was to do goes on.
    """
    lock = server.home / "check.lock"
    try:
        with ExitStack() as held:
            with folders.using(lock, HomeError):
                held.enter_context(folders.own_lock(lock))
            running = server.running()
            if running is not None and running.to_check:
                with translating():
                    mend_all(client)
                server.checked(running)
    except SchemaError as error:
        log.warning("That could not be done (%s). By hand: python -m server check --mend", first_line(error))


@contextmanager
def connected(settings: Settings, *, mending: bool = True) -> Iterator[weaviate.WeaviateClient]:
    """A client of the server of WEAVIATE_URL, or else of the local one, which runs at least as long as the block.

    `mending`: what a crash of the local one may have lost is mended first.
    """
    if settings.weaviate_url:
        with connection(own_address(settings)) as client:
            yield client
        return
    server = local_server(settings)
    with server.in_use() as running, connection(local_address(server, running)) as client:
        if running.to_check and mending:
            after_a_crash(server, client)
        yield client


@contextmanager
def attached(settings: Settings) -> Iterator[tuple[weaviate.WeaviateClient, Address]]:
    """Like `connected`, but starts nothing: raises Unreachable where no server runs."""
    if settings.weaviate_url:
        address = own_address(settings)
    else:
        server = local_server(settings)
        if (running := server.running()) is None:
            raise Unreachable(f"Weaviate is not running. {START}.")
        address = local_address(server, running)
    with connection(address) as client:
        yield client, address


@contextmanager
def connection(address: Address) -> Iterator[weaviate.WeaviateClient]:
    """A client for the block; what it raises becomes Refused or Unreachable."""

    def refused(reason: str) -> Refused:
        return Refused(f"Weaviate did not do what it was asked: {reason}.")

    def away() -> Unreachable:
        return Unreachable(f"Weaviate did not answer at {address.url}. {address.remedy}.")

    with closing(connect(address)) as client, translating(refused, away):
        yield client


def make_home(settings: Settings) -> Path:
    """LOUPE_HOME, made for its owner only where it is not there yet."""
    return folders.make_home(settings.loupe_home)


def encoder(settings: Settings) -> Encoder:
    return load_encoder(
        settings.loupe_encoder,
        device=settings.loupe_device,
        dtype=settings.loupe_dtype,
        threads=settings.loupe_threads,
        cache=settings.loupe_cache,
    )


def storage_options(settings: Settings) -> StorageOptions:
    return StorageOptions(settings.loupe_shards, settings.loupe_replication, settings.loupe_quantization)


def threshold(settings: Settings) -> ThresholdOptions:
    return ThresholdOptions(settings.loupe_false_alarm, settings.loupe_cache / "banks")


def limits(settings: Settings, max_megapixels: float | None = None) -> Limits:
    return Limits(
        max_megapixels or settings.loupe_max_megapixels,
        settings.loupe_max_file_mb,
        settings.loupe_max_decoded_mb,
        settings.loupe_max_decode_s,
    )


def upload_limits(settings: Settings) -> Limits:
    """Of a picture that a visitor asks with."""
    return replace(
        limits(settings),
        max_file_mb=settings.loupe_max_upload_mb,
        max_decoded_mb=settings.loupe_max_upload_decoded_mb,
    )


def thumbnails(settings: Settings) -> ThumbnailStore:
    return ThumbnailStore(settings.loupe_home / "thumbs")
