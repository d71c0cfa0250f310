"""Questions as data: what is refused, with which words, and the way through JSON. No database, no encoder."""

import json
import uuid
from typing import Any

import pytest
from PIL import Image

from errors import QueryError
from search.filters import Condition
from search.query import MAX_WINDOW, Query, Term

ITEM = uuid.UUID("11111111-2222-3333-4444-555555555555")
CAT = Term(text="cat")


def full() -> Query:
    return Query(
        terms=(
            Term(text="red bicycle"),
            Term(item=ITEM, weight=0.25),
            Term(text="日本", weight=-2),
            Term(path="/a b/c.jpg"),
        ),
        targets={"image": 1, "caption": 0.5},
        filters=(Condition.parse("tags.any=cat,dog"), Condition.parse("!taken>=2020")),
        limit=7,
        offset=14,
        hybrid=True,
        facets=True,
        strategy="best_score",
        diversity=0.5,
        hidden=(ITEM,),
        collapse=True,
    )


def test_a_question_survives_json() -> None:
    assert Query.from_json(json.loads(json.dumps(full().to_json()))) == full()


def test_a_short_question_has_a_short_form_and_the_defaults() -> None:
    short = Query((CAT,))
    assert short.to_json() == {"terms": [{"text": "cat", "weight": 1.0}], "limit": 24, "offset": 0}
    assert Query.from_json({"terms": [{"text": "cat"}]}) == short


def test_an_uploaded_picture_has_no_json_form_and_is_left_out() -> None:
    query = Query((Term(image=Image.new("RGB", (2, 2))), CAT))
    assert query.to_json()["terms"] == [{"text": "cat", "weight": 1.0}]


