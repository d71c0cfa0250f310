"""Thumbs: like and dislike a picture, wherever it is shown. What they decide is the session's (`discover_session`).

Each pair redraws itself alone, so that a thumb among search results costs no search. Knows no database.
"""

import uuid

import streamlit as st

from app_pages import discover_session, gallery
from app_pages.discover_session import DOWN, UP
from schema.record import ImageRecord
from search.results import Hit

SIGNS = {
    UP: ("up", "Like", ":material/thumb_up:"),
    DOWN: ("down", "Dislike", ":material/thumb_down:"),
}
HINT, SAID = "hint-of-thumbs", "said"
"""What the first thumb of a session leads to is said once."""


def under(hit: Hit) -> None:
    """Under a tile of a page that its thumbs do not change."""
    alone(hit.record)


@st.fragment
def alone(record: ImageRecord, place: str = "") -> None:
    """`place` tells apart the pairs of one picture: on its tile, in its details."""
    draw(record, place)
    if st.session_state.get(HINT) == record.uuid:
        st.session_state[HINT] = SAID
        st.toast("Noted. The page Discover suggests what to look at next.", icon=":material/explore:")


def draw(record: ImageRecord, place: str = "") -> None:
    """The two buttons; the page that they are drawn on is drawn again by them."""
    opinion = discover_session.read().opinion(record.uuid)
    title = gallery.title_of(record)
    with st.container(horizontal=True, gap=None, width="content", key=f"thumbs-{place}{record.uuid}"):
        for value, (name, label, icon) in SIGNS.items():
            on = opinion == value
            st.button(
                f"{label}d" if on else label,
                key=f"thumb-{name}-{place}{record.uuid}",
                type="primary" if on else "tertiary",
                icon=icon,
                help=f"{label}d. Click to take it back." if on else f"{label}: Discover suggests {_effect(value)}.",
                on_click=_judge,
                args=(record.uuid, title, 0 if on else value),
            )


def _effect(value: int) -> str:
    return "more of this kind" if value == UP else "less of this kind"


def _judge(one: uuid.UUID, title: str, opinion: int) -> None:
    discover_session.judge(one, title, opinion)
    st.session_state.setdefault(HINT, one)
