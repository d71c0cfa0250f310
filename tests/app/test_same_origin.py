"""Only this server's own pages may ask, and programs: every route, by real HTTP, real handshakes and a real browser."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.app.browser import Tab

NAVIGATES = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
EMBEDS = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
LOADS = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
ROUTES = [
    ("GET", "/"),
    ("GET", "/library"),
    ("GET", "/api"),
    ("GET", "/api/search?q=cat"),
    ("POST", "/api/search"),
    ("GET", "/api/albums"),
    ("GET", "/api/nonsense"),
    ("GET", "/healthz"),
    ("GET", "/originals/{uuid}"),
    ("GET", "/app/static/thumbs/{sha256}"),
    ("GET", "/app/static/map/look-x/points/pca2"),
    ("GET", "/selections/x/loupe.zip"),
    ("GET", "/_stcore/health"),
    ("GET", "/_stcore/host-config"),
    ("PUT", "/_stcore/upload_file/session/file"),
    ("POST", "/_stcore/agent/interact"),
    ("GET", "/media/x.png"),
    ("GET", "/static/js/x.js"),
]
PAGES = {"/", "/library"}
FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:{other}"},
    {"origin": "http://127.0.0.1:{other}"},
    {"origin": "http://127.0.0.1"},
    {"origin": "https://127.0.0.1:{port}"},
    {"origin": "http://localhost:{port}"},
    {"origin": "http://127.0.0.1:{port}.evil.example"},
    {"origin": "http://user@127.0.0.1:{port}@evil.example"},
    {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "cross-site"},
    {"origin": "http://127.0.0.1:{other}", "sec-fetch-site": "same-origin"},
    {"origin": "https://evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"},
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site", **NAVIGATES},
    {"sec-fetch-site": "cross-site", **LOADS},
    {"sec-fetch-site": "same-site", **LOADS},
    {"sec-fetch-site": "cross-site", **EMBEDS},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "nonsense"},
]
OURS: list[dict[str, str]] = [
    {},
    {"origin": "http://127.0.0.1:{port}"},
    {"origin": "HTTP://127.0.0.1:{port}"},
    {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-origin", **LOADS},
    {"sec-fetch-site": "none", **NAVIGATES},
]


def filled(headers: dict[str, str], url: str) -> dict[str, str]:
    port = int(url.rpartition(":")[2])
    return {name: value.format(port=port, other=port + 1) for name, value in headers.items()}


@pytest.fixture
def paths(url: str) -> list[tuple[str, str]]:
    hit = httpx.get(f"{url}/api/search?q=cat&limit=1", trust_env=False).json()["hits"][0]
    return [(method, path.format(**hit)) for method, path in ROUTES]


def status_of_handshake(url: str, headers: dict[str, str]) -> int:
    """101 where the WebSocket of the pages opens."""
    address = httpx.URL(url)
    host = headers.get("host", f"{address.host}:{address.port}")
    others = {name: value for name, value in headers.items() if name not in ("origin", "host")}
    with socket.create_connection((address.host, address.port or 80)) as connection:
        try:
            with connect(
                f"ws://{host}/_stcore/stream",
                sock=connection,
                origin=headers.get("origin"),  # type: ignore[arg-type]
                additional_headers=others,
                proxy=None,
            ):
                return 101
        except InvalidStatus as error:
            return error.response.status_code


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_row_34_no_route_answers_another_sites_page(
    url: str, paths: list[tuple[str, str]], headers: dict[str, str]
) -> None:
    """Not even to say that there is no such address."""
    with httpx.Client(base_url=url, headers=filled(headers, url), trust_env=False) as client:
        for method, path in paths:
            answer = client.request(method, path, json={"q": "cat"} if method == "POST" else None)
            assert answer.status_code == 403, (method, path)
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert not [name for name in answer.headers if name.startswith("access-control")]
    assert status_of_handshake(url, filled(headers, url)) == 403


@pytest.mark.parametrize("headers", OURS, ids=str)
def test_our_own_pages_and_programs_are_answered(
    url: str, paths: list[tuple[str, str]], headers: dict[str, str]
) -> None:
    with httpx.Client(base_url=url, headers=filled(headers, url), trust_env=False) as client:
        for method, path in paths:
            if "agent" in path and "origin" in headers:  # Streamlit lets no page at all ask there
                continue
            answer = client.request(method, path, json={"q": "cat"} if method == "POST" else None)
            assert "may not ask here" not in answer.text, (method, path)
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "frame-ancestors 'self'" in answer.headers.get_list("content-security-policy")
    assert status_of_handshake(url, filled(headers, url)) == 101


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_elsewhere_opens_a_page_and_nothing_else(url: str, paths: list[tuple[str, str]], site: str) -> None:
    headers = {"sec-fetch-site": site, **NAVIGATES}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        for method, path in [*paths, ("POST", "/"), ("HEAD", "/")]:
            expected = 200 if method == "GET" and path in PAGES else 403
            assert client.request(method, path).status_code == expected, (method, path)


def test_behind_a_proxy_the_address_that_people_open_may_ask(exposed: str) -> None:
    """Row 34 with `allowedHosts` set. The proxy speaks https and hands on the name that was asked for."""
    for host, origin, expected in (
        ("photos.example", "https://photos.example", 200),
        ("photos.example", "https://photos.example:444", 403),
        ("photos.example", "http://127.0.0.1", 403),
        ("photos.example", "http://localhost:8501", 403),
        ("photos.example", "https://evil.example", 403),
        ("evil.example", "http://evil.example", 400),
        ("evil.example", "https://photos.example", 400),
    ):
        headers = {"host": host, "origin": origin}
        assert httpx.get(f"{exposed}/api", headers=headers, trust_env=False).status_code == expected, headers
        handshake = status_of_handshake(exposed, headers)
        assert handshake == (101 if expected == 200 else expected), headers


ELSEWHERE = """<!doctype html><title>elsewhere</title><a href="{url}/?q=castle">look</a>
<iframe src="{url}/"></iframe><form method="post" enctype="multipart/form-data" target="posted"
  action="{url}/api/search"><input name="q" value="cat"></form><iframe name="posted"></iframe><script>
