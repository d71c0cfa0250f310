"""The map page: the library's space as a picture, and a training run over its epochs. Fetch, shape, draw."""

from collections.abc import Callable

import streamlit as st

from api.context import Parts
from app_pages import address
from app_pages.library import adding
from app_pages.map import library as map_library
from app_pages.map import replay as map_replay
from app_pages.search import detail
from app_pages.widgets import unavailable as trouble
from encoder.protocol import EncoderError
from schema.errors import NoLibrary, SchemaError
from search.errors import SearchError

LIBRARY, RUN = "The library", "A training run"


def map_page(parts: Parts, to_search: Callable[[], None]) -> None:
    """`to_search` opens the search page."""
    address.leave()
    question = address.read()
    if question.words or question.likes:  # "More like this" was pressed
        address.go_on_with(question)
        st.query_params.clear()
        to_search()
    st.session_state.setdefault("map-tab", LIBRARY)
    tab = st.segmented_control(
        "Show", [LIBRARY, RUN], key="map-tab", required=True, label_visibility="collapsed", persist_state="session"
    )
    if tab == RUN:
        map_replay.draw(parts.training_runs)
        return
    try:
        searcher = trouble.wait_for_searcher(parts)
        map_library.draw(searcher, parts)
        if item := address.item():
            detail.show(item, None, searcher, parts)
    except NoLibrary:
        adding.first_pictures(parts)
    except (SchemaError, EncoderError, SearchError) as error:
        trouble.show(error, parts)
