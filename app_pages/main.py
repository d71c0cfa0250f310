"""The Streamlit script, run at every redraw: which pages there are. app.py installed what they need."""

from functools import partial
from pathlib import Path

import streamlit as st

from api.context import installed
from app_pages.albums.page import albums_page
from app_pages.discover.page import discover_page
from app_pages.library.page import library_page
from app_pages.map.page import map_page
from app_pages.search.page import search_page
from app_pages.widgets import keyboard
from app_pages.widgets.markdown import sentence
from errors import FolderError

HERE = Path(__file__).parent

st.set_page_config(page_title="Loupe", page_icon=str(HERE / "icon.svg"), layout="wide")
st.logo(str(HERE / "icon.svg"))
st.html(HERE / "widgets" / "style.css")
st.html(HERE / "discover" / "discover.css")
context = installed()
search = st.Page(
    partial(search_page, context),
    title="Search",
    icon=":material/search:",
    url_path="search",
    default=True,
    help="Find pictures by words or by another picture.",
)
to_search = partial(st.switch_page, search)
page = st.navigation(
    [
        search,
        st.Page(
            partial(discover_page, context, to_search),
            title="Discover",
            icon=":material/explore:",
            url_path="discover",
            help="What to look at next, from the pictures you like and dislike.",
        ),
        st.Page(
            partial(albums_page, context, to_search),
            title="Albums",
            icon=":material/bookmarks:",
            url_path="albums",
            help="Questions you kept, each with what it finds now.",
        ),
        st.Page(
            partial(library_page, context),
            title="Library",
            icon=":material/photo_library:",
            url_path="library",
            help="What is in the library; add folders and bring them up to date.",
        ),
        st.Page(
            partial(map_page, context, to_search),
            title="Map",
            icon=":material/scatter_plot:",
            url_path="map",
            help="The library's space as a picture; a training run over its epochs.",
        ),
    ],
    position="top",
)
try:
    page.run()
except FolderError as error:
    st.error(sentence(error), icon=":material/folder_off:")
keyboard.listen()
