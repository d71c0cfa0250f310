"""The widgets that ask: the box, and the picture beside it. Each writes the address, which the page then reads."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from api.context import AppContext
from app_pages import address
from app_pages.address import AskingPicture
from app_pages.search import filter_column
from app_pages.widgets import keyboard, weighing
from app_pages.widgets.markdown import escape, escape_markdown, sentence
from errors import PictureError, QueryError, SearchError
from pictures.open import EXTENSIONS, open_image
from search.asking import DEFAULT_TARGETS
from search.filters import FIELDS
from search.grammar import GrammarError
from search.query import Query
from search.term import QUERY_SIDE

AUTOMATIC = "Automatic: words ask what a picture shows and says, a picture asks how others look and what they show."
PLACEHOLDER = "What does the picture show?"
BESIDE_PICTURE = "Like this picture, but ..."
HOW = (
    ("water + 2:boat - people", "Plus and minus; 2: counts twice."),
    ('bridge "at night"', "In quotes: exactly so in caption, tags or file name."),
    ("animal -tag:drawing", "Without a tag; tag:a,b is either of them."),
    ("night taken>=2005 orientation:landscape", "Any filter of those below."),
    ("like:eiffel-tower.jpg + sunset", "A picture of the library by its path or its id."),
)
FOCUS = """<script>
(function look(tries) {  // the box may be drawn after this runs, or again; who went elsewhere is left alone
  const box = document.querySelector('.st-key-words input');
  if (box && document.activeElement === document.body) box.focus({preventScroll: true});
  if (tries > 0 && (document.activeElement === box || document.activeElement === document.body))
    setTimeout(look, 100, tries - 1);
})(50);
</script>"""


def draw_box(query: Query, context: AppContext) -> None:
    """The words, and beside them the place for a picture."""
    if st.session_state.get("words_shown") != (line := "".join(query.lines[:1])):  # words not yet sent give way
        st.session_state["words"] = st.session_state["words_shown"] = line
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="ask"):
        with st.form("ask-form", border=False), st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.text_input(
                "Words",
                key="words",
                label_visibility="collapsed",
                placeholder=PLACEHOLDER if address.picture() is None else BESIDE_PICTURE,
                autocomplete="off",
                icon=":material/search:",
            )
            st.form_submit_button("Search", type="primary", on_click=_ask)
        turn = st.session_state.setdefault("picture_turn", 0)
        with st.popover("Picture", icon=":material/add_photo_alternate:", key=f"picture-popover-{turn}"):
            _picture(context, turn)
        with st.popover("How to ask", icon=":material/help:", type="tertiary", key="how-to-ask"):
            _how()
    if not query.lines:
        st.html(FOCUS, unsafe_allow_javascript=True)
    if error := st.session_state.pop("picture_error", ""):
        st.error(escape_markdown(error), icon=":material/broken_image:")


def draw_tools(query: Query) -> None:
    """Filters, what counts, words too: one row."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tools", width="content"):
        filter_column.draw_switch(query)
        name, examples = weighing.name_of(query.targets), any(term.example for term in query.terms)
        with st.popover(f"What counts: {name.lower()}", icon=":material/tune:", key="weights"):
            offered = [one for one in weighing.CHOICES if examples or one != weighing.LEARNED or one == name]
            usual = DEFAULT_TARGETS["text" if query.lines else "item"]
            shown = query.targets if isinstance(query.targets, Mapping) else usual
            weighing.draw_targets("", name, offered, shown, 0.1, _edit)
            st.caption(AUTOMATIC)
            if examples:
                weighing.draw_joining("", query.strategy, _edit)
            weighing.draw_variety("", query.diversity, _edit)
            weighing.draw_switch(
                "Near-duplicates once", "collapse", query.collapse, _edit,
                help="Pictures that are nearly the same stand behind the best of them, with their number on it.",
            )  # fmt: skip
        weighing.draw_switch(
            "Words too", "hybrid", query.hybrid, _edit, disabled=not query.texts and not query.unread,
            help="Also match the words themselves in captions, tags and file names: good for names and numbers.",
        )  # fmt: skip


def _edit(**fields: Any) -> None:
    """Weights that are all 0 are as none."""
    address.write(address.read().edit(**{name: value if value != {} else None for name, value in fields.items()}))


def _how() -> None:
    """The grammar by examples, and the keys."""
    st.caption("Type what the pictures show. Each of these is a question; click one to ask it.")
    for number, (text, meaning) in enumerate(HOW):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"how-{number}"):
            st.button(escape_markdown(text), key=f"ask-how-{number}", on_click=ask, args=(text,))
            st.caption(meaning)
    st.caption(f"**Filters**: {escape_markdown(', '.join(FIELDS))}.")
    st.caption("**This, but red**: give a picture with the button Picture, then type what should differ.")
    rows = [
        f"<tr><td>{' '.join(f'<kbd>{escape(key)}</kbd>' for key in keys.split())}</td><td>{escape(does)}</td></tr>"
        for keys, does in keyboard.KEYS
    ]
    st.html(f'<table class="loupe-keys">{"".join(rows)}</table>')


def draw_problem(error: SearchError) -> None:
    """Why there is no answer; of a line that cannot be read, the place in it."""
    if isinstance(error, GrammarError):
        st.html(f'<pre class="loupe-pointer" role="alert">{escape(error.pointer)}</pre>')
    if isinstance(error, QueryError):
        st.warning(sentence(error), icon=":material/edit:")
    else:
        st.error(sentence(error), icon=":material/error:")


def ask(text: str) -> None:
    """Other words in the box."""
    address.write(address.read().ask(text))


def _ask() -> None:
    ask(st.session_state["words"])
    st.session_state["words_shown"] = "".join(address.read().lines[:1])


def _picture(context: AppContext, turn: int) -> None:
    source = st.segmented_control(
        "From", ["A file", "The camera"], default="A file", required=True, key="picture-source"
    )
    # A new key after each picture: Streamlit lets go of the bytes (the small decoded picture is all that is kept), and
    # the popover closes.
    key = f"picture-{source}-{turn}"
    if source == "The camera":
        st.camera_input("Take a picture", key=key, label_visibility="collapsed", on_change=_take, args=(key, context))
    else:
        st.file_uploader(
            "A picture that shows what you look for",
            type=sorted(EXTENSIONS),
            key=key,
            max_upload_size=max(1, int(context.upload_limits.max_file_mb)),
            on_change=_take,
            args=(key, context),
        )
    st.caption("It is used for your question only: not stored, and not part of the address you share.")


def _take(key: str, context: AppContext) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state["picture_turn"] += 1
    if not isinstance(file, UploadedFile):  # what the browser names, the server does not have (any more)
        st.session_state["picture_error"] = "The picture did not arrive. Choose it again."
        return
    try:
        opened = open_image(file.getvalue(), context.upload_limits, QUERY_SIDE)
    except PictureError as error:
        st.session_state["picture_error"] = f"{file.name} cannot be used: {error}."
        return
    address.begin(address.read().edit(), AskingPicture.of(opened.image, file.name))
