"""The map page: every state is a sentence, what is drawn is what was computed, and the page computes none of it."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import weaviate

from api.connection import Connection
from api.context import AppContext, layout_jobs
from app_pages.map import page as map_module
from encoder.protocol import Encoder
from errors import Unreachable
from layout.store import Layout, LayoutStore
from schema.client import Address
from schema.collection import Pictures, StorageOptions, ensure_pictures
from search.index import library_version
from settings import PROJECT
from tests.app.conftest import http_of, open_page, parts_of, texts, wait_for
from tests.app.map.conftest import StillJob, StillJobs, choose, drawn, map_script
from tests.search.colour_library import Library, fill


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
    monkeypatch.setattr(map_module, "umap_is_there", lambda: False)
    page = open_page(map_script, context)
    assert drawn(page)["points"].endswith("/pca2") and maps.asked == []
    assert "pip install umap-learn" in texts(page).replace("\\", "")
    monkeypatch.setattr(map_module, "umap_is_there", lambda: True)
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
    monkeypatch.setattr(map_module, "library_version", lambda pictures: replace(library_version(pictures), count=7))
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
