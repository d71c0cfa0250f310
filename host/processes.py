"""Which process it is, for as long as anybody asks: a pid alone may be another process by now."""

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one boot; two of them are equal by `pid` and `began`."""

    pid: int
    created: float = field(compare=False)
    """When it began, in seconds since the epoch. What an older Loupe wrote has nothing better."""
    began: str = ""
    """When it began as the system remembers it, which no set clock and no suspend changes; and in which boot."""

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Raises psutil.NoSuchProcess."""
        process = psutil.Process(pid)
        return cls(pid, process.create_time(), _began(process))

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        return cls.of(os.getpid())

    @property
    def alive(self) -> bool:
        """False for a zombie too: it has ended, and nobody has asked how."""
        try:
            process = psutil.Process(self.pid)
            same = _began(process) == self.began if self.began else abs(process.create_time() - self.created) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def _began(process: psutil.Process) -> str:
    """When it began by psutil's own identity of a process: on Linux seconds since the boot, on macOS and Windows what
    the kernel noted. `create_time()` follows the clock: it adds the boot time, which is reckoned from the clock."""
    return f"{process._ident[1]} {_boot()}".strip()  # type: ignore[attr-defined]


@cache
def _boot() -> str:
    """Two processes of two boots may begin equally long after them."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
