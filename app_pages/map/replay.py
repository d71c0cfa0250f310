"""The map's second tab: a training run over its epochs, with its metrics beside it. Fetch, shape, draw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app_pages.map.colours import MOST, OTHER, PALETTES
from app_pages.map.training_runs import RunSpace, RunUnreadable, find_runs, read_metrics, read_space
from app_pages.widgets.markdown import escape, escape_markdown

COMMAND = "python -m training experiment E3"
VIEWS = {"pca": "3-D PCA", "umap": "2-D UMAP"}
FRAME_MS = 700
HEIGHT_PX = 640
FONT = "Source Sans, sans-serif"
"""Streamlit's own."""
NOT_DRAWN = ("epoch", "seconds", "learning_rate")
MOST_METRICS, MOST_NAMED = 6, 3


def draw(runs: Path) -> None:
    names = find_runs(runs)
    if not names:
        st.info("No training run was kept on this machine yet. Make one with:", icon=":material/model_training:")
        st.code(COMMAND, language="shell")
        st.caption(f"Looked in {escape_markdown(str(runs))}. A run appears here with its first layout of the space.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        run = st.selectbox("Run", names, key="replay-run", persist_state="session", width=360)
        try:
            space, metrics = _read(runs / run, _stamp(runs / run))
        except RunUnreadable as error:
            st.warning(escape_markdown(str(error)), icon=":material/broken_image:")
            return
        view = _view(space) if space is not None else ""
    picture, figures = st.columns([5, 2], gap="medium")
    with picture:
        if space is None:
            st.info("This run kept its metrics, but no picture of its space.", icon=":material/info:")
        else:
            st.plotly_chart(replay(space, view, metrics, _dark()), key=f"replay-{run}-{view}", theme=None)
            _words(space, view)
    with figures:
        if metrics:
            st.plotly_chart(curves(metrics, _dark()), key=f"curves-{run}", theme=None, config={"displayModeBar": False})
        else:
            st.caption("This run kept no metrics.")


def _view(space: RunSpace) -> str:
    views = [view for view in VIEWS if view in space.layouts]
    if st.session_state.get("replay-view") not in views:
        st.session_state["replay-view"] = views[0]
    return str(
        st.segmented_control(
            "View", views, format_func=VIEWS.__getitem__, key="replay-view", required=True, persist_state="session"
        )
    )


def replay(space: RunSpace, view: str, metrics: Sequence[dict[str, float]], dark: bool) -> Any:
    """A figure of one frame an epoch, a slider and a play button; it opens at the last epoch."""
    import plotly.graph_objects as go

    groups, palette = _groups(space), PALETTES["dark" if dark else "light"]
    text, line = _ink(dark)

    def traces(place: int) -> list[Any]:
        drawn = []
        for number, (name, chosen) in enumerate(groups):
            axes = dict(zip("xyz", space.layouts[view][place][chosen].T, strict=False))
            colour = "#9aa5a5" if name == OTHER else palette[number % len(palette)]
            kind, size = (go.Scatter3d, 2.5) if view == "pca" else (go.Scattergl, 5)
            marker = {"size": size, "color": colour}
            drawn.append(kind(**axes, name=escape(name), mode="markers", hoverinfo="name", marker=marker))
        return drawn

    titles = [_heading(epoch, metrics) for epoch in space.epochs]
    last = len(space.epochs) - 1
    frames = [
        go.Frame(data=traces(place), name=str(epoch), layout={"annotations": [titles[place]]})
        for place, epoch in enumerate(space.epochs)
    ]
    figure = go.Figure(traces(last), frames=frames)
    at_once = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    playing = {"fromcurrent": True, "frame": {"duration": FRAME_MS, "redraw": True}, "transition": {"duration": 0}}
    buttons = [
        {"label": "▶ Play", "method": "animate", "args": [None, playing]},
        {"label": "❚❚", "method": "animate", "args": [[None], at_once]},
    ]
    steps = [{"label": str(e), "method": "animate", "args": [[str(e)], at_once]} for e in space.epochs]
    below = {"y": 0, "xanchor": "left", "yanchor": "top", "bordercolor": line}
    menu = {
        "type": "buttons", "direction": "left", "buttons": buttons, "x": 0, "pad": {"t": 34}, "showactive": False,
        "bgcolor": "rgba(127,140,140,.15)", **below,
    }  # fmt: skip
    slider = {
        "active": last, "steps": steps, "currentvalue": {"prefix": "epoch ", "xanchor": "left"}, "x": 0.3, "len": 0.7,
        "pad": {"t": 26}, "bgcolor": "rgba(127,140,140,.3)", **below,
    }  # fmt: skip
    figure.update_layout(
        height=HEIGHT_PX, margin={"l": 8, "r": 8, "t": 8, "b": 8}, uirevision=view, annotations=[titles[last]],
        font={"color": text, "family": FONT}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        legend={"itemsizing": "constant", "orientation": "h", "y": 1, "yanchor": "bottom"},
        updatemenus=[menu], sliders=[slider], **_axes(space, view, line),
    )  # fmt: skip
    return figure


def curves(metrics: Sequence[dict[str, float]], dark: bool) -> Any:
    """One small line for each metric over the epochs."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    names = [name for name in dict.fromkeys(key for line in metrics for key in line) if name not in NOT_DRAWN]
    names = names[:MOST_METRICS]
    text, line = _ink(dark)
    rows = max(len(names), 1)
    figure = make_subplots(rows, 1, shared_xaxes=True, subplot_titles=names, vertical_spacing=0.3 / rows)
    for row, name in enumerate(names, 1):
        points = [(m.get("epoch", place), m[name]) for place, m in enumerate(metrics) if name in m]
        x, y = zip(*points, strict=True)
        trace = go.Scatter(x=x, y=y, mode="lines+markers", line={"color": "#4fb9b5" if dark else "#0b6e6e"}, name=name)
        figure.add_trace(trace, row, 1)
    figure.update_layout(
        height=60 + 150 * rows, showlegend=False, margin={"l": 44, "r": 8, "t": 30, "b": 36},
        font={"color": text, "family": FONT}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    figure.update_xaxes(gridcolor=line, zeroline=False)
    figure.update_yaxes(gridcolor=line, zeroline=False)
    figure.update_annotations(font_size=13)
    return figure


def _words(space: RunSpace, view: str) -> None:
    place = len(space.epochs) - 1
    words = [f"{len(space.labels):,} points, {len(space.epochs)} epochs."]
    if view == "pca":
        words.append("The axes are those of the last epoch, so that the epochs can be compared.")
        if space.explained is not None:
            words.append(f"They hold {space.explained[place]:.0%} of its variance.")
    else:
        words.append("Each epoch is laid out anew, beginning at the one before.")
    if space.trust is not None:
        trust = space.trust[place, 0 if view == "pca" else 1]
        words.append(f"Trustworthiness at the last epoch: {trust:.3f}.")
    st.caption(escape_markdown(" ".join(words)))


def _heading(epoch: int, metrics: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The epoch and what it measured, inside the picture: the legend above it takes the room it needs."""
    found = next((line for line in metrics if line.get("epoch") == epoch), {})
    figures = [f"{name} {value:.3f}" for name, value in found.items() if name not in NOT_DRAWN]
    place = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"}
    text = " · ".join([f"Epoch {epoch}", *figures[:MOST_NAMED]])
    return {"text": text, "showarrow": False, "align": "left", "font": {"size": 14}, **place}


def _groups(space: RunSpace) -> list[tuple[str, Any]]:
    """Of each label its points; the largest MOST, and the others together."""
    import numpy as np

    counts = np.bincount(space.labels, minlength=len(space.names))
    order = sorted(np.argsort(-counts, kind="stable")[:MOST].tolist())
    groups = [(space.names[label], space.labels == label) for label in order if counts[label]]
    if len(space.names) > MOST and (left := ~np.isin(space.labels, order)).any():
        groups.append((OTHER, left))
    return groups


def _axes(space: RunSpace, view: str, line: str) -> dict[str, Any]:
    """The same range at every epoch."""
    reach = float(abs(space.layouts[view]).max()) * 1.03 or 1.0
    axis = {"range": [-reach, reach], "showticklabels": False, "gridcolor": line, "zeroline": False, "title": ""}
    if view == "umap":
        return {"xaxis": axis, "yaxis": axis | {"scaleanchor": "x"}}
    solid = axis | {"showbackground": False, "showspikes": False}
    return {"scene": {"xaxis": solid, "yaxis": solid, "zaxis": solid, "aspectmode": "cube"}}


def _dark() -> bool:
    return st.context.theme.type == "dark"


def _ink(dark: bool) -> tuple[str, str]:
    """Of text and of lines, as .streamlit/config.toml has them."""
    theme = f"theme.{'dark' if dark else 'light'}."
    text, line = [str(st.get_option(theme + name) or "#808080") for name in ("textColor", "borderColor")]
    return text, line


def _stamp(run: Path) -> tuple[float, ...]:
    """Changes when the run goes on."""
    return tuple(sorted(path.stat().st_mtime for name in ("space.npz", "metrics.jsonl") for path in run.rglob(name)))


@st.cache_data(max_entries=4, show_spinner=False)
def _read(run: Path, stamp: tuple[float, ...]) -> tuple[RunSpace | None, list[dict[str, float]]]:
    return read_space(run), read_metrics(run)
