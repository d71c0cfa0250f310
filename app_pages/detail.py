"""One picture of the library, large: its neighbours, its data, why it was found."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from html import escape

import streamlit as st

from app_pages import address, ask, gallery
from app_pages.files import find_original
from app_pages.parts import Parts
from app_pages.plain import plain, sentence
from schema.record import ImageRecord
from search.errors import SearchError
from search.query import Query, Term, parse_uuid
from search.results import Hit, Results
from search.searcher import Searcher

NEIGHBOURS = 12


def show(text: str, results: Results | None, searcher: Searcher, parts: Parts) -> None:
    """The details of the picture `text` (a uuid) over the page; closing them takes it out of the address."""
    problem: Exception | None = None
    record: ImageRecord | None = None
    neighbours: Sequence[Hit] = ()
    try:
        key = parse_uuid(text)
        if (record := searcher.records([key]).get(key)) is not None:
            neighbours = searcher.search(Query((Term(item=key),), limit=NEIGHBOURS)).hits
    except SearchError as error:
        problem = error
    title = "This picture cannot be shown" if record is None else plain(gallery.title_of(record))
    dialog = st.dialog(title, width="large", on_dismiss=address.close_item)
    if record is None:
        dialog(st.warning)(sentence(problem) if problem else f"There is no picture {text} in the library (any more).")
    else:
        dialog(partial(_draw, record, neighbours, results, parts))()


def _draw(record: ImageRecord, neighbours: Sequence[Hit], results: Results | None, parts: Parts) -> None:
    reachable = find_original(record, parts) is not None
    gallery.large(record, reachable=reachable)
    if not reachable:
        st.caption("The file is out of reach from here (moved, or its disk is not mounted): this is its thumbnail.")
    _actions(record, reachable, _why(record.uuid, results))
    st.markdown("##### Nearest pictures")
    gallery.strip(neighbours, address.open_item)
    st.markdown("##### Data")
    st.html(_table(record))


def _actions(record: ImageRecord, reachable: bool, why: str) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            "More like this", key="detail-like", type="primary", icon=":material/image_search:", on_click=ask.more_like,
            args=(str(record.uuid),),
        )  # fmt: skip
        if reachable:
            st.link_button("Open the picture", f"/originals/{record.uuid}", icon=":material/open_in_new:")
        if why:
            st.caption(why)


def _why(key: uuid.UUID, results: Results | None) -> str:
    """One sentence, where the picture is among the hits on the page."""
    if results is None:
        return ""
    for place, hit in enumerate(results.hits, results.offset + 1):
        if hit.uuid == key:
            return _why_hit(place, hit, results)
    return ""


def _why_hit(place: int, hit: Hit, results: Results) -> str:
    words = f", words and meaning together {hit.score:.3f}" if hit.score is not None else ""
    return f"Number {place} of {results.total:,} for your question: similarity {hit.similarity:.3f}{words}."


def _table(record: ImageRecord) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _facts(record).items() if value
    )
    return f'<table class="loupe-facts">{rows}</table>'


def _facts(record: ImageRecord) -> dict[str, str]:
    latitude, longitude = record.latitude, record.longitude
    place = "" if latitude is None or longitude is None else f"{latitude:.5f}, {longitude:.5f}"
    frames = f", {record.n_frames} frames" if record.animated else ""
    return {
        "File" if len(record.places) == 1 else "Files": "\n".join(place.path for place in record.places),
        "Size": f"{record.width:,} x {record.height:,} pixels, {record.bytes / 1000:,.0f} kB, {record.format}{frames}",
        "Taken": _moment(record.taken_at),
        "Camera": record.camera,
        "Place": place,
        "Tags": ", ".join(record.tags),
        "Caption from": record.caption_source,
        "Added": _moment(record.added_at),
        "Cut off": "yes: the file is damaged, what could be read is shown" if record.truncated else "",
        "Id": str(record.uuid),
    }


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
