"""What was acknowledged is found by its own vectors, although the server was killed."""

import time
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import weaviate
from weaviate.collections import Collection

from ingest.ledger import Ledger
from schema import indexing
from schema.check import check, mend
from schema.collection import StorageOptions, delete_library, ensure_pictures, open_pictures
from schema.indexing import index_again, stored, waiting, write_out
from server.local_server import LocalServer
from tests.colours import ColourEncoder
from tests.schema.kills import client_of, contents, kill, recall_at_10, tear
from tests.search.colour_library import Library, fill


@pytest.fixture
def started(own_server: LocalServer) -> LocalServer:
    """Without a library."""
    own_server.start()
    with client_of(own_server) as client:
        delete_library(client)
    return own_server


def filled(client: weaviate.WeaviateClient) -> Library:
    encoder = ColourEncoder()
    return fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder)


@pytest.mark.parametrize("seconds", [0, 5])
def test_row_53_a_server_killed_after_an_acknowledged_batch_finds_it(started: LocalServer, seconds: int) -> None:
    """Row 53: sixty pictures are acknowledged, nothing is written since, kill -9: all are found in all three named
    vectors."""
    with client_of(started) as client:
        filled(client)
    time.sleep(seconds)
    kill(started)
    started.start()
    with client_of(started) as client:
        collection = open_pictures(client).collection
        assert collection.aggregate.over_all(total_count=True).total_count == 60
        assert min(recall_at_10(collection, 60).values()) >= 0.99


def test_a_new_caption_is_found_after_a_kill(started: LocalServer) -> None:
    with client_of(started) as client:
        library = filled(client)
        one = next(iter(library.records.values()))
        words = np.array([0.5, -0.5, 0.5, -0.5], dtype=np.float32)
        Ledger(library.pictures, wait_s=10).set_words(one, words)
    kill(started)
    started.start()
    with client_of(started) as client:
        found = open_pictures(client).collection.query.near_vector(words.tolist(), limit=1, target_vector="caption")
        assert found.objects[0].uuid == one.uuid


def test_what_was_written_while_the_server_was_killed_is_in_the_index(
    started: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch was stored, and the server killed before the index's log was written: the moment between the two, which
    a random kill seldom meets. The client asks again by itself, and nobody notices."""
    killed = False

    def killing(collection: Collection[Any, Any]) -> None:
        nonlocal killed
        if not killed:
            killed = True
            kill(started)
            started.start()
        write_out(collection)

    monkeypatch.setattr("schema.indexing.write_out", killing)
    with client_of(started) as client:
        filled(client)
        assert killed
        assert min(recall_at_10(open_pictures(client).collection, 60).values()) >= 0.99
    kill(started)
    started.start()
    with client_of(started) as client:
        assert min(recall_at_10(open_pictures(client).collection, 60).values()) >= 0.99


@pytest.mark.parametrize("by", ["the same batch", "check --mend"])
def test_row_53_a_batch_that_a_kill_cut_in_two_is_found_by_every_filter(started: LocalServer, by: str) -> None:
    """Row 53: the objects of a batch are on disk, and of the indexes a part: filters by path and uuid find nothing, and
    to Weaviate the same batch once more is no change."""
    with client_of(started) as client:
        library = filled(client)
    tear(started)
    started.start()
    with client_of(started) as client:
        pictures, ledger = open_pictures(client), Ledger(open_pictures(client), 10)
        paths = [place.path for record in library.records.values() for place in record.places]
        assert pictures.collection.aggregate.over_all(total_count=True).total_count == 60
        assert len(ledger.by_uuids(list(library.records))) < 60
        assert not all(ledger.by_paths(paths).values())
        if by == "the same batch":
            again = [(record, library.vectors[uuid]) for uuid, record in library.records.items()]
            assert ledger.add(again) == []
        else:
            found = check(pictures)
            assert len(found.unfound) >= 1
            mended = mend(pictures, found)
            assert (mended.unfound, mended.mended) == ((), len(found.unfound))
        assert ledger.by_uuids(list(library.records)).keys() == library.records.keys()
        assert all(ledger.by_paths(paths).values())
        assert check(pictures).unfound == ()


def test_indexing_again_changes_nothing_that_is_stored(library: Library) -> None:
    """Vectors bit by bit, properties, own tags; what is not there is left out."""

    before = contents(library.pictures.collection)
    uuids = [*list(library.records)[:5], indexing.NOBODY]
    assert index_again(library.pictures.collection, uuids) == 5
    assert contents(library.pictures.collection) == before


def test_indexing_again_writes_back_no_caption_vector_that_was_replaced_meanwhile(
    empty: weaviate.WeaviateClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new caption is stored between its reading and its writing. A picture without vectors is left out, and the
    others are done."""
    library = filled(empty)
    one, bare = list(library.records.values())[:2]
    collection = library.pictures.collection
    words = np.array([0.5, -0.5, 0.5, -0.5], dtype=np.float32)

    def then_another_writes(collection: Collection[Any, Any], uuid: UUID, **what: Any) -> Any:
        found = stored(collection, uuid, **what)
        if uuid == bare.uuid:
            found.vector.clear()  # type: ignore[union-attr]
        collection.data.update(one.uuid, vector={"caption": words.tolist()})
        return found

    monkeypatch.setattr("schema.indexing.stored", then_another_writes)
    assert index_again(collection, [bare.uuid, one.uuid]) == 1
    monkeypatch.undo()
    left = collection.query.fetch_object_by_id(one.uuid, include_vector=True).vector
    assert left["caption"] == pytest.approx(words.tolist())


def test_nothing_waits_where_vectors_are_indexed_as_they_are_written(library: Library) -> None:
    assert waiting(library.pictures.collection) == 0