const tried = {{}};
const note = (name, promise) => tried[name] = promise.then(() => "reached", () => "refused");
const image = src => new Promise((onload, onerror) => Object.assign(new Image(), {{src, onload, onerror}}));
note("thumbnail", image("{url}/app/static/thumbs/{sha256}"));
note("original", image("{url}/originals/{uuid}"));
note("search", image("{url}/api/search?q=dog"));
note("fetch", fetch("{url}/api/search?q=dog"));
note("blind", fetch("{url}/api/search", {{method: "POST", mode: "no-cors", body: "x"}}).then(() => {{throw 0}}));
note("socket", new Promise((onopen, onerror) =>
  Object.assign(new WebSocket("{url}/_stcore/stream".replace("http", "ws")), {{onopen, onerror}})));
document.forms[0].submit();
const outcome = async () => Object.fromEntries(await Promise.all(
  Object.entries(tried).map(async ([name, promise]) => [name, await promise])));
</script>"""


@contextmanager
def another_site(html: str) -> Iterator[str]:
    """A page of another server of this machine."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_in_a_browser_another_servers_page_reaches_nothing(url: str, tab: Tab) -> None:
    """What it tries is refused; its link opens the page, which works."""
    hit = httpx.get(f"{url}/api/search?q=cat&limit=1", trust_env=False).json()["hits"][0]
    requests: dict[str, str] = {}
    statuses: dict[str, int] = {}
    network = tab.context.new_cdp_session(tab.page)  # sees the answers that the page itself is not shown
    network.on("Network.requestWillBeSent", lambda e: requests.update({e["requestId"]: e["request"]["url"]}))
    network.on("Network.responseReceivedExtraInfo", lambda e: statuses.update({e["requestId"]: e["statusCode"]}))
    network.send("Network.enable")
    with another_site(ELSEWHERE.format(url=url, **hit)) as other:
        tab.page.goto(other)
        outcome = tab.page.evaluate("outcome()")
        tab.page.wait_for_timeout(500)
        assert set(outcome.values()) == {"refused"}, outcome
        seen = {requests[key].removeprefix(url): status for key, status in statuses.items() if url in requests[key]}
        tried = {f"/app/static/thumbs/{hit['sha256']}", f"/originals/{hit['uuid']}", "/api/search?q=dog", "/api/search"}
        assert set(seen) >= tried | {"/"} and set(seen.values()) == {403}, seen
        tab.page.click("a")
        tab.page.wait_for_selector(".st-key-gallery img")
        tab.page.wait_for_function("document.querySelector('.st-key-gallery img').naturalWidth > 0")
