"""How a command ends: errors become sentences on stderr and exit codes (invariant I7). Imported by entry points
only."""

import logging
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

from encoder.protocol import EncoderError
from ingest.errors import IngestError
from ingest.files import RootError
from pictures.open import PictureError
from schema.errors import EncoderMismatch, NoLibrary, SchemaError
from search.errors import QueryError, SearchError
from settings import SettingsError


class Exit(IntEnum):
    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    MODEL = 4
    INTERRUPTED = 130


CODES: dict[type[Exception], Exit] = {
    SettingsError: Exit.USAGE,
    QueryError: Exit.USAGE,
    PictureError: Exit.USAGE,
    IngestError: Exit.USAGE,
    RootError: Exit.USAGE,
    NoLibrary: Exit.USAGE,
    EncoderMismatch: Exit.MODEL,
    EncoderError: Exit.MODEL,
    SearchError: Exit.UNREACHABLE,
    SchemaError: Exit.UNREACHABLE,
}
"""The first that fits counts."""


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command to its exit code; what it cannot do is said in one sentence."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "filelock", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        code = command()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Exit.DONE)
    except tuple(CODES) as error:
        print(error, file=sys.stderr)
        sys.exit(next(code for kind, code in CODES.items() if isinstance(error, kind)))
    sys.exit(code)
