"""Ports of this machine that are free now. Knows no server."""

import contextlib
import socket
from collections.abc import Iterator

from errors import ServerError


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
