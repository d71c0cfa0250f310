"""Keeping the present question as an album: one button, a name. Knows no grid."""

import streamlit as st

from app_pages.parts import Parts
from app_pages.plain import plain, sentence
from encoder.protocol import EncoderError
from schema.errors import NameTaken, SchemaError
from schema.named import MAX_NAME
from search import albums
from search.errors import SearchError
from search.query import Query
from search.searcher import Searcher

_NAME, _REPLACE, _WORD = "album-name", "album-replace", "album-word"


def button(query: Query, searcher: Searcher, parts: Parts) -> None:
    """`query`: what is asked now, with the uploaded picture where there is one."""
    with st.popover("Save as album", icon=":material/bookmark_add:", key="save-album"):
        try:
            albums.to_document(query)
        except SearchError as error:
            st.caption(sentence(error))
        else:
            with st.form("save-album-form", border=False):
                st.text_input("Name", key=_NAME, max_chars=MAX_NAME, placeholder="Summer by the sea")
                st.checkbox("Replace the album of that name", key=_REPLACE)
                st.form_submit_button("Save", type="primary", on_click=_save, args=(query, searcher, parts))
            st.caption("The album is the question: it always shows what the library holds now.")
        if word := st.session_state.pop(_WORD, None):
            kind, text = word
            (st.success if kind == "done" else st.warning)(text)


def _save(query: Query, searcher: Searcher, parts: Parts) -> None:
    replacing = bool(st.session_state[_REPLACE])
    try:
        store = parts.connection.named("Albums")
        album = albums.keep(store, st.session_state[_NAME], query, searcher.pictures.identity.id, new=not replacing)
    except NameTaken as error:
        _say("problem", f"{sentence(error)} Or tick “Replace”.")
    except (SchemaError, SearchError, EncoderError) as error:
        _say("problem", sentence(error))
    else:
        st.session_state[_NAME], st.session_state[_REPLACE] = "", False
        _say("done", f"Saved as “{plain(album.name)}”. It is on the page Albums.")


def _say(kind: str, text: str) -> None:
    st.session_state[_WORD] = (kind, text)
    st.toast(text, icon=":material/bookmark_added:" if kind == "done" else ":material/error:")
