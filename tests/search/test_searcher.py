"""Every way of asking a library of sixty colours, against a slow Python version of the answer. A real Weaviate."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import search.searcher
from app_pages.discover import why as discover_why
from encoder.protocol import unit
from errors import QueryError
from schema.record import ImageRecord, uuid_of
from search.command import text_of
from search.filters import Condition
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.search.colour_library import CAPTIONS, Library, cosine, expected
from tests.search.test_filtering import FACETS

RED, BLUE = Term(text="red"), Term(text="blue")
ALL = 1000


def picture(*colour: int) -> Image.Image:
    return Image.new("RGB", (20, 20), colour)


ITEM, OTHER = uuid_of("a" * 64), uuid_of("b" * 64)  # stand for the library's first and second picture


def with_items(library: Library, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    stored = dict(zip((ITEM, OTHER), library.records, strict=False))
    return tuple(Term(item=stored[t.item], weight=t.weight) if t.item in stored else t for t in terms)


@pytest.mark.parametrize(
    "targets",
    [
        *(None, {"image": 1.0}, {"caption": 2.0}, {"image": 1, "caption": 0.5}),
        *({"image": 0.3, "caption": 1.7, "look": 1}, {"image": 1, "look": 0}),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "terms",
    [
        (RED,),
        (Term(image=picture(250, 240, 10)),),
        (Term(item=ITEM),),
        (RED, BLUE),
        (Term(text="red", weight=3), Term(text="blue", weight=0.5), Term(text="green white", weight=0.01)),
        (Term(item=ITEM), Term(item=OTHER, weight=0.25)),
        (Term(text="yellow"), Term(image=picture(0, 90, 200), weight=2), Term(item=ITEM, weight=0.5)),
        (RED, Term(text="blue", weight=-1)),
        (Term(item=ITEM), Term(item=OTHER, weight=-0.5), Term(text="white", weight=-2)),
        (Term(item=ITEM, weight=-1),),
        tuple(Term(text=word, weight=1 + i) for i, word in enumerate(["red", "green", "blue", "white", "black"] * 12)),
    ],
    ids=["text", "image", "item", "texts", "weights", "items", "mixed", "but", "dislike", "only dislike", "sixty"],
)
def test_order_and_similarity_equal_the_slow_version(
    library: Library, searcher: Searcher, terms: tuple[Term, ...], targets: Mapping[str, float] | None
) -> None:
    """Similarity is the weighted mean of cosine similarities to 1e-5; the order is that of the relevance of all."""
    terms = with_items(library, terms)
    results = searcher.search(Query(terms, targets=targets, limit=ALL))
    truth = expected(library, terms, targets)
    assert results.total == len(results.hits) == len(truth)
    assert [hit.uuid for hit in results.hits] == [key for key, _ in truth]
    by_key = dict(truth)
    for hit in results.hits:
        assert hit.similarity == pytest.approx(by_key[hit.uuid], abs=1e-5)
        assert hit.record == library_form(library.records[hit.uuid])
        assert hit.score is None


def library_form(record: ImageRecord) -> ImageRecord:
    """Weaviate keeps moments with their zone; a naive one is taken for UTC."""
    taken = record.taken_at
    if taken is not None and taken.tzinfo is None:
        return ImageRecord(**{**vars(record), "taken_at": taken.replace(tzinfo=UTC)})
    return record


def test_words_find_the_colour_they_name(searcher: Searcher) -> None:
    """By hand: the reddest picture for "red", whatever the slow version says."""
    hit = searcher.search(Query((RED,), targets={"image": 1}, limit=1)).hits[0]
    vector = searcher.pictures.collection.query.fetch_object_by_id(hit.uuid, include_vector=["image"]).vector["image"]
    assert vector[0] > 1.5 * max(vector[1:3])


@pytest.mark.parametrize(("word", "index"), [("zeppelin", 41), ("kumquat", 17), ("holiday0048", 48), ("ZEPPELIN", 41)])
def test_words_too_find_a_rare_word_that_no_vector_knows(
    library: Library, searcher: Searcher, word: str, index: int
) -> None:
    """In a caption, a tag, a file name. The colour encoder has no such word: by vectors alone it is not first."""
    key = list(library.records)[index]
    by_vectors = searcher.search(Query((Term(text=word),), targets={"image": 1}))
    both = searcher.search(Query((Term(text=word),), targets={"image": 1}, hybrid=True))
    assert by_vectors.hits[0].uuid != key
    assert both.hits[0].uuid == key
    assert both.total == 60
    truth = dict(expected(library, (Term(text=word),), {"image": 1}))
    for hit in both.hits:
        assert hit.score is not None and 0 <= hit.score <= 1
        assert hit.similarity == pytest.approx(truth[hit.uuid], abs=1e-5)
    scores = [hit.score or 0 for hit in both.hits]
    assert scores == sorted(scores, reverse=True)


def test_words_too_go_with_pictures_items_targets_and_filters(library: Library, searcher: Searcher) -> None:
    terms = with_items(library, (Term(text="zeppelin"), Term(image=picture(9, 9, 9)), Term(item=ITEM)))
    condition = Condition.parse("captioned=yes")
    results = searcher.search(
        Query(terms, targets={"image": 1, "look": 1}, filters=(condition,), hybrid=True, limit=ALL)
    )
    truth = dict(expected(library, terms, {"image": 1, "look": 1}))
    keys = {key for key, one in library.records.items() if one.captioned and key != terms[2].item}
    assert {hit.uuid for hit in results.hits} == keys
    assert results.total == len(keys)
    for hit in results.hits:
        assert hit.similarity == pytest.approx(truth[hit.uuid], abs=1e-5)


@pytest.mark.parametrize("words", [False, True], ids=["vectors", "words too"])
@pytest.mark.parametrize("windows", [(7, 19, 10_000), (5, 10_000), (500, 10_000)], ids=str)
def test_pages_neither_repeat_nor_skip_a_picture(
    library: Library, searcher: Searcher, monkeypatch: pytest.MonkeyPatch, windows: tuple[int, ...], words: bool
) -> None:
    """Whatever window a page ends in, with several probes: page after page is every picture once, and page by page the
    same as one long page."""
    monkeypatch.setattr(search.searcher, "WINDOWS", windows)
    terms = with_items(library, (RED, Term(image=picture(0, 200, 90)), Term(item=ITEM)))
    seen = []
    for offset in range(0, 60, 5):
        results = searcher.search(Query(terms, limit=5, offset=offset, hybrid=words))
        assert (results.total, results.offset, results.limit) == (59, offset, 5)
        seen += [hit.uuid for hit in results.hits]
    assert len(seen) == len(set(seen)) == 59
    assert seen == [hit.uuid for hit in searcher.search(Query(terms, limit=59, hybrid=words)).hits]
    if windows[1] == 10_000 and not words:
        first = seen[: windows[0]]
        assert seen[windows[0] :] == [key for key, _ in expected(library, terms) if key not in first]


def test_a_page_behind_the_end_is_empty(searcher: Searcher) -> None:
    results = searcher.search(Query((RED,), offset=60))
    assert (results.hits, results.total) == ((), 60)


def test_a_picture_that_asks_is_not_among_its_own_neighbours_and_not_counted(
    library: Library, searcher: Searcher
) -> None:
    """Also with a filter that it passes, and with one that it does not pass."""
    key = next(key for key, one in library.records.items() if one.camera == "X100")
    assert sum(r.camera == "X100" for r in library.records.values()) == 20
    for text, truth in (("camera=X100", 19), ("!camera=X100", 40)):
        results = searcher.search(Query((Term(item=key),), filters=(Condition.parse(text),), limit=ALL))
        assert key not in {hit.uuid for hit in results.hits}
        assert len(results.hits) == results.total == truth


def test_an_item_that_is_not_in_the_library_is_named(searcher: Searcher) -> None:
    gone = uuid.uuid4()
    with pytest.raises(QueryError, match=f"There is no picture {gone} in the library"):
        searcher.search(Query((RED, Term(item=gone))))


def test_words_cannot_be_compared_with_looks(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match=r"Words cannot be compared with look, .* Give image or caption a weight too"):
        searcher.search(Query((Term(image=picture(1, 1, 1)), RED), targets={"look": 1, "image": 0}))


def test_an_empty_question_is_a_sentence(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match="The question is empty: type some words, or give a picture"):
        searcher.search(Query(()))


def test_terms_that_cancel_each_other_out_are_a_sentence(
    library: Library, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two opposite vectors of equal weight point nowhere; the client would divide by zero."""
    opposite = unit(np.array([[1.0, 2, 3, 4], [-1, -2, -3, -4]]))
    monkeypatch.setattr(library.encoder, "encode_texts", lambda texts: opposite)
    with pytest.raises(QueryError, match="cancel each other out"):
        searcher.search(Query((RED, BLUE)))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([1.0, 0, 0, 0, 0], "expected a vector of 4 dimensions, got 5"),
        ([float("nan"), 0, 0, 1], "not a finite unit vector"),
        ([0.0, 0, 0, 0], "not a finite unit vector"),
        ([3.0, 0, 0, 0], "not a finite unit vector"),
    ],
)
def test_rows_46_and_52_a_vector_of_another_encoder_or_of_none_is_refused_before_weaviate_sees_it(
    library: Library, row: list[float], reason: str
) -> None:
    """Rows 46, 52: the sentence holds what was expected and what came; not one call reaches the collection."""
    encoder = ColourEncoder(revision="2")
    encoder.encode_texts = lambda texts: np.array([row] * len(texts), dtype=np.float32)  # type: ignore[method-assign]
    untouchable = SimpleNamespace(
        name=library.pictures.name,
        identity=library.pictures.identity,
        properties=library.pictures.properties,
        collection=SimpleNamespace(exists=lambda: True),
    )
    with pytest.raises(QueryError) as caught:
        Searcher(untouchable, encoder).search(Query((RED,)))  # type: ignore[arg-type]
    assert reason in str(caught.value)
    assert library.encoder.identity.id in str(caught.value)
    assert encoder.identity.id in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        Query((Term(text="x" * 2000),), hybrid=True),
        Query((Term(text="\t \n[31m ' \" \\ {} 日本 🚲 the of"),), hybrid=True),
        Query((RED,), filters=(Condition.parse("path~" + "*?" * 40),)),
        Query((RED,), filters=(Condition.parse("path~[a-z]+(\\d|"),)),
        Query((RED,), filters=(Condition.parse("folder=\0/'\"\\"),)),
        Query((RED,), filters=(Condition.parse("tags=" + ",".join(map(str, range(300)))),)),
        Query((RED,), filters=(Condition.parse("taken<0001-01-02"), Condition.parse("added>9998"))),
        Query((RED,), filters=(Condition.parse("bytes<999999999999999"), Condition.parse("!year>9999"))),
        Query((RED,), filters=(Condition.parse("camera=the"),) * 64),
        Query((RED,) * 64, limit=1000, offset=9000),
    ],
    ids=lambda query: str(query.to_json())[:60],
)
def test_row_35_what_is_allowed_is_answered_however_odd(searcher: Searcher, query: Query) -> None:
    """Row 35: no question that can be built breaks the database."""
    assert searcher.search(query).total <= 60


