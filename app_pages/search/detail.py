"""One picture of the library, large: its neighbours, its data, why it was found."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from api.context import AppContext
from api.files import find_original
from api.links import link
from app_pages import address
from app_pages.discover import why as discover_why
from app_pages.search import explain_panel
from app_pages.widgets import gallery, thumbs
from app_pages.widgets.markdown import escape, escape_markdown, sentence
from errors import SearchError
from schema.record import ImageRecord
from search.query import Query, Term, parse_uuid
from search.results import Hit, Results
from search.searcher import Searcher

NEIGHBOURS = 12
EXPLAINED_PX = 200
SOURCES = {
    "file_name": "from the file's name",
    "edited": "when the file was last edited: it holds no other date",
    "exif_digitised": "when it was digitised",
    "sidecar": "from the file beside it",
}
"""Where a date comes from that says less of when it was taken than the camera's own."""


@dataclass(frozen=True)
class Answer:
    """A question as it was asked and what it found."""

    query: Query
    results: Results

    def place_of(self, key: uuid.UUID) -> tuple[int, Hit] | None:
        """From 1, where the picture is among the hits on the page."""
        for place, hit in enumerate(self.results.hits, self.results.offset + 1):
            if hit.uuid == key:
                return place, hit
        return None


def show(
    text: str,
    answer: Answer | None,
    searcher: Searcher,
    context: AppContext,
    on_like: gallery.Click = address.more_like,
) -> None:
    """The details of the picture `text` (a uuid) over the page; closing them takes it out of the address. `on_like`:
    what "More like this" does."""

    def dialog(title: str, draw: Callable[[], object]) -> None:
        st.dialog(title, width="large", on_dismiss=address.close_item)(draw)()

    problem = f"There is no picture {escape_markdown(text[:80])} in the library (any more)."
    try:
        key = parse_uuid(text)
        found = answer.place_of(key) if answer else None
        copies = found[1].copies if found else ()
        asking = [term.item for term in answer.query.terms if term.item is not None] if answer and found else []
        records = searcher.records([key, *asking, *copies])
        if (record := records.get(key)) is not None:
            neighbours = searcher.search(Query((Term(item=key),), limit=NEIGHBOURS)).hits
    except SearchError as error:
        problem, record = sentence(error), None
    if record is None:
        dialog("This picture cannot be shown", lambda: st.warning(problem))
        return

    def draw() -> None:
        if address.item() != text:  # a click in here opened another picture or asked for more like this one
            st.rerun()
        _draw_picture(record, on_like, context)
        if answer and found:
            _draw_reasons(*found, answer, records)
            to_explain = gallery.place_for("explained", f"{key}{address.read()!r}", EXPLAINED_PX)
        st.markdown("##### Nearest pictures")
        gallery.draw_strip([(hit.record, gallery.number(hit)) for hit in neighbours], "near")
        st.markdown("##### Data")
        st.html(_table(record))
        if answer and found:
            with to_explain():  # last, because it takes longest
                explain_panel.draw(answer.query, record, searcher, context)

    dialog(escape_markdown(gallery.title_of(record)), draw)


def _draw_picture(record: ImageRecord, on_like: gallery.Click, context: AppContext) -> None:
    """And what can be done with it."""
    reachable = find_original(record, context) is not None
    gallery.draw_large(record, reachable=reachable)
    if not reachable:
        st.caption("The file is out of reach from here (moved, or its disk is not mounted): this is its thumbnail.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        thumbs.draw_fragment(record, "detail-")
        st.button(
            "More like this", key="detail-like", type="primary", icon=":material/image_search:", on_click=on_like,
            args=(str(record.uuid),),
        )  # fmt: skip
        if reachable:
            st.link_button("Open the picture", link(f"/originals/{record.uuid}"), icon=":material/open_in_new:")


def _draw_reasons(place: int, hit: Hit, answer: Answer, records: Mapping[uuid.UUID, ImageRecord]) -> None:
    """Its near-duplicates, each with its size, by which they differ most, and why it is among the hits."""
    if copies := [records[key] for key in hit.copies if key in records]:
        st.markdown("##### Near-duplicates")
        gallery.draw_strip([(one, f"{one.width} x {one.height}") for one in copies], "copy")
    st.markdown("##### Why it was found")
    st.caption(_place(place, hit, answer.results))
    st.html(discover_why.bars(hit, answer.query.terms, records))


def _place(place: int, hit: Hit, results: Results) -> str:
    words = f", words and meaning together {hit.score:.3f}" if hit.score is not None else ""
    return f"Number {place} of {results.total:,} for your question{words}. {gallery.meaning_of(hit, results.threshold)}"


def _table(record: ImageRecord) -> str:
    there = record.latitude is not None and record.longitude is not None
    frames = f", {record.n_frames} frames" if record.animated else ""
    facts = {
        "File" if len(record.places) == 1 else "Files": "\n".join(place.path for place in record.places),
        "Size": f"{record.width:,} x {record.height:,} pixels, {record.bytes / 1000:,.0f} kB, {record.format}{frames}",
        "Taken": taken(record),
        "Camera": record.camera,
        "Place": f"{record.latitude:.5f}, {record.longitude:.5f}" if there else "",
        "Tags": ", ".join(record.tags),
        "Caption from": record.caption_source,
        "Added": _moment(record.added_at),
        "Cut off": "yes: the file is damaged, what could be read is shown" if record.truncated else "",
        "Id": str(record.uuid),
    }
    rows = [f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items() if value]
    return f'<table class="loupe-facts">{"".join(rows)}</table>'


def taken(record: ImageRecord) -> str:
    """The clock at the place, its distance from UTC where it is known, and where the date comes from where it says less
    than a camera's."""
    if record.clock is None:
        return ""
    zone = f", {_offset(record.clock, record.taken_at)}" if record.taken_at else ""
    source = SOURCES.get(record.taken_source, "")
    return f"{_moment(record.clock)}{zone.removesuffix(', ')}{f' ({source})' if source else ''}"


def _offset(clock: datetime, moment: datetime) -> str:
    """UTC-08:00; "" where it is none, or not known: then the moment was stored as the clock was read."""
    minutes = round((clock.replace(tzinfo=UTC) - moment.astimezone(UTC)).total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else ""


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
