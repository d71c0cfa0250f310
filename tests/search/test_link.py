"""A question in the address: strings to a Query and back, and what each edit does."""

import random
import uuid
from dataclasses import replace
from typing import Any

import pytest

from errors import FilterError, QueryError
from search.filters import Condition
from search.grammar import GrammarError
from search.query import MAX_WINDOW, PARAMETERS, SINGLES, Query, Term, Unread

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


def lines(*texts: str, **fields: Any) -> Query:
    return Query.of_lines(texts, **fields)


def test_an_address_survives_the_round_trip() -> None:
    query = Query.from_params(FULL).check()
    assert query.params() == FULL
    assert [term.text for term in query.terms] == ["red bicycle", "but green", None, None]
    assert [term.weight for term in query.terms] == [1, 1, 1, -2]
    assert query.targets == {"image": 1.0, "caption": 0.5}
    assert [str(condition) for condition in query.filters] == FULL["filter"]
    assert (query.limit, query.offset, query.hybrid, query.facets) == (48, 96, True, True)
    assert (query.strategy, query.diversity, query.collapse) == ("best_score", 0.25, True)
    assert query.hidden == (uuid.UUID(OTHER),)


def test_what_an_address_asks_is_asked_again_by_the_address_of_its_json() -> None:
    """URL -> query -> JSON -> query -> URL -> query."""
    line = f'2:beach - people -like:{ITEM} like:"a b.jpg" -tag:raw "red car"'
    for params in (FULL, {"q": [line], "target": ["auto"]}, {"q": ["-people"]}, {"dislike": ['"cat"', "a b/c.jpg"]}):
        query = Query.from_params(params).check()
        read = Query.from_json(query.to_json())
        again = Query.from_params(read.params()).check()
        assert sorted(map(str, again.terms)) == sorted(map(str, query.terms))
        assert replace(again, terms=(), hybrid=False) == replace(query, terms=(), hybrid=False)
        assert (
            Query.from_params(again.params()) == again and Query.from_params(again.params()).params() == again.params()
        )


def test_the_box_holds_the_grammar() -> None:
    query = Query.from_params({"q": ["beach - people -tag:raw", "2:sunset"], "filter": ["year=2024"]}).check()
    assert [(term.text, term.weight) for term in query.terms] == [("beach", 1), ("people", -1), ("sunset", 2)]
    assert [str(condition) for condition in query.filters] == ["!tags=raw", "year=2024"]
    assert query.lines == ("beach - people -tag:raw", "2:sunset")
    with pytest.raises(GrammarError, match="'x' at character 7") as caught:
        lines("cat", "beach x:sunset").check()
    assert caught.value.position == 6


def test_what_cannot_be_read_is_kept_beside_its_error_and_does_not_hide_what_can() -> None:
    params = {"q": ["2:", "cat tag:a"], "filter": ["nonsense", "year=2024"], "like": ["x"], "limit": ["many"]}
    query = Query.from_params(params)
    assert [str(condition) for condition in query.filters] == ["tags=a", "year=2024"]
    assert query.terms == (Term(text="cat"),)
    assert [(one.name, one.text) for one in query.unread] == [
        ("q", "2:"), ("like", "x"), ("filter", "nonsense"), ("limit", "many"),
    ]  # fmt: skip
    assert query.params() == {**params, "filter": ["year=2024", "nonsense"]}
    for one in query.unread:
        with pytest.raises(QueryError) as caught:
            query.check()
        assert caught.value is query.unread[0].error
        query = query.remove(one)
    assert query.check().params() == {"q": ["cat tag:a"], "filter": ["year=2024"]}


def test_what_cannot_be_asked_together_can_be_edited() -> None:
    query = Query.from_params({"like": [ITEM], "dislike": [ITEM]})
    with pytest.raises(QueryError, match="wanted and not wanted at once"):
        query.check()
    assert query.params() == {"like": [ITEM], "dislike": [ITEM]}
    assert query.remove(query.terms[1]).check().params() == {"like": [ITEM]}


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda query: query.remove(Term(text="sea")), "beach -tag:raw"),
        (lambda query: query.remove(Condition.parse("!tags=raw")), "beach + 2:sea"),
        (lambda query: query.remove(Term(text="hill")), "beach + 2:sea -tag:raw"),
        (lambda query: query.weigh(Term(text="sea", weight=2), 0.5), "beach + 0.5:sea -tag:raw"),
        (lambda query: query.negate(Term(text="sea", weight=2)), "beach - 2:sea -tag:raw"),
        (lambda query: query.negate(Term(text="beach")), "-beach + 2:sea -tag:raw"),
    ],
)
def test_a_part_of_a_line_is_taken_away_weighed_or_negated_where_it_stands(edit: Any, line: str) -> None:
    query = lines("beach + 2:sea -tag:raw", "red")
    if line == "beach -tag:raw":
        query = query.weigh(Term(text="sea", weight=2), 1)
    assert edit(query).lines == (line, "red")


def test_a_picture_of_the_library_is_added_weighed_and_taken_away() -> None:
    like = Term(item=uuid.UUID(ITEM))
    query = lines("cat").add(like)
    assert query.params() == {"q": ["cat"], "like": [ITEM]}
    assert query.weigh(like, 2).params() == {"q": ["cat"], "like": [f"2:{ITEM}"]}
    assert query.negate(like).params() == {"q": ["cat"], "dislike": [ITEM]}
    assert query.remove(like) == lines("cat") == query.remove(like).remove(like)