def test_records_are_those_that_are_there(library: Library, searcher: Searcher) -> None:
    keys = list(library.records)[:3]
    found = searcher.records([*keys, uuid.uuid4()])
    assert found == {key: library_form(library.records[key]) for key in keys}
    assert searcher.records([]) == {}


def test_the_json_of_results_has_one_shape(library: Library, searcher: Searcher) -> None:
    data = searcher.search(Query((Term(text="zeppelin"),), hybrid=True, facets=True, limit=1)).to_json()
    page, timings = {"hits", "total", "offset", "limit"}, {"took_ms", "encode_ms", "weaviate_ms"}
    assert set(data) == page | timings | {"facets", "counted", "line", "likely", "targets"}
    assert (data["total"], data["offset"], data["limit"]) == (60, 0, 1)
    assert data["took_ms"] >= data["weaviate_ms"] > 0
    assert set(data["facets"]) == set(FACETS)
    assert sum(data["facets"]["format"].values()) == data["counted"] <= 60
    [hit] = data["hits"]
    one = list(library.records.values())[41]
    assert hit.pop("similarity") <= 1 and 0 <= hit.pop("score") <= 1
    assert hit.pop("relevance") == pytest.approx(sum(share["amount"] for share in hit.pop("shares")), abs=1e-3)
    assert hit.pop("unlikely") in (True, False) and hit.pop("copies") == []
    assert hit == {
        "uuid": str(one.uuid),
        "path": one.places[0].path,
        "caption": "a zeppelin over the sea",
        "caption_source": "metadata",
        "tags": list(one.tags),
        "own_tags": [],
        "colours": list(one.colours),
        "swatches": list(one.swatches),
        "paths": [one.places[0].path],
        "width": one.width,
        "height": one.height,
        "bytes": 41_000,
        "format": "JPEG",
        "taken_at": "2023-12-31T23:59:59.999000+00:00",
        "taken_local": "2023-12-31T23:59:59.999000",
        "taken_source": "exif",
        "camera": one.camera,
        "latitude": None,
        "longitude": None,
        "sha256": one.sha256,
        "thumbnail": f"/app/static/thumbs/{one.sha256}",
    }
    plain = searcher.search(Query((RED,), limit=1)).to_json()
    assert "facets" not in plain and "score" not in plain["hits"][0]


