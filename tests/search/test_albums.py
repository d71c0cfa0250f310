"""Albums: what is kept of a question, and the error where it cannot be kept, read or asked. No server."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from errors import DocumentError, QueryError, Unreachable
from schema.documents import Document
from schema.record import ImageRecord
from search.albums import COVERS, Album, album_of, look, to_document
from search.filters import Condition
from search.query import MAX_FILTERS, MAX_HIDDEN, MAX_TERMS, Query, Term
from search.results import Hit, Results, Timing
from search.term import MAX_TEXT

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ITEM = uuid.UUID(int=1)
FULL = Query(
    (Term(text="beach"), Term(text="people", weight=-0.5), Term(item=ITEM, weight=2), Term(path="/p/a b.jpg")),
    targets={"image": 1.0, "look": 0.25},
    filters=(Condition.parse("tags.any=cat,dog"), Condition.parse("!taken>=2020")),
    hybrid=True,
    strategy="best_score",
    diversity=0.3,
    hidden=(uuid.UUID(int=9),),
    collapse=True,
)


def named(document: Any, name: str = "Summer", encoder: str = "e-1") -> Document:
    return Document(name, encoder, NOW, document)


@pytest.mark.parametrize(
    "query",
    [FULL, Query((Term(text="red"),)), Query((Term(item=ITEM),), targets="auto"), Query((), filters=FULL.filters)],
)
def test_an_album_asks_what_was_asked(query: Query) -> None:
    """Through the text that Weaviate keeps."""
    document = json.loads(json.dumps(to_document(query)))
    assert album_of(named(document)) == Album("Summer", "e-1", NOW, query)


def test_the_page_that_was_open_is_no_part_of_it() -> None:
    assert to_document(replace(FULL, limit=60, offset=120, facets=True)) == to_document(FULL)


def test_an_uploaded_picture_cannot_be_kept() -> None:
    with pytest.raises(QueryError, match=r"holds a picture that was uploaded, and such a picture is kept nowhere\."):
        to_document(Query((Term(text="but red"), Term(image=Image.new("RGB", (1, 1))))))


def test_an_empty_question_cannot_be_kept() -> None:
    with pytest.raises(QueryError, match="The question is empty, so there is nothing to keep"):
        to_document(Query(()))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "its version is None, and this Loupe reads 1"),
        ({"version": 2, "query": {}}, "its version is 2"),
        ({"version": 1}, "a question is a JSON object"),
        ({"version": 1, "query": {"terms": [{"text": "cat", "weight": 0}]}}, "a number other than 0"),
        ({"version": 1, "query": {"terms": [{"item": "x"}]}}, "'x' is not the uuid of a picture"),
        ({"version": 1, "query": {"terms": [], "filters": ["colour of=magic"]}}, "cannot be read"),
        ({"version": 1, "query": {"terms": [], "sorcery": 1}}, "unknown key 'sorcery'"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_albums_name(document: Any, sentence: str) -> None:
    with pytest.raises(DocumentError, match="The album 'Summer' cannot be read") as told:
        album_of(named(document))
    assert sentence in str(told.value) and "Delete it" in str(told.value)


def test_the_largest_question_fits() -> None:
    """A megabyte is kept; the largest question that can be asked takes less."""
    largest = Query(
        tuple(Term(text="猫" * MAX_TEXT) for _ in range(MAX_TERMS)),
        filters=tuple(Condition("path", "~", "ä" * 2000) for _ in range(MAX_FILTERS)),
        hidden=tuple(uuid.UUID(int=n) for n in range(MAX_HIDDEN)),
    )
    assert len(json.dumps(to_document(largest), ensure_ascii=False).encode()) < 1_000_000


def test_another_encoders_album_says_so() -> None:
    album = album_of(named(to_document(FULL)))
    assert album.note("e-1") == ""
    assert album.note("e-2") == ("Saved with the encoder 'e-1'. This library is of 'e-2', and may find other pictures.")


def hit(number: int, *, unlikely: bool = False) -> Hit:
    record = ImageRecord(str(number), (), 1, 1, 1, "PNG")
    return Hit(uuid.UUID(int=number), record, 0.5, below=unlikely)


def results(hits: list[Hit], likely: int, *, line: float | None = 2.0, total: int = 700) -> Results:
    return Results(tuple(hits), total, 0, COVERS, Timing(1, 1, 1), threshold=line, above=likely)


def never(_: Query) -> int:
    raise AssertionError("counted")


def test_a_look_is_the_best_likely_ones_and_how_many_there_are() -> None:
    asked: list[Query] = []

    def search(query: Query) -> Results:
        asked.append(query)
        return results([hit(1), hit(2), hit(3, unlikely=True), hit(4, unlikely=True)], 2)

    query = Query((Term(text="red"),))
    seen = look(query, search, never)
    assert asked == [replace(query, limit=COVERS)]
    assert ([one.uuid.int for one in seen.covers], seen.text, seen.problem) == ([1, 2], "2 pictures", "")


@pytest.mark.parametrize(
    ("collapse", "likely", "text"),
    [
        (False, 0, "0 pictures"),
        (False, 1, "1 picture"),
        (False, 499, "499 pictures"),
        (False, 500, "500 or more pictures"),
        (True, 249, "249 pictures"),
        (True, 250, "250 or more pictures"),
    ],
)
def test_a_count_never_claims_more_than_is_known(collapse: bool, likely: int, text: str) -> None:
    """Of a window of 500 candidates the likely ones are known, without those that stand behind others."""
    seen = look(Query((Term(text="red"),), collapse=collapse), lambda _: results([], likely), never)
    assert seen.text == text


def test_without_a_line_all_that_pass_the_filters_count() -> None:
    seen = look(Query((Term(text="red"),)), lambda _: results([hit(1)], 12, line=None, total=12_345), never)
    assert (seen.text, len(seen.covers)) == ("12,345 pictures", 1)


def test_a_deleted_liked_picture_is_a_problem_and_not_an_error() -> None:
    def search(_: Query) -> Results:
        raise QueryError(f"There is no picture {ITEM} in the library (any more). Take it out of the question.")

    seen = look(Query((Term(item=ITEM),)), search, never)
    assert seen.problem.startswith(f"There is no picture {ITEM}") and not seen.covers


def test_an_album_of_filters_alone_counts_what_passes() -> None:
    def search(_: Query) -> Results:
        raise QueryError("The question is empty")

    seen = look(Query((), filters=FULL.filters), search, lambda query: len(query.filters))
    assert (seen.count, seen.problem) == (2, "")


def test_a_weaviate_that_is_away_is_not_a_problem_of_the_album() -> None:
    def search(_: Query) -> Results:
        raise Unreachable("Weaviate did not answer.")

    with pytest.raises(Unreachable):
        look(Query((Term(text="red"),)), search, never)
