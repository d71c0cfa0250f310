"""Select, take away, tag, keep as an album, open it: in a real browser, on the samples."""

import contextlib
import io
import zipfile
from pathlib import Path

from api.connection import Connection
from errors import NameUnknown
from ingest.tagging import tag
from schema.documents import DocumentStore
from search.filters import Condition
from search.query import Query, Term
from tests.app.browser import Tab
from tests.conftest import SAMPLES

NAME = "Bridges of the browser test"
TAGGED = Condition("tags", "=", "browser test")


def test_from_a_selection_to_an_album(url: str, tab: Tab, connection: Connection, home: Path) -> None:
    """Two pictures are selected, come out of the zip as they are, are found by their new tag; the question is kept."""
    page = tab.page
    store = connection.documents("Albums")
    try:
        tab.go(f"{url}/?q=a+bridge")
        page.get_by_text("Select", exact=True).click()
        tab.settle()
        boxes = page.locator('[class*="st-key-pick-"] label')
        for index in range(2):
            boxes.nth(index).click()
            tab.settle()
        page.get_by_text("2 selected").wait_for()
        page.get_by_text("Export", exact=True).click()
        with page.expect_download() as waiting:
            page.get_by_text("Originals (zip)").click()
        archive = zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes()))
        assert len(archive.namelist()) == 3 and "metadata.jsonl" in archive.namelist()
        originals = {file.name: file.read_bytes() for file in SAMPLES.rglob("*") if file.is_file()}
        assert all(archive.read(name) == originals[name] for name in archive.namelist() if name != "metadata.jsonl")
        page.keyboard.press("Escape")
        page.get_by_text("Tags", exact=True).first.click()
        field = page.get_by_label("Add", exact=True).first
        field.click()
        field.type("browser test")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.get_by_text("Write the tags").click()
        page.get_by_text("The tags are written: 2 changed").wait_for()
        assert connection.searcher().count([TAGGED]) == 2
        page.get_by_text("Save as album").click()
        page.get_by_placeholder("Summer by the sea").fill(NAME)
        page.keyboard.press("Enter")
        page.get_by_text(f"Saved as “{NAME}”").wait_for()
        page.get_by_role("link", name="Albums").click()
        page.get_by_text(NAME).wait_for()
        page.locator(f".st-key-album-{NAME.replace(' ', '-')} button", has_text="Open").click()
        page.wait_for_url("**q=a+bridge**")
        assert tab.problems == []
    finally:
        forget(store, connection, home)


def forget(store: DocumentStore, connection: Connection, home: Path) -> None:
    """The samples are shared by all tests."""
    searcher = connection.searcher()
    tagged = searcher.search(Query((Term(text="a bridge"),), filters=(TAGGED,))).hits
    if tagged:
        tag(searcher.pictures, [hit.uuid for hit in tagged], remove=["browser test"], home=home)
    with contextlib.suppress(NameUnknown):
        store.delete(NAME)
