"""Twelve plain pictures of three colours as files, stored with the colour encoder: what is found is known by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import weaviate
from PIL import Image

from api.connection import Connection
from api.context import AppContext
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.roots import Roots
from pictures.open import Limits
from schema.client import Address
from schema.collection import StorageOptions, delete_library, ensure_pictures
from schema.documents import COLLECTIONS
from tests.app.conftest import parts_of
from tests.colours import ColourEncoder

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def make_folder(folder: Path) -> Path:
    """red-0.png … blue-3.png, each a little darker than the one before; captioned and tagged with the colour."""
    folder.mkdir(parents=True)
    words = []
    for name, colour in COLOURS.items():
        for number in range(4):
            shade = tuple(value - 20 * number if value else 3 * number for value in colour)
            Image.new("RGB", (16 + number, 12), shade).save(folder / f"{name}-{number}.png")
            words.append({"file_name": f"{name}-{number}.png", "text": f"{name} number {number}", "tags": [name]})
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in words))
    return folder


@pytest.fixture
def coloured(client: weaviate.WeaviateClient, address: Address, tmp_path: Path) -> Iterator[AppContext]:
    """The app's parts on that library; the test may change it."""
    delete_library(client)
    for name in COLLECTIONS.values():
        if client.collections.exists(name):
            for found in client.collections.use(name).iterator(return_properties=[]):
                client.collections.use(name).data.delete_by_id(found.uuid)
    encoder = ColourEncoder()
    connection = Connection(lambda: address, lambda: encoder)
    parts = parts_of(tmp_path / "home", connection)
    folder = make_folder(tmp_path / "pictures")
    ledger = Ledger(ensure_pictures(client, encoder.identity, StorageOptions()), wait_s=10)
    report = Ingest(ledger, encoder, parts.thumbnails, limits=Limits()).run(folder)
    assert report.added == 12
    Roots(parts.home).add(folder)
    yield parts
    connection.close()
