"""The only caller of weaviate.connect_* (invariant I6)."""

import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import grpc
import httpx
import weaviate
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.exceptions import AuthenticationFailedError, UnexpectedStatusCodeError, WeaviateBaseError

from schema.errors import Unreachable

CONNECT_S = 5

CLIENT_ERRORS = (WeaviateBaseError, httpx.HTTPError, grpc.RpcError, ConnectionError)
"""What a call of the client may raise while Weaviate is away, or because it refuses."""


@dataclass(frozen=True)
class Address:
    """Where a Weaviate listens, and its key."""

    http_host: str
    http_port: int
    grpc_host: str
    grpc_port: int
    secure: bool = False
    api_key: str = field(default="", repr=False)
    remedy: str = "Start it, or correct WEAVIATE_URL"

    @classmethod
    def of_url(
        cls, url: str, api_key: str, grpc_host: str = "", grpc_port: int = 50051, remedy: str = remedy
    ) -> "Address":
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host = parts.hostname or "127.0.0.1"
        port = parts.port or (443 if secure else 80)
        return cls(host, port, grpc_host or host, grpc_port, secure, api_key, remedy)

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.http_host}:{self.http_port}"


def connect(address: Address) -> weaviate.WeaviateClient:
    """A connected client; close it when done. Raises Unreachable, with the address and what to do."""
    try:
        # The client would notice a wrong gRPC port at the first question, and only after a minute.
        socket.create_connection((address.grpc_host, address.grpc_port), timeout=CONNECT_S).close()
        return weaviate.connect_to_custom(
            http_host=address.http_host,
            http_port=address.http_port,
            http_secure=address.secure,
            grpc_host=address.grpc_host,
            grpc_port=address.grpc_port,
            grpc_secure=address.secure,
            auth_credentials=Auth.api_key(address.api_key) if address.api_key else None,
            # The client's own checks ask a package index for its newest version; Loupe talks to nobody but Weaviate.
            skip_init_checks=True,
            additional_config=AdditionalConfig(timeout=Timeout(init=CONNECT_S, query=60, insert=120), trust_env=False),
        )
    except AuthenticationFailedError as error:
        raise Unreachable(
            f"Weaviate at {address.url} refused the key in WEAVIATE_API_KEY. Correct it in .env."
        ) from error
    except UnexpectedStatusCodeError as error:
        if error.status_code in (401, 403):
            raise Unreachable(
                f"Weaviate at {address.url} refused the key (status {error.status_code}). Correct WEAVIATE_API_KEY."
            ) from error
        raise Unreachable(
            f"Weaviate at {address.url} answered with status {error.status_code}. {address.remedy}."
        ) from error
    except (WeaviateBaseError, ValueError, OSError) as error:
        raise Unreachable(
            f"Weaviate did not answer at {address.url} (gRPC port {address.grpc_port}). {address.remedy}."
        ) from error
