"""The map in a real browser: hover, lasso, click; computed by itself; 50,000 points; a run that is replayed."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from layout import projection as drawing
from layout.library import lay_out
from layout.store import Layout, LayoutStore, Texts
from schema.collection import Pictures
from tests.app.browser import OpenTab, Tab
from tests.app.map.test_runs import write_run

MANY = 50_000


@pytest.fixture
def url(url: str, home: Path) -> str:
    """Nothing is laid out yet."""
    shutil.rmtree(home / "layouts", ignore_errors=True)
    return url


@pytest.fixture
def laid_out(url: str, samples: Pictures, home: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """The samples, with PCA in the place of UMAP, which takes longer than all of this."""
    monkeypatch.setattr(drawing, "umap", lambda rows, on_epoch: drawing.pca(rows, 2)[0])
    return lay_out(samples, "image", LayoutStore(home / "layouts"), lambda *_: None)


def open_map(tab: Tab) -> dict[str, float]:
    """By its link, as a person does; where the picture is."""
    tab.click('[data-testid="stTopNavLink"]:has-text("Map")')
    return drawn(tab)


def drawn(tab: Tab) -> dict[str, float]:
    tab.page.wait_for_selector(".loupe-map[data-drawn]")
    tab.settle()
    return tab.page.locator(".loupe-map-plot .nsewdrag").bounding_box()


def point_under_the_pointer(tab: Tab, box: dict[str, float]) -> str:
    """Moves about until the pointer is over a point; what is shown there."""
    rng = random.Random(0)
    for _ in range(200):
        tab.page.mouse.move(box["x"] + box["width"] * rng.random(), box["y"] + box["height"] * rng.random())
        tab.page.wait_for_timeout(60)
        if tab.page.locator(".loupe-map-tip:not([hidden])").count():
            return str(tab.page.inner_text(".loupe-map-tip"))
    raise AssertionError("no point was found under the pointer")


def test_hover_shows_the_picture_a_click_opens_it_and_a_lasso_lays_out_the_grid(
    url: str, laid_out: Layout, tab: Tab
) -> None:
    page = tab.page
    tab.go(f"{url}/?q=a+castle")
    box = open_map(tab)
    assert page.get_attribute(".loupe-map", "data-count") == "100"
    legend = page.text_content(".loupe-map .legend")
    assert "Your question" in legend and "Its 24 hits" in legend and "photos (60)" in legend

    title = point_under_the_pointer(tab, box)
    page.wait_for_function("document.querySelector('.loupe-map-tip img').naturalWidth > 0")
    assert title in laid_out.titles.all()

    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("[role=dialog] img")
    assert title.rstrip("…") in page.inner_text("[role=dialog]")
    page.keyboard.press("Escape")
    tab.settle()

    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.02)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    page.wait_for_selector("text=100 pictures in the lasso")
    assert len(tab.alts()) == 24

    tab.click('[class*="st-key-like-"] button')
    page.wait_for_selector(".st-key-chips")
    assert "like=" in page.url and "/map" not in page.url
    assert tab.problems == []


def test_what_was_under_the_pointer_goes_with_the_view(url: str, laid_out: Layout, tab: Tab) -> None:
    tab.go(url)
    point_under_the_pointer(tab, open_map(tab))
    tab.click('.st-key-map-view button:has-text("2-D PCA")')
    tab.page.wait_for_selector('.loupe-map[data-drawn$="pca2"]')
    assert not tab.page.locator(".loupe-map-tip:not([hidden])").count()


def test_the_map_computes_itself_and_shows_what_it_has(url: str, home: Path, tab: Tab) -> None:
    """Nothing is there: progress, then PCA, then UMAP, and nobody presses anything. The process is the app's child."""
    pytest.importorskip("umap", reason="without umap-learn there is PCA only")
    tab.go(url)
    tab.click('[data-testid="stTopNavLink"]:has-text("Map")')
    tab.page.wait_for_selector('[data-testid="stProgress"]')
    drawn(tab)
    tab.page.wait_for_selector('.st-key-map-view button:has-text("2-D UMAP")', timeout=240_000)
    tab.page.wait_for_selector('.loupe-map[data-drawn$="umap2"]')
    layout = LayoutStore(home / "layouts").read("image")
    assert layout is not None and layout.complete and len(layout.umap) == 100
    assert tab.page.locator('[data-testid="stProgress"]').count() == 0


