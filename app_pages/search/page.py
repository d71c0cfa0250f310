"""The search page: fetch, shape, draw. What is asked is in the address; what was found is drawn from plain data."""

import math
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.address import PAGE_SIZES
from app_pages.albums.page import draw_save_button
from app_pages.search import ask, chips, detail, filter_column
from app_pages.search.detail import Answer
from app_pages.search.filter_column import Counts
from app_pages.widgets import gallery, selection, thumbs, unavailable
from app_pages.widgets.markdown import escape_markdown
from app_pages.widgets.near_map import Place
from errors import FilterError, NoLibrary, SearchError
from search.query import MAX_WINDOW, Query, Term
from search.ranking import WINDOWS
from search.results import NEAREST, Hit, Results, did_you_mean, note
from search.searcher import Searcher

EXAMPLES = (
    "musical instruments",
    "a bridge at night",
    "somebody reading a book",
    "a green bicycle",
    "a castle",
    "something to eat",
)
"""They work on the samples; in another library each shows what it finds there."""
SKELETON_PX = 560
EXAMPLES_PX = 300
"""Pictures that are shown where none is a good match."""
JUMP_FROM, JUMP_PX = 7, 130
"""More pages than the row of numbers shows get a field to jump."""
FACETS_TTL_S = 15
PLACES_TTL_S = 60
PLACES_MOST = 2000
EXAMPLES_TTL_S = 600
TO_THE_TOP = "<script>/* {offset} */ document.querySelector('.st-key-ask')?.scrollIntoView({{block: 'end'}})</script>"


def search_page(context: AppContext) -> None:
    address.resume()
    unavailable.draw_page(context, lambda searcher: _draw_page(address.asked(), searcher, context))
    address.remember()


def _draw_page(query: Query, searcher: Searcher, context: AppContext) -> None:
    answer = None
    if not query.empty:
        answer = _draw_answer(query, searcher, context)
    elif count := searcher.count():
        _draw_landing(query, count, searcher, context)
    else:
        raise NoLibrary("The library is empty.")
    if item := address.item():
        detail.show(item, answer, searcher, context)


def _draw_landing(query: Query, count: int, searcher: Searcher, context: AppContext) -> None:
    with st.container(key="landing"):
        st.title("Find a picture", anchor=False)
        st.caption(f"Say what it shows, or give another picture. {count:,} {_pictures(count)} in the library.")
        ask.draw_box(query, context)
        with st.skeleton(height=EXAMPLES_PX):
            examples = _examples(searcher, searcher.pictures.name, count)
        gallery.draw_examples(examples, ask.ask)


def _draw_answer(query: Query, searcher: Searcher, context: AppContext) -> Answer | None:
    asking = address.picture()
    key = f"{query.params()}{asking.chip if asking else ''}"
    ask.draw_box(query, context)
    bar = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="bar")
    side, place = filter_column.columns()
    with place:
        to_draw = gallery.place_for("hits", key, SKELETON_PX)
    with bar:  # what was found for another question is gone by now
        chips.draw_chips(query, asking, searcher.records([term.item for term in query.terms if term.item is not None]))
        ask.draw_tools(query)
    answer = None
    try:
        answer = Answer(query, searcher.answer(replace(query, facets=query.facets or side is not None)))
    except SearchError as error:
        with place, to_draw():
            ask.draw_problem(error)
    else:
        with place, to_draw():
            _draw_hits(answer, context)
    if side is not None:
        with side:
            _draw_filters(query, answer.results if answer else None, searcher)
    return answer


def _draw_filters(query: Query, results: Results | None, searcher: Searcher) -> None:
    collection, asking = searcher.pictures.name, address.picture()

    def counts_of(other: Query) -> Mapping[str, Counts]:
        if results is not None and other.filters == query.filters:
            return results.facets
        other = other.edit(limit=1, facets=True)
        return _cached_counts(searcher, collection, other, f"{other.params()}{asking.chip if asking else ''}")

    filter_column.draw(query, counts_of, counted(results), _places(searcher, collection))


def counted(results: Results | None) -> str:
    """What the counts of the facets count."""
    if results is None or not results.counted or results.counted == results.total:
        return "Counts of all that pass the filters."
    if not results.above:
        return f"Counts of the {results.counted:,} nearest {_pictures(results.counted)}, none of them likely."
    if results.counted >= WINDOWS[0]:
        return f"Counts of the {results.counted:,} best."
    return f"Counts of {results.counted:,} likely {_pictures(results.counted)}."


