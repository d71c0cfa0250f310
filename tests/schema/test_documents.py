"""Albums and profiles on a real Weaviate: a name is one object, it survives restarts, and every refusal is a
sentence."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import weaviate

import schema.documents
from errors import DocumentError, NameTaken, NameUnknown, SchemaError, Unreachable
from schema.client import Address, connect
from schema.collection import StorageOptions, delete_library, ensure_pictures, list_pictures
from schema.documents import COLLECTIONS, MAX_BYTES, MAX_NAME, DocumentStore, check_name
from schema.patience import Patience
from schema.record import NAMESPACE
from server.local_server import HOST, LocalServer
from tests.colours import ColourEncoder
from tests.conftest import plan

DOCUMENT = {"words": ["beach", "strand ☂"], "weights": {"image": 0.5}, "none": None}


@pytest.fixture
def bare(client: weaviate.WeaviateClient) -> Iterator[weaviate.WeaviateClient]:
    """A server that never held an album or a profile."""
    client.collections.delete(list(COLLECTIONS.values()))
    yield client
    client.collections.delete(list(COLLECTIONS.values()))


@pytest.fixture
def albums(client: weaviate.WeaviateClient) -> DocumentStore:
    """There are none yet."""
    store = DocumentStore(client, "Albums")
    for entry in store.list():
        store.delete(entry.name)
    return store


def names(store: DocumentStore) -> list[str]:
    return [entry.name for entry in store.list()]


def test_what_was_saved_is_loaded_again(albums: DocumentStore) -> None:
    before = datetime.now(UTC)
    albums.save("Summer", DOCUMENT, "colours-1")
    found = albums.load("Summer")
    assert found.document == DOCUMENT
    assert (found.name, found.encoder) == ("Summer", "colours-1")
    assert before - timedelta(milliseconds=1) <= found.changed_at <= datetime.now(UTC)


def test_nothing_is_made_before_the_first_write(bare: weaviate.WeaviateClient) -> None:
    albums = DocumentStore(bare, "Albums")
    assert albums.list() == []
    with pytest.raises(NameUnknown, match=r"There is no album 'Summer' \(any more\)"):
        albums.load("Summer")
    with pytest.raises(NameUnknown):
        albums.delete("Summer")
    assert not bare.collections.exists(COLLECTIONS["Albums"])


@pytest.mark.parametrize("other", ["SUMMER AT THE SEA", "  Summer at   the sea ", "Summer at the Sea"])
def test_a_name_is_one_object_whatever_its_case_and_blanks(albums: DocumentStore, other: str) -> None:
    albums.save("Summer at the sea", {"n": 1}, "e")
    albums.save(other, {"n": 2}, "e")
    assert len(albums.list()) == 1
    assert albums.load("summer at the sea").document == {"n": 2}


def test_an_accent_written_in_two_ways_is_one_name(albums: DocumentStore) -> None:
    albums.save("Caf\u00e9", {"n": 1}, "e")
    albums.save("Cafe\u0301", {"n": 2}, "e")
    assert names(albums) == ["Caf\u00e9"]


def test_the_uuid_follows_from_kind_and_name(client: weaviate.WeaviateClient, albums: DocumentStore) -> None:
    albums.save("Straße", DOCUMENT, "e")
    [found] = client.collections.use(COLLECTIONS["Albums"]).query.fetch_objects().objects
    assert found.uuid == uuid.uuid5(NAMESPACE, "Albums:strasse")


def test_albums_and_profiles_do_not_meet(client: weaviate.WeaviateClient, albums: DocumentStore) -> None:
    profiles = DocumentStore(client, "Profiles")
    albums.save("mine", {"a": 1}, "e")
    profiles.save("mine", {"p": 1}, "e")
    assert (albums.load("mine").document, profiles.load("mine").document) == ({"a": 1}, {"p": 1})
    profiles.delete("mine")
    assert (names(albums), names(profiles)) == (["mine"], [])


def test_the_list_is_by_name(albums: DocumentStore) -> None:
    for name in ("zebra", "Äpfel", "apple", "Beach"):
        albums.save(name, {}, "e")
    assert names(albums) == ["apple", "Beach", "zebra", "Äpfel"]


def test_a_new_name_that_is_taken_is_refused_and_nothing_changes(albums: DocumentStore) -> None:
    albums.save("Summer", {"n": 1}, "e", new=True)
    with pytest.raises(NameTaken, match="There is an album 'summer' already"):
        albums.save("summer", {"n": 2}, "e", new=True)
    assert albums.load("Summer").document == {"n": 1}


def test_two_first_writes_at_once_both_count(address: Address, bare: weaviate.WeaviateClient) -> None:
    at_once = threading.Barrier(4)

    def save(number: int) -> None:
        client = connect(address)
        try:
            at_once.wait()
            DocumentStore(client, "Albums").save(f"album {number}", {"n": number}, "e")
        finally:
            client.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(4)))
    assert names(DocumentStore(bare, "Albums")) == [f"album {number}" for number in range(4)]


def test_renaming_keeps_the_document(albums: DocumentStore) -> None:
    albums.save("Summer", DOCUMENT, "colours-1")
    albums.rename("summer", "Sea")
    assert names(albums) == ["Sea"]
    assert (albums.load("Sea").document, albums.load("Sea").encoder) == (DOCUMENT, "colours-1")


def test_a_name_can_change_its_case(albums: DocumentStore) -> None:
    albums.save("summer", DOCUMENT, "e")
    albums.rename("summer", "Summer")
    assert names(albums) == ["Summer"]


def test_renaming_never_overwrites_another(albums: DocumentStore) -> None:
    albums.save("a", {"n": 1}, "e")
    albums.save("b", {"n": 2}, "e")
    with pytest.raises(NameTaken):
        albums.rename("a", "B")
    with pytest.raises(NameUnknown, match="'c'"):
        albums.rename("c", "d")
    assert [albums.load(name).document for name in names(albums)] == [{"n": 1}, {"n": 2}]


def test_what_was_deleted_is_gone_and_can_be_saved_again(albums: DocumentStore) -> None:
    albums.save("Summer", DOCUMENT, "e")
    albums.delete("SUMMER")
    assert albums.list() == []
    albums.save("Summer", DOCUMENT, "e", new=True)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "The name is empty"),
        ("  \t", "The name is empty"),
        ("x" * (MAX_NAME + 1), "has 101 characters; at most 100"),
        ("a\nb", r"holds '\\n', which cannot be seen"),
        ("a\x00b", r"holds '\\x00'"),
        ("a\u202eb", r"holds '\\u202e'"),
        ("a\u200bb", r"holds '\\u200b'"),
        ("a\ud800", r"holds '\\ud800'"),
        (None, "is a text, got NoneType"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(albums: DocumentStore, name: Any, sentence: str) -> None:
    with pytest.raises(DocumentError, match=sentence):
        albums.save(name, {}, "e")
    with pytest.raises(DocumentError, match=sentence):
        albums.load(name)


@pytest.mark.parametrize(
    "name", ["x" * MAX_NAME, "猫", "a/b?c=d&e#f%20", "'; DROP", "👩\u200d👩\u200d👧", "=1+1", "..", "null"]
)
def test_any_name_that_can_be_seen_is_kept_as_it_is(albums: DocumentStore, name: str) -> None:
    albums.save(name, {"n": 1}, "e")
    assert names(albums) == [name] == [check_name(name)]
    assert albums.load(name).document == {"n": 1}
    albums.delete(name)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"x": float("nan")}, "is no JSON"),
        ({"x": b"bytes"}, "is no JSON"),
        ({"x": "\ud800"}, "is no JSON"),
        ({"x": "a" * MAX_BYTES}, r"takes 1,000,009 bytes; at most 1,000,000"),
        ({"x": "ä" * (MAX_BYTES // 2)}, r"takes 1,000,009 bytes"),
    ],
    ids=["nan", "bytes", "surrogate", "long", "long-utf8"],
)
def test_a_document_that_cannot_be_kept_is_refused(albums: DocumentStore, document: Any, sentence: str) -> None:
    with pytest.raises(DocumentError, match=sentence):
        albums.save("Summer", document, "e")
    assert albums.list() == []


def test_a_document_of_the_largest_size_comes_back_whole(albums: DocumentStore) -> None:
    document = {"x": "a" * (MAX_BYTES - len('{"x": ""}'))}
    albums.save("large", document, "e")
    assert albums.load("large").document == document


def test_there_is_an_end_of_names(albums: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema.documents, "MAX_NAMES", 2)
    albums.save("a", {}, "e")
    albums.save("b", {}, "e")
    with pytest.raises(DocumentError, match=r"There are 2 albums, the most there can be. Delete one to save 'c'"):
        albums.save("c", {}, "e")
    albums.save("B", {"n": 2}, "e")
    assert names(albums) == ["a", "B"]


def test_a_document_that_another_program_spoiled_is_said_and_can_be_deleted(
    client: weaviate.WeaviateClient, albums: DocumentStore
) -> None:
    albums.save("Summer", DOCUMENT, "e")
    collection = client.collections.use(COLLECTIONS["Albums"])
    [found] = collection.query.fetch_objects().objects
    collection.data.update(found.uuid, properties={"document": "{broken"})
    with pytest.raises(
        DocumentError, match=r"'Summer' cannot be read: another program changed its document. Delete it"
    ):
        albums.load("Summer")
    albums.delete("Summer")
    assert albums.list() == []


def test_pictures_and_names_do_not_touch(empty: weaviate.WeaviateClient, albums: DocumentStore) -> None:
    """Neither does a list of libraries name them, nor does emptying the library remove what a person wrote."""
    pictures = ensure_pictures(empty, ColourEncoder().identity, StorageOptions())
    albums.save("Summer", DOCUMENT, "e")
    assert [one.name for one in list_pictures(empty)] == [pictures.name]
    delete_library(empty)
    assert list_pictures(empty) == []
    assert names(albums) == ["Summer"]


def test_names_survive_a_restart_and_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    server = LocalServer(plan(tmp_path / "home"))

    def connected() -> weaviate.WeaviateClient:
        running = server.start()
        return connect(Address(HOST, running.http_port, HOST, running.grpc_port, api_key=server.api_key()))

    try:
        client = connected()
        store = DocumentStore(client, "Profiles", Patience(remedy="Start it"))
        store.save("me", DOCUMENT, "colours-1")
        server.stop()
        for ask in (
            store.list,
            lambda: store.load("me"),
            lambda: store.save("me", {}, "e"),
            lambda: store.delete("me"),
        ):
            with pytest.raises(
                Unreachable, match=r"^Weaviate did not answer what was asked of its Profiles\. Start it\.$"
            ):
                ask()
        client.close()
        client = connected()
        store = DocumentStore(client, "Profiles")
        assert store.load("ME").document == DOCUMENT
        client.close()
    finally:
        server.stop()


def test_what_weaviate_refuses_is_a_sentence(albums: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise weaviate.exceptions.WeaviateQueryError("no such thing\nand more", "gRPC")

    monkeypatch.setattr(albums._collection.query, "fetch_objects", refused)
    albums.save("a", {}, "e")
    with pytest.raises(SchemaError, match=r"Weaviate refused what was asked of its Albums: .*no such thing") as told:
        albums.list()
    assert "\n" not in str(told.value)
