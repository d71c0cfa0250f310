"""What was selected as a file: made when its address is opened, from the files that may be shown, never by halves."""

import csv
import io
import json
import shutil
import uuid
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import weaviate
from starlette.testclient import TestClient

import api.selections
import search.export
from api.context import AppContext, Selections
from errors import Unreachable
from schema.collection import open_pictures
from schema.record import ImageRecord, Place
from search.query import Query, Term
from search.results import Hit
from tests.app.conftest import http_of


@pytest.fixture
def hits(coloured: AppContext) -> list[Hit]:
    return list(coloured.connection.searcher().search(Query((Term(text="red"),), limit=5)).hits)


@pytest.fixture
def http(coloured: AppContext) -> TestClient:
    return http_of(coloured)


def slim(hit: Hit) -> Hit:
    return replace(hit, record=replace(hit.record, places=(), caption="", file_tags=()))


def test_a_table_holds_every_selected_picture_as_it_is_now(
    coloured: AppContext, http: TestClient, hits: list[Hit]
) -> None:
    """The session keeps next to nothing of a picture; what is exported comes from the library."""
    address_of = coloured.selections.hand_in([slim(hit) for hit in hits])
    answer = http.get(address_of("csv"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="loupe.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["uuid"] for row in rows] == [str(hit.uuid) for hit in hits]
    assert [row["caption"] for row in rows] == [hit.record.caption for hit in hits]
    assert [float(row["similarity"]) for row in rows] == [round(hit.similarity, 6) for hit in hits]


def test_json_is_what_the_api_gives_but_for_the_shares(coloured: AppContext, http: TestClient, hits: list[Hit]) -> None:
    answer = http.get(coloured.selections.hand_in(hits)("json"))
    assert answer.json() == [{name: v for name, v in hit.to_json().items() if name != "shares"} for hit in hits]


def test_the_zip_holds_the_originals(coloured: AppContext, http: TestClient, hits: list[Hit]) -> None:
    answer = http.get(coloured.selections.hand_in([slim(hit) for hit in hits])("zip"))
    assert (answer.headers["x-loupe-pictures"], answer.headers["x-loupe-missing"]) == ("5", "0")
    assert int(answer.headers["content-length"]) == len(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    files = {Path(hit.record.places[0].path) for hit in hits}
    assert {archive.read(name) for name in archive.namelist() if name != "metadata.jsonl"} == {
        file.read_bytes() for file in files
    }


def test_the_folder_of_the_library_is_left_as_it_was(coloured: AppContext, http: TestClient, hits: list[Hit]) -> None:
    before = sorted(path.name for path in coloured.home.iterdir())
    http.get(coloured.selections.hand_in(hits)("zip"))
    assert sorted(path.name for path in coloured.home.iterdir()) == before


def test_a_picture_that_left_the_library_is_named_everywhere(
    coloured: AppContext, http: TestClient, hits: list[Hit]
) -> None:
    gone = replace(slim(hits[0]), uuid=uuid.UUID(int=5))
    address_of = coloured.selections.hand_in([gone, hits[1]])
    first, second = http.get(address_of("json")).json()
    assert first == {"uuid": str(gone.uuid), "missing": "it is not in the library any more"}
    assert second["uuid"] == str(hits[1].uuid)
    rows = list(csv.DictReader(io.StringIO(http.get(address_of("csv")).content.decode("utf-8-sig"))))
    assert [row["missing"] for row in rows] == ["it is not in the library any more", ""]
    archive = zipfile.ZipFile(io.BytesIO(http.get(address_of("zip")).content))
    assert archive.read("MISSING.txt").decode() == f"{gone.uuid}: it is not in the library any more\n"


@pytest.mark.parametrize("path", ["0" * 32 + "/loupe.csv", "x/loupe.zip", "../loupe.csv", "%2e%2e%2f/loupe.json"])
def test_an_unknown_selection_is_said(http: TestClient, path: str) -> None:
    answer = http.get(f"/selections/{path}")
    assert answer.status_code == 404


def test_an_unknown_kind_is_said(coloured: AppContext, http: TestClient, hits: list[Hit]) -> None:
    address = coloured.selections.hand_in(hits)("exe")
    assert http.get(address).status_code == 404
    assert "Select the pictures again" in http.get(address).text


def test_more_than_a_zip_may_hold_is_a_sentence(
    coloured: AppContext, http: TestClient, hits: list[Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.export.check_size, "__defaults__", (4, 10**9))
    monkeypatch.setattr(search.export.write_zip, "__kwdefaults__", {"gone": (), "max_pictures": 4, "max_bytes": 10**9})
    answer = http.get(coloured.selections.hand_in(hits)("zip"))
    assert answer.status_code == 409
    assert answer.text.startswith("5 pictures are selected, and a zip of originals holds at most 4.")
    assert "content-disposition" not in answer.headers


def test_a_weaviate_that_is_away_is_a_sentence(
    coloured: AppContext, http: TestClient, hits: list[Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise Unreachable("Weaviate did not answer. Start it with: python -m server start.")

    monkeypatch.setattr(coloured.connection, "searcher", away)
    for kind in ("csv", "json", "zip"):
        answer = http.get(coloured.selections.hand_in(hits)(kind))
        assert (answer.status_code, answer.text) == (
            503,
            "Weaviate did not answer. Start it with: python -m server start.",
        )


def test_what_is_no_file_of_an_ingested_folder_never_leaves(
    coloured: AppContext, http: TestClient, hits: list[Hit], client: weaviate.WeaviateClient, tmp_path: Path
) -> None:
    """Row 24: the database is changed by somebody else, one file became a text, one is gone."""
    outside, text, gone = hits[:3]
    secret = tmp_path / "secret.png"
    shutil.copy(outside.record.places[0].path, secret)
    open_pictures(client).collection.data.update(
        outside.uuid, properties={"places": [{"path": str(secret), "size": 1, "mtime_us": 1, "root": str(tmp_path)}]}
    )
    Path(text.record.places[0].path).write_text("root:x:0:0")
    Path(gone.record.places[0].path).unlink()
    archive = zipfile.ZipFile(io.BytesIO(http.get(coloured.selections.hand_in(hits[:3])("zip")).content))
    assert archive.namelist() == ["metadata.jsonl", "MISSING.txt"]
    missing = archive.read("MISSING.txt").decode().splitlines()
    paths = [str(secret), text.record.places[0].path, gone.record.places[0].path]
    assert [line.partition(": ")[0] for line in missing] == paths


def hit(number: int) -> Hit:
    record = ImageRecord(str(number), (Place("/a", 1, 1, "/"),), 1, 1, 1, "PNG")
    return Hit(uuid.UUID(int=number), record, 0.5)


def test_the_oldest_selections_are_forgotten() -> None:
    store = Selections(max_held=5)

    def name(hits: list[Hit]) -> str:
        return store.hand_in(hits)("csv").split("/")[2]

    first, second = name([hit(1), hit(2)]), name([hit(3), hit(4)])
    assert (store.find(first), store.find(second)) == ((hit(1), hit(2)), (hit(3), hit(4)))
    name([hit(1), hit(2)])  # used again: the second is the oldest now
    name([hit(5), hit(6)])
    assert store.find(second) is None
    assert store.find(first) is not None
    large = name([hit(n) for n in range(9)])  # the newest stays, whatever its size
    assert store.find(large) is not None and store.find(first) is None


def test_the_same_selection_has_the_same_address() -> None:
    store = Selections()
    assert store.hand_in([hit(1)])("zip") == store.hand_in([hit(1)])("zip")
    assert store.hand_in([hit(1)])("zip") != store.hand_in([hit(2)])("zip")
    assert store.hand_in([hit(1)])("zip") != store.hand_in([replace(hit(1), similarity=0.4)])("zip")


def test_large_selections_are_asked_for_in_parts(
    coloured: AppContext, http: TestClient, hits: list[Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.selections, "FETCHED", 2)
    answer = http.get(coloured.selections.hand_in(hits)("json"))
    assert [one["uuid"] for one in json.loads(answer.content)] == [str(one.uuid) for one in hits]
