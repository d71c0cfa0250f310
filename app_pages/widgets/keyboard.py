"""Moves over the pictures of a page by keys. Knows the names of the tiles' buttons (keyboard.js), no question."""

from pathlib import Path

import streamlit as st

KEYS = (
    ("← → ↑ ↓", "move over the pictures"),
    ("Enter", "opens the picture"),
    ("L", "like it"),
    ("D", "dislike it"),
    ("/", "to the box"),
    ("Esc", "closes what is open"),
)
_SCRIPT = f"<script>{(Path(__file__).parent / 'keyboard.js').read_text()}</script>"


def listen() -> None:
    """Once in an app, on any of its pages; the browser keeps it until it loads the app again."""
    st.html(_SCRIPT, unsafe_allow_javascript=True)
