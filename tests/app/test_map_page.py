"""The map page: every state is a sentence, what is drawn is what was computed, and the page computes none of it."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import weaviate
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext, layout_jobs
from app_pages.address import AskingPicture
from app_pages.map import library as map_library
from encoder.protocol import Encoder
from errors import Unreachable
from host.jobs import Job
from layout import projection as drawing
from layout.library import lay_out
from layout.store import SPACES, Layout, LayoutStore
from schema.client import Address
from schema.collection import Pictures, StorageOptions, ensure_pictures
from search.index import library_version
from search.query import Query, Term
from search.searcher import Searcher
from settings import PROJECT
from tests.app.conftest import http_of, open_page, parts_of, texts, tiles, wait_for
from tests.search.colour_library import Library, fill


class StillJob(Job):
    """Starts nothing, and remembers what it was asked for."""

    def __init__(self, space: str, store: LayoutStore, asked: list[str]) -> None:
        super().__init__([], PROJECT, store.status(space), PROJECT)
        self._space, self._asked = space, asked

    def start(self, *arguments: str, version: str = "") -> bool:
        self._asked.append(self._space)
        return False


class StillJobs(dict[str, Job]):
    def __init__(self, home: Path) -> None:
        self.store, self.asked = LayoutStore(home / "layouts"), list[str]()
        super().__init__({space: StillJob(space, self.store, self.asked) for space in SPACES})


def map_script(context):  # Streamlit copies its source: it may name nothing of this module
    import streamlit as st

    from app_pages.map.page import map_page

    map_page(context, lambda: st.session_state.__setitem__("went_to_search", True))


@pytest.fixture
def maps(tmp_path: Path) -> StillJobs:
    st.cache_data.clear()
    return StillJobs(tmp_path)


@pytest.fixture
def context(library: Library, address: Address, tmp_path: Path, maps: StillJobs) -> Iterator[AppContext]:
    connection = Connection(lambda: address, lambda: library.encoder)
    yield replace(parts_of(tmp_path, connection), maps=maps)
    connection.close()


@pytest.fixture(scope="module")
def _computed(library: Library, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Layout]]:
    """Every space, with the first two coordinates in the place of UMAP."""
    folder = tmp_path_factory.mktemp("computed") / "layouts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "umap", lambda rows, on_epoch: np.asarray(rows, np.float32)[:, :2])
        store = LayoutStore(folder)
        return folder, {space: lay_out(library.pictures, space, store, lambda *_: None) for space in SPACES}


@pytest.fixture
def laid_out(_computed: tuple[Path, dict[str, Layout]], maps: StillJobs, tmp_path: Path) -> dict[str, Layout]:
    folder, layouts = _computed
    shutil.copytree(folder, tmp_path / "layouts")
    return layouts


def drawn(page: AppTest) -> dict[str, Any]:
    """What the browser is sent for the map."""
    [component] = page.get("bidi_component")
    return json.loads(component.proto.json)


def choose(page: AppTest, **choices: str) -> AppTest:
    for key, value in choices.items():
        page.session_state[f"map-{key}"] = value
    if "view" in choices:
        page.session_state["map-view-chosen"] = True
    return page.run()


def asking(page: AppTest, **params: list[str]) -> AppTest:
    """As if the search page had been left with this question."""
    page.session_state["last_address"] = params
    return page.run()


def test_a_layout_is_drawn_with_its_figures(context: AppContext, maps: StillJobs, laid_out: dict[str, Layout]) -> None:
    page = open_page(map_script, context)
    assert not page.exception and not page.error and maps.asked == []
    layout, sent = laid_out["image"], drawn(page)
    assert (sent["n"], sent["dims"], sent["layout"], sent["captions_from"]) == (60, 2, layout.id, 60)
    assert sent["points"].endswith("/umap2") and sent["question"] is None
    assert len(base64.b64decode(sent["codes"])) == 60
    assert sum(group["count"] for group in sent["groups"]) == 60
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Points"] == "60" and figures["Explained variance"] == "–"
    assert figures["Trustworthiness"] == f"{layout.figures['trust_umap']:.3f}"


@pytest.mark.parametrize(("view", "dims"), [("pca2", 2), ("pca3", 3)])
def test_pca_says_how_much_its_axes_hold(
    context: AppContext, laid_out: dict[str, Layout], view: str, dims: int
) -> None:
    page = choose(open_page(map_script, context), view=view)
    layout, sent = laid_out["image"], drawn(page)
    assert sent["dims"] == dims and len(sent["axes"]) == dims
    assert sent["axes"][0] == f"PC 1 · {layout.explained[0]:.0%}"
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Explained variance"] == f"{layout.explained[:dims].sum():.1%}"
    assert figures["Trustworthiness"] == f"{layout.figures[f'trust_{view}']:.3f}"


def test_captions_are_a_second_cloud_and_the_gap_a_number(context: AppContext, laid_out: dict[str, Layout]) -> None:
    page = choose(open_page(map_script, context), space="both", colour="Caption")
    sent, layout = drawn(page), laid_out["both"]
    assert sent["captions_from"] == 60 and sent["n"] == len(layout) > 60
    assert sum(group["count"] for group in sent["groups"]) == 60
    assert {m.label: m.value for m in page.metric}["Modality gap"] == f"{layout.figures['gap']:.3f}"


@pytest.mark.parametrize("colouring", ["Folder", "Tag", "Caption", "Cluster"])
def test_every_point_has_a_group_of_the_legend(
    context: AppContext, laid_out: dict[str, Layout], colouring: str
) -> None:
    sent = drawn(choose(open_page(map_script, context), colour=colouring))
    codes = np.frombuffer(base64.b64decode(sent["codes"]), np.uint8)
    assert len(sent["groups"]) <= 11
    assert np.bincount(codes, minlength=len(sent["groups"])).tolist() == [group["count"] for group in sent["groups"]]


def test_changing_the_colour_sends_no_point_again(context: AppContext, laid_out: dict[str, Layout]) -> None:
    """Coordinates have an address of their own; a message has one byte a point."""
    page = open_page(map_script, context)
    first, second = drawn(page), drawn(choose(page, colour="Cluster"))
    assert first["points"] == second["points"] and first["codes"] != second["codes"]
    assert len(json.dumps(second)) < 3000


@pytest.mark.parametrize(("view", "dims"), [("umap2", 2), ("pca2", 2), ("pca3", 3)])
def test_the_routes_give_coordinates_and_names(
    context: AppContext, library: Library, laid_out: dict[str, Layout], view: str, dims: int
) -> None:
    http, layout = http_of(context), laid_out["image"]
    answer = http.get(f"/app/static/map/{layout.id}/points/{view}")
    assert "immutable" in answer.headers["cache-control"]
    expected = layout.umap if view == "umap2" else layout.pca[:, :dims]
    np.testing.assert_array_equal(np.frombuffer(answer.content, "<f4").reshape(60, dims), expected)
    record = library.records[layout.key(7)]
    about = http.get(f"/app/static/map/{layout.id}/point/7").json()
    assert about == {"title": layout.titles[7], "thumbnail": f"/app/static/thumbs/{record.sha256}"}


@pytest.mark.parametrize(
    "path",
    [
        "image-0000000000000000/points/pca2", "{id}/points/tsne", "{id}/point/60", "{id}/point/-1",
        "..%2fimage/point/1", "x/points/pca2",
    ],
)  # fmt: skip
def test_what_is_no_point_is_404(context: AppContext, laid_out: dict[str, Layout], path: str) -> None:
    assert http_of(context).get(f"/app/static/map/{path.format(id=laid_out['image'].id)}").status_code == 404


def test_plotly_comes_from_the_installed_package(context: AppContext) -> None:
    from api.map_points import plotly_url

    answer = http_of(context).get(plotly_url())
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert b"plotly.js v" in answer.content[:200]


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


def test_no_layout_yet_is_computed_elsewhere(context: AppContext, maps: StillJobs) -> None:
    page = open_page(map_script, context)
    assert maps.asked == ["image"] and not page.get("bidi_component") and not page.exception
    choose(page, space="look")
    assert maps.asked == ["image", "look"]


def test_progress_is_shown_while_it_is_computed(
    context: AppContext, maps: StillJobs, laid_out: dict[str, Layout]
) -> None:
    """Beside the last layout, whatever its version."""
    maps.store.write(replace(laid_out["image"], version="another", total=50))
    with maps.store.only_one("image") as say:
        say("Reading 10 of 60 pictures", 0.05)
        page = open_page(map_script, context)
        [bar] = page.get("progress")
        assert bar.proto.text.startswith("This is the layout of an older version of the library (50 pictures, now 60).")
        assert bar.proto.text.endswith("Reading 10 of 60 pictures")
        assert drawn(page)["n"] == 60 and maps.asked == []


def test_a_layout_of_an_older_version_is_brought_up_to_date(
    context: AppContext, maps: StillJobs, laid_out: dict[str, Layout]
) -> None:
    maps.store.write(replace(laid_out["image"], version="another"))
    page = open_page(map_script, context)
    assert maps.asked == ["image"] and drawn(page)["n"] == 60


def test_while_pictures_are_added_the_map_waits(
    context: AppContext, maps: StillJobs, laid_out: dict[str, Layout]
) -> None:
    class Running(StillJob):
        running = True

    maps.store.write(replace(laid_out["image"], version="another"))
    page = open_page(map_script, replace(context, ingestion=Running("image", maps.store, [])))
    assert maps.asked == [] and "Pictures are being added" in texts(page)


def test_without_umap_the_page_says_how_to_get_it(
    context: AppContext, maps: StillJobs, laid_out: dict[str, Layout], monkeypatch: pytest.MonkeyPatch
) -> None:
    maps.store.write(replace(laid_out["image"], umap=np.zeros((0, 2), np.float32)))
    monkeypatch.setattr(map_library, "umap_is_there", lambda: False)
    page = open_page(map_script, context)
    assert drawn(page)["points"].endswith("/pca2") and maps.asked == []
    assert "pip install umap-learn" in texts(page).replace("\\", "")
    monkeypatch.setattr(map_library, "umap_is_there", lambda: True)
    page.run()
    assert maps.asked == ["image"], "it was installed meanwhile"


def test_a_layout_that_failed_says_why_and_can_be_tried_again(
    context: AppContext, library: Library, tmp_path: Path
) -> None:
    """A real process, in a folder without Loupe, where python finds no module `layout`."""
    maps = layout_jobs(LayoutStore(tmp_path / "layouts"), tmp_path, tmp_path)
    page = open_page(map_script, replace(context, maps=maps))
    wait_for(lambda: not maps["image"].running, 60)
    page.run()
    assert "could not be computed" in page.error[0].value and "No module named layout" in page.error[0].value
    before = maps["image"]._tried
    page.button(key="map-again").click().run()
    assert before and not page.exception
    wait_for(lambda: not maps["image"].running, 60)


def test_what_failed_for_the_library_of_before_is_not_said_of_this_one(
    context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is asked for every thirty seconds; meanwhile the library was emptied and filled again."""
    maps = layout_jobs(LayoutStore(tmp_path / "layouts"), tmp_path, tmp_path)
    monkeypatch.setattr(map_library, "library_version", lambda pictures: replace(library_version(pictures), count=7))
    page = open_page(map_script, replace(context, maps=maps))
    wait_for(lambda: not maps["image"].running, 60)
    before = maps["image"]._tried
    monkeypatch.undo()
    page.run()
    assert not page.error and not page.exception
    assert maps["image"]._tried != before, "it is computed for the library that is there"
    wait_for(lambda: not maps["image"].running, 60)


