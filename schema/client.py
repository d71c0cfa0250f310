"""Connect to Weaviate, and translate what its client raises (invariant I6).

What is set for HTTP is set for gRPC: host, port, TLS with its certificates, key, proxy, time. Proxies in the
environment are read by neither: the client passes them by for HTTP, and gRPC is told to.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import grpc
import httpx
import weaviate
from weaviate.classes.init import AdditionalConfig, Auth
from weaviate.config import GrpcConfig, Proxies
from weaviate.exceptions import (
    AuthenticationFailedError,
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateRetryError,
    WeaviateTimeoutError,
)
from weaviate.proto.v1 import weaviate_pb2_grpc

from errors import NoLibrary, Refused, Unreachable, first_line
from schema.collection import Pictures
from schema.patience import (
    CLIENT_ERRORS,
    LEAST_S,
    RESTART_OWN,
    START_OWN,
    NobodyListens,
    Patience,
    TimeLeft,
    left_s,
    waiting,
    within,
)

CONNECT_S = 5
ANSWERED = (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
MAX_REASON = 300
"""Characters of a refusal, in Weaviate's words, that are kept."""
AWAY = (
    httpx.TransportError,
    NobodyListens,
    WeaviateConnectionError,
    WeaviateTimeoutError,
    WeaviateRetryError,
)
CHANNEL = [
    ("grpc.use_local_subchannel_pool", 1),  # a new client gets a new connection, not the dead one of the last
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5000),  # how long one try to connect may take
    ("grpc.max_reconnect_backoff_ms", 2000),  # gRPC's own is two minutes: so late a server that came back was noticed
]


@dataclass(frozen=True)
class Address:
    """Where a Weaviate listens, its key, and what to do when it does not answer."""

    http_host: str
    http_port: int
    grpc_host: str
    grpc_port: int
    secure: bool = False
    api_key: str = field(default="", repr=False)
    remedy: str = START_OWN
    restart: str = RESTART_OWN
    proxy: str = field(default="", repr=False)
    """For HTTP and gRPC alike; it may hold a password."""

    @classmethod
    def of_url(cls, url: str, api_key: str, grpc_host: str = "", grpc_port: int = 50051, **more: Any) -> "Address":
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host = parts.hostname or "127.0.0.1"
        port = parts.port or (443 if secure else 80)
        return cls(host, port, grpc_host or host, grpc_port, secure, api_key, **more)

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{_bracketed(self.http_host)}:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        return f"{_bracketed(self.grpc_host)}:{self.grpc_port}"


def connect(address: Address) -> weaviate.WeaviateClient:
    """Return a connected client; close it when done. Raises Unreachable, with the address and what to do."""
    # The client would notice a wrong gRPC port at the first question only.
    time_s = min(CONNECT_S, left_s())
    if problem := ask_both(address, time_s):
        raise Unreachable(problem)
    try:
        with within(time_s):
            client = weaviate.connect_to_custom(
                http_host=_bracketed(address.http_host),
                http_port=address.http_port,
                http_secure=address.secure,
                grpc_host=_bracketed(address.grpc_host),
                grpc_port=address.grpc_port,
                grpc_secure=address.secure,
                auth_credentials=Auth.api_key(address.api_key) if address.api_key else None,
                # The client's own checks ask a package index for its newest version.
                skip_init_checks=True,
                additional_config=AdditionalConfig(
                    timeout=TimeLeft(init=CONNECT_S, query=60, insert=120),
                    trust_env=False,
                    proxies=Proxies(http=address.proxy, https=address.proxy, grpc=address.proxy)
                    if address.proxy
                    else None,
                    grpc_config=GrpcConfig(
                        channel_options=_options(address),
                        credentials=_credentials() if address.secure else None,
                    ),
                ),
            )
    except (WeaviateBaseError, httpx.HTTPError, ValueError, OSError) as error:
        status = error.status_code if isinstance(error, UnexpectedStatusCodeError) else 0
        if status in (401, 403) or isinstance(error, AuthenticationFailedError):
            why = f"at {address.url} refused the key. Correct WEAVIATE_API_KEY"
        elif status:
            why = f"at {address.url} answered with status {status}. {address.remedy}"
        else:
            why = f"did not answer at {address.url} (gRPC port {address.grpc_port}). {address.remedy}"
        raise Unreachable(f"Weaviate {why}.") from error
    connection = client._connection
    connection._grpc_stub = weaviate_pb2_grpc.WeaviateStub(
        grpc.intercept_channel(connection._grpc_channel, _AtOnce(address))
    )
    return client


def ask_both(address: Address, timeout_s: float) -> str:
    """What is wrong, as a sentence; empty where Weaviate answers over HTTP and over gRPC."""
    with closing(_channel(address)) as channel:
        asked = channel.unary_unary("/grpc.health.v1.Health/Check").future(b"", timeout=timeout_s)
        http, over_grpc = _http_problem(address, timeout_s), _grpc_problem(asked, timeout_s)
    where = f"{address.url} (gRPC port {address.grpc_port})"
    silent = _silent(timeout_s)
    if http and over_grpc:
        if silent in (http, over_grpc):
            return f"Weaviate did not answer at {where}: {silent}. It hangs, or is too busy. {address.restart}."
        return f"Weaviate did not answer at {where}. {address.remedy}."
    if over_grpc:
        return (
            f"Weaviate answers at {address.url}, but not at {address.grpc_host}, gRPC port {address.grpc_port} "
            f"({over_grpc}), and questions go over gRPC. {address.restart}."
        )
    if http:
        return (
            f"Weaviate answers at {address.grpc_host}, gRPC port {address.grpc_port}, but not over HTTP at "
            f"{address.url} ({http}). {address.restart}."
        )
    return ""


