"""Paging through more pictures than the first window holds. A real Weaviate, the real windows."""

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

COUNT = 1200


def test_pages_through_both_windows_neither_repeat_nor_skip_and_are_exact(empty: weaviate.WeaviateClient) -> None:
    """Two targets that disagree: every picture comes once, the first page and all behind the first window are in the
    order of the exact relevance, pages are the same each time."""
    assert WINDOWS[0] < COUNT < WINDOWS[1]
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
        (mean,), (spread,) = searcher.space().spreads[name].levels(row[None])
        relevance += share * (rows @ row - mean) / spread
    best = [records[i].uuid for i in np.argsort(-relevance)]
    assert seen[:24] == best[:24]
    first = set(seen[: WINDOWS[0]])
    assert seen[: WINDOWS[0]] == [key for key in best if key in first]
    assert seen[WINDOWS[0] :] == [key for key in best if key not in first]
    for offset in (220, WINDOWS[0] - 20, 1000):
        assert [hit.uuid for hit in searcher.search(Query(red, limit=60, offset=offset)).hits] == seen[offset:][:60]
