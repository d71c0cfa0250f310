"""The search page: fetch, shape, draw. What is asked is in the address; what was found is drawn from plain data."""

import math
import uuid
from collections.abc import Mapping

import streamlit as st

from app_pages import adding, address, ask, detail, filter_column, gallery, trouble
from app_pages.filter_column import Counts
from app_pages.parts import Parts
from app_pages.plain import sentence
from app_pages.question import PAGE_SIZES, Question
from encoder.protocol import EncoderError
from schema.errors import NoLibrary, SchemaError
from schema.record import ImageRecord
from search.errors import QueryError, SearchError
from search.query import MAX_WINDOW, Query, Term, parse_uuid
from search.results import Hit, Results
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
FACETS_TTL_S = 15
EXAMPLES_TTL_S = 600
TO_THE_TOP = "<script>/* {offset} */ document.querySelector('.st-key-ask')?.scrollIntoView({{block: 'end'}})</script>"


def search_page(parts: Parts) -> None:
    address.resume()
    try:
        searcher = trouble.wait_for_searcher(parts)
        _draw(address.read(), searcher, parts)
    except NoLibrary:
        adding.first_pictures(parts)
    except (SchemaError, EncoderError) as error:
        trouble.show(error, parts)
    address.remember()


def _draw(question: Question, searcher: Searcher, parts: Parts) -> None:
    asking = address.picture()
    if question.words or question.likes or question.filters or asking:
        results = _answer(question, searcher, parts)
    elif count := searcher.count():
        _landing(question, count, searcher, parts)
        results = None
    else:
        raise NoLibrary("The library is empty.")
    if item := address.item():
        detail.show(item, results, searcher, parts)


def _landing(question: Question, count: int, searcher: Searcher, parts: Parts) -> None:
    with st.container(key="landing"):
        st.title("Find a picture", anchor=False)
        st.caption(f"Say what it shows, or give another picture. {count:,} {_pictures(count)} in the library.")
        ask.box(question, parts)
        with st.skeleton(height=EXAMPLES_PX):
            examples = _examples(searcher, searcher.pictures.name, count)
        gallery.examples(examples, ask.ask_example)


def _answer(question: Question, searcher: Searcher, parts: Parts) -> Results | None:
    asking = address.picture()
    ask.box(question, parts)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="bar"):
        ask.chips(question, asking, _liked(question, searcher))
        ask.tools(question)
    place = st.container()
    if st.session_state["filters_open"]:
        side, place = st.columns([1, 3.2], gap="medium")
        with side:
            filter_column.draw(question, lambda other, facet: _counts(searcher, other)[facet])
    with place:
        try:
            with st.skeleton(height=SKELETON_PX):
                query = question.cut().query([asking.image] if asking else [])
                results = searcher.search(query)
        except QueryError as error:
            st.warning(sentence(error), icon=":material/edit:")
            return None
        except SearchError as error:
            st.error(sentence(error), icon=":material/error:")
            return None
        _hits(question, results)
    return results


def _hits(question: Question, results: Results) -> None:
    if not results.hits:
        if results.offset and results.total:
            st.info(f"There are {results.total:,} pictures, so nothing is at {results.offset:,}.")
            st.button("To the first page", on_click=_turn_to, args=(1,))
        else:
            st.info("No picture passes these filters. Take one away above.", icon=":material/filter_alt_off:")
        return
    with st.container(key="count"):
        st.caption(f"{results.total:,} {_pictures(results.total)} · {results.timing.took_ms:.0f} ms")
    gallery.grid(results.hits, ask.more_like, address.open_item)
    if results.offset:
        st.html(TO_THE_TOP.format(offset=results.offset), unsafe_allow_javascript=True)
    _paging(question, results)


def _paging(question: Question, results: Results) -> None:
    size = question.page_size
    pages = math.ceil(min(results.total, MAX_WINDOW) / size)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="paging"):
        page = min(question.page, pages)
        key = f"page-{page}-of-{pages}-by-{size}"  # its first page is a default, which no assignment may meet
        st.pagination(pages, default=page, key=key, on_change=_turn, args=(key,))
        st.session_state["size"] = size
        st.segmented_control(
            "Pictures on a page", PAGE_SIZES, key="size", required=True, label_visibility="collapsed", on_change=_resize
        )


def _turn(key: str) -> None:
    _turn_to(st.session_state[key])


def _turn_to(page: int) -> None:
    question = address.read()
    address.write(question.on_page(page, question.page_size))


def _resize() -> None:
    address.write(address.read().on_page(1, int(st.session_state["size"])))


def _liked(question: Question, searcher: Searcher) -> Mapping[str, ImageRecord]:
    keys = {}
    for text in question.likes:
        try:
            keys[text] = parse_uuid(text)
        except QueryError:  # said where the hits would be
            continue
    records = searcher.records(list(keys.values()))
    return {text: records[key] for text, key in keys.items() if key in records}


def _counts(searcher: Searcher, question: Question) -> Mapping[str, Counts]:
    return _cached_counts(searcher, searcher.pictures.name, tuple(map(str, question.conditions())))


def _pictures(count: int) -> str:
    return "picture" if count == 1 else "pictures"


@st.cache_data(ttl=EXAMPLES_TTL_S, max_entries=4, show_spinner=False)
def _examples(_searcher: Searcher, collection: str, count: int) -> list[tuple[str, Hit]]:
    """Each example question with the picture it finds; one picture stands for one question only."""
    found: dict[uuid.UUID, tuple[str, Hit]] = {}
    for text in EXAMPLES:
        hits = _searcher.search(Query((Term(text=text),), limit=len(EXAMPLES))).hits
        if hit := next((hit for hit in hits if hit.uuid not in found), None):
            found[hit.uuid] = (text, hit)
    return list(found.values())


@st.cache_data(ttl=FACETS_TTL_S, max_entries=100, show_spinner=False)
def _cached_counts(_searcher: Searcher, collection: str, filters: tuple[str, ...]) -> Mapping[str, Counts]:
    return _searcher.facets(Question(filters=filters).conditions())
