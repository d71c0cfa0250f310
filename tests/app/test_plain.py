"""What people typed and what files are called steers nothing, wherever it is drawn: in a real browser, page by page."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import weaviate
from PIL import Image

from app_pages.widgets.markdown import escape, escape_markdown
from encoder.protocol import Encoder
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.roots import Roots
from pictures.open import Limits
from pictures.text import inert
from pictures.thumbnails import ThumbnailStore
from schema.client import Address
from schema.collection import StorageOptions, ensure_pictures
from schema.documents import COLLECTIONS
from settings import PROJECT
from tests.app.browser import MAP_MS, Tab
from tests.app.conftest import wait_for

TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
HOSTILE = (
    "see https://evil.example/a www.evil.example me@evil.example [x](https://evil.example/b) <https://evil.example/c> "
    "<a href='https://evil.example/d'>y</a> ![](https://evil.example/e.png) :red[r] :material/home: :joy: $x^2$ "
    ":streamlit: a -- b \u202egpj.exe\u202c "
    "https&colon;//evil.example/f www&period;evil.example me&commat;evil.example &colon;joy&colon; a -&gt; b"
)
FILE = "me@evil.example www.evil.example \u202egpj.exe :joy: [x].jpg"
STEERED = """() => {  // except what stands in a field, as it was typed
  const all = [...document.querySelectorAll('*')];
  const texts = all.flatMap(one => [...one.attributes].filter(a => a.name !== 'value').map(a => a.value));
  const written = document.body.textContent + texts.join('\\n');
  return {
    links: all.flatMap(one => ['href', 'src', 'action', 'xlink:href'].map(a => one.getAttribute(a)))
      .filter(a => a && /evil|mailto/.test(a)),
    turns: [...written].filter(c => /[\\u202a-\\u202e\\u2066-\\u2069\\u200e\\u200f\\u061c]/.test(c)).length,
    maths: document.querySelectorAll('.katex').length,
    coloured: all.filter(one => /Colored/.test(one.className) && one.textContent === 'r').length,
    made: ['😂', 'a — b', 'a → b'].filter(sign => written.includes(sign)),
    icons: all.filter(one => one.getAttribute('role') === 'img' && one.textContent === 'home').length,
    logos: document.querySelectorAll('img[alt="Streamlit logo"]').length,
  };
}"""
NOTHING = {"links": [], "turns": 0, "maths": 0, "coloured": 0, "made": [], "icons": 0, "logos": 0}


def test_no_character_that_turns_the_writing_is_left() -> None:
    assert not set(TURNS) & set(inert(TURNS) + escape_markdown(TURNS) + escape(TURNS))
    assert inert("photo\u202egpj.exe") == "photo�gpj.exe"
    assert inert("שלום\u200f!") == "שלום!"
    assert inert("👩\u200d🌾 naïve") == "👩\u200d🌾 naïve"


def test_pages_take_escape_from_plain() -> None:
    """`html.escape` alone lets the turning characters through."""
    for path in (PROJECT / "app_pages").glob("*.py"):
        assert path.name == "markdown.py" or "from html import" not in path.read_text(), path.name


@pytest.fixture
def hostile(
    empty: weaviate.WeaviateClient, specialists: Encoder, home: Path, thumbnails: ThumbnailStore, tmp_path: Path
) -> Iterator[Path]:
    """A library whose every word is hostile; afterwards albums and profiles are gone."""
    folder = tmp_path / "www.evil.example :joy: \u202egpj"
    folder.mkdir()
    lines = []
    for number, colour in enumerate(("red", "green", "blue", "yellow", "orange", "white", "black", "purple")):
        name = f"{number} {FILE}"
        Image.new("RGB", (80, 60), colour).save(folder / name, "JPEG")
        tags = [] if number % 2 else [f"#{number} {HOSTILE}"[:100], "https://evil.example/tag"]
        lines.append(json.dumps({"file_name": name, "text": "" if number % 2 else f"{number} {HOSTILE}", "tags": tags}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    Roots(home).add(folder)
    ledger = Ledger(ensure_pictures(empty, specialists.identity, StorageOptions()), wait_s=10)
    report = Ingest(ledger, specialists, thumbnails, limits=Limits()).run(folder)
    assert report.added == 8, report
    yield folder
    empty.collections.delete(list(COLLECTIONS.values()))


def test_hostile_words_are_drawn_as_they_are(hostile: Path, app_url: str, address: Address, tab: Tab) -> None:
    """Captions, tags, file names, folders, questions, albums: no link, no icon, no formula, no turned writing."""
    wait_for(lambda: httpx.get(f"{app_url}/api/search?q=red", trust_env=False).json().get("total") == 8, 30)
    uuid = httpx.get(f"{app_url}/api/search?q=red", trust_env=False).json()["hits"][0]["uuid"]
    page = tab.page
    gone = httpx.QueryParams({"q": "red", "item": f"[x](https://evil.example) {HOSTILE}"})
    asked = httpx.QueryParams({"q": f'text:"{HOSTILE}"', "filter": "tags.any=https://evil.example/tag"})

    def check(what: str) -> None:
        tab.settle()
        assert page.evaluate(STEERED) == NOTHING, what

    tab.go(f"{app_url}/?{asked}")
    page.wait_for_selector(".st-key-gallery img, .st-key-gallery-nearest img")
    tab.click(".st-key-filters_open label")
    check("hits, chips and filters")
    tab.click('[class*="st-key-save-album"] button')
    page.locator('[data-testid="stForm"] [aria-label="Name"]').fill(f"www.evil.example {TURNS} a -- b")
    tab.click('[data-testid="stForm"]:has([aria-label="Name"]) button[kind="primaryFormSubmit"]')
    check("a saved album")
    tab.go(f"{app_url}/?q=red&item={uuid}")
    page.wait_for_selector("[role=dialog] .loupe-facts")
    check("details")
    tab.go(f"{app_url}/?{gone}")
    page.wait_for_selector("[role=dialog]")
    check("details of nothing")
    tab.go(f"{app_url}/?{httpx.QueryParams({'q': HOSTILE})}")
    check("a question that cannot be read")
    tab.go(f"{app_url}/discover?like={uuid}")
    page.wait_for_selector(".st-key-gallery img")
    check("suggestions")
    for name in ("albums", "library", "map"):
        page.goto(f"{app_url}/{name}")
        page.wait_for_selector('[data-testid="stMain"] h3, .loupe-map[data-drawn]', timeout=MAP_MS)
        check(name)
