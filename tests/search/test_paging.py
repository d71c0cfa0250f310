"""Paging through more pictures than the first two windows hold. A real Weaviate, the real windows."""

import numpy as np
import weaviate

from encoder.protocol import unit
from ingest.ledger import Ledger
from schema.collection import StorageOptions, ensure_pictures
from schema.record import ImageRecord, Place, sha256_of
from search.query import Query, Term
from search.ranking import WINDOWS
from search.searcher import Searcher
from tests.colours import ColourEncoder

COUNT = 2300


def test_pages_through_three_windows_neither_repeat_nor_skip(empty: weaviate.WeaviateClient) -> None:
    """Two targets that disagree: every picture comes once, the first page is exact, pages are the same each time."""
    assert WINDOWS[1] < COUNT < WINDOWS[2]
    encoder = ColourEncoder()
    pictures = ensure_pictures(empty, encoder.identity, StorageOptions())
    rng = np.random.default_rng(3)
    images, captions, looks = (unit(rng.random((COUNT, dim)) + 0.01) for dim in (4, 4, 13))
    records = []
    for index in range(COUNT):
        place = Place(f"/photos/{index:05}.png", 1, 0, "/photos")
        records.append(ImageRecord(sha256_of(str(index).encode()), (place,), 4, 4, 1, "PNG", caption="a picture"))
    ledger = Ledger(pictures, wait_s=10)
    for start in range(0, COUNT, 500):
        rows = [
            (records[i], {"image": images[i], "caption": captions[i], "look": looks[i]})
            for i in range(start, min(start + 500, COUNT))
        ]
        assert ledger.add(rows) == []
    searcher = Searcher(pictures, encoder)
    red = (Term(text="red"),)

    seen, similarities = [], []
    for offset in range(0, COUNT, 500):
        results = searcher.search(Query(red, limit=500, offset=offset))
        seen += [hit.uuid for hit in results.hits]
        similarities += [hit.similarity for hit in results.hits]
    assert len(seen) == len(set(seen)) == results.total == COUNT

    row = encoder.encode_texts(["red"])[0]
    truth = (images @ row + 2 * (captions @ row)) / 3
    by_key = {record.uuid: value for record, value in zip(records, truth, strict=True)}
    np.testing.assert_allclose(similarities, [by_key[key] for key in seen], atol=1e-5)
    relevance = np.zeros(COUNT)
    for share, name, rows in ((1 / 3, "image", images), (2 / 3, "caption", captions)):
        mean, spread = searcher.space().spreads[name].level(row)
        relevance += share * (rows @ row - mean) / spread
    best = [records[i].uuid for i in np.argsort(-relevance)]
    assert seen[:24] == best[:24]
    assert [hit.uuid for hit in searcher.search(Query(red, limit=60, offset=220)).hits] == seen[220:280]
    assert [hit.uuid for hit in searcher.search(Query(red, limit=60, offset=1980)).hits] == seen[1980:2040]
