"""Collections of pictures on a real Weaviate: made, opened, switched, and closed to vectors of another encoder."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import weaviate
from weaviate.classes.config import Configure
from weaviate.exceptions import WeaviateBaseError

import schema.collection
from errors import EncoderMismatch, NoLibrary, QueryError, SchemaError
from ingest.ledger import Ledger
from schema.client import Address, connect
from schema.collection import (
    ALIAS,
    Pictures,
    StorageOptions,
    collection_name,
    delete_library,
    ensure_pictures,
    has_clip_module,
    list_pictures,
    open_pictures,
    switch_alias,
)
from schema.record import ImageRecord, Place, sha256_of, to_properties
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder

OPTIONS = StorageOptions()


def store(pictures: Pictures, encoder: ColourEncoder, count: int = 3) -> None:
    dim = pictures.identity.dims["image"]
    row = np.full(dim, dim**-0.5, dtype=np.float32)
    look = np.full(13, 13**-0.5, dtype=np.float32)
    rows = [
        (
            ImageRecord(sha256_of(str(i).encode()), (Place(f"/p/{i}.png", 1, 1, "/p"),), 1, 1, 1, "PNG"),
            {"image": row, "caption": row, "look": look},
        )
        for i in range(count)
    ]
    assert Ledger(pictures, wait_s=5).add(rows) == []


def count(pictures: Pictures) -> int:
    return pictures.collection.aggregate.over_all(total_count=True).total_count or 0


def test_there_is_no_library_until_one_is_made(empty: weaviate.WeaviateClient) -> None:
    with pytest.raises(NoLibrary, match="Make one with: python -m ingest FOLDER"):
        open_pictures(empty)
    assert list_pictures(empty) == []


def test_making_a_library_twice_is_making_it_once(empty: weaviate.WeaviateClient, colours: ColourEncoder) -> None:
    """Named for its encoder, behind the alias, and what was stored stays."""
    first = ensure_pictures(empty, colours.identity, OPTIONS)
    store(first, colours)
    second, opened = ensure_pictures(empty, colours.identity, OPTIONS), open_pictures(empty, colours.identity)
    assert first.name == second.name == opened.name == collection_name(colours.identity)
    assert first.name.startswith("Pictures_colours_")
    assert first.identity == opened.identity == colours.identity
    assert count(second) == 3
    assert [pictures.name for pictures in list_pictures(empty)] == [first.name]
    assert empty.alias.get(alias_name=ALIAS).collection == first.name


def test_two_that_make_it_at_once_get_the_same_one(address: Address, empty: weaviate.WeaviateClient) -> None:
    encoder = ColourEncoder()

    together = threading.Barrier(3, timeout=30)

    def make(_: int) -> str:
        with connect(address) as client:
            together.wait()
            return ensure_pictures(client, encoder.identity, OPTIONS).name

    for _ in range(3):
        delete_library(empty)
        with ThreadPoolExecutor(3) as pool:
            assert set(pool.map(make, range(3))) == {collection_name(encoder.identity)}
        assert open_pictures(empty).identity == encoder.identity


@pytest.mark.parametrize("other", [ColourEncoder(dim=5), ColourEncoder(revision="2")], ids=["dimension", "revision"])
def test_row_46_another_encoder_is_refused_and_shown_the_way(
    empty: weaviate.WeaviateClient, colours: ColourEncoder, other: ColourEncoder
) -> None:
    """Row 46: another dimension, or only another revision. The sentence has both names; the old library answers."""
    store(old := ensure_pictures(empty, colours.identity, OPTIONS), colours)
    for refuse in (open_pictures, lambda client, identity: ensure_pictures(client, identity, OPTIONS)):
        with pytest.raises(EncoderMismatch) as caught:
            refuse(empty, other.identity)
        for part in (colours.identity.id, other.identity.id, "--new-collection", "python -m server switch", old.name):
            assert part in str(caught.value)
        assert "An update of Loupe" in str(caught.value), "setting LOUPE_ENCODER back is no way: it says the same"
    with pytest.raises(EncoderMismatch, match=r"set LOUPE_ENCODER back \(colours\)"):
        open_pictures(empty, replace(colours.identity, name="clip"))
    assert Searcher(open_pictures(empty, colours.identity), colours).search(Query((Term(text="red"),))).total == 3
    assert [pictures.name for pictures in list_pictures(empty)] == [old.name]


def test_row_46_a_new_collection_is_filled_beside_the_old_one_then_switched_to_and_back(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    """I5: until the switch the app sees the old one; the switch is one step, and can be undone."""
    other = ColourEncoder(revision="2")
    store(old := ensure_pictures(empty, colours.identity, OPTIONS), colours)
    with pytest.raises(NoLibrary, match=f"There is no collection {collection_name(other.identity)} yet"):
        switch_alias(empty, other.identity)
    new = ensure_pictures(empty, other.identity, OPTIONS, new_collection=True)
    again = ensure_pictures(empty, other.identity, OPTIONS, new_collection=True)
    store(again, other, 5)
    assert new.name == again.name != old.name
    assert open_pictures(empty).name == old.name
    assert (count(old), count(new)) == (3, 5)

    assert switch_alias(empty, other.identity).name == new.name
    assert open_pictures(empty, other.identity).name == new.name
    assert count(Pictures(ALIAS, other.identity, False, empty.collections.use(ALIAS), frozenset())) == 5
    with pytest.raises(EncoderMismatch):
        open_pictures(empty, colours.identity)
    assert switch_alias(empty, colours.identity).name == old.name
    assert open_pictures(empty, colours.identity).name == old.name
    assert len(list_pictures(empty)) == 2


def test_a_first_library_made_with_new_collection_is_live_at_once(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    made = ensure_pictures(empty, colours.identity, OPTIONS, new_collection=True)
    assert open_pictures(empty).name == made.name


@pytest.mark.parametrize("description", [None, "my pictures", 'Pictures {"encoder": {"name": 1}}', "{broken"])
def test_a_collection_of_another_program_is_not_searched(
    empty: weaviate.WeaviateClient, description: str | None
) -> None:
    """It has our prefix and the alias, but does not say whose vectors it holds."""
    name = "Pictures_foreign_1"
    vectors = [Configure.Vectors.self_provided(name="image")]
    empty.collections.create(name, description=description, vector_config=vectors)
    empty.alias.create(alias_name=ALIAS, target_collection=name)
    try:
        with pytest.raises(SchemaError, match=f"The collection {name} does not say whose vectors it holds"):
            open_pictures(empty)
    finally:
        empty.alias.delete(alias_name=ALIAS)
        empty.collections.delete(name)


def test_every_object_has_three_vectors_of_the_encoder_s_dimensions(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    store(pictures := ensure_pictures(empty, colours.identity, OPTIONS), colours, 1)
    [found] = pictures.collection.query.fetch_objects(include_vector=True).objects
    assert {name: len(vector) for name, vector in found.vector.items()} == dict(colours.identity.dims)
    assert set(pictures.collection.config.get().vector_config) == {"image", "caption", "look"}


def test_the_distance_is_cosine_and_without_options_nothing_is_quantised(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    config = ensure_pictures(empty, colours.identity, OPTIONS).collection.config.get()
    for vector in (config.vector_config or {}).values():
        assert vector.vector_index_config.distance_metric.value == "cosine"
        assert vector.vector_index_config.quantizer is None
    assert config.sharding_config.desired_count == 1


def test_quantisation_and_shards_reach_the_server_and_it_still_answers(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    pictures = ensure_pictures(empty, colours.identity, StorageOptions(shards=3, quantization="rq8"))
    config = pictures.collection.config.get()
    assert config.sharding_config.desired_count == 3
    for vector in (config.vector_config or {}).values():
        assert vector.vector_index_config.quantizer is not None
        assert vector.vector_index_config.quantizer.bits == 8
    store(pictures, colours, 20)
    results = Searcher(pictures, colours).search(Query((Term(text="red"),), limit=50, facets=True))
    assert results.total == len(results.hits) == 20
    assert results.facets["folder"] == (("/p", 20),)


def test_a_vector_of_another_dimension_is_refused_by_name(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    """The first object fixes the dimension; the rest of the batch is stored."""
    store(pictures := ensure_pictures(empty, colours.identity, OPTIONS), colours)
    row, look = np.full(4, 0.5, np.float32), np.full(13, 13**-0.5, np.float32)
    good, bad = (ImageRecord(sha256_of(name), (), 1, 1, 1, "PNG") for name in (b"good", b"bad"))
    refused = Ledger(pictures, wait_s=5).add(
        [
            (good, {"image": row, "caption": row, "look": look}),
            (bad, {"image": np.ones(5, np.float32), "caption": row, "look": look}),
        ]
    )
    assert [record for record, _ in refused] == [bad]
    assert count(pictures) == 4


def test_whether_the_server_embeds_words_is_stored_with_the_library(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    """The local server has the module; its collections use it for `image` and `caption`, never for `look`."""
    pictures = ensure_pictures(empty, colours.identity, OPTIONS)
    config = pictures.collection.config.get().vector_config or {}
    modules = {name: vector.vectorizer.vectorizer.value for name, vector in config.items()}
    shared = "multi2vec-clip" if has_clip_module(empty) else "none"
    assert pictures.near_text == has_clip_module(empty)
    assert modules == {"image": shared, "caption": shared, "look": "none"}


def test_without_the_module_the_vectors_are_ours_alone(
    empty: weaviate.WeaviateClient, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without multi2vec-clip takes the same library; only near_text is missing."""
    monkeypatch.setattr(schema.collection, "has_clip_module", lambda client: False)
    store(pictures := ensure_pictures(empty, colours.identity, OPTIONS), colours)
    config = pictures.collection.config.get().vector_config or {}
    assert {vector.vectorizer.vectorizer.value for vector in config.values()} == {"none"}
    assert not pictures.near_text and not open_pictures(empty).near_text
    assert Searcher(pictures, colours).search(Query((Term(text="red"),))).total == 3


