"""Asks a process of its own to decode a picture (`pictures.worker`), within the memory and time that `limits` gives."""

import atexit
import json
import os
import signal
import threading
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from pictures.apart import Died, Worker, Workers
from pictures.decode import FACTS, Facts
from pictures.errors import PictureError
from pictures.limits import Limits
from pictures.memory import check_room, room

MOST_WORKERS = max(1, min(4, os.cpu_count() or 1))
_STARTING_S = 60
_WAITING = 10
"""A process that got no processor time for this many times its limit is ended too; where the system does not bound
processor time (Windows), this is all that holds."""
_LARGE = 200_000_000
"""A process that used more bytes is ended: the C library would keep much of them for later."""
_workers = Workers("pictures.worker", MOST_WORKERS)
atexit.register(_workers.close)
_measuring = threading.Lock()
"""Held while a picture is read and until it has its room: whoever waits for room holds no part of it that another one
waits for."""


def decode_elsewhere(source: Path | bytes, size: int, limits: Limits, side: int) -> tuple[Image.Image, Facts, str]:
    """Decode a file of `size` bytes; returns the picture, its facts and its SHA-256. Raises PictureError only."""
    payload = source if isinstance(source, bytes) else os.fsencode(source)
    order = json.dumps({"limits": asdict(limits), "side": side, "size": size}).encode()
    kind = b"bytes" if isinstance(source, bytes) else b"path"
    with _workers.lent() as worker, ExitStack() as reserved:
        with _measuring:
            reserved.enter_context(room.reserved(size, limits))
            answer = _ask(worker, size, limits, kind, payload, order)
            if answer[0] == b"needed":
                needed = int(answer[1])
                check_room(needed, limits)  # with what is reserved already: else the wait below has no end
                reserved.enter_context(room.reserved(needed - size, limits))
        if answer[0] == b"needed":
            answer = _ask(worker, size, limits, b"go on")
            if needed > _LARGE:
                worker.close()
    if answer[0] != b"decoded":
        raise PictureError(answer[1].decode(), answer[2].decode())
    width, height = json.loads(answer[1])
    image = Image.frombytes("RGB", (width, height), answer[4])
    return image, FACTS.validate_json(answer[3]), answer[2].decode()


def _ask(worker: Worker, size: int, limits: Limits, *parts: bytes) -> list[bytes]:
    seconds = limits.decode_s(size)
    try:
        return worker.ask(*parts, timeout_s=_WAITING * seconds + (0 if worker.served else _STARTING_S))
    except Died as death:
        if death.late or death.code == -getattr(signal, "SIGPROF", 0):
            raise PictureError(
                "too_slow",
                f"decoding it took more than {seconds:.1f} s of processor time; save it again as an ordinary JPEG or "
                "PNG, or raise LOUPE_MAX_DECODE_S",
            ) from None
        raise PictureError(
            "crashed",
            f"the decoder crashed on it (its process ended with {death.code}); replace it with an intact copy, or "
            "convert it to JPEG or PNG",
        ) from None
