"""The stream of vectors against what was stored."""

import uuid

import numpy as np
import pytest
import weaviate

from errors import NoLibrary, SearchError
from schema.collection import Pictures, delete_library
from search.index import VectorChunk, library_version, read_vectors
from tests.search.colour_library import Library, fill

LOOK = np.eye(13)[3].tolist()


def joined(chunks: list[VectorChunk]) -> dict[uuid.UUID, np.ndarray]:
    return {key: row for chunk in chunks for key, row in zip(chunk.uuids, chunk.vectors, strict=True)}


@pytest.mark.parametrize("name", ["image", "caption", "look"])
@pytest.mark.parametrize("chunk", [7, 60, 1000])
def test_every_vector_comes_once_in_the_order_of_uuids(library: Library, name: str, chunk: int) -> None:
    """60 objects: in chunks that do not divide them, that do, and in one that is larger."""
    chunks = list(read_vectors(library.pictures, name, chunk=chunk))
    keys = [key for one in chunks for key in one.uuids]
    assert keys == sorted(library.vectors)
    assert all(len(one.uuids) <= chunk for one in chunks)
    for key, row in joined(chunks).items():
        np.testing.assert_allclose(row, library.vectors[key][name], atol=1e-6)
        assert row.dtype == np.float32


def test_properties_come_beside_their_vectors(library: Library) -> None:
    [chunk] = read_vectors(library.pictures, "image", ["sha256", "tags", "captioned"])
    for key, found in zip(chunk.uuids, chunk.properties, strict=True):
        record = library.records[key]
        assert found["sha256"] == record.sha256
        assert found["captioned"] == record.captioned
        assert tuple(found["tags"] or ()) == record.tags
        assert set(found) == {"sha256", "tags", "captioned"}


def test_only_some_are_read_when_asked(library: Library) -> None:
    wanted = sorted(library.vectors)[::7]
    gone = uuid.UUID(int=5)
    found = joined(list(read_vectors(library.pictures, "look", only=[*wanted, gone], chunk=4)))
    assert set(found) == set(wanted)
    assert list(read_vectors(library.pictures, "look", only=[])) == []


def test_an_unknown_vector_is_refused_with_the_known_ones(library: Library) -> None:
    with pytest.raises(SearchError, match="no vector 'colour'; it has caption, image, look"):
        next(read_vectors(library.pictures, "colour"))


def test_an_object_without_the_vector_is_named(pictures: Pictures) -> None:
    """Another program may have stored it."""
    bare, whole = uuid.UUID(int=1), uuid.UUID(int=2)
    pictures.collection.data.insert({"sha256": "a"}, uuid=bare, vector={"image": [0.0, 1, 0, 0]})
    pictures.collection.data.insert({"sha256": "b"}, uuid=whole, vector={"image": [1.0, 0, 0, 0], "look": LOOK})
    [chunk] = read_vectors(pictures, "look", ["sha256"])
    assert chunk.uuids == (whole,) and chunk.without == (bare,)
    assert chunk.vectors.shape == (1, 13) and chunk.properties[0]["sha256"] == "b"


def test_an_empty_library_gives_no_chunk(pictures: Pictures) -> None:
    assert list(read_vectors(pictures, "image")) == []
    assert library_version(pictures).count == 0


def test_the_version_follows_every_change(pictures: Pictures, colours: object) -> None:
    """Added, changed, removed; and not a second look."""
    stored = fill(pictures, colours, count=5)  # type: ignore[arg-type]
    first = library_version(pictures)
    assert first.count == 5 and first == library_version(pictures) and pictures.name in str(first)
    key = next(iter(stored.records))
    pictures.collection.data.update(key, properties={"caption": "another"})
    second = library_version(pictures)
    pictures.collection.data.delete_by_id(key)
    third = library_version(pictures)
    assert second != first and second.count == 5
    assert third != second and third.count == 4


def test_a_library_that_was_removed_is_said(pictures: Pictures, empty: weaviate.WeaviateClient) -> None:
    delete_library(empty)
    with pytest.raises(NoLibrary, match="removed"):
        next(read_vectors(pictures, "image"))
