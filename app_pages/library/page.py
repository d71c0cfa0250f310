"""The library page: what is in it, adding to it, and what the last ingest did. Fetch, shape, draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.library import adding
from app_pages.widgets import unavailable
from app_pages.widgets.markdown import escape_markdown
from host.folders import bytes_in
from pictures.text import inert
from search.filters import Condition
from search.searcher import Searcher

FIGURES_TTL_S = 10
TITLES = {"folder": "Folders", "year": "Years", "camera": "Cameras", "format": "Formats"}


@dataclass(frozen=True)
class Figures:
    pictures: int
    captioned: int
    disk_bytes: int
    undescribed: int
    counts: Mapping[str, Sequence[tuple[str, int]]]
    """folder, year, camera, format -> (value, pictures)."""


def library_page(context: AppContext) -> None:
    address.leave()
    unavailable.draw_page(context, lambda searcher: _draw_library(searcher, context))


def _draw_library(searcher: Searcher, context: AppContext) -> None:
    figures = _figures(searcher, context.home, searcher.pictures.name)
    _draw_figures(figures, searcher)
    if figures.undescribed:
        st.info(
            f"An older Loupe stored {figures.undescribed:,} of these pictures. Bring their folders up to date below: "
            "colours, places, exact words and near-duplicates are added, and no picture is encoded again.",
            icon=":material/update:",
        )
    _draw_adding(searcher, context)
    _draw_counts(figures)


def _draw_figures(figures: Figures, searcher: Searcher) -> None:
    with st.grid(4, min_column_width=150, gap="small", border=True):
        st.metric("Pictures", f"{figures.pictures:,}")
        st.metric("With a caption", f"{figures.captioned:,}")
        st.metric(
            "On disk", _size(figures.disk_bytes), help="The database, the thumbnails, the logs. No file is copied."
        )
        pictures = searcher.pictures
        st.metric("Encoder", pictures.identity.name, help=f"`{pictures.identity.id}`, collection `{pictures.name}`")


def _draw_adding(searcher: Searcher, context: AppContext) -> None:
    st.subheader("Folders", anchor=False)
    adding.folder_form(context)
    running = adding.progress(context)
    for root in context.roots():
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"root-{root}"):
            st.markdown(f":material/folder: {escape_markdown(str(root))}")
            st.button(
                "Bring up to date", key=f"update-{root}", type="tertiary", icon=":material/sync:", disabled=running,
                on_click=adding.start, args=(context, str(root)),
                help="Add what is new, note what changed or is gone",
            )  # fmt: skip
            if adding.may_change_folders(context):
                adding.forget_button(root, searcher, context, disabled=running)
    if not running:
        adding.last_report(context)


def _draw_counts(figures: Figures) -> None:
    st.subheader("What is in it", anchor=False)
    with st.grid(2, min_column_width=300, gap="medium"):
        for name, title in TITLES.items():
            if not (counts := figures.counts.get(name)):
                continue
            bar = st.column_config.ProgressColumn(
                format="localized", min_value=0, max_value=max(count for _, count in counts)
            )
            rows = [{title: inert(str(value)), "Pictures": count} for value, count in counts]
            st.dataframe(rows, hide_index=True, column_config={"Pictures": bar})


@st.cache_data(ttl=FIGURES_TTL_S, max_entries=4, show_spinner=False)
def _figures(_searcher: Searcher, home: Path, collection: str) -> Figures:
    counts: dict[str, Any] = dict(_searcher.facets())
    counts["year"] = sorted(counts.get("year", ()), reverse=True)
    return Figures(
        pictures=_searcher.count(),
        captioned=_searcher.count([Condition("captioned", "=", "yes")]),
        disk_bytes=bytes_in(home),
        undescribed=_searcher.undescribed(),
        counts=counts,
    )


def _size(count: float) -> str:
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} GB"
