"""The drawn map: a component around plotly's own script (map.js).

`st.plotly_chart` cannot show a picture at the pointer, and sends every point again whenever one colour changes. Here
the browser fetches the coordinates once, by address, and asks for the name and the thumbnail of the point it is over.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st
from pydantic import BaseModel, ValidationError

from api.map_points import VIEWS, plotly_url, point_url, points_url
from app_pages.map.colours import PALETTES, Groups
from layout.store import Layout
from pictures.text import inert

KEY = "map"
_HERE = Path(__file__).parent
_HTML = """
<div class="loupe-map"><p class="loupe-map-word" hidden></p><div class="loupe-map-plot"></div>
<figure class="loupe-map-tip" hidden><img alt=""><span></span></figure></div>
"""


@dataclass(frozen=True)
class DrawnQuestion:
    """The question as the map shows it."""

    text: str
    at: Sequence[float]
    hits: Sequence[int]
    """Points."""


class Opened(BaseModel):
    """What the component sends when a point is clicked."""

    layout: str
    index: int


class Lasso(BaseModel):
    """What the component sends when points are lassoed."""

    layout: str
    count: int
    indices: list[int]
    """Of the first `map.js: CHOSEN_MOST` points."""


Sent = TypeVar("Sent", bound=BaseModel)


def draw(
    layout: Layout, view: str, groups: Groups, asked: DrawnQuestion | None, on_open: Callable[[int], None]
) -> Lasso | None:
    """The map, and what is lassoed on it: None for nothing, or on a layout that is gone."""
    component = st.components.v2.component(
        "loupe_map", html=_HTML, js=(_HERE / "map.js").read_text(), isolate_styles=False
    )

    def opened() -> None:
        event = _claim(Opened, st.session_state[KEY].get("opened"))
        if event and event.layout == layout.id and 0 <= event.index < len(layout):
            on_open(event.index)

    data = data_of(layout, view, groups, asked)
    state = component(key=KEY, data=data, on_opened_change=opened, on_lasso_change=lambda: None)
    lasso = _claim(Lasso, state.get("lasso"))
    if lasso is None or lasso.layout != layout.id:
        return None
    indices = [index for index in lasso.indices if 0 <= index < len(layout)]
    return Lasso(layout=lasso.layout, count=max(lasso.count, len(indices)), indices=indices) if indices else None


def data_of(layout: Layout, view: str, groups: Groups, asked: DrawnQuestion | None) -> dict[str, Any]:
    """What the browser is sent: addresses, a byte a point for its group, and the question."""
    pictures = len(layout) - int(layout.is_caption.sum())
    counts = np.bincount(groups.codes[:pictures], minlength=len(groups.names)).tolist()
    return {
        "plotly": plotly_url(),
        "layout": layout.id,
        "points": points_url(layout, view),
        "point": point_url(layout),
        "n": len(layout),
        "dims": VIEWS[view],
        "axes": axis_titles(layout, view),
        "codes": base64.b64encode(groups.codes.tobytes()).decode(),
        "captions_from": pictures,
        "groups": [
            {"name": inert(name), "count": count, "other": groups.has_other and place == len(groups.names) - 1}
            for place, (name, count) in enumerate(zip(groups.names, counts, strict=True))
        ],
        "question": {"text": inert(asked.text), "at": list(asked.at), "hits": list(asked.hits)} if asked else None,
        "palettes": {name: list(colours) for name, colours in PALETTES.items()},
    }


def axis_titles(layout: Layout, view: str) -> list[str]:
    if view == "umap2":
        return ["", ""]
    return [f"PC {axis + 1} · {layout.explained[axis]:.0%}" for axis in range(VIEWS[view])]


def _claim(kind: type[Sent], value: Any) -> Sent | None:
    """What a browser sent, if it is one: it may send anything."""
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