@pytest.mark.parametrize("view", ["2-D UMAP", "3-D PCA"])
def test_fifty_thousand_points_arrive_once_as_numbers(
    url: str, laid_out: Layout, home: Path, tab: Tab, view: str
) -> None:
    """4 bytes a coordinate by HTTP and 1 byte a point in the page's message; another colour sends no coordinate."""
    LayoutStore(home / "layouts").write(crowd(laid_out))
    frames: list[int] = []
    tab.page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
    bodies: list[str] = []
    tab.page.on("response", lambda answer: bodies.append(answer.url) if "/points/" in answer.url else None)
    tab.go(url)
    tab.click('[data-testid="stTopNavLink"]:has-text("Map")')
    drawn_count(tab)
    tab.click(f'.st-key-map-view button:has-text("{view}")')
    drawn_count(tab)
    assert sum(frames) < 6 * MANY
    before, asked = sum(frames), len(bodies)
    assert asked == (1 if view == "2-D UMAP" else 2)
    tab.page.locator(".st-key-map-colour input").click()
    tab.page.get_by_role("option", name="Cluster").click()
    tab.page.wait_for_function("document.querySelector('.loupe-map').innerText.includes('crowd 3')")
    assert len(bodies) == asked and sum(frames) - before < 2.5 * MANY
    assert tab.problems == []


def drawn_count(tab: Tab) -> None:
    tab.page.wait_for_function(f"document.querySelector('.loupe-map')?.dataset.count === '{MANY}'")
    tab.settle()


def crowd(layout: Layout) -> Layout:
    """The samples' layout, grown to 50,000 points."""
    rng = np.random.default_rng(0)
    again = np.arange(MANY) % len(layout)
    return replace(
        layout,
        uuids=layout.uuids[again],
        sha256=layout.sha256[again],
        is_caption=layout.is_caption[again],
        captioned=layout.captioned[again],
        titles=Texts.of([layout.titles[int(index)] for index in again]),
        folder=layout.folder[again],
        tags=np.zeros(0, np.int32),
        tag_ends=np.zeros(MANY, np.int64),
        cluster=rng.integers(0, 6, MANY).astype(np.uint8),
        clusters=Texts.of([f"crowd {n}" for n in range(6)]),
        pca=rng.normal(size=(MANY, 3)).astype(np.float32),
        umap=rng.normal(size=(MANY, 2)).astype(np.float32),
    )


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_is_wider_than_the_window(url: str, laid_out: Layout, open_tab: OpenTab, width: int) -> None:
    tab = open_tab(width)
    tab.page.goto(f"{url}/map")
    box = drawn(tab)
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    assert width / 3 < box["width"] < width


def test_a_run_is_played(url: str, tab: Tab, environment: dict[str, str]) -> None:
    """From the first epoch to the last, by itself; and back by the slider."""
    folder = Path(environment["LOUPE_CACHE"]) / "training" / "runs" / "test-of-the-map"
    shutil.rmtree(folder, ignore_errors=True)
    write_run(folder)
    try:
        tab.page.goto(f"{url}/map")
        tab.click('button:has-text("A training run")')
        tab.click(".st-key-replay-run input")
        tab.page.get_by_role("option", name="test-of-the-map").click()
        tab.page.wait_for_selector(".js-plotly-plot .annotation-text:has-text('Epoch 5 · loss 0.167')")
        tab.page.locator(".updatemenu-button").first.click()
        tab.page.wait_for_selector(".annotation-text:has-text('Epoch 1 · loss 0.500')")
        tab.page.wait_for_selector(".annotation-text:has-text('Epoch 5 · loss 0.167')")
    finally:
        shutil.rmtree(folder)
