"""Thumbs: like and dislike a picture, wherever it is shown. What they decide is the session's (`discover.session`)."""

import uuid
from collections.abc import Sequence

import streamlit as st

from app_pages.discover import session as discover_session
from app_pages.discover.session import DOWN, UP
from app_pages.widgets import gallery
from schema.record import ImageRecord

SIGNS = {UP: ("up", "Like", "more"), DOWN: ("down", "Dislike", "less")}
HINT, SAID = "hint-of-thumbs", "said"
"""Shown once: what the first thumb of a session leads to."""


@st.fragment
def draw_fragment(record: ImageRecord, place: str = "", copies: Sequence[uuid.UUID] = ()) -> None:
    """The pair redraws itself alone, so that a thumb among search results costs no search."""
    draw(record, place, copies)
    if st.session_state.get(HINT) == record.uuid:
        hint_no_more()
        st.toast("Noted. The page Discover suggests what to look at next.", icon=":material/explore:")


def draw(record: ImageRecord, place: str = "", copies: Sequence[uuid.UUID] = ()) -> None:
    """The two buttons; the page that they are drawn on is drawn again by them. `place` distinguishes the pairs of one
    picture: on its tile, in its details. `copies`: near-duplicates behind it."""
    opinion = discover_session.read().opinion(record.uuid)
    key = f"{place}{record.uuid}"
    with st.container(horizontal=True, gap="small" if place else None, width="content", key=f"thumbs-{key}"):
        for value, (name, label, effect) in SIGNS.items():
            on = opinion == value
            st.button(
                f"{label}d" if on else label, key=f"thumb-{name}-{key}", type="primary" if on else "tertiary",
                icon=f":material/thumb_{name}:", on_click=_judge, args=(record, 0 if on else value, copies),
                help=f"{label}d. Click to take it back."
                if on else f"{label}: Discover suggests {effect} of this kind.",
            )  # fmt: skip


def hint_no_more() -> None:
    """Who is on Discover knows it."""
    st.session_state[HINT] = SAID


def _judge(record: ImageRecord, opinion: int, copies: Sequence[uuid.UUID]) -> None:
    discover_session.judge(record.uuid, gallery.title_of(record), opinion, copies)
    st.session_state.setdefault(HINT, record.uuid)
