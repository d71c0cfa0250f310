"""How a command ends: errors become sentences on stderr and exit codes (invariant I7). Imported by entry points
only."""

import logging
import sys
import tempfile
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

import grpc
import httpx
from weaviate.exceptions import WeaviateBaseError

from encoder.protocol import EncoderError, first_line
from evaluation.errors import EvaluationError
from ingest.errors import IngestError
from ingest.files import RootError
from pictures.open import PictureError
from schema.errors import EncoderMismatch, NamedError, NoLibrary, SchemaError
from search.errors import QueryError, SearchError
from settings import SettingsError
from training.errors import TrainingError


class Exit(IntEnum):
    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    MODEL = 4
    UNEXPECTED = 70
    """A fault of Loupe itself; the details are in a file that the sentence names."""
    INTERRUPTED = 130


CODES: dict[type[Exception], Exit] = {
    SettingsError: Exit.USAGE,
    QueryError: Exit.USAGE,
    PictureError: Exit.USAGE,
    IngestError: Exit.USAGE,
    RootError: Exit.USAGE,
    EvaluationError: Exit.USAGE,
    TrainingError: Exit.USAGE,
    NoLibrary: Exit.USAGE,
    NamedError: Exit.USAGE,
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
    except (WeaviateBaseError, httpx.HTTPError, grpc.RpcError) as error:
        print(f"Weaviate did not do what it was asked: {first_line(error)}. {_details(error)}", file=sys.stderr)
        sys.exit(Exit.UNREACHABLE)
    except Exception as error:
        print(f"Loupe failed unexpectedly: {first_line(error)}. {_details(error)}", file=sys.stderr)
        sys.exit(Exit.UNEXPECTED)
    sys.exit(code)


def _details(error: Exception) -> str:
    """Keeps the traceback in a file of its own, and says where."""
    with tempfile.NamedTemporaryFile("w", prefix="loupe-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    return f"The details are in {file.name}; please report them."
