"""What a page shows while it cannot work: the encoder is being loaded, Weaviate is away. It goes on by itself where
that helps."""

from collections.abc import Callable

import streamlit as st

from api.context import AppContext
from app_pages.library.adding import first_pictures
from app_pages.widgets.markdown import sentence
from errors import EncoderError, EncoderMismatch, NoLibrary, SchemaError, SearchError, Unreachable
from search.searcher import Searcher

POLL_S = 2


def wait_for_searcher(context: AppContext) -> Searcher:
    """Raises what `Connection.searcher` raises."""
    if context.connection.encoder_loaded:
        return context.connection.searcher()
    with st.spinner("Starting: the encoder is being loaded. This takes some seconds, once."):
        return context.connection.searcher()


def draw_page(context: AppContext, draw: Callable[[Searcher], None]) -> None:
    """Draws a page of the library, or what there is instead of it."""
    try:
        draw(wait_for_searcher(context))
    except NoLibrary:
        first_pictures(context)
    except (SchemaError, EncoderError, SearchError) as error:
        show(error, context)


def show(error: Exception, context: AppContext) -> None:
    """The sentence; the page comes back when the cause is gone."""
    st.error(sentence(error), icon=":material/cloud_off:" if isinstance(error, Unreachable) else ":material/error:")
    if isinstance(error, EncoderError | EncoderMismatch):
        st.caption("This page looks again every few seconds. Settings are read once, when the app starts.")
    else:
        st.caption("This page looks again every two seconds and goes on by itself.")
    _poll(context)


@st.fragment(run_every=POLL_S)
def _poll(context: AppContext) -> None:
    try:
        context.connection.check()
    except (SchemaError, EncoderError):
        return
    st.rerun()
