"""Opens files and prints what each cost: `python -m tests.pictures.measure THREADS MEGABYTES SECONDS FILE...`.

Memory is the growth of this process and its children together, sampled every 5 ms: a process's own high-water mark
(ru_maxrss) starts at that of the process which started it, and so shows no growth. Seconds are processor time: `s` of
this process, its children and the sampling, `thread_s` of the thread that asked.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from errors import PictureError
from pictures.open import Limits, open_image

SIDE = 260
THIS = psutil.Process()


def family() -> list[psutil.Process]:
    return [THIS, *THIS.children(recursive=True)]


def resident() -> int:
    total = 0
    for process in family():
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def processor() -> float:
    """User and system seconds of this process, its children and those that have ended."""
    total = sum(os.times()[:4])
    for process in family()[1:]:
        try:
            total += sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
    return total


@contextmanager
def peak() -> Iterator[list[int]]:
    most, done = [resident()], threading.Event()

    def sample() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], resident())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield most
    finally:
        done.set()
        sampler.join()


def outcome(path: Path, limits: Limits) -> tuple[str, float]:
    """What became of it, and the seconds of this thread."""
    started = time.thread_time()
    try:
        facts = open_image(path, limits, SIDE).facts
        said = f"{'cut' if facts.truncated else 'kept'} {facts.width}x{facts.height}, frames {facts.n_frames}"
    except PictureError as error:
        said = f"{error.reason}: {error}"
    return said, time.thread_time() - started


def main() -> None:
    threads, megabytes, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    limits = Limits(max_decoded_mb=megabytes, max_decode_s=seconds)
    paths = [Path(name) for name in sys.argv[4:]]
    results = {}
    with ThreadPoolExecutor(threads) as pool:
        gif = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
        wide = pool.map(lambda data: open_image(data, limits, SIDE).facts.width, [gif] * 40)
        assert set(wide) == {1}, "all processes have started"
        if threads == 1:
            for path in paths:
                before, spent = resident(), processor()
                with peak() as most:
                    said, thread_s = outcome(path, limits)
                growth = (most[0] - before) / 1e6
                results[path.name] = {
                    "outcome": said,
                    "mb": round(growth),
                    "s": round(processor() - spent, 2),
                    "thread_s": round(thread_s, 3),
                }
        else:
            before = resident()
            with peak() as most:
                said = list(pool.map(lambda path: outcome(path, limits), paths))
            growth = (most[0] - before) / 1e6
            results = {path.name: {"outcome": text} for path, (text, _) in zip(paths, said, strict=True)}
            results["all"] = {"mb": round(growth)}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