def test_how_examples_count_can_be_chosen() -> None:
    query = Query().add(Term(item=uuid.UUID(ITEM)))
    chosen = query.edit(strategy="sum_scores", diversity=0.3, collapse=True, targets="auto")
    assert (chosen.strategy, chosen.diversity, chosen.collapse, chosen.targets) == ("sum_scores", 0.3, True, "auto")
    assert chosen.edit(strategy=None, diversity=0, collapse=False, targets=None) == query


def test_an_empty_address_is_an_empty_question() -> None:
    assert Query.from_params({"q": ["  "], "utm_source": ["x"]}) == Query()
    assert Query().params() == {} and Query().empty
    assert not Query.from_params({"like": ["x"]}).empty and Query.from_params({"target": ["x"]}).empty


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
        Query.from_params(params).check()


def test_a_broken_filter_is_kept_to_be_taken_away() -> None:
    query = Query.from_params({"q": ["cat"], "filter": ["colour=mauve"]})
    with pytest.raises(FilterError, match="colour"):
        query.check()
    assert query.remove(query.unread[0]).check().filters == ()


def test_every_edit_starts_at_the_first_page() -> None:
    query = Query.from_params(FULL)
    edits = [
        query.ask("cat"),
        query.more_like(ITEM),
        query.remove(Term(text="but green")),
        query.remove(query.filters[0]),
        query.edit(targets={"look": 1}),
        query.edit(hybrid=False),
        query.with_filter(("year",), "=", "year=2020"),
        query.add(Term(text="sea")),
        query.weigh(Term(text="but green"), 2),
        query.edit(hidden=()),
    ]
    assert [edit.offset for edit in edits] == [0] * len(edits)


def test_more_like_this_asks_with_the_picture_alone() -> None:
    query = Query.from_params(FULL).more_like(ITEM)
    assert query.params() == {
        name: values for name, values in FULL.items() if name not in ("q", "dislike", "hide", "offset", "words")
    }
    typed = lines("cat tag:a", "like:a.jpg year:2024", "2:").more_like(ITEM, OTHER)
    assert typed.params() == {"q": ["tag:a year:2024"], "like": [ITEM, OTHER]}


def test_words_are_matched_only_where_some_are_wanted() -> None:
    query = lines("cat", hybrid=True)
    assert query.ask("a dog - cat").hybrid and query.ask("2:").hybrid
    assert not query.ask("-cat").hybrid and not query.ask("tag:cat").hybrid
    assert not query.remove(Term(text="cat")).hybrid


def test_a_filter_takes_the_place_of_its_predecessor() -> None:
    query = Query.from_params({"filter": ["year=2020", "!year=2021", "taken>=2019", "nonsense"]})
    assert query.with_filter(("year",), "=", "year=2022").params()["filter"] == ["taken>=2019", "year=2022", "nonsense"]
    left = query.with_filter(("taken",), ">=", None)
    assert left.params()["filter"] == ["year=2020", "!year=2021", "nonsense"]
    assert query.with_filter(("taken",), "<=", None).params() == query.params(), "another operator is another filter"
    wrong = Query().with_filter(("taken",), ">=", "taken>=soon")
    assert wrong.unread == (Unread("filter", "taken>=soon", QueryError()),)


def test_a_filter_takes_the_place_of_one_that_was_typed() -> None:
    query = lines(
        "cat  - dog year:2020 tag:a", "year:2021", "16:9  sunset", "2:", filters=[Condition.parse("year=2019")]
    )
    edited = query.with_filter(("year",), "=", "year=2022")
    assert edited.lines == ("cat - dog tag:a", "16:9  sunset", "2:")
    assert edited.params()["filter"] == ["year=2022"]


def test_no_address_raises_anything_but_a_sentence() -> None:
    """Three thousand addresses of pieces that mean something; edits take whatever stands there, and what can be asked
    comes back from its own address and its own JSON."""
    rng = random.Random(9)
    values = ["", "cat", "-", "2:", "tag:a", "like:", ITEM, f"2:{ITEM}", "auto", "image=1", "nan", "1e9", "-1", "0"]
    values += ["1", "year=2024", "!x", "\x00", "\ud800", "best_score", "9" * 5000, "0.5", "\u0663", "a/b.jpg", '"']
    values += ["x" * 2_001, "beach - people tag:b", '2:"red" + sea -like:a/b.jpg', str(MAX_WINDOW)]
    asked = 0
    for _ in range(3_000):
        names = rng.sample(PARAMETERS, rng.randint(1, 4))
        params = {name: rng.choices(values, k=1 if name in SINGLES else rng.randint(1, 3)) for name in names}
        query = Query.from_params(params)
        edits = [query, query.with_filter(("year",), "=", None), query.more_like(ITEM).add(Term(path="x.y"))]
        edits += [edit(part) for part in query.terms for edit in (query.remove, query.negate)]
        edits += [query.remove(part) for part in (*query.filters, *query.unread)]
        for edit in edits:
            again = Query.from_params(edit.params())
            assert again.params() == edit.params()
            try:
                edit.check()
            except QueryError as error:
                assert str(error)
                continue
            asked += 1
            assert sorted(map(str, again.terms)) == sorted(map(str, edit.terms))
            assert Query.from_json(edit.to_json()) == edit
    assert asked > 1000
