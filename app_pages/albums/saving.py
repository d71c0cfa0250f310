"""Keeping the present question as an album: one button, a name."""

import streamlit as st

from api.context import AppContext
from app_pages.widgets.markdown import escape_markdown, sentence
from errors import EncoderError, NameTaken, SchemaError, SearchError
from schema.documents import MAX_NAME
from search import albums
from search.query import Query
from search.searcher import Searcher

_NAME, _REPLACE, _PROBLEM, _TURN = "album-name", "album-replace", "album-problem", "album-turn"


def button(query: Query, searcher: Searcher, context: AppContext) -> None:
    """`query`: what is asked now, with the uploaded picture where there is one."""
    turn = st.session_state.setdefault(_TURN, 0)  # a new key closes the popover after saving
    with st.popover("Save as album", type="tertiary", icon=":material/bookmark_add:", key=f"save-album-{turn}"):
        try:
            albums.to_document(query)
        except SearchError as error:
            st.caption(sentence(error))
        else:
            with st.form("save-album-form", border=False):
                st.text_input("Name", key=_NAME, max_chars=MAX_NAME, placeholder="Summer by the sea")
                st.checkbox("Replace the album of that name", key=_REPLACE)
                st.form_submit_button("Save", type="primary", on_click=_save, args=(query, searcher, context))
            st.caption("The album is the question: it always shows what the library holds now.")
        if problem := st.session_state.pop(_PROBLEM, ""):
            st.warning(problem)


def _save(query: Query, searcher: Searcher, context: AppContext) -> None:
    replacing = bool(st.session_state[_REPLACE])
    try:
        store = context.connection.documents("Albums")
        album = albums.keep(store, st.session_state[_NAME], query, searcher.pictures.identity.id, new=not replacing)
    except NameTaken as error:
        st.session_state[_PROBLEM] = f"{sentence(error)} Or tick “Replace”."
    except (SchemaError, SearchError, EncoderError) as error:
        st.session_state[_PROBLEM] = sentence(error)
    else:
        st.session_state[_NAME], st.session_state[_REPLACE] = "", False
        st.session_state[_TURN] += 1
        st.toast(
            f"Saved as “{escape_markdown(album.name)}”. It is on the page Albums.", icon=":material/bookmark_added:"
        )