@contextmanager
def translating(
    refused: Callable[[str], Exception] = Refused, away: Callable[[], Exception] | None = None
) -> Iterator[None]:
    """Translate what the client raises in the block: into `away` where Weaviate is not there, else into `refused` of
    Weaviate's own words."""
    try:
        yield
    except CLIENT_ERRORS as error:
        if away is not None and is_away(error):
            raise away() from error
        raise refused(reason_of(error)) from error


@contextmanager
def answering(
    patience: Patience, refused: type[Exception], what: str = "the question", pictures: Pictures | None = None
) -> Iterator[None]:
    """The block is a part of a question: its errors are Unreachable, `refused`, and NoLibrary where the collection of
    `pictures` was removed."""

    def away() -> Exception:
        return patience.failed(Unreachable(f"Weaviate did not answer {what}. {patience.remedy}."))

    def not_answered(reason: str) -> Exception:
        if pictures is not None:
            with answering(patience, refused, what):
                if not pictures.collection.exists():
                    return NoLibrary(f"The library {pictures.name} was removed. Open the search again.")
        return refused(f"Weaviate refused {what}: {reason}.")

    with translating(not_answered, away), waiting():
        yield


def is_away(error: BaseException | None) -> bool:
    """Whether nobody answered, or the server is not ready yet: by the error or by those that it was raised for, as the
    client hides a lost connection behind its own errors."""
    while error is not None:
        if isinstance(error, grpc.RpcError):
            code = error.code() if isinstance(error, grpc.Call) else None
            away = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        elif isinstance(error, UnexpectedStatusCodeError):
            away = error.status_code == 503
        else:
            away = isinstance(error, AWAY)
        if away:
            return True
        error = error.__cause__ or error.__context__
    return False


def reason_of(error: Exception | str) -> str:
    """What Weaviate reported, on one line."""
    text = str(error)
    if isinstance(error, UnexpectedStatusCodeError) and isinstance(body := error.error, dict):
        reported = body.get("error") or body.get("message") or text
        text = (
            "; ".join(str(one.get("message", one)) for one in reported) if isinstance(reported, list) else str(reported)
        )
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())[:MAX_REASON].rstrip(".")


class _AtOnce(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Raise NobodyListens at once where nobody listens: the client would try a call again for a minute, whatever time
    it has. Where somebody does, the server hangs, is back, or lost the call with an old connection: it is made once
    more, and waits as long as it may."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        call = continuation(details, request)
        if call.code() is grpc.StatusCode.UNAVAILABLE and self._is_taken():
            timeout = max(LEAST_S, min(details.timeout, left_s()))
            call = continuation(details._replace(wait_for_ready=True, timeout=timeout), request)
        if call.code() is grpc.StatusCode.UNAVAILABLE:
            raise NobodyListens(call.details())
        return call

    def _is_taken(self) -> bool:
        if self._address.proxy:
            return True
        try:
            where = self._address.grpc_host, self._address.grpc_port
            socket.create_connection(where, max(LEAST_S, min(CONNECT_S, left_s()))).close()
        except OSError:
            return False
        return True


def _http_problem(address: Address, timeout_s: float) -> str:
    try:
        answer = httpx.get(
            f"{address.url}/v1/.well-known/ready", timeout=timeout_s, trust_env=False, proxy=address.proxy or None
        )
    except httpx.TimeoutException:
        return _silent(timeout_s)
    except (httpx.HTTPError, OSError, ValueError) as error:
        return first_line(error)
    return f"status {answer.status_code}" if answer.is_server_error else ""


def _grpc_problem(asked: Any, timeout_s: float) -> str:
    code = asked.code()  # waits for it
    if code in ANSWERED:
        return ""
    reason: str = (asked.details() or code.name).rpartition(": ")[2][:200]
    silent = code is grpc.StatusCode.DEADLINE_EXCEEDED or "timed out" in reason
    return _silent(timeout_s) if silent else reason


def _silent(timeout_s: float) -> str:
    return f"no answer within {timeout_s:.2g} s"


def _channel(address: Address) -> grpc.Channel:
    """Like the client's, for one call that does not wait where nobody listens."""
    options = [*_options(address), ("grpc.default_authority", address.grpc_host)]
    if address.proxy:
        options.append(("grpc.http_proxy", address.proxy))
    if address.secure:
        return grpc.secure_channel(address.grpc_target, _credentials(), options)
    return grpc.insecure_channel(address.grpc_target, options)


def _options(address: Address) -> list[tuple[str, Any]]:
    return [*CHANNEL, ("grpc.enable_http_proxy", int(bool(address.proxy)))]


def _credentials() -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(Path(certifi.where()).read_bytes())


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
