"""Turning pages of sixty tiles: nothing stays in the app's memory, and no picture is ever in it."""

import gc
import weakref

import psutil
import pytest

import api.context
from api.context import AppContext, install, installed
from tests.app.conftest import open_page, search_script, tiles

TURNS, WARM_UP = 24, 6


def test_only_the_last_context_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parts:
        pass

    monkeypatch.setattr("api.context._installed", api.context._installed)  # put back at the end
    first, last = Parts(), Parts()
    install(first)  # type: ignore[arg-type]
    install(last)  # type: ignore[arg-type]
    assert installed() is last  # type: ignore[comparison-overlap]
    kept = weakref.ref(first)
    del first
    gc.collect()
    assert kept() is None


def test_row_50_page_after_page_of_sixty_tiles_leaves_memory_flat(context: AppContext) -> None:
    """Row 50: 24 turns; the process's memory stays within 20 MB. Pictures come by address: the page holds no bytes."""
    page = open_page(search_script, context, q="a photo", limit="60")
    before = 0
    for turn in range(TURNS + WARM_UP):
        if turn == WARM_UP:
            gc.collect()
            before = psutil.Process().memory_info().rss
        page.query_params["offset"] = "60" if turn % 2 else "0"
        page.run()
        assert not page.exception
    gc.collect()
    assert len(tiles(page)) > 30
    assert not page.get("imgs"), "a picture given to Streamlit would be kept by its media manager"
    assert abs(psutil.Process().memory_info().rss - before) < 20e6