def test_captions_count_where_they_are_given_a_weight(library: Library, searcher: Searcher) -> None:
    """By hand: on the caption alone, "white" finds the pictures captioned "white" first, all with similarity 1."""
    count = sum(one.caption == "white" for one in library.records.values())
    hits = searcher.search(Query((Term(text="white"),), targets={"caption": 1}, limit=count)).hits
    assert "white" in CAPTIONS
    assert {hit.record.caption for hit in hits} == {"white"}
    assert [hit.similarity for hit in hits] == pytest.approx([1] * count, abs=1e-5)


def test_filters_alone_list_what_passes_newest_first(library: Library, searcher: Searcher) -> None:
    conditions = (Condition.parse("camera=X100"),)
    results = searcher.search(Query((), filters=conditions, limit=ALL, facets=True))
    keys = {key for key, one in library.records.items() if one.camera == "X100"}
    assert {hit.uuid for hit in results.hits} == keys and results.total == results.counted == len(keys)
    taken = [hit.record.taken_local for hit in results.hits]
    dated = [moment for moment in taken if moment is not None]
    assert taken[: len(dated)] == dated == sorted(dated, reverse=True), "what has no date comes last"
    assert all(hit.similarity is None and hit.relevance is None and not hit.below for hit in results.hits)
    assert dict(results.facets["camera"]) == {"X100": len(keys)}
    pages = [
        hit.uuid
        for offset in range(0, len(keys), 7)
        for hit in searcher.search(Query((), filters=conditions, limit=7, offset=offset)).hits
    ]
    assert pages == [hit.uuid for hit in results.hits]
    assert results.to_json()["hits"][0]["similarity"] is None
    with pytest.raises(QueryError, match="filters alone"):
        searcher.vectors(Query((), filters=conditions))


