"""The map page: the library's space as a picture, and a training run over its epochs. Fetch, shape, draw."""

from collections.abc import Callable

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.library import adding
from app_pages.map import library as map_library
from app_pages.map import replay as map_replay
from app_pages.search import detail
from app_pages.widgets import unavailable
from errors import EncoderError, NoLibrary, SchemaError, SearchError

LIBRARY, RUN = "The library", "A training run"


def map_page(context: AppContext, to_search: Callable[[], None]) -> None:
    """`to_search` opens the search page."""
    address.leave()
    if address.read().terms:  # "More like this" was pressed
        address.go_on_with(address.read())
        st.query_params.clear()
        to_search()
    st.session_state.setdefault("map-tab", LIBRARY)
    tab = st.segmented_control(
        "Show", [LIBRARY, RUN], key="map-tab", required=True, label_visibility="collapsed", persist_state="session"
    )
    if tab == RUN:
        map_replay.draw(context.training_runs)
        return
    try:
        searcher = unavailable.wait_for_searcher(context)
        map_library.draw(searcher, context)
        if item := address.item():
            detail.show(item, None, searcher, context)
    except NoLibrary:
        adding.first_pictures(context)
    except (SchemaError, EncoderError, SearchError) as error:
        unavailable.show(error, context)