def test_an_object_without_our_vectors_is_refused(empty: weaviate.WeaviateClient, colours: ColourEncoder) -> None:
    """There is nothing the server could embed: no picture goes into the database."""
    store(pictures := ensure_pictures(empty, colours.identity, OPTIONS), colours)
    record = ImageRecord(sha256_of(b"bare"), (), 1, 1, 1, "PNG", caption="a zeppelin")
    with pytest.raises(WeaviateBaseError, match="dimensions"):
        pictures.collection.data.insert(to_properties(record), uuid=record.uuid)
    assert count(pictures) == 3


def test_an_object_that_another_program_stored_without_vectors_breaks_no_question(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    """Weaviate takes it as long as the library is empty. Vectors do not find it, words do, and it cannot ask."""
    pictures = ensure_pictures(empty, colours.identity, OPTIONS)
    record = ImageRecord(sha256_of(b"bare"), (), 1, 1, 1, "PNG", caption="a zeppelin")
    pictures.collection.data.insert(to_properties(record), uuid=record.uuid)
    store(pictures, colours)
    searcher, zeppelin = Searcher(pictures, colours), (Term(text="zeppelin"),)
    assert record.uuid not in {hit.uuid for hit in searcher.search(Query(zeppelin)).hits}
    [found] = [hit for hit in searcher.search(Query(zeppelin, hybrid=True)).hits if hit.uuid == record.uuid]
    assert found.similarity == 0
    with pytest.raises(QueryError, match=f"The picture {record.uuid} was stored without vectors"):
        searcher.search(Query((Term(item=record.uuid),)))


def test_properties_that_loupe_does_not_know_are_refused(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    """No auto-schema: another program cannot widen the library by writing to it."""
    pictures = ensure_pictures(empty, colours.identity, OPTIONS)
    row = [0.5] * 4
    with pytest.raises(WeaviateBaseError):
        pictures.collection.data.insert({"mood": "blue"}, vector={"image": row, "caption": row, "look": [1.0] * 13})


def test_removing_the_library_removes_every_collection_of_pictures_and_no_other(
    empty: weaviate.WeaviateClient, colours: ColourEncoder
) -> None:
    empty.collections.create("Kept")
    others = set(empty.collections.list_all())  # albums and profiles among them
    try:
        ensure_pictures(empty, colours.identity, OPTIONS)
        ensure_pictures(empty, ColourEncoder(revision="2").identity, OPTIONS, new_collection=True)
        delete_library(empty)
        assert set(empty.collections.list_all()) == others >= {"Kept"}
        with pytest.raises(NoLibrary):
            open_pictures(empty)
    finally:
        empty.collections.delete("Kept")
