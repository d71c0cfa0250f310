"""The app below a path (`--server.baseUrlPath`), as behind a proxy that serves several things under one name."""

import re
from pathlib import Path

import httpx

from api.map_points import plotly_url
from ingest.roots import Roots
from schema.collection import Pictures
from tests.app.browser import MAP_MS, Tab
from tests.app.conftest import app_process, wait_for
from tests.conftest import SAMPLES


def test_everything_moves_below_the_path(
    samples: Pictures, home: Path, environment: dict[str, str], tmp_path: Path, tab: Tab
) -> None:
    """Pages, pictures, originals, albums, exports and the map; and nothing of it is answered without the path."""
    Roots(home).add(SAMPLES)
    options = "--server.baseUrlPath=/loupe/"
    with app_process(environment, tmp_path / "log", options) as server, httpx.Client(trust_env=False) as http:
        url = f"{server}/loupe"
        wait_for(lambda: httpx.get(f"{url}/api/search?q=cat", trust_env=False).is_success, 120)
        hit = http.get(f"{url}/api/search?q=cat&limit=1").json()["hits"][0]
        assert hit["thumbnail"].startswith("/loupe/")
        for path in (hit["thumbnail"], f"/loupe/originals/{hit['uuid']}", f"/loupe{plotly_url()}", "/healthz"):
            assert http.get(server + path).status_code == 200, path
        assert http.get(f"{url}/api/nonsense").status_code == 404
        assert http.get(f"{server}/api/search?q=cat").status_code == 404
        assert http.get(f"{server}/?q=a+b").headers["location"] == "/loupe/?q=a+b"

        page, statuses = tab.page, {}
        page.on("response", lambda answer: statuses.update({answer.url: answer.status}))
        tab.go(f"{url}/?q=a+castle")
        page.wait_for_function("document.querySelector('.st-key-gallery img')?.naturalWidth > 0")
        page.locator(".st-key-gallery img").first.click(force=True)
        page.wait_for_function("document.querySelector('.loupe-large img')?.naturalWidth > 0")
        assert "/loupe/originals/" in page.get_attribute('[role=dialog] a[href*="originals"]', "href")
        page.keyboard.press("Escape")
        tab.settle()
        tab.click(".st-key-selecting label")
        tab.click(".st-key-select-page button")
        tab.click(".st-key-selection-export button")
        export = page.get_attribute('a[href*="selections"]', "href")
        assert export.startswith("/loupe/") and http.get(server + export).text.count("castle") > 0
        tab.go(f"{url}/map")
        page.wait_for_selector(".loupe-map[data-drawn]", timeout=MAP_MS)
        assert re.match("/loupe/app/static/map/", page.get_attribute(".loupe-map", "data-drawn"))
        wrong = {address: status for address, status in statuses.items() if status >= 400}
        assert not [address for address in wrong if "/_stcore/" not in address], wrong  # Streamlit tries where it lies
