"""The question in the address: strings to a Query and back, and what each edit does."""

import random
import uuid
from dataclasses import replace

import pytest

from app_pages.question import LISTS, PARAMETERS, Question
from app_pages.widgets.markdown import escape_markdown
from errors import FilterError, QueryError
from search.grammar import GrammarError
from search.query import Query, Term

ITEM = "5dd2ae12-02e2-514c-a4fe-306192e392d5"
OTHER = "00000000-0000-4000-8000-000000000001"
FULL = {
    "q": ["red bicycle", "but green"],
    "like": [ITEM],
    "dislike": [f"2:{OTHER}"],
    "target": ["image=1", "caption=0.5"],
    "filter": ["!tags.any=cat,dog", "taken>=2020"],
    "hide": [OTHER],
    "strategy": ["best_score"],
    "diversity": ["0.25"],
    "collapse": ["1"],
    "limit": ["48"],
    "offset": ["96"],
    "words": ["1"],
    "facets": ["1"],
}


def test_an_address_survives_the_round_trip() -> None:
    question = Question.from_params(FULL)
    assert question.params() == FULL
    query = question.query()
    assert [term.text for term in query.terms] == ["red bicycle", "but green", None, None]
    assert [term.weight for term in query.terms] == [1, 1, 1, -2]
    assert query.targets == {"image": 1.0, "caption": 0.5}
    assert [str(condition) for condition in query.filters] == FULL["filter"]
    assert (query.limit, query.offset, query.words, query.facets) == (48, 96, True, True)
    assert (query.strategy, query.diversity, query.collapse) == ("best_score", 0.25, True)
    assert query.hidden == (uuid.UUID(OTHER),)


def test_what_an_address_asks_is_asked_again_by_the_address_of_its_query() -> None:
    """URL -> query -> URL -> query, and the same over JSON."""
    line = f'2:beach - people -like:{ITEM} like:"a b.jpg" -tag:raw "red car"'
    for params in (FULL, {"q": [line], "target": ["auto"]}, {"q": ["-people"]}, {"dislike": ['"cat"', "a b/c.jpg"]}):
        query = Question.from_params(params).query()
        again = Question.of(Query.from_json(query.to_json()))
        assert Question.from_params(again.params()) == again
        assert sorted(map(str, again.query().terms)) == sorted(map(str, query.terms))
        assert replace(again.query(), terms=(), words=False) == replace(query, terms=(), words=False)
        assert Question.of(again.query()) == again


def test_the_box_holds_the_grammar() -> None:
    question = Question.from_params({"q": ["beach - people -tag:raw", "2:sunset"], "filter": ["year=2024"]})
    query = question.query()
    assert [(term.text, term.weight) for term in query.terms] == [("beach", 1), ("people", -1), ("sunset", 2)]
    assert [str(condition) for condition in query.filters] == ["!tags=raw", "year=2024"]
    assert question.conditions() == query.filters
    with pytest.raises(GrammarError, match="'x' at character 7") as caught:
        Question(words=("cat", "beach x:sunset")).query()
    assert caught.value.position == 6


def test_what_cannot_be_read_does_not_hide_what_can() -> None:
    question = Question(words=("cat tag:a", "2:"), filters=("nonsense", "year=2024"))
    assert [str(condition) for condition in question.conditions()] == ["tags=a", "year=2024"]
    assert question.typed()[0] == (Term(text="cat"),)


def test_a_picture_is_liked_disliked_or_neither() -> None:
    question = Question(words=("cat",), offset="24").liking("a").liking("b", 2).disliking("c")
    assert (question.likes, question.dislikes, question.offset) == (("a", "2:b"), ("c",), "")
    assert [question.opinion(item) for item in "abcd"] == [1, 2, -1, 0]
    assert question.disliking("b", 0.5).likes == ("a",)
    assert question.disliking("b", 0.5).opinion("b") == -0.5
    assert question.liking("c").dislikes == ()
    assert question.liking("b").likes == ("a", "b")
    assert question.indifferent("b").likes == ("a",)
    assert question.indifferent("c").dislikes == ()


