"""The filters and facets of the search page: what each writes, what the counts say, and that the API finds the same."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from api.context import AppContext
from search.filters import COMPARISONS, FIELDS, Field, Kind
from tests.app.conftest import http_of, open_page, search_script, texts, tiles
from tests.app.test_search_page import ask, unfold
from tests.conftest import SAMPLES


def folders(page: AppTest) -> list[str]:
    """The rows of the tree, with their counts."""
    return [b.label.replace("\\", "") for b in page.button if (b.key or "").startswith("folder")]


@pytest.mark.parametrize(
    ("key", "kind", "value", "expected"),
    [
        ("filter-orientation", "pills", "portrait", "orientation=portrait"),
        ("filter-captioned", "pills", "yes", "captioned=yes"),
        ("filter-tags.any", "multiselect", ["cat"], "tags.any=cat"),
        ("filter-tags.all", "multiselect", ["animal", "cat"], "tags.all=animal,cat"),
        ("filter-tags.none", "multiselect", ["drawing"], "tags.none=drawing"),
        ("filter-taken>=", "text_input", "2010", "taken>=2010"),
        ("filter-taken<=", "text_input", "2010-05", "taken<=2010-05"),
        ("filter-width>=", "text_input", "900", "width>=900"),
        ("filter-path", "text_input", "Castle", "path~Castle"),
    ],
)
def test_every_filter_writes_its_condition(
    context: AppContext, key: str, kind: str, value: object, expected: str
) -> None:
    page = open_page(search_script, context, q="animal")
    page.toggle(key="filters_open").set_value(True).run()
    getattr(page, kind)(key=key).set_value(value).run()
    assert not page.exception and not page.warning and not page.error
    assert page.query_params["filter"] == expected
    assert " of 0 pictures" not in texts(page) and not page.info
    assert getattr(page, kind)(key=key).value == value


def test_a_new_row_with_a_label_has_its_widget(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Field("frames", Kind.WHOLE, "n_frames", COMPARISONS, ("frames>1",), "", label="So many frames")
    monkeypatch.setitem(FIELDS, row.key, row)
    page = open_page(search_script, context, q="animal")
    page.toggle(key="filters_open").set_value(True).run()
    assert page.text_input(key="filter-frames>").label == "So many frames"
    page.text_input(key="filter-frames>").set_value("1").run()
    assert page.query_params["filter"] == "frames>1"
    moving = set(tiles(page))
    page.checkbox(key="not-frames>").check().run()
    assert page.query_params["filter"] == "!frames>1"
    assert tiles(page) and not moving & set(tiles(page))


def test_pictures_are_chosen_by_their_size(context: AppContext) -> None:
    page = open_page(search_script, context, q="animal", filter="megapixels>=0.5")
    page.toggle(key="filters_open").set_value(True).run()
    assert page.selectbox(key="filter-megapixels>=").value == "0.5" and tiles(page)
    page.selectbox(key="filter-megapixels>=").set_value("1").run()
    assert page.query_params["filter"] == "megapixels>=1"
    assert "No picture of the library passes" in page.info[0].value, "the samples are smaller"


def test_a_filter_can_be_turned_round(context: AppContext) -> None:
    page = open_page(search_script, context, q="animal", filter="path~cat")
    page.toggle(key="filters_open").set_value(True).run()
    page.checkbox(key="not-path~").check().run()
    assert page.query_params["filter"] == "!path~cat"


def test_tags_wanted_and_unwanted_stand_together(context: AppContext) -> None:
    page = open_page(search_script, context, q="animal", filter=["tags.any=cat,dog", "tags.none=drawing"])
    page.toggle(key="filters_open").set_value(True).run()
    assert page.multiselect(key="filter-tags.any").value == ["cat", "dog"]
    page.multiselect(key="filter-tags.none").set_value(["photo"]).run()
    assert page.query_params["filter"] == ["tags.any=cat,dog", "tags.none=photo"]
    shown = [e.value for e in page.html if "loupe-number" in e.value]
    assert shown and all("drawings/" in hit["path"] for hit in found(context, page))


def found(context: AppContext, page: AppTest) -> list[dict[str, Any]]:
    """What the API finds with the page's address."""
    params = {name: page.query_params[name] for name in page.query_params if name != "item"}
    hits: list[dict[str, Any]] = http_of(context).get("/api/search", params=params).json()["hits"]
    return hits


@pytest.mark.parametrize(
    "params",
    [
        {"q": "castle + water - people", "collapse": "1"},
        {"q": "2:bridge + night -tag:drawing", "limit": "48", "diversity": "0.4"},
        {"q": 'like:"photos/eiffel-tower.jpg" + sunset'},
        {"q": "music", "words": "1", "filter": "colour=brown,red"},
    ],
)
def test_the_page_and_the_api_find_the_same(context: AppContext, params: dict[str, str]) -> None:
    page = open_page(search_script, context, **params)
    unfold(page)
    assert not page.exception and not page.warning
    assert tiles(page) == [hit["uuid"] for hit in found(context, page)]


def test_a_facet_counts_what_its_own_filter_leaves_out(context: AppContext) -> None:
    """With the photographs chosen, the drawings can still be chosen instead, and their count stays what it was."""
    page = open_page(search_script, context, q="animal", filter="orientation=landscape")
    page.toggle(key="filters_open").set_value(True).run()
    before = folders(page)
    assert len(before) == 3 and before[0].startswith("samples ")
    page.button(key=f"folder1-{SAMPLES}/photos").click().run()
    assert page.query_params["filter"] == ["orientation=landscape", f"folder={SAMPLES}/photos"]
    assert folders(page) == before
    page.button(key=f"folder1-{SAMPLES}/photos").click().run()
    assert page.query_params["filter"] == "orientation=landscape"


def test_colours_are_chosen_together(context: AppContext) -> None:
    page = open_page(search_script, context, q="animal")
    page.toggle(key="filters_open").set_value(True).run()
    page.button(key="colour-brown").click().run()
    page.button(key="colour-black").click().run()
    assert page.query_params["filter"] == "colour=black,brown"
    page.button(key="colour-black").click().run()
    page.button(key="colour-brown").click().run()
    assert "filter" not in page.query_params


def test_a_filter_typed_in_the_box_is_shown_and_taken_away_by_its_widget(context: AppContext) -> None:
    page = ask(open_page(search_script, context), "animal tag:cat")
    page.toggle(key="filters_open").set_value(True).run()
    assert page.multiselect(key="filter-tags.any").value == ["cat"]
    page.multiselect(key="filter-tags.any").set_value([]).run()
    assert page.query_params["q"] == "animal"
    assert page.text_input(key="words").value == "animal"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tag:Cat", "No picture has tag:Cat. Did you mean tag:cat?"),
        ("animal -tag:Cat", "No picture has tag:Cat. Did you mean -tag:cat?"),
        ("animal camera=nikon", "Did you mean camera~nikon?"),
    ],
)
def test_a_name_that_nothing_has_is_said_with_what_it_may_have_meant(
    context: AppContext, line: str, sentence: str
) -> None:
    page = open_page(search_script, context, q=line)
    assert not page.exception
    assert sentence in page.info[0].value.replace("\\", "")
    assert bool(tiles(page)) == line.startswith("animal -")


def test_filters_that_leave_nothing_say_so(context: AppContext) -> None:
    page = open_page(search_script, context, q="cat", filter="year=1850")
    assert "No picture of the library passes" in page.info[0].value