@pytest.mark.parametrize(("count", "words"), [(1, "The library has 1 picture."), (2, "The library has 2 pictures.")])
def test_one_or_two_pictures_have_no_map(
    pictures: Pictures, colours: Encoder, address: Address, tmp_path: Path, maps: StillJobs, count: int, words: str
) -> None:
    stored = fill(pictures, colours, count=2)
    if count == 1:
        pictures.collection.data.delete_by_id(next(iter(stored.records)))
    connection = Connection(lambda: address, lambda: colours)
    page = open_page(map_script, replace(parts_of(tmp_path, connection), maps=maps))
    connection.close()
    assert page.info[0].value.startswith(f"{words} A map needs at least 3") and maps.asked == []


@pytest.mark.parametrize("made", [True, False])
def test_an_empty_library_and_none_offer_to_add_pictures(
    empty: weaviate.WeaviateClient, colours: Encoder, address: Address, tmp_path: Path, maps: StillJobs, made: bool
) -> None:
    if made:
        ensure_pictures(empty, colours.identity, StorageOptions())
    connection = Connection(lambda: address, lambda: colours)
    page = open_page(map_script, replace(parts_of(tmp_path, connection), maps=maps))
    connection.close()
    assert page.title[0].value == "There are no pictures yet"


def test_without_a_database_the_page_says_how_to_start_it(tmp_path: Path, colours: Encoder) -> None:
    def nowhere() -> Address:
        raise Unreachable("Weaviate did not answer at http://127.0.0.1:8080. Start it with: python -m server start.")

    page = open_page(map_script, parts_of(tmp_path, Connection(nowhere, lambda: colours)))
    assert not page.exception and "python -m server start" in page.error[0].value.replace("\\", "")


def test_the_page_loads_no_heavy_package() -> None:
    """Neither does the app: scikit-learn and UMAP are of the process that computes. (plotly: Streamlit imports it.)"""
    heavy = "[name for name in ('sklearn', 'umap', 'matplotlib') if name in sys.modules]"
    code = f"import sys, app_pages.map.page, api.map_points; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]", done.stderr