def test_how_examples_count_can_be_chosen() -> None:
    question = Question().liking(ITEM).joining("sum_scores").diverse(0.3).collapsing(True).weighing("auto")
    query = question.hiding([OTHER, OTHER]).query()
    assert (query.strategy, query.diversity, query.collapse, query.targets) == ("sum_scores", 0.3, True, "auto")
    assert query.hidden == (uuid.UUID(OTHER),)
    assert question.joining("").diverse(0).collapsing(False).weighing(None) == Question(likes=(ITEM,))


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
        ({"dislike": ["0:" + ITEM]}, "must be a number other than 0"),
        ({"like": ["nan:" + ITEM]}, "must be a number other than 0"),
        ({"like": ["1e9:" + ITEM]}, "from -1000 to 1000"),
        ({"hide": ["a/b.jpg"]}, "'a/b.jpg' is not the uuid"),
        ({"strategy": ["best"]}, "strategy is one of average, best_score, sum_scores, got 'best'"),
        ({"diversity": ["much"]}, "'diversity' must be a number, got 'much'"),
        ({"diversity": ["nan"]}, "diversity must be 0 to 1, got nan"),
        ({"diversity": ["-1"]}, "diversity must be 0 to 1"),
        ({"collapse": ["perhaps"]}, "'collapse' must be 1 or 0"),
        ({"target": ["auto", "image=1"]}, "the target 'auto' is learned from the likes; give it alone"),
        ({"q": ["-people"], "words": ["1"]}, "needs words that are wanted"),
        ({"q": ["2:"]}, "nothing follows the weight '2' at character 1"),
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
        question.weighing("auto"),
        question.liking(OTHER),
        question.disliking(ITEM),
        question.indifferent(ITEM),
        question.hiding([ITEM]),
        question.joining("average"),
        question.diverse(0.5),
        question.collapsing(False),
    ]
    assert [edit.offset for edit in edits] == [""] * len(edits)


def test_more_like_this_asks_with_the_picture_alone() -> None:
    question = Question.from_params(FULL).more_like("u")
    assert (question.words, question.likes, question.words_too) == ((), ("u",), "")
    assert (question.dislikes, question.hidden) == ((), ())
    assert question.filters == tuple(FULL["filter"])
    assert Question(words=("cat tag:a", "like:a.jpg year:2024")).more_like("u").words == ("tag:a year:2024",)


def test_words_are_matched_only_where_some_are_wanted() -> None:
    question = Question(words=("cat",), words_too="1")
    assert question.asking("a dog - cat").words_too == "1"
    assert question.asking("-cat").words_too == ""
    assert question.asking("tag:cat").words_too == ""
    assert question.asking("2:").words_too == "1"
    assert question.without("words", "cat").words_too == ""


def test_a_filter_takes_the_place_of_its_predecessor() -> None:
    question = Question(filters=("year=2020", "!year=2021", "taken>=2019", "nonsense"))
    assert question.with_filter(("year",), "=", "year=2022").filters == ("taken>=2019", "nonsense", "year=2022")
    assert question.with_filter(("taken",), ">=", None).filters == ("year=2020", "!year=2021", "nonsense")


def test_a_filter_takes_the_place_of_one_that_was_typed() -> None:
    question = Question(words=("cat  - dog year:2020 tag:a", "year:2021", "16:9  sunset", "2:"), filters=("year=2019",))
    edited = question.with_filter(("year",), "=", "year=2022")
    assert edited.words == ("cat - dog tag:a", "16:9  sunset", "2:")
    assert edited.filters == ("year=2022",)


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
    assert escape_markdown("*a* :red[b] $x$") == r"\*a\* \:red\[b\] \$x\$"


def test_no_address_raises_anything_but_a_sentence() -> None:
    """Ten thousand addresses of pieces that mean something; edits take whatever stands there."""
    rng = random.Random(9)
    values = [
        "",
        "cat",
        "-",
        "2:",
        "tag:a",
        "like:",
        ITEM,
        f"2:{ITEM}",
        "auto",
        "image=1",
        "nan",
        "1e9",
        "-1",
        "0",
        "1",
    ]
    values += [
        "year=2024",
        "!x",
        "\x00",
        "\ud800",
        "best_score",
        "9" * 5000,
        "0.5",
        "\u0663",
        "a/b.jpg",
        '"',
        "x" * 10_000,
    ]
    asked = 0
    for _ in range(10_000):
        names = rng.sample(PARAMETERS, rng.randint(1, 4))
        params = {name: rng.choices(values, k=rng.randint(1, 3) if name in LISTS else 1) for name in names}
        question = Question.from_params(params)
        edits = (
            question,
            question.cut(),
            question.with_filter(("year",), "=", None),
            question.more_like(ITEM).liking("x.y"),
        )
        for edit in edits:
            try:
                query = edit.query()
            except QueryError as error:
                assert str(error)
                continue
            asked += 1
            assert Question.of(query).query().filters == query.filters
    assert asked > 1000
