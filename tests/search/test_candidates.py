"""What is held of the candidates between questions, and that it is never out of date. A real Weaviate."""

import gc
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from weaviate.classes.query import MetadataQuery, TargetVectors

import search.library
from encoder.protocol import Encoder
from ingest.ledger import Ledger
from schema.collection import Pictures
from search.filters import Condition
from search.index import Near, PictureIndex, _answer
from search.library import RECORD_BYTES, Library, PictureCache, union
from search.query import Query, Term
from search.ranking import Sameness, by_value
from search.results import Hit
from search.searcher import Searcher
from tests.search import colour_library
from tests.search.colour_library import fill

RED = (Term(text="red"),)
QUESTIONS = [
    Query(RED, limit=60, facets=True, collapse=True),
    Query((*RED, Term(text="blue", weight=-1)), limit=60, facets=True),
    Query((Term(text="zeppelin"),), hybrid=True, limit=60),
    Query(RED, diversity=0.5, limit=60, offset=0),
]


def counting(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each call reads from here on."""
    read: list[int] = []
    fetch = searcher.index.fetch

    def counted(uuids: list[uuid.UUID], *more: object) -> object:
        read.append(len(uuids))
        return fetch(uuids, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(searcher.index, "fetch", counted)
    return read


def answers(searcher: Searcher) -> list[tuple[tuple[Hit, ...], object]]:
    return [(found.hits, found.facets) for found in map(searcher.search, QUESTIONS)]


def megabytes(pictures: Pictures, rows: int) -> float:
    return (rows + 0.5) * (RECORD_BYTES + 4 * sum(pictures.identity.dims.values())) / 2**20


def test_the_bytes_of_a_reply_are_what_the_client_reads_of_them(library: colour_library.Library) -> None:
    """The client's own names are used; another version of it may read a reply in another way."""
    index, query = PictureIndex(library.pictures, Searcher(library.pictures, library.encoder).index._patience), RED[0]
    row = library.encoder.encode_texts([str(query.text)])[0]
    found = index.near({"image": (0.3, row), "caption": (0.7, row)}, None, 20)
    truth = library.pictures.collection.query.near_vector(
        {"image": row.tolist(), "caption": row.tolist()},
        target_vector=TargetVectors.manual_weights({"image": 0.3, "caption": 0.7}),
        limit=20,
        return_metadata=MetadataQuery(distance=True, last_update_time=True),
    ).objects
    assert [uuid.UUID(bytes=key) for key in found.ids] == [one.uuid for one in truth]
    np.testing.assert_allclose(found.values, [1 - one.metadata.distance for one in truth], atol=1e-6)
    assert found.updated.tolist() == [round(one.metadata.last_update_time.timestamp() * 1000) for one in truth]
    stored = {one.uuid: one for one in index.fetch([one.uuid for one in truth], library.pictures.record_properties)}
    whole = library.pictures.collection.query.fetch_objects_by_ids(
        list(stored), include_vector=True, return_properties=library.pictures.record_properties, limit=20
    ).objects
    for one in whole:
        assert stored[one.uuid].properties == one.properties
        for name, vector in one.vector.items():
            np.testing.assert_allclose(stored[one.uuid].vectors[name], vector)


def test_what_is_held_is_not_read_again_and_changes_no_answer(
    library: colour_library.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 pictures: read once, by the first question; without a cache by every question."""
    searcher, without = (Searcher(library.pictures, library.encoder, cache_mb=size) for size in (64, 0))
    read, again = counting(searcher, monkeypatch), counting(without, monkeypatch)
    first = answers(searcher)
    assert sum(read) == 60 and answers(searcher) == first and sum(read) == 60
    assert answers(without) == first and again.count(60) == len(QUESTIONS)


def test_a_cache_of_seven_pictures_holds_seven_and_answers_the_same(library: colour_library.Library) -> None:
    small = Searcher(library.pictures, library.encoder, cache_mb=megabytes(library.pictures, 7))
    large = Searcher(library.pictures, library.encoder)
    for _ in range(3):
        assert answers(small) == answers(large)
        assert len(small._cache) in (6, 7), "one makes room"
    assert len(large._cache) == 60


def waited_for(there: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not there() and time.monotonic() < end:
        time.sleep(0.05)
    return there()


def test_the_library_is_read_in_the_background_as_far_as_there_is_room(
    library: colour_library.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once more when it has changed, not all the time where it changes all the time; by nobody once the cache is not
    used any more."""
    monkeypatch.setattr(search.library, "AGAIN_S", 1.0)
    index = Searcher(library.pictures, library.encoder).index
    for rows, held in ((100, 60), (10, 10)):
        cache = PictureCache(index, megabytes(library.pictures, rows))
        cache.prefetch()
        assert waited_for(lambda cache=cache, held=held: len(cache._rows) == held)  # type: ignore[misc]
        assert waited_for(lambda cache=cache: not cache._prefetching.locked())  # type: ignore[misc]
        read, hold, ended = [], cache.hold, cache._read_at
        monkeypatch.setattr(
            cache, "hold", lambda page, hold=hold, read=read, **more: read.append(time.monotonic()) or hold(page)
        )
        for _ in range(3):
            cache.prefetch()
        assert waited_for(lambda cache=cache: not cache._prefetching.locked())  # type: ignore[misc]
        assert [begun >= ended + 1 for begun in read] == ([True] if held == 60 else [])
    dropped = PictureCache(index, 64)
    dropped._asked_at = time.monotonic() + 0.5
    dropped.prefetch()
    lock = dropped._prefetching
    del dropped
    gc.collect()
    assert waited_for(lambda: not lock.locked())


def test_a_question_is_weighed_with_one_space(library: colour_library.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The space is renewed in the middle of a question, before its candidates are found: the answer is that of the
    space it began with, which is not that of the new one."""
    searcher = Searcher(library.pictures, library.encoder)
    liked = tuple(Term(item=key) for key in list(library.records)[:3])
    query = Query((*RED, Term(text="blue", weight=-1), *liked), targets="auto", limit=60, collapse=True)
    truth = searcher.search(query)
    old = searcher._library.get()
    spreads = {
        name: replace(one, mean=one.mean[::-1] * 0.5, covariance=one.covariance * 9)
        for name, one in old.space.spreads.items()
    }
    new = Library(replace(old.space, spreads=spreads), old.background)
    near = searcher.index.near

    def near_and_renew(*given: Any) -> Near:
        searcher._library._known = new
        return near(*given)

    monkeypatch.setattr(searcher.index, "near", near_and_renew)
    found = searcher.search(query)
    assert searcher._library.get() is new
    assert (found.hits, found.threshold) == (truth.hits, truth.threshold)
    monkeypatch.undo()
    assert searcher.search(query).hits != truth.hits


def test_a_union_of_candidates_is_in_order_of_relevance_then_uuid() -> None:
    """By hand, with uuids that begin with zeros and with a byte above 127."""
    ids = [bytes([255, *[0] * 15]), bytes(16), bytes([0] * 15 + [1]), bytes([127] * 16)]
    near = Near(ids, np.zeros(4), np.zeros(4, np.int64))
    assert by_value(near.ids, np.zeros(4)).tolist() == [1, 2, 3, 0]
    assert by_value(near.ids, np.array([0.0, 0, 2, 1])).tolist() == [2, 3, 1, 0]


def test_what_two_searches_found_is_there_once_as_the_first_has_it() -> None:
    """By hand. Weaviate leaves zeros at the beginning of an id out."""

    def found(*given: tuple[bytes, float, int]) -> Near:
        metadata = [
            SimpleNamespace(id_as_bytes=key, distance=value, last_update_time_unix=at) for key, value, at in given
        ]
        return _answer([SimpleNamespace(metadata=one) for one in metadata], "distance")

    one, two, three = (bytes(15) + bytes([number]) for number in (1, 2, 3))
    both = union([found((b"\1", 0.5, 7), (b"\2", 0.25, 7)), found((two, 0.125, 8), (three, 0.0, 8))])
    rows = sorted(zip(both.ids, both.values.tolist(), both.updated.tolist(), strict=True))
    assert rows == [(one, 0.5, 7), (two, 0.25, 7), (three, 0.0, 8)]


@pytest.mark.parametrize("cache_mb", [64, 0])
def test_whatever_another_program_changes_is_seen_by_the_next_question(
    pictures: Pictures, colours: Encoder, cache_mb: float
) -> None:
    """A tag, a vector, a picture gone, the same uuid put again: through Weaviate itself, not through this searcher."""
    library = fill(pictures, colours, count=40)
    searcher = Searcher(pictures, colours, cache_mb=cache_mb)
    query = Query(RED, targets={"image": 1}, limit=100, facets=True)
    first = searcher.search(query)
    worst = first.hits[-1]

    pictures.collection.data.update(worst.uuid, properties={"tags": ["brand new"], "caption": "another"})
    second = searcher.search(query)
    assert [hit.uuid for hit in second.hits] == [hit.uuid for hit in first.hits]
    assert (second.hits[-1].record.tags, second.hits[-1].record.caption) == (("brand new",), "another")
    if second.counted == 40:
        assert dict(second.facets["tag"])["brand new"] == 1

    row = colours.encode_texts(["red"])[0]
    vectors = library.vectors[worst.uuid] | {"image": row}
    assert Ledger(pictures, wait_s=10).add([(library.records[worst.uuid], vectors)]) == []
    third = searcher.search(query)
    assert third.hits[0].uuid == worst.uuid and third.hits[0].similarity == pytest.approx(1, abs=1e-5)

    pictures.collection.data.delete_by_id(worst.uuid)
    assert worst.uuid not in {hit.uuid for hit in searcher.search(query).hits}
    assert Ledger(pictures, wait_s=10).add([(library.records[worst.uuid], library.vectors[worst.uuid])]) == []
    last = searcher.search(query)
    assert [hit.uuid for hit in last.hits] == [hit.uuid for hit in first.hits]
    assert last.hits[-1].record == worst.record


def test_a_picture_that_goes_between_two_calls_of_a_question_is_left_out(
    pictures: Pictures, colours: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(pictures, colours, count=40)
    searcher = Searcher(pictures, colours, cache_mb=0)
    query = Query(RED, limit=100)
    gone = searcher.search(query).hits[3].uuid
    fetch = searcher.index.fetch

    def fetch_late(uuids: object, *more: object) -> object:
        pictures.collection.data.delete_by_id(gone)
        return fetch(uuids, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(searcher.index, "fetch", fetch_late)
    found = [hit.uuid for hit in searcher.search(query).hits]
    assert len(found) == 39 and gone not in found


def test_an_object_of_another_program_that_is_no_picture_is_left_out_and_named_once(
    pictures: Pictures, colours: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    """Without what a record needs. Every question whose candidates hold it is answered as without it."""
    fill(pictures, colours, count=40)
    row = colours.encode_texts(["red"])[0].tolist()
    foreign = pictures.collection.data.insert({"caption": "red"}, vector={"image": row, "caption": row})
    searcher = Searcher(pictures, colours, prefetch=True)
    for query in (Query(RED, limit=100), Query(RED, hybrid=True, limit=100), Query(RED, diversity=0.5, limit=100)):
        found = [hit.uuid for hit in searcher.search(query).hits]
        assert len(found) == 40 and foreign not in found
    named = [record for record in caplog.records if str(foreign) in record.getMessage()]
    assert len(named) == 1 and "is no picture of Loupe's" in named[0].getMessage()


@pytest.mark.parametrize("more", [{}, {"hybrid": True}, {"diversity": 0.5}, {"collapse": True, "facets": True}])
def test_a_question_whose_filters_nothing_passes_finds_nothing(
    library: colour_library.Library, more: dict[str, Any]
) -> None:
    found = Searcher(library.pictures, library.encoder).search(
        Query(RED, filters=(Condition.parse("width>100000"),), **more)
    )
    assert (found.hits, found.total, found.above) == ((), 0, 0)


def test_where_the_best_like_decides_each_is_asked_for_its_nearest(
    library: colour_library.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twenty those sixteen that lie far apart; a single like, and their mean, are asked for at once."""
    searcher, asked = Searcher(library.pictures, library.encoder), []
    near_any = searcher.index.near_any

    def noted(target: str, rows: list[Any], **rest: Any) -> Near:
        asked.append((target, len(rows)))
        return near_any(target, rows, **rest)

    monkeypatch.setattr(searcher.index, "near_any", noted)
    likes = tuple(Term(item=key) for key in list(library.records)[:20])
    for query in (Query(likes, strategy="average"), Query(likes[:1], strategy="best_score")):
        searcher.search(query)
    assert asked == []
    searcher.search(Query(likes, strategy="best_score"))
    assert sorted(asked) == [("image", 16), ("look", 16)]


def test_near_duplicates_stand_behind_the_best_where_the_question_wants_it(
    library: colour_library.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = Searcher(library.pictures, library.encoder)
    monkeypatch.setattr(Sameness, "of", lambda space: Sameness(bits=10**6, distance=1e6))
    apart = searcher.search(Query(RED, limit=60)).hits
    [best] = searcher.search(Query(RED, limit=60, collapse=True)).hits
    assert best.uuid == apart[0].uuid and not any(hit.copies for hit in apart)
    assert best.copies == tuple(hit.uuid for hit in apart[1:])
