"""The page Discover: what to look at next, from what is liked and disliked. Fetch, shape, draw.

A thumb redraws one fragment: the session edited, one question asked, plain data drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.discover import controls as discover_controls
from app_pages.discover import judged as discover_judged
from app_pages.discover import profiles as discover_profiles
from app_pages.discover import session as discover_session
from app_pages.discover import why as discover_why
from app_pages.discover.session import Session
from app_pages.search import ask, detail, filter_column
from app_pages.widgets import gallery, thumbs, unavailable
from app_pages.widgets.markdown import escape_markdown
from errors import EncoderError, NoLibrary, QueryError, SchemaError, SearchError
from schema.record import ImageRecord
from search.preference import Profile
from search.query import MAX_HIDDEN, MAX_TERMS, Query
from search.results import Results, did_you_mean
from search.searcher import Searcher

SUGGESTIONS = 24
SPREAD_TTL_S = 600
IN_SESSION = ("q", "like", "dislike", "target", "strategy", "diversity")
"""The parameters of an address that are the session's."""
NOTHING_LEFT = (
    "Nothing is left to suggest: everything that passes the filters is judged or was seen. Take a filter away or start "
    "over."
)
_WRITTEN, _FILTERS = "discover-address", "discover-filters"


@dataclass(frozen=True)
class Found:
    """What is drawn."""

    records: Mapping[UUID, ImageRecord] = field(default_factory=dict)
    """Of the judged pictures that are in the library."""
    answer: detail.Answer | None = None
    spread: tuple[ImageRecord, ...] = ()
    """To begin with, where nothing is known yet."""
    notes: tuple[str, ...] = ()
    problem: SearchError | None = None


def discover_page(context: AppContext, to_search: Callable[[], None]) -> None:
    """`to_search` opens the search page."""
    address.leave()

    def draw(searcher: Searcher) -> None:
        if not searcher.count():
            raise NoLibrary("The library is empty.")
        thumbs.hint_no_more()
        discover_session.kept_by(partial(discover_profiles.keep, context))
        _session(context, to_search)

    unavailable.draw_page(context, draw)


@st.fragment(key="discover")
def _session(context: AppContext, to_search: Callable[[], None]) -> None:
    try:
        searcher = context.connection.searcher()
        encoder, on_like = searcher.pictures.identity.id, partial(address.more_like_there, to_search)
        discover_session.of_encoder(encoder)
        unread = _follow_address(encoder)
        session = discover_session.read()
        query = Query.from_params({"filter": st.query_params.get_all("filter")})
        found = _fetch(session.profile, query, searcher)
        _draw_bar(session, query, found, context)
        discover_profiles.draw_foreign()
        for text in filter(None, (unread, session.trouble)):
            st.warning(escape_markdown(text), icon=":material/error:")
        _draw_notes(session.profile, found)
        discover_judged.draw_judged(session.profile, found.records)
        side, place = filter_column.columns()
        with place:
            _draw_suggestions(session, found, on_like)
        if side is not None:
            with side:  # suggestions are not cut at the threshold, so what is counted is not either
                counts = "Counts of all that pass the filters."
                filter_column.draw(query, lambda other: searcher.facets(other.filters), counts, ())
        if item := address.item():
            detail.show(item, found.answer, searcher, context, on_like)
    except NoLibrary:
        st.rerun()
    except (SchemaError, EncoderError, SearchError) as error:
        unavailable.show(error, context)


def _follow_address(encoder: str) -> str:
    """The address and the session agree afterwards: where the address was changed from outside (a link, the way back)
    it counts, else the session. Gives back what is wrong with the address."""
    params, written = address.read().params(), st.session_state.get(_WRITTEN, {})
    given = {name: values for name, values in params.items() if name in IN_SESSION}
    filters = params.get("filter", [])
    problem = ""
    if given not in ({}, written):
        try:
            profile = Profile.of_link(Query.from_params(given), encoder)
            if profile != Profile.of_link(Query.from_params(written), encoder):
                discover_session.begin(profile)
        except QueryError as error:
            problem = f"The address cannot be followed: {error}"
    session = discover_session.read().profile.linked().params()
    if not given and not filters:  # back from another page
        filters = st.session_state.get(_FILTERS, [])
    wanted = session | ({"filter": filters} if filters else {})
    if wanted != given | ({"filter": params["filter"]} if "filter" in params else {}):
        item = address.item()
        address.write(Query.from_params(wanted))
        if item:
            address.open_item(item)
    st.session_state[_WRITTEN], st.session_state[_FILTERS] = session, filters
    return problem


