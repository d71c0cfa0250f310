"""The question in the address: strings to a Query and back, and what each edit does."""

import pytest

from app_pages.plain import plain
from app_pages.question import Question
from search.errors import FilterError, QueryError

FULL = {
    "q": ["red bicycle", "but green"],
    "like": ["5dd2ae12-02e2-514c-a4fe-306192e392d5"],
    "target": ["image=1", "caption=0.5"],
    "filter": ["!tags.any=cat,dog", "taken>=2020"],
    "limit": ["48"],
    "offset": ["96"],
    "words": ["1"],
    "facets": ["1"],
}


def test_an_address_survives_the_round_trip() -> None:
    question = Question.from_params(FULL)
    assert question.params() == FULL
    query = question.query()
    assert [term.text for term in query.terms] == ["red bicycle", "but green", None]
    assert query.targets == {"image": 1.0, "caption": 0.5}
    assert [str(condition) for condition in query.filters] == FULL["filter"]
    assert (query.limit, query.offset, query.words, query.facets) == (48, 96, True, True)


def test_an_empty_address_is_an_empty_question() -> None:
    assert Question.from_params({"q": ["  "], "utm_source": ["x"]}) == Question()
    assert Question().params() == {}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"q": ["x" * 2001]}, "2001 characters"),
        ({"limit": ["1000000000"]}, "limit must be 1 to 1000"),
        ({"limit": ["9" * 5000]}, "whole number"),
        ({"offset": ["-1"]}, "offset must be 0 or more"),
        ({"offset": ["abc"]}, "'offset' must be a whole number, got 'abc'"),
        ({"like": ["nonsense"]}, "'nonsense' is not the uuid"),
        ({"target": ["colour=1"]}, "unknown target 'colour'"),
        ({"target": ["image=much"]}, "image=much"),
        ({"words": ["perhaps"], "q": ["cat"]}, "'words' must be 1 or 0"),
        ({"words": ["1"]}, "needs words"),
    ],
)
def test_nonsense_is_a_sentence(params: dict[str, list[str]], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        Question.from_params(params).query()


def test_a_broken_filter_is_kept_to_be_taken_away() -> None:
    question = Question.from_params({"q": ["cat"], "filter": ["colour=mauve"]})
    with pytest.raises(FilterError, match="colour"):
        question.query()
    assert question.without("filters", "colour=mauve").query().filters == ()


def test_every_edit_starts_at_the_first_page() -> None:
    question = Question.from_params(FULL)
    edits = [
        question.asking("cat"),
        question.more_like("5dd2ae12-02e2-514c-a4fe-306192e392d5"),
        question.without("words", "but green"),
        question.weighing({"look": 1}),
        question.matching_words(False),
        question.with_filter(("year",), "=", "year=2020"),
    ]
    assert [edit.offset for edit in edits] == [""] * len(edits)


def test_more_like_this_asks_with_the_picture_alone() -> None:
    question = Question.from_params(FULL).more_like("u")
    assert (question.words, question.likes, question.words_too) == ((), ("u",), "")
    assert question.filters == tuple(FULL["filter"])


def test_a_filter_takes_the_place_of_its_predecessor() -> None:
    question = Question(filters=("year=2020", "!year=2021", "taken>=2019", "nonsense"))
    assert question.with_filter(("year",), "=", "year=2022").filters == ("taken>=2019", "nonsense", "year=2022")
    assert question.with_filter(("taken",), ">=", None).filters == ("year=2020", "!year=2021", "nonsense")


@pytest.mark.parametrize(("page", "size", "offset"), [(1, 24, ""), (2, 24, "24"), (3, 60, "120")])
def test_pages_are_offsets(page: int, size: int, offset: str) -> None:
    question = Question(words=("cat",)).on_page(page, size)
    assert question.offset == offset
    assert (question.page, question.page_size) == (page, size)


def test_the_last_page_ends_at_ten_thousand() -> None:
    """10,000 is no multiple of 24: the 417th page holds 16."""
    question = Question(words=("cat",)).on_page(417, 24)
    with pytest.raises(QueryError):
        question.query()
    assert (question.cut().query().offset, question.cut().query().limit) == (9984, 16)


def test_markdown_is_shown_as_typed() -> None:
    assert plain("*a* :red[b] $x$") == r"\*a\* \:red\[b\] \$x\$"
