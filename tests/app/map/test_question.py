"""The last question on the map, and what is chosen there with the lasso."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from api.context import AppContext
from app_pages.address import AskingPicture
from layout import projection as drawing
from layout.library import lay_out
from layout.store import Layout
from search.query import Query, Term
from search.searcher import Searcher
from tests.app.conftest import open_page, texts, tiles
from tests.app.map.conftest import StillJobs, asking, choose, drawn, map_script
from tests.search.colour_library import Library


def test_the_question_falls_where_its_vector_does(
    context: AppContext, library: Library, laid_out: dict[str, Layout]
) -> None:
    """On PCA by the axes; its hits are the search page's, each joined to it."""
    page = asking(open_page(map_script, context), q=["red"])
    page = choose(page, view="pca3")
    sent, layout = drawn(page), laid_out["image"]
    vector = library.encoder.encode_texts(["red"])[0]
    np.testing.assert_allclose(sent["question"]["at"], layout.directions @ (vector - layout.mean), atol=1e-5)
    hits = Searcher(library.pictures, library.encoder).search(Query((Term(text="red"),))).hits
    assert [layout.key(index) for index in sent["question"]["hits"]] == [hit.uuid for hit in hits]
    assert sent["question"]["text"] == "red"
    assert "lines lead to its first 24 hits" in texts(page)


def test_on_umap_the_question_stands_among_its_nearest(
    context: AppContext, library: Library, laid_out: dict[str, Layout]
) -> None:
    """By hand: the fifteen most similar pictures, by exact search over what was stored."""
    sent, layout = drawn(asking(open_page(map_script, context), q=["blue"])), laid_out["image"]
    vector = library.encoder.encode_texts(["blue"])[0]
    similar = sorted(((float(v["image"] @ vector), key) for key, v in library.vectors.items()), reverse=True)[:15]
    indices = layout.indices_of([key for _, key in similar])
    points = layout.umap[[indices[key] for _, key in similar]]
    expected = drawing.place_among(points, np.array([s for s, _ in similar]))
    np.testing.assert_allclose(sent["question"]["at"], expected, atol=1e-4)
    assert "weighted mean of its 15 nearest points" in texts(asking(open_page(map_script, context), q=["blue"]))


@pytest.mark.parametrize("space", ["caption", "both"])
@pytest.mark.parametrize("view", ["umap2", "pca2"])
def test_the_question_has_a_place_in_every_space_of_words(
    context: AppContext, laid_out: dict[str, Layout], space: str, view: str
) -> None:
    page = choose(asking(open_page(map_script, context), q=["red wall"]), space=space, view=view)
    assert not page.exception and len(drawn(page)["question"]["at"]) == 2


def test_words_have_no_place_among_looks_and_that_is_said(context: AppContext, laid_out: dict[str, Layout]) -> None:
    page = choose(asking(open_page(map_script, context), q=["red"]), space="look")
    assert drawn(page)["question"] is None
    assert "Words cannot be compared with look" in texts(page).replace("\\", "")


def test_a_picture_of_the_library_asks_too(context: AppContext, library: Library, laid_out: dict[str, Layout]) -> None:
    """It stands on its own point."""
    key = next(iter(library.records))
    page = choose(asking(open_page(map_script, context), like=[str(key)]), space="look", view="pca3")
    index = laid_out["look"].indices_of([key])[key]
    np.testing.assert_allclose(drawn(page)["question"]["at"], laid_out["look"].pca[index], atol=1e-4)


def test_a_picture_that_was_uploaded_asks_too(context: AppContext, laid_out: dict[str, Layout]) -> None:
    from PIL import Image

    page = open_page(map_script, context)
    page.session_state["asking_picture"] = AskingPicture.of(Image.new("RGB", (9, 9), (255, 0, 0)), "red.png")
    page.run()
    assert drawn(page)["question"]["text"] == "red.png"


def test_a_question_that_cannot_be_asked_leaves_the_map(context: AppContext, laid_out: dict[str, Layout]) -> None:
    page = asking(open_page(map_script, context), q=["red"], filter=["smell=red"])
    assert drawn(page)["question"] is None and drawn(page)["n"] == 60
    assert "cannot be placed" in texts(page) and "unknown filter" in texts(page).lower()


def test_hits_that_are_not_drawn_are_counted(
    context: AppContext, library: Library, maps: StillJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sampled layout: of the 24 hits some have no point."""
    monkeypatch.setattr(drawing, "umap", lambda rows, on_epoch: np.asarray(rows, np.float32)[:, :2])
    lay_out(library.pictures, "image", maps.store, lambda stage, share: None, at_most=20)
    page = asking(open_page(map_script, context), q=["red"])
    drawn_hits = len(drawn(page)["question"]["hits"])
    assert drawn_hits < 24 and f"{24 - drawn_hits} of them are not among the drawn points" in texts(page)
    assert "60 pictures; 20 of them, chosen by chance" in texts(page)


def test_the_lasso_gives_the_grid_of_its_pictures(context: AppContext, laid_out: dict[str, Layout]) -> None:
    """Nothing before the lasso; then its pictures, 24 on a page; a picture and its caption are one."""
    page = open_page(map_script, context)
    assert not tiles(page)
    layout = laid_out["both"]
    caption = 60
    picture = layout.indices_of([layout.key(caption)])[layout.key(caption)]
    chosen = sorted({*range(30), picture, caption})
    page = lasso(choose(page, space="both"), layout.id, chosen)
    pictures = len(chosen) - 1
    assert page.subheader[0].value == f"{pictures} pictures in the lasso"
    assert tiles(page) == [str(layout.key(index)) for index in chosen[:24]]
    assert not [html for html in page.html if "loupe-bar" in html.value], "there is no similarity to show"


def test_more_points_than_are_sent_are_counted(context: AppContext, laid_out: dict[str, Layout]) -> None:
    page = lasso(open_page(map_script, context), laid_out["image"].id, list(range(40)), count=12_345)
    assert page.subheader[0].value == "12,345 points in the lasso; the first 40 pictures"


@pytest.mark.parametrize(
    "changes", [{"layout": "image-of-yesterday"}, {"indices": [10**9, -1]}, {"indices": []}, {"layout": None}]
)
def test_a_lasso_of_another_layout_or_beyond_it_is_none(
    context: AppContext, laid_out: dict[str, Layout], changes: dict[str, Any]
) -> None:
    page = open_page(map_script, context)
    value = {"layout": laid_out["image"].id, "count": 2, "indices": [1, 2]} | changes
    page = lasso(page, value["layout"], value["indices"])
    assert not page.exception and not tiles(page) and not page.subheader


def lasso(page: AppTest, layout: str, indices: list[int], count: int = 0) -> AppTest:
    page.session_state["map"] = {"lasso": {"layout": layout, "count": count or len(indices), "indices": indices}}
    return page.run()


def test_details_open_over_the_map_and_more_like_this_leads_to_the_search(
    context: AppContext, library: Library, laid_out: dict[str, Layout]
) -> None:
    key = str(next(iter(library.records)))
    page = open_page(map_script, context, item=key)
    assert any("loupe-large" in html.value for html in page.html)
    page.button(key="detail-like").click().run()
    assert page.session_state["went_to_search"] and not page.query_params
    assert page.session_state["last_address"] == {"like": [key], "collapse": ["1"]}
