"""The strip of judged pictures: what is liked and disliked, how much each counts, and the way to take it back.

Every click edits the session; the page then asks again.
"""

from collections.abc import Mapping
from uuid import UUID

import streamlit as st

from app_pages.discover import session as discover_session
from app_pages.widgets import gallery
from app_pages.widgets.gallery import Click
from app_pages.widgets.markdown import escape, escape_markdown
from schema.record import ImageRecord
from search.preference import Profile

WEIGHTS = {0.5: "½", 1.0: "1", 2.0: "2"}
WIDTH_PX = 100
MOST = 100
"""Pictures drawn of each kind; the latest."""


def draw_judged(profile: Profile, records: Mapping[UUID, ImageRecord], on_open: Click) -> None:
    """`records` of those that are in the library."""
    kinds = (("liked", "Liked", profile.likes), ("disliked", "Disliked", profile.dislikes))
    if not records:
        return
    with st.container(horizontal=True, gap="medium", key="judged"):
        for name, kind, weights in kinds:
            there = [one for one in reversed(list(weights)) if one in records]
            if not there:
                continue
            with st.container(key=f"judged-{name}", gap=None, width="content"):
                more = f", the latest {MOST} shown" if len(there) > MOST else ""
                st.html(f'<p class="loupe-heading">{kind} ({len(there):,}{more})</p>')
                with st.container(horizontal=True, wrap=False, gap="small", key=f"strip-{name}"):
                    for one in there[:MOST]:
                        _judged(records[one], weights[one], name, on_open)


def _judged(record: ImageRecord, weight: float, name: str, on_open: Click) -> None:
    key = str(record.uuid)
    title = gallery.title_of(record)
    with st.container(key=f"one-judged-{key}", gap=None, width=WIDTH_PX):
        st.html(
            f'<img class="loupe-judged loupe-{name}" src="{gallery.thumbnail_url(record)}" alt="{escape(title)}" '
            f'title="{escape(title)}" style="{gallery.SHAPE}" loading="lazy">'
        )
        with st.container(horizontal=True, wrap=False, gap=None, key=f"counts-{key}"):
            options = list(WEIGHTS) if weight in WEIGHTS else [*WEIGHTS, weight]
            widget = f"weight-of-{key}"
            st.session_state[widget] = weight
            st.segmented_control(
                f"How much {escape_markdown(title)} counts",
                options,
                key=widget,
                format_func=_shown,
                required=True,
                label_visibility="collapsed",
                on_change=_weigh,
                args=(record.uuid, widget),
            )
            st.button(
                "Take it back", key=f"forget-{key}", type="tertiary", icon=":material/close:", on_click=_forget,
                args=(record.uuid, title), help=f"No longer {name}: {escape_markdown(title)}",
            )  # fmt: skip
            st.button("Details", key=f"see-{key}", type="tertiary", on_click=on_open, args=(key,))


def _shown(weight: float) -> str:
    return WEIGHTS.get(weight, f"{weight:g}")


def _weigh(one: UUID, widget: str) -> None:
    weight = st.session_state[widget]
    if isinstance(weight, int | float):
        discover_session.weigh(one, float(weight))


def _forget(one: UUID, title: str) -> None:
    discover_session.judge(one, title, 0)
