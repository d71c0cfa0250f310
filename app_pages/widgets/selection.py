"""Selecting many pictures on the grid, and what can be done with them: tags, likes, files. State of one browser tab.

`switch` turns it on, `mark` draws one tile's box, `bar` the row above the grid. What is selected stays so over pages
and questions; of each picture the session keeps its uuid, its size and how well it fitted, nothing else.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.discover import session as discover_session
from app_pages.widgets import gallery, thumbs
from app_pages.widgets.markdown import escape_markdown, sentence
from errors import LoupeError
from ingest import tagging
from pictures.text import inert
from schema.record import ImageRecord
from search.export import ExportError, check_size
from search.query import MAX_LIMIT, MAX_TERMS, MAX_WINDOW, Query
from search.results import Hit, Results
from search.searcher import Searcher

MAX_SELECTED = 5000
TAGS_TTL_S = 60
SELECTING, _SELECTED, _WORD, _TURN = "selecting", "selected", "selection-word", "selection-turn"
FILES = {
    "csv": ("Table (CSV)", ":material/table:"),
    "json": ("JSON", ":material/data_object:"),
    "zip": ("Originals (zip)", ":material/folder_zip:"),
}


def mark(hit: Hit) -> None:
    """The box of one tile, while pictures are being selected."""
    if not selecting():
        return
    key = f"pick-{hit.uuid}"
    st.session_state[key] = hit.uuid in selected()
    title = escape_markdown(gallery.title_of(hit.record))
    st.checkbox(f"Select {title}", key=key, label_visibility="collapsed", on_change=_pick, args=(key, slim(hit)))


def selecting() -> bool:
    return bool(st.session_state.get(SELECTING))


def selected() -> Mapping[uuid.UUID, Hit]:
    """In the order in which they were selected; the records know hash and size only."""
    found = st.session_state.get(_SELECTED)
    return found if isinstance(found, dict) else {}


def slim(hit: Hit) -> Hit:
    record = hit.record
    kept = ImageRecord(record.sha256, (), record.width, record.height, record.bytes, record.format)
    return replace(hit, record=kept, shares=())


def switch() -> None:
    """Turns selecting on and off."""
    st.toggle("Select", key=SELECTING, persist_state="session", help="Mark pictures to tag, like or export them.")


def bar(query: Query, results: Results, context: AppContext) -> None:
    """The row above a grid while pictures are being selected. `query`: what `results` answer."""
    if selecting():
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="selection"):
            _choices(query, results, context)
            _actions(context)
    if word := st.session_state.pop(_WORD, None):
        kind, text = word
        (st.success if kind == "done" else st.warning)(text)


def _choices(query: Query, results: Results, context: AppContext) -> None:
    count, likely = len(selected()), "found" if results.threshold is None else "likely"
    st.markdown(f"**{count:,} selected**")
    shown = [hit for hit in results.hits if not hit.below] or results.hits
    st.button("All on this page", key="select-page", type="tertiary", on_click=_select, args=(shown,))
    st.button(
        f"All {likely}", key="select-likely", type="tertiary", on_click=_select_likely, args=(query, context),
        help=f"Of all pages; {MAX_SELECTED:,} at most. Near-duplicates that stand behind a picture are not selected.",
    )  # fmt: skip
    st.button("None", key="select-none", type="tertiary", on_click=_keep, args=({},), disabled=not count)


def _actions(context: AppContext) -> None:
    none = not selected()
    turn = st.session_state.setdefault(_TURN, 0)  # a new key closes the popover after writing
    with st.popover("Tags", icon=":material/sell:", disabled=none, key=f"selection-tags-{turn}"):
        if not none:
            _tags_form(context)
    with st.popover("Export", icon=":material/download:", disabled=none, key="selection-export"):
        if not none:
            _files(context)
    for opinion, (name, label, _) in thumbs.SIGNS.items():
        st.button(
            f"{label} all", key=f"selection-{label.lower()}", type="tertiary", icon=f":material/thumb_{name}:",
            on_click=_judge, args=(opinion,), disabled=none,
            help="For what Discover suggests. One undo there takes it all back.",
        )  # fmt: skip
    st.button(
        "More like these", key="selection-more", type="tertiary", icon=":material/image_search:", disabled=none,
        on_click=_more_like,
    )  # fmt: skip


def _files(context: AppContext) -> None:
    hits, problem = list(selected().values()), ""
    address_of = context.selections.hand_in(hits)
    try:
        check_size([hit.record for hit in hits])
    except ExportError as error:
        problem = sentence(error)
    for kind, (label, icon) in FILES.items():
        st.link_button(label, address_of(kind), icon=icon, disabled=kind == "zip" and problem != "", width="stretch")
    st.caption(problem or "The files are made when you click. Originals that are away are named in MISSING.txt.")


def _tags_form(context: AppContext) -> None:
    searcher = context.connection.searcher()
    known = _known_tags(searcher, searcher.pictures.name)
    with st.form("tags-form", clear_on_submit=True, border=False):
        for key, label in (("tags-add", "Add"), ("tags-remove", "Take away")):
            st.multiselect(
                label, known, key=key, accept_new_options=True, placeholder="Type or choose tags", format_func=inert
            )
        st.form_submit_button("Write the tags", type="primary", on_click=_tag, args=(context,))
    st.caption("Kept in the library, found at once; the files stay as they are.")


def _say(kind: str, text: str) -> None:
    st.session_state[_WORD] = (kind, text)


def _pick(key: str, hit: Hit) -> None:
    if st.session_state[key]:
        _select([hit])
    else:
        _keep({one: kept for one, kept in selected().items() if one != hit.uuid})


def _select(hits: Sequence[Hit]) -> None:
    together = {**selected(), **{hit.uuid: slim(hit) for hit in hits}}
    if len(together) > MAX_SELECTED:
        _say("problem", f"At most {MAX_SELECTED:,} pictures can be selected; the rest was left out.")
    _keep(dict(list(together.items())[:MAX_SELECTED]))


def _keep(hits: Mapping[uuid.UUID, Hit]) -> None:
    st.session_state[_SELECTED] = hits


def _select_likely(query: Query, context: AppContext) -> None:
    try:
        _select(all_likely(query, context.connection.searcher(), MAX_SELECTED + 1))
    except LoupeError as error:
        _say("problem", sentence(error))


def all_likely(query: Query, searcher: Searcher, most: int) -> list[Hit]:
    """Every hit above the threshold, whatever the page; all of them where there is none. At most `most`."""
    found: list[Hit] = []
    for offset in range(0, min(most, MAX_WINDOW), MAX_LIMIT):
        hits = searcher.search(replace(query, offset=offset, limit=MAX_LIMIT, facets=False)).hits
        likely = [hit for hit in hits if not hit.below]
        found += likely
        if len(hits) < MAX_LIMIT or len(likely) < len(hits):
            break
    return found[:most]


def _tag(context: AppContext) -> None:
    add, remove = list(st.session_state["tags-add"]), list(st.session_state["tags-remove"])
    try:
        pictures = context.connection.searcher().pictures
        report = tagging.tag(pictures, list(selected()), add, remove, home=context.home)
    except LoupeError as error:
        _say("problem", sentence(error))
        return
    st.cache_data.clear()  # counts of tags
    st.session_state[_TURN] += 1
    _say("done", f"The tags are written: {escape_markdown(str(report))}")


def _judge(opinion: int) -> None:
    """One step of the session, so that one undo takes it back."""
    profile = discover_session.read().profile
    if len(set(profile.items) | set(selected())) > MAX_TERMS:
        _say("problem", f"At most {MAX_TERMS} pictures can be liked and disliked at once. Select fewer.")
        return
    discover_session.judge_all(selected(), opinion)


def _more_like() -> None:
    ones = list(map(str, selected()))
    if len(ones) > MAX_TERMS:
        _say("problem", f"A question holds at most {MAX_TERMS} pictures, and {len(ones):,} are selected. Select fewer.")
    else:
        address.more_like(*ones)


@st.cache_data(ttl=TAGS_TTL_S, max_entries=4, show_spinner=False)
def _known_tags(_searcher: Searcher, collection: str) -> list[str]:
    return [tag for tag, _ in _searcher.facets().get("tag", ())]
