"""The ingest command with the colour encoder in place of a model: starts in a second, so that it can be killed often.

COLOUR_DELAY_S is slept for each picture that is encoded; COLOUR_LOG gets a line for each. COLOUR_KILL, as
`upload:after:2`, kills the process before or after that call of a stage; with COLOUR_SIGNAL=SIGINT, a person presses
ctrl-C there.
"""

import itertools
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from PIL import Image

import assembly
import exits
import ingest.ledger
import ingest.records
from encoder.protocol import Embeddings
from ingest.__main__ import parse_arguments
from ingest.command import run
from ingest.ledger import Ledger
from pictures.thumbnails import ThumbnailStore
from tests.colours import ColourEncoder


class SlowColours(ColourEncoder):
    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        if log := os.environ.get("COLOUR_LOG"):
            with Path(log).open("a") as file:
                file.write("picture\n" * len(images))
        time.sleep(float(os.environ.get("COLOUR_DELAY_S", "0")) * len(images))
        return super().encode_images(images)


STAGES = {
    "hash": (ingest.records.Reader, "hash_file"),
    "decode": (ingest.records, "open_image"),
    "thumbnail": (ThumbnailStore, "write"),
    "encode": (SlowColours, "encode_images"),
    "upload": (Ledger, "add"),
    "flush": (ingest.ledger, "keep_found"),
    "places": (Ledger, "set_places"),
    "losses": (Ledger, "all_places"),
}


def kill_at(point: str) -> None:
    stage, moment, number = point.split(":")
    owner, name = STAGES[stage]
    real, calls = getattr(owner, name), itertools.count(1)
    number_of_signal = signal.Signals[os.environ.get("COLOUR_SIGNAL", "SIGKILL")]

    def call(*arguments: object, **named: object) -> object:
        is_it = next(calls) == int(number)
        if is_it and moment == "before":
            os.kill(os.getpid(), number_of_signal)
        result = real(*arguments, **named)
        if is_it and moment == "after":
            os.kill(os.getpid(), number_of_signal)
        return result

    setattr(owner, name, call)


def command() -> NoReturn:
    if point := os.environ.get("COLOUR_KILL"):
        kill_at(point)
    encoder = SlowColours(os.environ.get("COLOUR_REVISION", "1"))
    assembly.encoder = lambda settings: encoder
    print("ready", file=sys.stderr, flush=True)
    exits.run(lambda: run(parse_arguments()))


def forked(arguments: Sequence[str], environment: Mapping[str, str], output: Path, said: Path) -> NoReturn:
    """The command in a process that was forked from one which has imported all this; what it prints goes to files."""
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in ((1, output), (2, said)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    sys.argv = ["ingest", *arguments]
    command()


if __name__ == "__main__":
    command()
