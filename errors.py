"""Defines every error that a person may see. The message is a sentence for that person: what happened, with what value,
and what to do. An entry point shows it and exits with `exit`; the HTTP API answers with `status`.

LoupeError
├── SettingsError           a variable of the environment or of .env cannot be used
├── FolderError             a folder of Loupe's own cannot be used: full, read-only, another user's
├── PictureError            one picture cannot be used
├── EncoderError            the model cannot be loaded or used
├── SchemaError             between Loupe and its database
│   ├── ServerError         the local server could not be obtained, started or stopped
│   │   └── HomeError       its folder cannot be used: full, read-only, another user's
│   ├── Unreachable         Weaviate did not answer
│   ├── Refused             Weaviate answered, and did not make a change
│   │   └── ReadOnly        it makes no changes at present, as when its disk is full
│   ├── NoLibrary           Weaviate answers, but nothing was ingested yet
│   ├── BackupError         a backup cannot be made or read as asked
│   ├── EncoderMismatch     the library holds another encoder's vectors (invariant I3)
│   └── DocumentError       an album or a profile cannot be kept or found as asked
│       ├── NameTaken       there is one of that name already
│       └── NameUnknown     there is none of that name (any more)
├── SearchError             a search could not be answered
│   └── QueryError          the question cannot be asked as it stands
│       ├── FilterError     one of its conditions cannot be read
│       └── GrammarError    its line cannot be read (search/parser.py)
├── IngestError             an ingest cannot start (what is wrong with single files is in its report)
│   ├── RootError           the folder to ingest cannot be used
│   └── IngestBusy          another process fills the same library
├── EvaluationError         something cannot be judged
├── LayoutError             a layout of the Map cannot be computed
└── TrainingError           training cannot start, go on or be resumed
    ├── CannotWrite         a file could not be written; the ones before it are whole
    ├── NotFinite           the loss or its gradient is NaN or infinite; the last checkpoint is whole
    └── OtherCheckpoint     the checkpoint belongs to another plan, other data or another model

Errors that only one module raises are defined there, below one of these.
"""

from enum import IntEnum
from http import HTTPStatus


class Exit(IntEnum):
    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    """What was asked cannot be done here, or so: an argument, a setting, a folder that is full or another user's."""
    UNREACHABLE = 3
    MODEL = 4
    UNEXPECTED = 70
    """A fault of Loupe itself; the details are in a file that the sentence names."""
    INTERRUPTED = 130


class LoupeError(Exception):
    exit = Exit.USAGE
    status = HTTPStatus.SERVICE_UNAVAILABLE


class SettingsError(LoupeError):
    pass


class FolderError(LoupeError):
    status = HTTPStatus.INSUFFICIENT_STORAGE


class PictureError(LoupeError, ValueError):
    """`reason` is a short code: `empty`, `unidentified`, `unsupported` (a kind of its format), `too_large` (pixels,
    decoded memory), `too_heavy` (bytes), `too_slow` (processor time), `corrupt`, `crashed` (the decoder), `unreadable`,
    `vanished`, `changed` (while it was being read)."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class EncoderError(LoupeError):
    exit = Exit.MODEL


class SchemaError(LoupeError):
    exit = Exit.UNREACHABLE


class ServerError(SchemaError):
    pass


class HomeError(ServerError):
    exit = Exit.USAGE


class Unreachable(SchemaError):
    pass


class Refused(SchemaError):
    """Weaviate's own words are in the message."""


class ReadOnly(Refused):
    pass


class NoLibrary(SchemaError):
    exit = Exit.USAGE


class BackupError(SchemaError):
    exit = Exit.USAGE


class EncoderMismatch(SchemaError):
    exit = Exit.MODEL


class DocumentError(SchemaError):
    exit = Exit.USAGE
    status = HTTPStatus.BAD_REQUEST


class NameTaken(DocumentError):
    pass


class NameUnknown(DocumentError):
    status = HTTPStatus.NOT_FOUND


class SearchError(LoupeError):
    exit = Exit.UNREACHABLE


class QueryError(SearchError, ValueError):
    exit = Exit.USAGE
    status = HTTPStatus.BAD_REQUEST


class FilterError(QueryError):
    """The message holds the condition and an example of one that can be read."""


class IngestError(LoupeError):
    pass


class RootError(IngestError):
    pass


class IngestBusy(IngestError):
    pass


class EvaluationError(LoupeError):
    pass


class LayoutError(LoupeError):
    pass


class TrainingError(LoupeError):
    pass


class CannotWrite(TrainingError):
    pass


class NotFinite(TrainingError):
    pass


class OtherCheckpoint(TrainingError):
    pass


def first_line(error: BaseException) -> str:
    """What a library reported, as far as it fits into a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300].rstrip(".")
