"""What a suggestion is made of: words, what counts, how examples are joined, variety, filters."""

import pytest

from api.context import AppContext
from app_pages.widgets.weighing import JOINED
from search.query import AUTO, Query, Term
from search.searcher import Searcher
from tests.app.conftest import open_page, tiles
from tests.app.discovery import DOG, ELEPHANT, ROOSTER, found, judged, like, said, script, tags_of


def test_words_are_part_of_it_with_their_grammar(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context, like=str(DOG))
    page.text_input(key="discover-words").set_value("snow - cartoon tag:animal").run()
    assert not page.exception
    assert page.query_params["q"] == "snow - cartoon tag:animal"
    assert tiles(page) and all("animal" in tags for tags in tags_of(searcher, tiles(page)))
    again = open_page(script, context, **{name: page.query_params[name] for name in page.query_params})
    assert tiles(again) == tiles(page)


def test_words_that_cannot_be_read_are_pointed_at(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG))
    page.text_input(key="discover-words").set_value('red "open').run()
    assert not page.exception and not tiles(page)
    assert "^" in said(page) and page.warning
    assert judged(page) == [str(DOG)]
    page.text_input(key="discover-words").set_value("red").run()
    assert len(tiles(page)) == 24


def test_what_counts_is_learned_shown_and_can_be_set(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context, like=[str(DOG), str(ELEPHANT)])
    learned = searcher.search(Query((Term(item=DOG), Term(item=ELEPHANT)), targets=AUTO)).targets
    assert page.pills(key="discover-preset").value == "From the likes"
    for name in ("image", "look", "caption"):
        assert page.slider(key=f"discover-weight-{name}").value == pytest.approx(learned.get(name, 0), abs=0.006)
    label = {"image": "what it shows", "look": "how it looks", "caption": "what it says"}
    best = max(learned, key=lambda name: learned[name])
    assert f"learned from your likes: {label[best]} {learned[best]:.0%}" in said(page)
    page.pills(key="discover-preset").set_value("How it looks").run()
    assert page.query_params["target"] == "look=1"
    assert tiles(page) == found(searcher, Term(item=DOG), Term(item=ELEPHANT), targets={"look": 1.0})
    page.slider(key="discover-weight-image").set_value(0.5).run()
    assert sorted(page.query_params["target"]) == ["image=0.5", "look=1"]
    page.pills(key="discover-preset").set_value("From the likes").run()
    assert "target" not in page.query_params


def test_all_weights_at_nothing_are_a_sentence(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG), target="look=1")
    page.slider(key="discover-weight-look").set_value(0.0).run()
    assert not page.exception
    assert "every target has weight 0" in said(page)
    assert page.query_params["target"] == "look=1"


@pytest.mark.parametrize("strategy", ["best_score", "sum_scores"])
def test_how_examples_are_joined(context: AppContext, searcher: Searcher, strategy: str) -> None:
    page = open_page(script, context, like=[str(DOG), str(ELEPHANT)], dislike=str(ROOSTER))
    page.radio(key="discover-strategy").set_value(strategy).run()
    assert page.query_params["strategy"] == strategy
    terms = (Term(item=DOG), Term(item=ELEPHANT), Term(item=ROOSTER, weight=-1))
    assert tiles(page) == found(searcher, *terms, strategy=strategy)


def test_every_strategy_has_a_name_and_a_sentence() -> None:
    assert list(JOINED) == ["average", "best_score", "sum_scores"]
    assert all(name and means.endswith(".") for name, means in JOINED.values())


def test_variety_reorders_the_suggestions(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context, like=str(DOG))
    page.slider(key="discover-diversity").set_value(0.7).run()
    assert page.query_params["diversity"] == "0.7"
    assert tiles(page) == found(searcher, Term(item=DOG), diversity=0.7) != found(searcher, Term(item=DOG))


def test_filters_of_the_address_count(context: AppContext, searcher: Searcher) -> None:
    page = open_page(script, context, like=str(DOG), filter="tags.any=photo")
    assert len(tiles(page)) == 24 and all("photo" in tags for tags in tags_of(searcher, tiles(page)))
    like(page, tiles(page)[0])
    assert page.query_params["filter"] == "tags.any=photo"
    assert all("photo" in tags for tags in tags_of(searcher, tiles(page)))


def test_the_column_of_filters_writes_into_the_session_s_address(context: AppContext) -> None:
    page = open_page(script, context, like=str(DOG), dislike=str(ROOSTER))
    page.toggle(key="filters_open").set_value(True).run()
    page.multiselect(key="filter-tags.any").set_value(["photo"]).run()
    assert not page.exception
    assert page.query_params["filter"] == "tags.any=photo"
    assert judged(page) == [str(DOG), str(ROOSTER)]