@pytest.mark.parametrize("targets", [None, {"caption": 1.0}, {"image": 0.2, "caption": 1.0, "look": 0.3}])
@pytest.mark.parametrize("diversity", [0.0, 0.3])
def test_a_picture_without_a_caption_is_explained_by_what_it_shows(
    library: Library, searcher: Searcher, targets: dict[str, float] | None, diversity: float
) -> None:
    """Its caption vector is its picture's: on the page, behind --why, in the API and in Discover nothing names a
    caption."""
    like = next(key for key, one in library.records.items() if one.captioned)
    terms = (Term(text="red"), Term(item=like)) if targets is not None and "look" in targets else (Term(text="red"),)
    query = Query(terms, targets=targets, diversity=diversity, limit=60)
    hits = searcher.search(query).hits
    with_caption = [hit for hit in hits if hit.record.captioned]
    without = [hit for hit in hits if not hit.record.captioned]
    assert with_caption and len(without) > 10
    for hit in hits:
        assert sum(share.amount for share in hit.shares) == pytest.approx(hit.relevance)
        assert len({(share.term, share.target) for share in hit.shares}) == len(hit.shares)
    assert all("caption" in {share.target for share in hit.shares} for hit in with_caption)
    asked = {"image", *(targets or {})} - {"caption"}
    for hit in without:
        assert {share.target for share in hit.shares} == asked
        [image] = [share for share in hit.shares if share.target == "image" and share.term == 0]
        row = library.vectors[hit.uuid]["image"]
        assert image.similarity == pytest.approx(cosine(library.encoder.encode_texts(["red"])[0], row), abs=1e-5)
        assert not any(share["target"] == "caption" for share in hit.to_json()["shares"])
        assert "What it says" not in discover_why.details(hit, terms, library.records)
    answer = text_of(query, replace(searcher.search(query), hits=tuple(without)), unlikely=True, why=True)
    assert "image: red" in answer and "caption:" not in answer
