"""The process in which hostile formats are decoded: `python -m pictures.worker`, asked by `pictures.elsewhere`.

First it reads and checks a picture and answers with the memory that decoding takes; told to go on, it decodes it. In
both steps the system ends it after the picture's processor time, and refuses it memory above what it answered.
"""

import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

import pillow_heif
from PIL import AvifImagePlugin

from errors import PictureError
from pictures.decode import FACTS, Undecoded, read_header
from pictures.elsewhere import read, write
from pictures.limits import Limits
from pictures.open import opened_for_reading, read_whole

OWN_BYTES = 50_000_000
"""This process itself, measured."""
_SLACK_BYTES = 64_000_000
"""Address space beyond the estimate: decoders start threads, whose stacks count and are hardly used."""

# One thread: what a decoder takes then does not depend on the machine, and several pictures are decoded at once anyway.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pillow_heif.options.DECODE_THREADS = 1


def _bound(decoded: int = sys.maxsize // 4, seconds: float = 0) -> None:
    """Have the system bound memory and processor time, or lift the bounds until the next picture is there. macOS bounds
    the time only, Windows neither."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + decoded + _SLACK_BYTES, hard))
    with suppress(ImportError, AttributeError):
        import signal

        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process


def _data_bytes() -> int:
    """Memory of the kind that RLIMIT_DATA counts, in use already."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0


def _header(source: list[bytes]) -> Undecoded:
    kind, payload, order = source
    asked = json.loads(order)
    limits = Limits(**asked["limits"])
    size = len(payload) if kind == b"bytes" else int(asked["size"])
    _bound(int(limits.max_decoded_mb * 1e6) + size, limits.decode_s(size))
    if kind == b"bytes":
        return read_header(payload, limits, asked["side"])
    with opened_for_reading(Path(os.fsdecode(payload)), limits) as (file, size):
        data = read_whole(file, size)
    return read_header(data, limits, asked["side"])


def serve(asking: IO[bytes], answering: IO[bytes]) -> None:
    """Answer until `asking` ends."""
    while (source := read(asking)) is not None:
        try:
            undecoded = _header(source)
            needed = undecoded.needed + OWN_BYTES
            write(answering, [b"needed", str(needed).encode()])
            del source
            if read(asking) is None:
                return
            _bound(undecoded.needed, undecoded.limits.decode_s(len(undecoded.data)))
            image, facts = undecoded.decode()
            _bound()
            sha256 = hashlib.sha256(undecoded.data).hexdigest()
            size = json.dumps(image.size).encode()
            write(answering, [b"decoded", size, sha256.encode(), FACTS.dump_json(facts), image.tobytes()])
        except PictureError as error:
            _bound()
            write(answering, [b"refused", error.reason.encode(), str(error).encode("utf-8", "replace")])
        except MemoryError:
            _bound()
            sentence = b"its header alone needs more memory than may be used; export a smaller copy as JPEG or PNG"
            write(answering, [b"refused", b"too_large", sentence])


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
