"""The widgets that ask: the box, the picture beside it, what counts, and the question as chips.

Every widget writes the address and nothing else; the page then reads it and asks. Knows no database.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from api.context import AppContext
from app_pages import address
from app_pages.address import AskingPicture
from app_pages.question import Question
from app_pages.search.chips import Chip, chips_of, without
from app_pages.widgets import gallery, keyboard
from app_pages.widgets.markdown import escape, escape_markdown, sentence
from errors import PictureError
from pictures.open import EXTENSIONS, open_image
from schema.record import ImageRecord
from search.command import QUERY_SIDE
from search.filters import FIELDS
from search.grammar import GrammarError

COUNTS = {"image": "What it shows", "look": "How it looks", "caption": "What it says"}
PRESETS: Mapping[str, Mapping[str, float] | None] = {
    "Automatic": None,
    "What it shows": {"image": 1.0},
    "How it looks": {"look": 1.0},
    "What it says": {"caption": 1.0},
    "All the same": {"image": 1.0, "look": 1.0, "caption": 1.0},
}
PLACEHOLDER = "What does the picture show?"
BESIDE_PICTURE = "Like this picture, but ..."
HOW = (
    ("water + 2:boat - people", "Plus and minus; 2: counts twice."),
    ('bridge "at night"', "In quotes: exactly so in caption, tags or file name."),
    ("animal -tag:drawing", "Without a tag; tag:a,b is either of them."),
    ("night taken>=2005 orientation:landscape", "Any filter of those below."),
    ("like:eiffel-tower.jpg + sunset", "A picture of the library by its path or its id."),
)
TIPS = {
    "term": "Take this away from the question",
    "line": "This cannot be read. Take it away",
    "likes": "Take this picture away",
    "dislikes": "Take this picture away",
    "hidden": "Show them again",
}
FOCUS = """<script>
(function look(tries) {  // the box may be drawn after this runs, or again; who went elsewhere is left alone
  const box = document.querySelector('.st-key-words input');
  if (box && document.activeElement === document.body) box.focus({preventScroll: true});
  if (tries > 0 && (document.activeElement === box || document.activeElement === document.body))
    setTimeout(look, 100, tries - 1);
})(50);
</script>"""


def box(question: Question, context: AppContext) -> None:
    """The words, and beside them the place for a picture."""
    if st.session_state.get("words_shown") != question.box:  # the address changed: words not yet sent give way
        st.session_state["words"] = st.session_state["words_shown"] = question.box
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
    if not question.words:
        st.html(FOCUS, unsafe_allow_javascript=True)
    if error := st.session_state.pop("picture_error", ""):
        st.error(escape_markdown(error), icon=":material/broken_image:")


def _how() -> None:
    """The grammar by examples, and the keys."""
    st.caption("Type what the pictures show. Each of these is a question; click one to ask it.")
    for number, (text, meaning) in enumerate(HOW):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"how-{number}"):
            st.button(escape_markdown(text), key=f"ask-how-{number}", on_click=ask_example, args=(text,))
            st.caption(meaning)
    st.caption(f"**Filters**: {escape_markdown(', '.join(FIELDS))}.")
    st.caption("**This, but red**: give a picture with the button Picture, then type what should differ.")
    rows = "".join(f"<tr><td>{_kbd(keys)}</td><td>{escape(does)}</td></tr>" for keys, does in keyboard.KEYS)
    st.html(f'<table class="loupe-keys">{rows}</table>')


def _kbd(keys: str) -> str:
    return " ".join(f"<kbd>{escape(key)}</kbd>" for key in keys.split())


def point_at(error: GrammarError) -> None:
    """A question that cannot be read: the place in it, and why."""
    st.html(f'<pre class="loupe-pointer" role="alert">{escape(error.pointer)}</pre>')
    st.warning(sentence(error), icon=":material/edit:")


def _ask() -> None:
    question = address.read().asking(st.session_state["words"])
    st.session_state["words_shown"] = question.box
    address.write(question)


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
    address.set_picture(AskingPicture.of(opened.image, file.name))
    address.write(address.read().on_page(1, address.read().page_size))


def place_for_chips() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chips", width="content")


def chips(question: Question, asking: AskingPicture | None, records: Mapping[UUID, ImageRecord]) -> None:
    """Every part of the question, each with a click to take it away. `records`: of the pictures in it."""
    if asking is not None:
        with _pair("chip-pair-picture"):
            gallery.small(asking.chip, asking.name)
            st.button(
                escape_markdown(asking.name), key="chip-picture", icon=":material/close:", icon_position="right",
                on_click=_drop_picture,
                help="Take this picture away. It is not part of the address: a shared link asks without it.",
            )  # fmt: skip
    for number, chip in enumerate(chips_of(question)):
        _chip(number, chip, records.get(chip.item) if chip.item else None)
    st.button("Start over", key="start-over", type="tertiary", on_click=start_over)


def _pair(key: str) -> DeltaGenerator:
    return st.container(
        horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall", width="content", key=key
    )


def _chip(number: int, chip: Chip, record: ImageRecord | None) -> None:
    named = replace(chip, text=gallery.title_of(record)) if record else chip
    label = named.label if len(named.label) <= 60 else f"{named.label[:59]}…"
    sign = "minus" if chip.weight < 0 else "plus"
    with _pair(f"chip-pair-{number}"):
        if record is not None:
            gallery.small(gallery.thumbnail_url(record), gallery.title_of(record))
        st.button(
            escape_markdown(label),
            key=f"chip-{sign}-{number}-{chip.kind}",
            icon=":material/close:",
            icon_position="right",
            help=TIPS.get(chip.kind, "Take this away"),
            on_click=_drop,
            args=(chip,),
        )


def _drop(chip: Chip) -> None:
    address.write(without(address.read(), chip))


def _drop_picture() -> None:
    address.set_picture(None)
    address.write(address.read().on_page(1, address.read().page_size))


def start_over() -> None:
    address.set_picture(None)
    address.write(Question())


def more_like(uuid: str) -> None:
    address.set_picture(None)
    address.write(address.read().more_like(uuid))


def ask_example(text: str) -> None:
    address.write(address.read().asking(text))
