"""Keeps pictures of one question from standing under another: Streamlit leaves them until a redraw gets there.

Draws nothing of its own but the sign that something is on its way.
"""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def place(name: str, of: str, height: int) -> Callable[[], DeltaGenerator]:
    """Call the result when there is something to draw; it gives the container for it.

    What stands there goes at once where it is not of `of`; else it stays until it is drawn anew, so that nothing
    flickers.
    """
    key = f"fresh-{name}"
    if st.session_state.get(key) == of:
        same = st.container()
        return lambda: same
    st.session_state[key] = of
    return st.skeleton(height=height).container
