"""How a command begins and ends: errors become sentences on stderr and exit codes (invariant I7). Imported by entry
points only."""

import codecs
import io
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from errors import Exit as Exit
from errors import LoupeError, first_line
from host.folders import explain, is_refusal


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command, its arguments' parsing included, to its exit code; report what it cannot do in one sentence."""
    _make_streams_fit()
    try:
        Path.cwd()
    except OSError:  # removed; libraries cannot even be loaded then, and say that in words of their own
        _end("The folder that this was started in is gone. Change to one that is there and start it again.", Exit.USAGE)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "filelock", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)  # a refused batch, with every vector; we report it
    try:
        try:
            code: object = command()
        except SystemExit as end:  # argparse's
            code = end.code
        sys.stdout.flush()
    except KeyboardInterrupt:
        _end("Interrupted.", Exit.INTERRUPTED)
    except BrokenPipeError:
        _end("", Exit.DONE)
    except LoupeError as error:
        _end(str(error), error.exit)
    except Exception as error:
        if isinstance(error, OSError) and is_refusal(error):
            _end(explain(error), Exit.USAGE)
        _end(f"Loupe failed unexpectedly: {first_line(error)}. {_details(error)}", Exit.UNEXPECTED)
    _end("", code)


def _end(said: str, code: object) -> NoReturn:
    """Say it and exit; what a stream cannot take any more is let go, so that Python does not try once again."""
    for stream, text in ((sys.stdout, ""), (sys.stderr, f"{said}\n" if said else "")):
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)  # type: ignore[arg-type]


def _make_streams_fit() -> None:
    """No letter and no closed stream ends a command. A letter that the terminal cannot write is escaped as in JSON."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process: the next file that is opened would take its number
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))
        elif number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="loupe_escape")


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)), error.end


codecs.register_error("loupe_escape", _escape)


def _details(error: Exception) -> str:
    """Keep the traceback in a file of its own, and print where; where no file can be written, print the traceback."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix="loupe-", suffix=".txt")
    except OSError:
        return f"Please report these details:\n{text}"
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        Path(name).unlink()
        return f"Please report these details:\n{text}"
    return f"The details are in {name}; please report them."
