"""A searcher for each module that only reads its library."""

import pytest

from search.searcher import Searcher
from tests.search.colour_library import Library


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    return Searcher(library.pictures, library.encoder)
