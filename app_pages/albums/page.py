"""The page Albums: questions that were kept, each with what it finds now. Fetch, shape, draw."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.widgets import gallery, unavailable
from app_pages.widgets.markdown import escape_markdown, sentence
from errors import DocumentError, EncoderError, NameTaken, NoLibrary, SchemaError, SearchError
from schema.documents import MAX_NAME, DocumentStore
from search import albums
from search.albums import Album, Look
from search.grammar import show
from search.query import Query
from search.searcher import Searcher

PER_PAGE = 12
CARD_PX = 260
LOOK_TTL_S = 15
_WORD, _PAGE = "albums-word", "albums-page"
_NAME, _REPLACE, _TURN = "album-name", "album-replace", "album-turn"
COVERS = 'style="display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px; min-height: 4.2rem"'
COVER = "width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block"


@dataclass(frozen=True)
class Card:
    """What is drawn of one album."""

    name: str
    album: Album | None = None
    look: Look | None = None
    problem: str = ""


def albums_page(context: AppContext, to_search: Callable[[], None]) -> None:
    """`to_search` opens the search page."""
    address.leave()
    searcher = None
    try:
        with suppress(NoLibrary):  # nothing was ingested yet: albums outlive their library
            searcher = unavailable.wait_for_searcher(context)
    except (SchemaError, EncoderError) as error:
        unavailable.show(error, context)
        return
    try:
        cards, pages = _fetch(context.connection.documents("Albums"), searcher)
    except SchemaError as error:  # the library answers, so looking again by itself would never end
        st.error(sentence(error), icon=":material/error:")
        st.button("Look again", key="albums-again")
        return
    _draw(cards, pages, searcher, context, to_search)


def _fetch(store: DocumentStore, searcher: Searcher | None) -> tuple[list[Card], int]:
    """The cards of the page that is turned to, and how many pages there are."""
    entries = store.list()
    pages = max(1, math.ceil(len(entries) / PER_PAGE))
    page = min(int(st.session_state.get(_PAGE) or 1), pages)
    shown = entries[(page - 1) * PER_PAGE : page * PER_PAGE]
    return [_card(entry.name, store, searcher) for entry in shown], pages


def _card(name: str, store: DocumentStore, searcher: Searcher | None) -> Card:
    album = None
    try:
        album = albums.find(store, name)
        if searcher is None:
            return Card(name, album, problem="There is no library yet, so nothing is in it.")
        look = _look(searcher, searcher.pictures.name, json.dumps(album.query.to_json(), sort_keys=True))
        return Card(name, album, look, look.problem)
    except (DocumentError, SearchError) as error:
        return Card(name, album, problem=str(error))


@st.cache_data(ttl=LOOK_TTL_S, max_entries=200, show_spinner=False)
def _look(_searcher: Searcher, collection: str, query: str) -> Look:
    return albums.look(Query.from_json(json.loads(query)), _searcher.search, lambda one: _searcher.count(one.filters))


def _draw(
    cards: list[Card], pages: int, searcher: Searcher | None, context: AppContext, to_search: Callable[[], None]
) -> None:
    st.subheader("Albums", anchor=False)
    if word := st.session_state.pop(_WORD, ""):
        st.warning(word)
    if not cards:
        st.info("There are no albums yet. Ask a question on the page Search and press “Save as album”.")
        return
    encoder = searcher.pictures.identity.id if searcher else ""
    with st.grid(4, min_column_width=CARD_PX, gap="medium"):
        for card in cards:
            with st.container(border=True, gap="xsmall", key=f"album-{card.name}"):
                _draw_card(card, encoder, context, to_search)
    if pages > 1:
        st.pagination(pages, key=_PAGE, width="stretch")


def _draw_card(card: Card, encoder: str, context: AppContext, to_search: Callable[[], None]) -> None:
    look, album = card.look or Look(), card.album
    st.html(f"<div {COVERS}>{''.join(gallery.thumbnail(hit.record, COVER) for hit in look.covers)}</div>")
    st.markdown(f"**{escape_markdown(card.name)}**")
    if album is not None:
        st.caption(
            f"{f'{look.text} · ' if card.look and not card.problem else ''}{escape_markdown(described(album.query))}"
        )
    if card.problem:
        st.warning(sentence(SearchError(card.problem)))
    if album is not None and encoder and (note := album.note(encoder)):
        st.caption(escape_markdown(note))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        opened = st.button("Open", key=f"open-album-{card.name}", type="primary", disabled=album is None)
        with st.popover("Change", key=f"change-album-{card.name}"):
            _draw_changes(card.name, context)
    if opened and album is not None:
        address.ask_there(album.query, to_search)


def described(query: Query) -> str:
    """The question in one line, as it could be typed."""
    text = show(query.terms, query.filters)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _draw_changes(name: str, context: AppContext) -> None:
    key = f"rename-album-{name}"

    def change(act: Callable[[DocumentStore], object]) -> None:
        try:
            act(context.connection.documents("Albums"))
        except SchemaError as error:
            st.session_state[_WORD] = sentence(error)

    with st.form(f"{key}-form", border=False):
        st.text_input("New name", value=name, key=key, max_chars=MAX_NAME)
        st.form_submit_button(
            "Rename", on_click=change, args=(lambda store: store.rename(name, st.session_state[key]),)
        )
    st.button(
        "Delete the album", key=f"delete-album-{name}", icon=":material/delete:",
        on_click=change, args=(lambda store: store.delete(name),),
        help="Only the question goes. No picture is touched.",
    )  # fmt: skip


def draw_save_button(query: Query, context: AppContext) -> None:
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
                st.form_submit_button("Save", type="primary", on_click=_save, args=(query, context))
            st.caption("The album is the question: it always shows what the library holds now.")
        if problem := st.session_state.pop(_WORD, ""):
            st.warning(problem)


def _save(query: Query, context: AppContext) -> None:
    replacing = bool(st.session_state[_REPLACE])
    try:
        encoder = context.connection.encoder().identity.id
        store = context.connection.documents("Albums")
        album = albums.keep(store, st.session_state[_NAME], query, encoder, new=not replacing)
    except NameTaken as error:
        st.session_state[_WORD] = f"{sentence(error)} Or tick “Replace”."
    except (SchemaError, SearchError, EncoderError) as error:
        st.session_state[_WORD] = sentence(error)
    else:
        st.session_state[_NAME], st.session_state[_REPLACE] = "", False
        st.session_state[_TURN] += 1
        st.toast(
            f"Saved as “{escape_markdown(album.name)}”. It is on the page Albums.", icon=":material/bookmark_added:"
        )
