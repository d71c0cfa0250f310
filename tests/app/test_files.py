"""Thumbnails and originals: only ours, only pictures, only from inside the ingested folders."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import weaviate
from PIL import Image
from starlette.testclient import TestClient

from api.connection import Connection
from api.context import AppContext
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.roots import Roots
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import Address
from schema.collection import Pictures
from schema.record import Place, place_properties
from settings import PROJECT
from tests.app.conftest import http_of, parts_of
from tests.colours import ColourEncoder
from tests.conftest import all_records


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One picture of each kind the routes treat differently."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, (name, options) in enumerate(
        {
            "red.jpg": {},
            "red.png": {},
            "red.webp": {"lossless": True},
            "red.gif": {},
            "red.tif": {},
            "red.bmp": {},
            "red.jp2": {},
        }.items()
    ):
        Image.new("RGB", (300 + number, 200), "red").save(folder / name, **options)
    return folder


@pytest.fixture
def reds(
    folder: Path, tmp_path: Path, pictures: Pictures, colours: ColourEncoder, address: Address
) -> Iterator[tuple[AppContext, Ledger]]:
    """A library of them, and the parts of an app on it."""
    home = tmp_path / "home"
    thumbnails = ThumbnailStore(home / "thumbs")
    ledger = Ledger(pictures, wait_s=10)
    assert not Ingest(ledger, colours, thumbnails, limits=Limits()).run(folder).failed
    Roots(home).add(folder)
    connection = Connection(lambda: address, lambda: colours)
    yield parts_of(home, connection, thumbnails), ledger
    connection.close()


def uuid_of_file(ledger: Ledger, path: Path) -> str:
    return next(str(record.uuid) for record in all_records(ledger) if record.places[0].path == str(path))


def tamper(client: weaviate.WeaviateClient, uuid: str, path: str, root: str) -> None:
    """The database says now that the picture is this file."""
    client.collections.use("Pictures").data.update(uuid=uuid, properties=place_properties((Place(path, 1, 1, root),)))


def test_a_thumbnail_is_sent_once_and_kept_by_the_browser(http: TestClient) -> None:
    url = http.get("/api/search?q=cat&limit=1").json()["hits"][0]["thumbnail"]
    first = http.get(url)
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in first.headers["cache-control"]
    assert max(Image.open(io.BytesIO(first.content)).size) == 384
    assert http.get(url, headers={"if-none-match": first.headers["etag"]}).status_code == 304


TRAVERSALS = [
    "../app.py",
    "%2e%2e%2fapp.py",
    "..\\app.py",
    "..%5c..%5capp.py",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "%00",
    "....//....//app.py",
    "a" * 64,
    "A" * 64,
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_row_23_no_path_leaves_the_thumbnails(http: TestClient, path: str) -> None:
    answer = http.get(f"/app/static/thumbs/{path}")
    assert answer.status_code in (400, 404)
    assert b"import" not in answer.content
    assert b"root:" not in answer.content


def test_row_23_no_link_leads_out_of_the_thumbnails(http: TestClient, context: AppContext) -> None:
    """A link with a thumbnail's name, to a file of ours and to a folder of ours."""
    for name, target in (("b" * 64, PROJECT / "app.py"), ("c" * 64, PROJECT)):
        link = context.thumbnails.path_of(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
        assert http.get(f"/app/static/thumbs/{name}").status_code == 404
        link.unlink()


def test_what_is_no_uuid_is_no_picture_and_a_fault_is_not_called_so(
    reds: tuple[AppContext, Ledger], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, ledger = reds
    http, key = http_of(context), uuid_of_file(ledger, folder / "red.jpg")

    def fail(*_: object) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr("api.files.find_original", fail)
    assert http.get("/originals/nonsense").status_code == 404
    with pytest.raises(ValueError, match="a fault of ours"):
        http.get(f"/originals/{key}")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("red.jpg", "image/jpeg"), ("red.png", "image/png"), ("red.webp", "image/webp"), ("red.gif", "image/gif")],
)
def test_originals_browsers_can_show_are_sent_as_they_are(
    reds: tuple[AppContext, Ledger], folder: Path, name: str, media_type: str
) -> None:
    parts, ledger = reds
    answer = http_of(parts).get(f"/originals/{uuid_of_file(ledger, folder / name)}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content == (folder / name).read_bytes()


@pytest.mark.parametrize("name", ["red.tif", "red.bmp", "red.jp2"])
def test_other_originals_are_sent_as_jpeg(reds: tuple[AppContext, Ledger], folder: Path, name: str) -> None:
    parts, ledger = reds
    answer = http_of(parts).get(f"/originals/{uuid_of_file(ledger, folder / name)}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    image = Image.open(io.BytesIO(answer.content))
    assert image.size[1] == 200
    red, green, blue = image.getpixel((50, 50))
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("claimed_root", ["the real one", "/", "/etc"])
def test_row_24_a_tampered_path_opens_no_file(
    reds: tuple[AppContext, Ledger],
    folder: Path,
    client: weaviate.WeaviateClient,
    claimed_root: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The roots are kept outside the database, so that changing it opens nothing elsewhere."""
    parts, ledger = reds
    uuid = uuid_of_file(ledger, folder / "red.jpg")
    tamper(client, uuid, "/etc/passwd", str(folder) if claimed_root == "the real one" else claimed_root)
    with caplog.at_level(logging.WARNING):
        answer = http_of(parts).get(f"/originals/{uuid}")
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "/etc/passwd" in caplog.text


def test_row_24_inside_the_folder_only_pictures_open(
    reds: tuple[AppContext, Ledger],
    folder: Path,
    client: weaviate.WeaviateClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A text file, a link out of the folder, a folder, a way out by dots, and a picture outside."""
    parts, ledger = reds
    secret = tmp_path / "secret.jpg"
    Image.new("RGB", (9, 9)).save(secret)
    (folder / "notes.jpg").write_text("a secret")
    (folder / "link.jpg").symlink_to(secret)
    uuid = uuid_of_file(ledger, folder / "red.jpg")
    for path in ("notes.jpg", "link.jpg", ".", "../secret.jpg", "gone.jpg", "red.jpg\0.txt"):
        tamper(client, uuid, f"{folder}/{path}", str(folder))
        answer = http_of(parts).get(f"/originals/{uuid}")
        assert answer.status_code == 404, path
        assert "secret" not in answer.text


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000000", "../app.py", "%2fetc%2fpasswd"])
def test_an_unknown_original_is_404(http: TestClient, name: str) -> None:
    assert http.get(f"/originals/{name}").status_code == 404
