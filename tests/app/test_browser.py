"""The app in a real browser, as a person uses it. Skipped, with the reason, where Chromium or Playwright is missing."""

from pathlib import Path

import httpx
import psutil
import pytest

from server.local_server import LocalServer
from tests.app.browser import OpenTab, Tab
from tests.app.conftest import app_process, free_port
from tests.conftest import SAMPLES, plan


def test_a_walk_through_the_app(url: str, tab: Tab, open_tab: OpenTab) -> None:
    """Words, hits, more like this, details, the same address in another browser, the library, and back."""
    page = tab.page
    tab.go(url)
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Words'")
    page.keyboard.type("a bridge at night")
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-key-gallery img")
    tab.settle()
    assert "q=a+bridge+at+night" in page.url
    assert "bridge" in tab.alts()[0].lower()
    page.wait_for_function("document.querySelector('.st-key-gallery img').naturalWidth > 0")
    boxes = [image.bounding_box() for image in page.locator(".st-key-gallery img").all()]
    assert len({(round(box["width"]), round(box["height"])) for box in boxes}) == 1
    assert boxes[0]["y"] + boxes[0]["height"] < 800

    tab.click('[class*="st-key-like-"] button')
    assert "like=" in page.url and "q=" not in page.url
    page.go_back()
    page.wait_for_function("document.querySelector('.st-key-words input').value === 'a bridge at night'")
    tab.settle()

    page.locator(".st-key-gallery img").nth(1).click(force=True)  # its button lies over it
    page.wait_for_selector("[role=dialog] img")
    tab.settle()
    assert "item=" in page.url
    page.wait_for_function("document.querySelector('.loupe-large img').naturalWidth > 0")
    shared = page.url

    other = open_tab()
    other.go(shared)
    other.page.wait_for_selector("[role=dialog] img")
    assert other.alts() == tab.alts()
    assert other.page.get_attribute(".loupe-large img", "src") == page.get_attribute(".loupe-large img", "src")
    assert other.problems == []

    page.keyboard.press("Escape")
    tab.settle()
    assert "item=" not in page.url and page.locator("[role=dialog]").count() == 0
    tab.click('[data-testid="stTopNavLink"]:has-text("Library")')
    page.wait_for_selector("text=What is in it")
    take_out = page.locator('[class*="st-key-remove-"] button:visible').first
    assert take_out.bounding_box()["width"] > 60, "its label is read"
    tab.click('[data-testid="stTopNavLink"]:has-text("Search")')
    page.wait_for_selector(".st-key-gallery img")
    tab.settle()
    assert "q=a+bridge+at+night" in page.url
    assert tab.problems == []


def test_typing_alone_asks_nothing(url: str, tab: Tab) -> None:
    """No rerun per keystroke: the address stays as it is until Enter."""
    tab.go(url)
    tab.page.keyboard.type("castle", delay=30)
    tab.page.wait_for_timeout(500)
    assert "q=" not in tab.page.url
    assert tab.page.locator(".st-key-gallery").count() == 0


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_is_wider_than_the_window(url: str, open_tab: OpenTab, width: int) -> None:
    tab = open_tab(width)
    tab.go(f"{url}/?q=a+castle&filter=tags.any%3Dphoto")
    tab.alts()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    widths = [box["width"] for box in (i.bounding_box() for i in tab.page.locator(".st-key-gallery img").all()[:2])]
    assert sum(widths) < width


def test_a_picture_from_the_disk_asks(url: str, tab: Tab) -> None:
    tab.go(url)
    tab.click('[class*="st-key-picture-popover"] button')
    tab.page.set_input_files("input[type=file]", SAMPLES / "drawings" / "violin.png")
    tab.page.wait_for_selector(".st-key-gallery img")
    tab.settle()
    assert "violin" in tab.alts()[0].lower()
    assert tab.problems == []


def test_row_27_an_upload_of_201_mb_is_refused_by_its_size(url: str, tab: Tab, tmp_path: Path) -> None:
    """In the page by the browser already; at the HTTP API without being read. The app's memory does not grow."""
    [process] = [
        p
        for p in psutil.process_iter(["cmdline"])
        if f"--server.port={url.rpartition(':')[2]}" in (p.info["cmdline"] or [])
    ]
    before = process.memory_info().rss
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(201_000_000)
    tab.go(url)
    tab.click('[class*="st-key-picture-popover"] button')
    # By its name in the page: the driver itself copies no file of more than 50 MB into the browser.
    with tab.page.expect_file_chooser() as chooser:
        tab.page.click('[data-testid="stFileUploaderDropzone"] button')
    chooser.value.set_files(str(huge))
    tab.page.wait_for_selector("text=/must be 20/i")
    with huge.open("rb") as file:
        answer = httpx.post(f"{url}/api/search", files={"image": file}, trust_env=False)
    assert answer.status_code == 413 and "at most" in answer.json()["error"]
    assert process.memory_info().rss - before < 50e6


def test_row_33_the_key_is_in_no_page_and_no_log(url: str, tab: Tab, server: LocalServer, app_log: Path) -> None:
    key = server.api_key()
    frames: list[str] = []
    tab.page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(str(data))))
    tab.go(f"{url}/?q=castle&filter=broken")
    tab.go(f"{url}/library")
    assert frames and len(key) > 20
    assert all(key not in frame for frame in frames)
    answers = [
        httpx.get(url + path, trust_env=False) for path in ("/", "/api", "/healthz", "/api/search?q=cat", "/api/search")
    ]
    assert all(key not in answer.text and key not in str(answer.headers) for answer in answers)
    assert key not in app_log.read_text(errors="replace")


def test_another_name_for_this_machine_is_refused(url: str) -> None:
    """DNS rebinding: a foreign site's name that points here reads nothing."""
    for path in ("/api/search?q=cat", "/healthz"):
        assert httpx.get(url + path, headers={"host": "evil.example"}, trust_env=False).status_code == 400


@pytest.mark.parametrize(
    "path", ["/app/static/thumbs/..%2f..%2fapp.py", "/app/static/thumbs/%2e%2e/app.py", "/originals/%2e%2e/app.py"]
)
def test_row_23_of_the_running_app(url: str, path: str) -> None:
    answer = httpx.get(url + path, trust_env=False)
    assert answer.status_code in (400, 404)
    assert "import" not in answer.text


def test_row_36_an_open_page_goes_on_by_itself(tab: Tab, environment: dict[str, str], tmp_path: Path) -> None:
    """The app starts without its database; the page says what to do, and shows the library within 10 s of the start."""
    port, grpc_port = free_port(), free_port()
    server = LocalServer(plan(tmp_path / "home", http_port=port, grpc_port=grpc_port))
    settings = {
        "LOUPE_HOME": str(tmp_path / "app"),
        "WEAVIATE_URL": f"http://127.0.0.1:{port}",
        "WEAVIATE_API_KEY": server.api_key(),
        "WEAVIATE_GRPC_PORT": str(grpc_port),
    }
    try:
        with app_process(environment | settings, tmp_path / "app.log") as url:
            tab.go(url)
            tab.page.wait_for_selector(f"text=127.0.0.1:{port}")
            server.start()
            tab.page.wait_for_selector("text=There are no pictures yet", timeout=10_000)
            running = server.running()
            assert running is not None and (running.http_port, running.grpc_port) == (port, grpc_port)
    finally:
        server.stop()
