"""One library of sixty colours for each module that only reads it."""

import pytest
import weaviate

from schema.collection import StorageOptions, delete_library, ensure_pictures
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.search.colour_library import Library, fill


@pytest.fixture(scope="module")
def library(client: weaviate.WeaviateClient) -> Library:
    """For reading only."""
    delete_library(client)
    encoder = ColourEncoder()
    return fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder)


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    return Searcher(library.pictures, library.encoder)
