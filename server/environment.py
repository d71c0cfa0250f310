"""What a Weaviate process is given: the variables of its environment, and ports of this machine that are free."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from errors import ServerError
from server.state import HOST

USER = "loupe"
READ_ONLY_SHARE = 99
"""Percent of its disk in use at which Weaviate takes no changes any more."""
COMMON_ENVIRONMENT = {
    "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
    "AUTHENTICATION_APIKEY_ENABLED": "true",
    "AUTHENTICATION_APIKEY_USERS": USER,
    "AUTHORIZATION_ADMINLIST_ENABLED": "true",
    "AUTHORIZATION_ADMINLIST_USERS": USER,
    "API_BASED_MODULES_DISABLED": "true",
    "ENABLE_MODULES": "multi2vec-clip,backup-filesystem",
    "CLIP_WAIT_FOR_STARTUP": "false",
    "AUTOSCHEMA_ENABLED": "false",
    "DISABLE_TELEMETRY": "true",
    "LOG_LEVEL": "warning",
    "QUERY_MAXIMUM_RESULTS": "10000",
    "CLUSTER_IN_LOCALHOST": "true",
    "CLUSTER_BIND_ADDR": HOST,
    "CLUSTER_BASIC_AUTH_USERNAME": USER,
}
"""Settings that the server in docker-compose.yml has too; a test compares the two.

The last three close what nodes of a cluster tell each other. Gossip and raft ask for no password in any version, so
they listen on this machine alone; the data port listens on every interface, so it asks for one: the API key.
"""

LOCAL_ENVIRONMENT = {
    "RAFT_BOOTSTRAP_EXPECT": "1",
    "RAFT_TIMEOUTS_MULTIPLIER": "1",
    "GO_PROFILING_DISABLE": "true",
    "DISK_USE_READONLY_PERCENTAGE": str(READ_ONLY_SHARE),
    "LOG_FORMAT": "text",
}
"""Settings of a server that shares its machine with a person's other work."""


def environment_of(
    data: Path, backups: Path, api_key: str, grpc_port: int, gossip_port: int, raft_port: int
) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return keep | {
        "PERSISTENCE_DATA_PATH": str(data),
        "BACKUP_FILESYSTEM_PATH": str(backups),
        "CLUSTER_HOSTNAME": "loupe",
        "GRPC_PORT": str(grpc_port),
        "CLUSTER_GOSSIP_BIND_PORT": str(gossip_port),
        "CLUSTER_DATA_BIND_PORT": str(gossip_port + 1),
        "RAFT_PORT": str(raft_port),
        "RAFT_INTERNAL_RPC_PORT": str(raft_port + 1),
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": api_key,
        "CLUSTER_BASIC_AUTH_PASSWORD": api_key,
        **COMMON_ENVIRONMENT,
        **LOCAL_ENVIRONMENT,
    }


@contextlib.contextmanager
def free_ports(wishes: list[int], pairs: tuple[int, ...]) -> Iterator[list[int]]:
    """For each wish a port that is free now: the wish itself, or another. Those at `pairs` have their successor free
    too."""
    with contextlib.ExitStack() as held:
        ports = []
        for index, wish in enumerate(wishes):
            ports.append(_bind(held, wish, both=index in pairs) or _bind_any(held, both=index in pairs))
        yield ports


def _bind_any(held: contextlib.ExitStack, *, both: bool) -> int:
    for _ in range(100):
        if port := _bind(held, 0, both=both):
            return port
    raise ServerError("no free port was found on 127.0.0.1 after 100 tries; close some servers and try again")


def _bind(held: contextlib.ExitStack, port: int, *, both: bool) -> int | None:
    """Hold `port` (0: any), and its successor where `both`, on all interfaces: gRPC and the cluster listen on all."""
    with contextlib.ExitStack() as mine:
        try:
            first = mine.enter_context(_reusing_socket())
            first.bind(("0.0.0.0", port))  # noqa: S104 (held, never listened on)
            port = int(first.getsockname()[1])
            if both:
                mine.enter_context(_reusing_socket()).bind(("0.0.0.0", port + 1))  # noqa: S104
        except (OSError, OverflowError):
            return None
        held.enter_context(mine.pop_all())
        return port


def _reusing_socket() -> socket.socket:
    """Like Go's: the port of a server that was killed with connections open is free, though the system still
    remembers them."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made