def _fetch(profile: Profile, query: Query, searcher: Searcher) -> Found:
    records = searcher.records(profile.items) if profile.items else {}
    profile, gone = profile.present(records)
    notes = [_named(gone)] if gone else []
    try:
        filters = query.check().filters
        if profile.empty:
            if filters:
                notes.append("Filters count from the first like on.")
            seen = tuple(map(str, profile.seen))
            spread = _spread(searcher, searcher.pictures.name, searcher.count(), seen)
            return Found(records, spread=spread, notes=tuple(notes))
        asking = profile.within(profile.room)
        if len(profile.items) + len(profile.seen) > MAX_HIDDEN:
            notes.append(f"More than {MAX_HIDDEN:,} pictures were judged or seen: the first seen may come back.")
        if len(asking.items) < len(profile.items):
            notes.append(
                f"{len(profile.items)} pictures are judged, one question takes {MAX_TERMS} terms: the strongest "
                f"and the latest {len(asking.items)} count."
            )
        # Judged pictures that do not count any more do not come back either.
        left = [one for one in profile.items if one not in asking.items]
        query = replace(asking, seen=(*left, *asking.seen)).query(SUGGESTIONS, filters=filters)
        results = searcher.answer(query)
        if results.meant:
            notes.append(did_you_mean(results))
        return Found(records, detail.Answer(query, results), notes=tuple(notes))
    except QueryError as error:
        return Found(records, notes=tuple(notes), problem=error)


@st.cache_data(ttl=SPREAD_TTL_S, max_entries=100, show_spinner=False)
def _spread(_searcher: Searcher, collection: str, count: int, seen: tuple[str, ...]) -> tuple[ImageRecord, ...]:
    """Of a library of so many pictures. Over a full sample it takes half a second, and every redraw would."""
    return _searcher.spread(SUGGESTIONS, [UUID(one) for one in seen])


def _named(gone: str) -> str:
    """With titles in the place of uuids, where they are known."""
    for one, title in discover_session.read().titles.items():
        gone = gone.replace(str(one), f"“{title}”")
    return gone


def _draw_bar(session: Session, query: Query, found: Found, context: AppContext) -> None:
    profile = session.profile
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="discover-bar"):
        discover_controls.draw_words(profile)
        discover_controls.draw_targets(profile, found.answer.results.targets if found.answer else {})
        discover_controls.draw_joining(profile)
        filter_column.draw_switch(query)
        st.button(
            "Undo", key="discover-undo", type="tertiary", icon=":material/undo:", on_click=discover_session.undo,
            disabled=not session.can_undo,
        )  # fmt: skip
        st.button(
            "Start over", key="discover-reset", type="tertiary", icon=":material/restart_alt:",
            on_click=discover_session.start_over, disabled=profile.empty and not profile.seen,
            help="Nothing liked, disliked or seen. Undo brings it back."
            + (f" The profile “{escape_markdown(session.name)}” stays as it is." if session.name else ""),
        )  # fmt: skip
        discover_profiles.draw_profiles(context, session)


def _draw_notes(profile: Profile, found: Found) -> None:
    for note in found.notes:
        st.caption(escape_markdown(note))
    if gone := [one for one in profile.items if one not in found.records]:
        st.button(
            "Forget them", key="drop-gone", type="tertiary", icon=":material/close:", args=(gone, 0),
            on_click=discover_session.judge_all, help="Until then they count again if they come back.",
        )  # fmt: skip


def _draw_suggestions(session: Session, found: Found, on_like: gallery.Click) -> None:
    """The best of what is left: one below the threshold is drawn like the others."""
    if found.problem is not None:
        ask.draw_problem(found.problem)
    elif found.answer is not None and (hits := found.answer.results.hits):
        terms = found.answer.query.terms
        with st.container(key="count"):
            st.caption(_summary(found.answer.results, session.profile))
        gallery.draw_grid(
            [replace(hit, below=False) for hit in hits],
            on_like,
            under=lambda hit: thumbs.draw(hit.record, copies=hit.copies),
            note=lambda hit: discover_why.details(hit, terms, found.records),
        )
        _more("Others, please", [one for hit in hits for one in (hit.uuid, *hit.copies)])
    elif found.answer is not None:
        st.info(NOTHING_LEFT, icon=":material/done_all:")
    elif found.spread:
        with st.container(key="count"):
            st.caption("A spread of your library, as different as it gets. Like what you would see more of.")
        gallery.draw_unranked(found.spread, on_like, under=lambda hit: thumbs.draw(hit.record))
        _more("Show others", [record.uuid for record in found.spread])
    else:
        st.info("You have seen a spread of the whole library. Start over to see it again.", icon=":material/done_all:")


def _summary(results: Results, profile: Profile) -> str:
    many = "a strong match" if results.above == 1 else "strong matches"
    strong = f", {results.above:,} of them {many}" if results.threshold is not None else ""
    learned = (
        f" · what counts, learned from your likes: {discover_controls.shares_of(results.targets)}"
        if discover_controls.has_learned(profile)
        else ""
    )
    return f"{results.total:,} left to suggest{strong}{learned} · {results.timing.took_ms:.0f} ms"


def _more(label: str, shown: list[UUID]) -> None:
    with st.container(horizontal=True, horizontal_alignment="center", key="discover-more"):
        st.button(
            label, key="discover-others", icon=":material/skip_next:", on_click=discover_session.see, args=(shown,),
            help="These count as seen: they do not come back, and say nothing about what you like.",
        )  # fmt: skip
