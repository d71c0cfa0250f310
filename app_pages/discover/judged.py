"""The strip of judged pictures: what is liked and disliked, how much each counts, and the way to take it back.

Every click edits the session; the page then asks again.
"""

from collections.abc import Mapping
from uuid import UUID

import streamlit as st

from app_pages import address
from app_pages.discover import session as discover_session
from app_pages.widgets import gallery
from app_pages.widgets.markdown import escape_markdown
from schema.record import ImageRecord
from search.preference import Profile

WEIGHTS = {0.5: "½", 1.0: "1", 2.0: "2"}
WIDTH_PX = 100
MOST = 100
"""Pictures drawn of each kind; the latest."""


def draw_judged(profile: Profile, records: Mapping[UUID, ImageRecord]) -> None:
    """`records` of those that are in the library."""
    if not records:
        return
    with st.container(horizontal=True, gap="medium", key="judged"):
        for name, weights in (("liked", profile.likes), ("disliked", profile.dislikes)):
            there = [one for one in reversed(list(weights)) if one in records]
            if not there:
                continue
            with st.container(key=f"judged-{name}", gap=None, width="content"):
                more = f", the latest {MOST} shown" if len(there) > MOST else ""
                st.html(f'<p class="loupe-heading">{name.capitalize()} ({len(there):,}{more})</p>')
                with st.container(horizontal=True, wrap=False, gap="small", key=f"strip-{name}"):
                    for one in there[:MOST]:
                        _judged(records[one], weights[one], name)


def _judged(record: ImageRecord, weight: float, name: str) -> None:
    key, title = str(record.uuid), escape_markdown(gallery.title_of(record))
    with st.container(key=f"one-judged-{key}", gap=None, width=WIDTH_PX):
        st.html(gallery.thumbnail(record, css=f"loupe-judged loupe-{name}"))
        with st.container(horizontal=True, wrap=False, gap=None, key=f"counts-{key}"):
            widget = f"weight-of-{key}"
            st.session_state[widget] = weight
            st.segmented_control(
                f"How much {title} counts", list(WEIGHTS | {weight: ""}), key=widget, required=True,
                format_func=lambda weight: WEIGHTS.get(weight, f"{weight:g}"), label_visibility="collapsed",
                on_change=_weigh, args=(record.uuid, widget),
            )  # fmt: skip
            st.button(
                "Take it back", key=f"forget-{key}", type="tertiary", icon=":material/close:",
                on_click=discover_session.judge, args=(record.uuid, gallery.title_of(record), 0),
                help=f"No longer {name}: {title}",
            )  # fmt: skip
            st.button("Details", key=f"see-{key}", type="tertiary", on_click=address.open_item, args=(key,))


def _weigh(one: UUID, widget: str) -> None:
    weight = st.session_state[widget]
    if isinstance(weight, int | float):
        discover_session.weigh(one, float(weight))
