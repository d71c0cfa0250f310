"""Who serves a LOUPE_HOME, on which ports, for whom: `server.json`. Starts and stops nothing."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from host.files import write_text_whole
from host.processes import ProcessIdentity

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    """A server that runs. `kept`: started by a person's command, so it stays until `stop`; else it ends with its last
    user."""

    process: ProcessIdentity
    version: str
    http_port: int
    grpc_port: int
    kept: bool
    users: tuple[ProcessIdentity, ...] = field(default_factory=tuple)
    """The processes that need it."""
    wishes: tuple[int, int] = (0, 0)
    """The ports that were wished for when these were chosen; other wishes choose anew."""
    stopped: bool = False
    """It has ended in order. A record of a server that runs no more, without this, is one of a crash or a kill."""
    to_check: bool = False
    """It was started after such an end, and the library was not looked through since (`schema.check`)."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http_port}"


def read_state(path: Path) -> Running | None:
    """None where there is none, or one that is damaged. Raises OSError."""
    try:
        data = json.loads(path.read_text("utf-8"))
        users = tuple(ProcessIdentity(**user) for user in data.pop("users"))
        wishes = tuple(data.pop("wishes"))
        return Running(process=ProcessIdentity(**data.pop("process")), users=users, wishes=wishes, **data)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_state(path: Path, running: Running) -> None:
    """Raises OSError. Not synced: after a power cut nobody runs."""
    write_text_whole(path, json.dumps(asdict(running)), sync=False, private=True)
