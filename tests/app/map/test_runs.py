"""The map's second tab: what training left behind, epoch by epoch; every state of it a sentence."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext
from app_pages.map.replay import curves, replay
from app_pages.map.training_runs import RunUnreadable, find_runs, read_metrics, read_space
from encoder.protocol import Encoder
from errors import Unreachable
from schema.client import Address
from tests.app.conftest import open_page, parts_of, texts

EPOCHS, COUNT = (0, 1, 2, 5), 30


def map_script(context):  # Streamlit copies its source: it may name nothing of this module
    import streamlit as st

    from app_pages.map.page import map_page

    st.session_state["map-tab"] = "A training run"
    map_page(context, lambda: None)


def arrays(**changes: Any) -> dict[str, Any]:
    """What `training.experiments.drawing` writes: thirty points of three labels over four epochs."""
    rng = np.random.default_rng(0)
    made = {
        "pca": rng.normal(size=(len(EPOCHS), COUNT, 3)).astype(np.float32),
        "umap": rng.normal(size=(len(EPOCHS), COUNT, 2)).astype(np.float32),
        "labels": np.arange(COUNT) % 3,
        "epochs": np.array(EPOCHS),
        "names": np.array(["shirt", "bag", "boot"]),
        "explained": np.linspace(0.5, 0.8, len(EPOCHS)).astype(np.float32),
        "trust": np.full((len(EPOCHS), 2), 0.9, np.float32),
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


def write_run(folder: Path, metrics: str | None = None, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    np.savez(folder / "space.npz", **arrays(**changes))
    if metrics is None:
        metrics = "".join(
            json.dumps({"epoch": e, "loss": 1 / (e + 1), "kNN20": e / 5, "seconds": 3.0}) + "\n" for e in EPOCHS
        )
    (folder / "seed-0").mkdir()
    (folder / "seed-0" / "metrics.jsonl").write_text(metrics)
    return folder


@pytest.fixture
def context(tmp_path: Path, colours: Encoder) -> AppContext:
    """Training runs need no library: Weaviate is away."""
    st.cache_data.clear()

    def nowhere() -> Address:
        raise Unreachable("Weaviate did not answer.")

    return parts_of(tmp_path, Connection(nowhere, lambda: colours))


def figures(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def test_a_run_is_drawn_with_a_frame_an_epoch_and_its_metrics(context: AppContext) -> None:
    write_run(context.training_runs / "e3")
    page = open_page(map_script, context)
    assert not page.exception and not page.error and not page.warning
    drawn, lines = figures(page)
    assert [frame["name"] for frame in drawn["frames"]] == ["0", "1", "2", "5"]
    assert [trace["name"] for trace in drawn["data"]] == ["shirt", "bag", "boot"]
    assert drawn["data"][0]["type"] == "scatter3d" and drawn["data"][0]["x"]["dtype"] == "f4"
    assert [step["label"] for step in drawn["layout"]["sliders"][0]["steps"]] == ["0", "1", "2", "5"]
    assert drawn["frames"][1]["layout"]["annotations"][0]["text"] == "Epoch 1 · loss 0.500 · kNN20 0.200"
    assert [trace["name"] for trace in lines["data"]] == ["loss", "kNN20"]
    assert "30 points, 4 epochs" in texts(page).replace("\\", "") and "80%" in texts(page).replace("\\", "")


def test_the_two_dimensional_picture_can_be_chosen(context: AppContext) -> None:
    write_run(context.training_runs / "e3")
    page = open_page(map_script, context)
    page.session_state["replay-view"] = "umap"
    drawn = figures(page.run())[0]
    assert drawn["data"][0]["type"] == "scattergl" and "z" not in drawn["data"][0]


def test_no_run_gives_the_command_that_makes_one(context: AppContext) -> None:
    page = open_page(map_script, context)
    assert "No training run" in page.info[0].value
    assert page.code[0].value.startswith("python -m training experiment")


def test_a_run_that_kept_its_metrics_only_shows_those(context: AppContext) -> None:
    """A fine-tuning, for example."""
    run = context.training_runs / "mine"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"epoch": 0, "loss": 2.5}\n{"epoch": 1, "loss": 2.0}\n')
    page = open_page(map_script, context)
    assert "no picture of its space" in page.info[0].value
    assert [trace["name"] for trace in figures(page)[0]["data"]] == ["loss"]


def test_a_run_without_metrics_shows_its_space(context: AppContext) -> None:
    write_run(context.training_runs / "e3", metrics="")
    page = open_page(map_script, context)
    assert len(figures(page)) == 1 and "kept no metrics" in texts(page)


Breaking = Callable[[Path], object]


@pytest.mark.parametrize(
    "breaking",
    [
        lambda run: (run / "space.npz").write_bytes(b"PK\x03\x04 half a file"),
        lambda run: (run / "space.npz").write_bytes(b""),
        lambda run: np.savez(run / "space.npz", **arrays(labels=np.arange(7))),
        lambda run: np.savez(run / "space.npz", **arrays(labels=np.full(COUNT, 9))),
        lambda run: np.savez(run / "space.npz", **arrays(epochs=None)),
        lambda run: np.savez(run / "space.npz", **arrays(names=np.array([object()], dtype=object))),
        lambda run: (run / "seed-0" / "metrics.jsonl").write_text('{"epoch": 0'),
        lambda run: (run / "seed-0" / "metrics.jsonl").write_text("[1, 2]\n"),
    ],
)
def test_a_run_that_cannot_be_read_is_a_sentence(context: AppContext, breaking: Breaking) -> None:
    """Cut off, of another shape, with a pickle in it."""
    breaking(write_run(context.training_runs / "e3"))
    page = open_page(map_script, context)
    assert not page.exception and "cannot be read" in page.warning[0].value.replace("\\", "")


def test_runs_are_listed_with_what_can_be_replayed_first_and_seeds_are_no_runs(tmp_path: Path) -> None:
    old, new = write_run(tmp_path / "e1"), write_run(tmp_path / "e3-small")
    (tmp_path / "tuned" / "a").mkdir(parents=True)
    (tmp_path / "tuned" / "a" / "metrics.jsonl").write_text("{}")
    (tmp_path / "nothing").mkdir()
    os.utime(old / "space.npz", (1, 1))
    os.utime(new / "space.npz", (9, 9))
    os.utime(tmp_path / "tuned" / "a" / "metrics.jsonl", (99, 99))
    assert find_runs(tmp_path) == ["e3-small", "e1", "tuned/a"]
    assert find_runs(tmp_path / "missing") == []


@pytest.mark.parametrize("names", [np.array(["shirt", "bag", "boot"]), np.array('["shirt", "bag", "boot"]')])
def test_names_are_an_array_or_json(tmp_path: Path, names: np.ndarray) -> None:
    space = read_space(write_run(tmp_path / "e3", names=names))
    assert space is not None and space.names == ("shirt", "bag", "boot") and space.epochs == EPOCHS


def test_one_of_the_two_layouts_is_enough(tmp_path: Path) -> None:
    space = read_space(write_run(tmp_path / "e3", umap=None))
    assert space is not None and list(space.layouts) == ["pca"]
    with pytest.raises(RunUnreadable, match="no layout of 4 epochs and 30 points"):
        read_space(write_run(tmp_path / "e4", umap=None, pca=None))


def test_metrics_are_numbers_only(tmp_path: Path) -> None:
    lines = '{"epoch": 0, "loss": NaN, "device": "cpu", "best": true}\n\n{"epoch": 1, "loss": 0.5}\n'
    assert read_metrics(write_run(tmp_path / "e3", metrics=lines)) == [{"epoch": 0.0}, {"epoch": 1.0, "loss": 0.5}]


def test_more_labels_than_the_legend_has_room_for(tmp_path: Path) -> None:
    names = np.array([f"class {n:02}" for n in range(15)])
    space = read_space(write_run(tmp_path / "e3", names=names, labels=np.arange(COUNT) % 15))
    assert space is not None
    traces = replay(space, "umap", [], dark=False).data
    assert len(traces) == 11 and traces[-1].name == "Other"
    assert sum(len(trace.x) for trace in traces) == COUNT


def test_every_epoch_is_drawn_to_one_scale(tmp_path: Path) -> None:
    """What grows over the epochs is seen to grow; points that are all alike are no trouble."""
    space = read_space(write_run(tmp_path / "e3"))
    assert space is not None
    layout = replay(space, "pca", [], dark=True).layout
    reach = float(np.abs(space.layouts["pca"]).max()) * 1.03
    assert layout.scene.xaxis.range == pytest.approx((-reach, reach))
    flat = replace(space, layouts={"umap": np.zeros((4, COUNT, 2), np.float32)})
    assert replay(flat, "umap", [], dark=True).layout.xaxis.range == (-1, 1)


def test_a_metric_that_not_every_epoch_has(tmp_path: Path) -> None:
    figure = curves([{"epoch": 0.0}, {"epoch": 1.0, "loss": 0.5}], dark=False)
    assert [(trace.name, tuple(trace.x)) for trace in figure.data] == [("loss", (1.0,))]