def _draw_hits(answer: Answer, context: AppContext) -> None:
    results = answer.results
    if not results.hits:
        st.info(escape_markdown(note(answer.query, results)), icon=":material/filter_alt_off:")
        if results.offset and results.total:
            st.button("To the first page", on_click=address.turn_to, args=(1, address.page_size()))
        return
    if results.meant:
        st.info(escape_markdown(did_you_mean(results)), icon=":material/spellcheck:")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="count"):
        st.caption(summary(results), width="content")
        draw_save_button(answer.query, context)
        selection.switch()
    selection.bar(answer.query, results, context)
    likely = [hit for hit in results.hits if not hit.below]
    unlikely = [hit for hit in results.hits if hit.below]
    if likely:
        _grid(likely, results, "gallery")
        _folded(unlikely, results)
    elif results.offset:
        st.caption("From here on every picture lies below the line.")
        _grid(unlikely, results, "gallery")
    else:
        with st.container(key="no-match"):
            st.markdown("**No good match.** These come nearest, but lie where unrelated questions find pictures too.")
        _grid(unlikely[:NEAREST], results, "gallery-nearest")
        _folded(unlikely[NEAREST:], results)
    if results.offset:
        st.html(TO_THE_TOP.format(offset=results.offset), unsafe_allow_javascript=True)
    draw_paging(results)


def _folded(hits: Sequence[Hit], results: Results) -> None:
    """Below the line: drawn only while it is open."""
    if hits and st.toggle(f"{len(hits)} more, unlikely", key="unlikely-open", help=gallery.MEANING):
        _grid(hits, results, "gallery-unlikely")


def _grid(hits: Sequence[Hit], results: Results, name: str) -> None:
    gallery.draw_grid(hits, address.more_like, under=_under, threshold=results.threshold, name=name)


def _under(hit: Hit) -> None:
    selection.mark(hit)
    thumbs.draw_fragment(hit.record, copies=hit.copies)


def summary(results: Results) -> str:
    """How many there are: of the likely ones only those of the window that was read are known."""
    likely = ""
    if results.threshold is not None:
        at_least = "at least " if results.above >= WINDOWS[0] else ""
        likely = f"{at_least}{results.above:,} likely of "
    return f"{likely}{results.total:,} {_pictures(results.total)} · {results.timing.took_ms:.0f} ms"


def draw_paging(results: Results) -> None:
    size = address.page_size()
    pages = math.ceil(min(results.total, MAX_WINDOW) / size)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="paging"):
        page = min(address.page(), pages)
        key = f"page-{page}-of-{pages}-by-{size}"  # its first page is a default, which no assignment may meet
        st.pagination(pages, default=page, key=key, on_change=_turn, args=(key, size), width="stretch")
        st.session_state["size"] = size
        if pages > JUMP_FROM:
            jump = f"jump-from-{page}-of-{pages}"
            st.number_input(
                "Go to page", 1, pages, value=None, key=jump, placeholder=f"Page 1 to {pages}", width=JUMP_PX,
                label_visibility="collapsed", on_change=_turn, args=(jump, size),
            )  # fmt: skip
        st.segmented_control(
            "Pictures on a page", PAGE_SIZES, key="size", required=True, label_visibility="collapsed",
            on_change=lambda: address.turn_to(1, int(st.session_state["size"])),
        )  # fmt: skip


def _turn(key: str, size: int) -> None:
    if page := st.session_state[key]:
        address.turn_to(int(page), size)


def _pictures(count: int) -> str:
    return "picture" if count == 1 else "pictures"


@st.cache_data(ttl=EXAMPLES_TTL_S, max_entries=4, show_spinner=False)
def _examples(_searcher: Searcher, collection: str, count: int) -> list[tuple[str, Hit]]:
    """Each example question that finds something likely, with that picture; one picture stands for one question."""
    found: dict[uuid.UUID, tuple[str, Hit]] = {}
    for text in EXAMPLES:
        hits = _searcher.search(Query((Term(text=text),), limit=len(EXAMPLES))).hits
        if hit := next((hit for hit in hits if hit.uuid not in found and not hit.below), None):
            found[hit.uuid] = (text, hit)
    return list(found.values())


@st.cache_data(ttl=FACETS_TTL_S, max_entries=100, show_spinner=False)
def _cached_counts(_searcher: Searcher, collection: str, _query: Query, key: str) -> Mapping[str, Counts]:
    """Of the same question with one filter less; of all that pass its filters where it cannot be asked."""
    with suppress(SearchError):  # reported where the hits would be
        return _searcher.search(_query).facets
    with suppress(SearchError):
        return _searcher.facets(_query.filters)
    return {}


@st.cache_data(ttl=PLACES_TTL_S, max_entries=4, show_spinner=False)
def _places(_searcher: Searcher, collection: str) -> list[Place]:
    """The most frequent ones first, as many as a drawing can show."""
    try:
        found = sorted(_searcher.places().items(), key=lambda place: (-place[1], place[0]))
    except FilterError:  # a library of an older version, which has no places
        return []
    return [(latitude, longitude, count) for (latitude, longitude), count in found[:PLACES_MOST]]
