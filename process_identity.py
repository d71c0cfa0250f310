"""Which process it is, for as long as anybody asks: a pid alone may be another process by now. Knows nothing of what
processes do."""

import os
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessIdentity:
    """`created`, when it began in seconds since the epoch, tells it from a later process with the same pid."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        return cls.of(os.getpid())

    @property
    def alive(self) -> bool:
        """False for a zombie too: it has ended, and nobody has asked how."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
