"""Thumbs: like and dislike a picture, wherever it is shown. What they decide is the session's (`discover_session`).

Each pair redraws itself alone, so that a thumb among search results costs no search.
"""

import uuid
from collections.abc import Sequence

import streamlit as st

from app_pages.discover import session as discover_session
from app_pages.discover.session import DOWN, UP
from app_pages.widgets import gallery
from schema.record import ImageRecord

SIGNS = {
    UP: ("up", "Like", ":material/thumb_up:"),
    DOWN: ("down", "Dislike", ":material/thumb_down:"),
}
HINT, SAID = "hint-of-thumbs", "said"
"""Shown once: what the first thumb of a session leads to."""


@st.fragment
def draw_fragment(record: ImageRecord, place: str = "", copies: Sequence[uuid.UUID] = ()) -> None:
    """`place` distinguishes the pairs of one picture: on its tile, in its details."""
    draw_thumbs(record, place, copies)
    if st.session_state.get(HINT) == record.uuid:
        st.session_state[HINT] = SAID
        st.toast("Noted. The page Discover suggests what to look at next.", icon=":material/explore:")


def draw_thumbs(record: ImageRecord, place: str = "", copies: Sequence[uuid.UUID] = ()) -> None:
    """The two buttons; the page that they are drawn on is drawn again by them. `copies`: near-duplicates behind it."""
    opinion = discover_session.read().opinion(record.uuid)
    title = gallery.title_of(record)
    with st.container(
        horizontal=True, gap="small" if place else None, width="content", key=f"thumbs-{place}{record.uuid}"
    ):
        for value, (name, label, icon) in SIGNS.items():
            on = opinion == value
            st.button(
                f"{label}d" if on else label,
                key=f"thumb-{name}-{place}{record.uuid}",
                type="primary" if on else "tertiary",
                icon=icon,
                help=f"{label}d. Click to take it back." if on else f"{label}: Discover suggests {_effect(value)}.",
                on_click=_judge,
                args=(record.uuid, title, 0 if on else value, copies),
            )


def hint_no_more() -> None:
    """Who is on Discover knows it."""
    st.session_state[HINT] = SAID


def _effect(value: int) -> str:
    return "more of this kind" if value == UP else "less of this kind"


def _judge(one: uuid.UUID, title: str, opinion: int, copies: Sequence[uuid.UUID]) -> None:
    discover_session.judge(one, title, opinion, copies)
    st.session_state.setdefault(HINT, one)
