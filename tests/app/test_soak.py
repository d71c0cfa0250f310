"""Row 49: many visitors at once, by words and by pictures, over the pages' own WebSockets and the HTTP API."""

import itertools
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import psutil
import pytest

from tests.app.session import session
from tests.conftest import SAMPLES

VISITORS = 20
WORDS = (
    "a castle",
    "a cat - kitten",
    "musical instruments",
    "water + 2:boat - people",
    "red",
    "tag:photo night",
    "owl",
)
PICTURES = sorted((SAMPLES / "photos").glob("*.jpg"))[:7]
MODELS_MB = 600
PAUSE_S = 2.0
"""What a person looks at an answer before asking again, at least."""


@dataclass
class Figures:
    seconds: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, MB)."""

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]

    @property
    def slope(self) -> float:
        """MB a minute, by least squares over the second half: caches are full by then."""
        half = self.memory[len(self.memory) // 2 :]
        times, sizes = zip(*half, strict=True)
        return 60 * statistics.linear_regression(times, sizes).slope


def visit(number: int, url: str, until: float, figures: Figures) -> None:
    """One visitor: asks by words, turns a page, asks with a picture of the disk, in turn, until the time is over."""
    try:
        with session(url) as visitor:
            visitor.open()
            for turn in itertools.count(number):
                if time.monotonic() > until:
                    return
                started = time.monotonic()
                words, picture = WORDS[turn % len(WORDS)], PICTURES[turn % len(PICTURES)]
                if turn % 3 == 0:
                    visitor.open(f"{httpx.QueryParams({'q': words, 'collapse': '1'})}")
                elif turn % 3 == 1:
                    visitor.open(f"q=animal&offset={24 * (turn % 2)}")
                else:
                    uploader = next(one for one in visitor.ids() if "-picture-A file-" in one)
                    visitor.upload(uploader, picture.name, picture.read_bytes())
                    assert "chip-picture" in visitor.text()
                if not any("-open-" in one for one in visitor.ids()) or visitor.drawn("exception"):
                    figures.problems.append(f"{turn}: {visitor.query}: no pictures")
                figures.seconds.append(time.monotonic() - started)
                time.sleep(PAUSE_S)
    except Exception as error:
        figures.problems.append(f"visitor {number}: {type(error).__name__}: {error}")


def soak(url: str, seconds: float) -> Figures:
    figures, done = Figures(), threading.Event()
    port = f"--server.port={url.rpartition(':')[2]}"
    [app] = [process for process in psutil.process_iter(["cmdline"]) if port in (process.info["cmdline"] or [])]

    def watch() -> None:
        start = time.monotonic()
        while not done.wait(1):
            figures.memory.append((time.monotonic() - start, app.memory_info().rss / 1e6))

    watching = threading.Thread(target=watch)
    watching.start()
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(VISITORS) as pool:
        for number in range(VISITORS):
            pool.submit(visit, number, url, until, figures)
    done.set()
    watching.join()
    print(
        f"{VISITORS} visitors, {seconds:g} s: {len(figures.seconds)} answers, p50 "
        f"{statistics.median(figures.seconds):.2f} s, p95 {figures.p95:.2f} s, memory {figures.memory[0][1]:.0f} to "
        f"{figures.memory[-1][1]:.0f} MB, {figures.slope:+.2f} MB a minute; load {psutil.getloadavg()[0]:.1f} on "
        f"{psutil.cpu_count()} processors"
    )
    return figures


def loaded_once(figures: Figures) -> bool:
    """A second set of models would need 700 MB more."""
    sizes = [size for _, size in figures.memory]
    return max(sizes) - sizes[0] < MODELS_MB


def test_twenty_visitors_at_once_are_all_answered(url: str) -> None:
    """Row 49 for ten seconds: no error, and the model is loaded once. (`-m slow` has the five minutes.)"""
    figures = soak(url, 10)
    assert not figures.problems
    assert len(figures.seconds) > VISITORS
    assert loaded_once(figures)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_row_49_twenty_visitors_for_five_minutes(url: str) -> None:
    """On a machine that does nothing else."""
    soak(url, 30)
    figures = soak(url, 300)
    assert not figures.problems
    assert loaded_once(figures)
    assert figures.slope < 1
    assert figures.p95 < 2
