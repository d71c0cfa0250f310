"""The widgets that ask: the box, the picture beside it, what counts, and the question as chips.

Every widget writes the address and nothing else; the page then reads it and asks. Knows no database.
"""

from collections.abc import Mapping
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages import address, gallery
from app_pages.address import AskingPicture
from app_pages.parts import Parts
from app_pages.plain import plain, sentence
from app_pages.question import Question
from pictures.open import EXTENSIONS, PictureError, open_image
from schema.record import ImageRecord
from search.asking import DEFAULT_TARGETS
from search.command import QUERY_SIDE, parse_targets
from search.errors import QueryError
from search.grammar import GrammarError

COUNTS = {"image": "What it shows", "look": "How it looks", "caption": "What it says"}
PRESETS: Mapping[str, Mapping[str, float] | None] = {
    "Automatic": None,
    "What it shows": {"image": 1.0},
    "How it looks": {"look": 1.0},
    "What it says": {"caption": 1.0},
    "All the same": {"image": 1.0, "look": 1.0, "caption": 1.0},
}
FOCUS = """<script>
(function look(tries) {  // the box may be drawn after this runs, or again; who went elsewhere is left alone
  const box = document.querySelector('.st-key-words input');
  if (box && document.activeElement === document.body) box.focus({preventScroll: true});
  if (tries > 0 && (document.activeElement === box || document.activeElement === document.body))
    setTimeout(look, 100, tries - 1);
})(50);
</script>"""


def box(question: Question, parts: Parts) -> None:
    """The words, and beside them the place for a picture."""
    if st.session_state.get("words_shown") != question.box:  # the address changed: words not yet sent give way
        st.session_state["words"] = st.session_state["words_shown"] = question.box
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="ask"):
        with st.form("ask-form", border=False), st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.text_input(
                "Words",
                key="words",
                label_visibility="collapsed",
                placeholder="What does the picture show?",
                autocomplete="off",
                icon=":material/search:",
            )
            st.form_submit_button("Search", type="primary", on_click=_ask)
        turn = st.session_state.setdefault("picture_turn", 0)
        with st.popover("Picture", icon=":material/add_photo_alternate:", key=f"picture-popover-{turn}"):
            _picture(parts, turn)
    if not question.words:
        st.html(FOCUS, unsafe_allow_javascript=True)
    if error := st.session_state.pop("picture_error", ""):
        st.error(plain(error), icon=":material/broken_image:")


def point_at(error: GrammarError) -> None:
    """A question that cannot be read: the place in it, and why."""
    st.html(f'<pre class="loupe-pointer" role="alert">{escape(error.pointer)}</pre>')
    st.warning(sentence(error), icon=":material/edit:")


def _ask() -> None:
    question = address.read().asking(st.session_state["words"])
    st.session_state["words_shown"] = question.box
    address.write(question)


def _picture(parts: Parts, turn: int) -> None:
    source = st.segmented_control(
        "From", ["A file", "The camera"], default="A file", required=True, key="picture-source"
    )
    # A new key after each picture: Streamlit lets go of the bytes (the small decoded picture is all that is kept), and
    # the popover closes.
    key = f"picture-{source}-{turn}"
    if source == "The camera":
        st.camera_input("Take a picture", key=key, label_visibility="collapsed", on_change=_take, args=(key, parts))
    else:
        st.file_uploader(
            "A picture that shows what you look for",
            type=sorted(EXTENSIONS),
            key=key,
            max_upload_size=max(1, int(parts.max_upload_mb)),
            on_change=_take,
            args=(key, parts),
        )
    st.caption("It is used for your question only: not stored, and not part of the address you share.")


def _take(key: str, parts: Parts) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state["picture_turn"] += 1
    try:
        opened = open_image(file.getvalue(), parts.upload_limits, QUERY_SIDE)
    except PictureError as error:
        st.session_state["picture_error"] = f"{file.name} cannot be used: {error}."
        return
    address.set_picture(AskingPicture.of(opened.image, file.name))
    address.write(address.read().on_page(1, address.read().page_size))


def tools(question: Question) -> None:
    """What counts, words too, filters: one row."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tools", width="content"):
        count = len(question.filters)
        st.session_state.setdefault("filters_open", False)
        st.toggle("Filters" if not count else f"Filters ({count})", key="filters_open", persist_state="session")
        _weights(question)
        st.session_state["words-too"] = question.words_too != ""
        st.toggle(
            "Words too",
            key="words-too",
            disabled=not question.words,
            on_change=_match_words,
            help="Also match the words themselves in captions, tags and file names: good for names and numbers.",
        )


def _weights(question: Question) -> None:
    chosen = _chosen(question)
    name = next((name for name, weights in PRESETS.items() if weights == chosen), "Your own")
    with st.popover(f"What counts: {name.lower()}", icon=":material/tune:", key="weights"):
        st.session_state["preset"] = name if name in PRESETS else None
        st.pills("What counts", list(PRESETS), key="preset", on_change=_choose_preset, label_visibility="collapsed")
        shown = chosen or DEFAULT_TARGETS["text" if question.words else "item"]
        for target, label in COUNTS.items():
            st.session_state[f"weight-{target}"] = float(min(max(shown.get(target, 0.0), 0.0), 1.0))
            st.slider(label, 0.0, 1.0, step=0.1, key=f"weight-{target}", on_change=_choose_weights)
        st.caption(
            "Automatic: words ask what a picture shows and says, a picture asks how others look and what they show."
        )


def _chosen(question: Question) -> dict[str, float] | None:
    try:
        return parse_targets(list(question.targets))
    except QueryError:
        return None


def _choose_preset() -> None:
    address.write(address.read().weighing(PRESETS.get(st.session_state["preset"] or "Automatic")))


def _choose_weights() -> None:
    address.write(address.read().weighing({target: st.session_state[f"weight-{target}"] for target in COUNTS}))


def _match_words() -> None:
    address.write(address.read().matching_words(st.session_state["words-too"]))


def chips(question: Question, asking: AskingPicture | None, liked: Mapping[str, ImageRecord]) -> None:
    """Every part of the question, each with a click to take it away."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chips", width="content"):
        for words in question.words:
            _chip(words, "words", words, "Take these words away")
        if asking is not None:
            with _pair("chip-pair-picture"):
                gallery.small(asking.chip, asking.name)
                st.button(
                    plain(asking.name), key="chip-picture", icon=":material/close:", icon_position="right",
                    on_click=_drop_picture,
                    help="Take this picture away. It is not part of the address: a shared link asks without it.",
                )  # fmt: skip
        for text in question.likes:
            record = liked.get(text)
            with _pair(f"chip-pair-{text}"):
                if record is not None:
                    gallery.small(gallery.thumbnail_url(record), gallery.title_of(record))
                _chip(f"Like {gallery.title_of(record) if record else text}", "likes", text, "Take this picture away")
        for text in question.filters:
            _chip(text, "filters", text, "Take this filter away")
        st.button("Start over", key="start-over", type="tertiary", on_click=start_over)


def _pair(key: str) -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content", key=key)


def _chip(label: str, name: str, value: str, tip: str) -> None:
    shown = label if len(label) <= 60 else f"{label[:59]}…"
    st.button(
        plain(shown), key=f"chip-{name}-{value}", icon=":material/close:", icon_position="right", help=tip,
        on_click=_drop, args=(name, value),
    )  # fmt: skip


def _drop(name: str, value: str) -> None:
    address.write(address.read().without(name, value))


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
