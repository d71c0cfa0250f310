"""What can go wrong between Loupe and its database.

SchemaError
├── ServerError         the local server could not be obtained, started or stopped
│   └── HomeError       its folder cannot be used: full, read-only, somebody else's
├── Unreachable         Weaviate did not answer
├── Refused             Weaviate answered, and did not make a change
│   └── ReadOnly        it makes none at all at present
├── NoLibrary           Weaviate answers, but there is no library in it yet
├── BackupError         a backup cannot be made or read as asked
├── EncoderMismatch     the library holds another encoder's vectors
└── NamedError          an album or a profile cannot be kept or found as asked
    ├── NameTaken       there is one of that name already
    └── NameUnknown     there is none of that name
"""


class SchemaError(Exception):
    """The message is a sentence for the person at the keyboard: what happened, with what value, what to do."""


class ServerError(SchemaError):
    """The local server could not be obtained, started or stopped."""


class HomeError(ServerError):
    """The local server's folder cannot be used: full, read-only, somebody else's; entry points exit with 2."""


class Unreachable(SchemaError):
    """Weaviate did not answer; entry points exit with 3."""


class Refused(SchemaError):
    """Weaviate answered, and did not make a change; its own words are in the message."""


class ReadOnly(Refused):
    """Weaviate makes no change at all at present, as when its disk is full."""


class NoLibrary(SchemaError):
    """Weaviate answers, but nothing was ingested yet."""


class BackupError(SchemaError):
    """A backup cannot be made or read as asked: its name, what is there already, the server's module or disk."""


class EncoderMismatch(SchemaError):
    """The library holds the vectors of another encoder (invariant I3)."""


class NamedError(SchemaError):
    """An album or a profile cannot be kept or found as asked: its name, its document, or their number."""


class NameTaken(NamedError):
    """There is one of that name already."""


class NameUnknown(NamedError):
    """There is none of that name (any more)."""