@pytest.mark.parametrize(
    ("term", "sentence"),
    [
        ({}, "a term is one of text, image, item or path; this one has none"),
        ({"text": "cat", "item": ITEM}, "this one has ['text', 'item']"),
        ({"text": ""}, "the words of a term are empty"),
        ({"text": " \n\t"}, "the words of a term are empty"),
        ({"text": "x" * 10_000}, "the words of a term have 10000 characters; at most 2000 are allowed"),
        ({"text": "\ud83d"}, "hold half a character"),
        ({"text": "cat", "weight": 0}, "from -1000 to 1000, got 0"),
        ({"text": "cat", "weight": -1001}, "from -1000 to 1000, got -1001"),
        ({"text": "cat", "weight": True}, "from -1000 to 1000, got True"),
        ({"path": " "}, "the letters of the path of a term are empty"),
        ({"path": "x" * 2001}, "the letters of the path of a term have 2001"),
        ({"text": "cat", "weight": float("nan")}, "from -1000 to 1000, got nan"),
        ({"text": "cat", "weight": float("inf")}, "from -1000 to 1000, got inf"),
        ({"text": "cat", "weight": 1000.5}, "from -1000 to 1000, got 1000.5"),
        ({"text": "cat", "weight": 10**400}, "from -1000 to 1000, got 1000"),
    ],
)
def test_a_term_that_cannot_be_asked_is_a_sentence_with_the_value(term: dict[str, object], sentence: str) -> None:
    with pytest.raises(QueryError) as caught:
        Term(**term)  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"limit": 0}, "limit must be 1 to 1000, got 0"),
        ({"limit": 10**9}, "limit must be 1 to 1000, got 1000000000"),
        ({"limit": -1}, "limit must be 1 to 1000, got -1"),
        ({"offset": -1}, "offset must be 0 or more and offset + limit at most 10000, got -1 + 24"),
        ({"offset": 10**9}, "at most 10000, got 1000000000 + 24; narrow the question with a filter"),
        ({"offset": MAX_WINDOW - 23}, "got 9977 + 24"),
        ({"targets": {}}, "every target has weight 0"),
        ({"targets": {"image": 0, "look": 0.0}}, "every target has weight 0"),
        ({"targets": "everything"}, "targets are 'auto' or an object such as"),
        ({"strategy": "best"}, "strategy is one of average, best_score, sum_scores, got 'best'"),
        ({"diversity": 1.01}, "diversity must be 0 to 1, got 1.01"),
        ({"diversity": float("nan")}, "diversity must be 0 to 1, got nan"),
        ({"hidden": (ITEM,) * 5001}, "a question hides at most 5000 pictures, got 5001"),
        ({"terms": (Term(text="cat", weight=-1),), "hybrid": True}, "needs words that are wanted"),
        ({"targets": {"smell": 1}}, "unknown target 'smell'; targets are image, caption, look"),
        ({"targets": {"image": -0.5}}, "target 'image' needs a weight of 0 to 1000, got -0.5"),
        ({"targets": {"image": float("nan")}}, "got nan"),
        ({"targets": {"image": float("inf")}}, "got inf"),
        ({"targets": {"image": 1e308, "caption": 1e308}}, "got 1e+308"),
        ({"targets": {"image": 10**400}}, "needs a weight of 0 to 1000"),
        ({"targets": {"image": "1"}}, "got '1'"),
        ({"targets": {"image": True}}, "got True"),
        ({"terms": (CAT,) * 65}, "a question has at most 64 terms, got 65"),
        ({"filters": (Condition.parse("tags=cat"),) * 65}, "a question has at most 64 filters, got 65"),
        (
            {"terms": (Term(item=ITEM),), "hybrid": True},
            "'words too' needs words that are wanted; this question has none",
        ),
    ],
)
def test_row_35_a_question_out_of_bounds_is_a_sentence_with_the_value(
    options: dict[str, object], sentence: str
) -> None:
    """Row 35: nothing of it reaches the database."""
    with pytest.raises(QueryError) as caught:
        Query(**({"terms": (CAT,)} | options))  # type: ignore[arg-type]
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_bounds_themselves_are_allowed() -> None:
    assert Query((CAT,) * 64, limit=1000, offset=9000).offset == 9000
    assert Query((Term(text="x" * 2000, weight=1000),), limit=1, offset=9999).limit == 1
    Query((CAT,), targets={"image": 1000, "look": 0})


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "a question is a JSON object, got NoneType"),
        ([], "a question is a JSON object, got list"),
        ({"term": []}, "unknown key 'term'; known are collapse, diversity, facets, filters"),
        ({"x" * 100_000: 1}, "unknown key 'xxx"),
        ({"terms": "cat"}, "'terms' must be a list, got str"),
        ({"terms": ["cat"]}, 'a term is an object such as {"text": "cat"}, got \'cat\''),
        ({"terms": [{"image": "cat.jpg"}]}, "unknown key 'image' in a term; known are text, item, path, weight"),
        ({"terms": [{"text": 7}]}, "a term's text must be a string, got 7"),
        ({"terms": [{"text": ["cat"] * 10_000}]}, "a term's text must be a string, got ['cat'"),
        (
            {"terms": [{"text": "cat", "weight": "2"}]},
            "a term's weight must be a number other than 0, from -1000 to 1000, got '2'",
        ),
        (
            {"terms": [{"text": "cat", "weight": True}]},
            "a term's weight must be a number other than 0, from -1000 to 1000, got True",
        ),
        ({"terms": [{"text": "cat", "weight": 10**400}]}, "other than 0, from -1000 to 1000"),
        ({"terms": [{"item": "no-uuid"}]}, "'no-uuid' is not the uuid of a picture"),
        ({"terms": [{"item": 12}]}, "12 is not the uuid of a picture"),
        ({"filters": "tags=cat"}, "'filters' must be a list of strings, got str"),
        ({"filters": [3]}, "the filter 3 cannot be read"),
        ({"targets": ["image"]}, "targets are 'auto' or an object such as {\"image\": 1}, got ['image']"),
        ({"hidden": str(ITEM)}, "'hidden' must be a list of uuids, got str"),
        ({"hidden": [1]}, "1 is not the uuid of a picture"),
        ({"diversity": "0.5"}, "'diversity' must be a number, got '0.5'"),
        ({"strategy": 7}, "strategy is one of"),
        ({"terms": [{"path": 7}]}, "a term's path must be a string, got 7"),
        ({"limit": "24"}, "'limit' must be a whole number, got '24'"),
        ({"limit": 2.5}, "'limit' must be a whole number, got 2.5"),
        ({"limit": 10**9}, "limit must be 1 to 1000, got 1000000000"),
        ({"offset": True}, "'offset' must be a whole number, got True"),
        ({"words": 1}, "'words' must be true or false, got 1"),
        ({"facets": "yes"}, "'facets' must be true or false, got 'yes'"),
    ],
)
def test_row_35_json_that_is_no_question_is_a_sentence_that_names_the_key(data: object, sentence: str) -> None:
    with pytest.raises(QueryError) as caught:
        Query.from_json(data)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("what", [{"text": "cat"}, {"item": ITEM}, {"path": "a/b.jpg"}])
def test_what_is_wanted_and_not_wanted_at_once_is_refused(what: dict[str, Any]) -> None:
    """Whatever the weights; two pictures that were handed in are never the same."""
    with pytest.raises(QueryError, match="is wanted and not wanted at once; take one of the two away"):
        Query((Term(**what, weight=2), Term(text="sea"), Term(**what, weight=-0.5)))
    Query((Term(**what), Term(**what, weight=2)))
    picture = Image.new("RGB", (1, 1))
    Query((Term(image=picture), Term(image=picture, weight=-1)))
