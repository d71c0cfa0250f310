"""What can go wrong between Loupe and its database.

SchemaError
├── ServerError         the local server could not be obtained, started or stopped
├── Unreachable         Weaviate did not answer
├── NoLibrary           Weaviate answers, but there is no library in it yet
└── EncoderMismatch     the library holds another encoder's vectors
"""


class SchemaError(Exception):
    """The message is a sentence for the person at the keyboard: what happened, with what value, what to do."""


class ServerError(SchemaError):
    """The local server could not be obtained, started or stopped."""


class Unreachable(SchemaError):
    """Weaviate did not answer; entry points exit with 3."""


class NoLibrary(SchemaError):
    """Weaviate answers, but nothing was ingested yet."""


class EncoderMismatch(SchemaError):
    """The library holds the vectors of another encoder (invariant I3)."""
