"""Rendering in other processes: accidents cost one picture, and nobody stays behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from settings import PROJECT
from tests.training.data.tiny_sets import BLUE, GREEN, RED, svg
from training.data.renderer import Accident, Renderer, render_all
from training.data.svg import Unrenderable, render

NESTED = "".join(f'<g id="g{n}">' + f'<use href="#g{n + 1}"/>' * 12 + "</g>" for n in range(9))
SLOW = svg(f'<filter id="f"><feGaussianBlur stdDeviation="900"/></filter>{NESTED}<rect id="g9" width="1" height="1"/>')
"""12^9 rectangles."""


def workers() -> list[psutil.Process]:
    alive = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in alive if "training.data.renderer" in " ".join(p.cmdline())]


def test_it_gives_what_the_function_gives() -> None:
    texts = {"red": svg(RED), "green": svg(GREEN), "blue": svg(BLUE), "broken": "<svg"}
    results = dict(render_all(texts.items(), workers=2))
    assert {key: results[key] for key in ("red", "green", "blue")} == {
        key: render(texts[key]) for key in ("red", "green", "blue")
    }
    assert isinstance(results["broken"], Unrenderable)
    assert not isinstance(results["broken"], Accident)
    assert str(results["broken"]) == "is not well-formed XML"
    assert workers() == []


def test_a_drawing_that_takes_for_ever_costs_itself_only() -> None:
    renderer = Renderer(timeout_s=20)
    try:
        assert renderer.render(svg(RED)) == render(svg(RED))
        renderer._timeout_s = 0.5
        (worker,) = workers()
        worker.suspend()  # hangs for certain, however fast the machine
        with pytest.raises(Accident, match=r"^too slow$"):
            renderer.render(svg(GREEN))
        renderer._timeout_s = 20
        assert renderer.render(svg(GREEN)) == render(svg(GREEN))
    finally:
        renderer.close()


def test_a_renderer_that_dies_is_replaced() -> None:
    renderer = Renderer()
    try:
        renderer.render(svg(RED))
        (worker,) = workers()
        worker.kill()
        worker.wait()
        with pytest.raises(Accident, match=r"^the renderer crashed$"):
            renderer.render(svg(RED))
        assert renderer.render(svg(RED)) == render(svg(RED))
    finally:
        renderer.close()
    assert workers() == []


def test_who_stops_asking_leaves_no_process_behind() -> None:
    asking = render_all(((str(n), svg(RED)) for n in range(100)), workers=2)
    next(asking)
    assert len(workers()) == 2
    asking.close()
    assert workers() == []


@pytest.mark.timeout(100)
def test_who_stops_asking_need_not_wait_for_a_slow_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own time limit is longer than this test's."""
    monkeypatch.setattr(Renderer.__init__, "__defaults__", (1000.0,))
    asking = render_all([("quick", svg(RED)), *((f"slow {n}", SLOW) for n in range(20))], workers=1)
    assert next(asking)[0] == "quick"
    asking.close()
    assert workers() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-C", "kill -9"])
def test_workers_end_with_the_process_that_asks(how: signal.Signals) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from training.data.renderer import render_all\n"
        f"for key, _ in render_all(((str(n), {svg(RED)!r}) for n in range(10 ** 6)), 2): print(key, flush=True)"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert asking.stdout is not None and asking.stdout.readline().strip().isdigit()
        theirs = psutil.Process(asking.pid).children()
        assert theirs
        os.kill(asking.pid, how)
        asking.communicate(timeout=30)
        end = time.monotonic() + 30
        while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in theirs) and time.monotonic() < end:
            time.sleep(0.05)
        assert not [p for p in theirs if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    finally:
        asking.kill()
        asking.wait()
