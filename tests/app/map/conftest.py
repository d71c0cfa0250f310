"""The map's page in the tests: a library, a layout that is computed once, and jobs that do nothing."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext
from host.jobs import Job
from layout import projection as drawing
from layout.library import lay_out
from layout.store import SPACES, Layout, LayoutStore
from schema.client import Address
from settings import PROJECT
from tests.app.conftest import parts_of
from tests.search.colour_library import Library


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
