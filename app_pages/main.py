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
    partial(search_page, context), title="Search", icon=":material/search:", url_path="search", default=True,
    help="Find pictures by words or by another picture.",
)  # fmt: skip
to_search = partial(st.switch_page, search)
others = (
    (partial(discover_page, context, to_search), "Discover", "explore",
     "What to look at next, from the pictures you like and dislike."),
    (partial(albums_page, context, to_search), "Albums", "bookmarks",
     "Questions you kept, each with what it finds now."),
    (partial(library_page, context), "Library", "photo_library",
     "What is in the library; add folders and bring them up to date."),
    (partial(map_page, context, to_search), "Map", "scatter_plot",
     "The library's space as a picture; a training run over its epochs."),
)  # fmt: skip
pages = [
    st.Page(draw, title=title, icon=f":material/{icon}:", url_path=title.lower(), help=text)
    for draw, title, icon, text in others
]
page = st.navigation([search, *pages], position="top")
try:
    page.run()
except FolderError as error:
    st.error(sentence(error), icon=":material/folder_off:")
keyboard.listen()
