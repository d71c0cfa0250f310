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
from app_pages.search.filter_column import Counts
from app_pages.widgets import gallery, keyboard, thumbs, unavailable, weighing
from app_pages.widgets.markdown import escape_markdown, sentence
from errors import EncoderError, NoLibrary, QueryError, SchemaError, SearchError
from schema.record import ImageRecord
from search.grammar import GrammarError
from search.preference import Profile
from search.query import MAX_HIDDEN, MAX_TERMS, Query, Term, parse_uuid
from search.results import Results, did_you_mean
from search.searcher import Searcher

SUGGESTIONS = 24
SPREAD_TTL_S = 600
IN_SESSION = ("q", "like", "dislike", "target", "strategy", "diversity")
"""The parameters of an address that are the session's."""
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
    problem: Exception | None = None


def discover_page(context: AppContext, to_search: Callable[[], None]) -> None:
    """`to_search` opens the search page."""
    address.leave()

    def draw(searcher: Searcher) -> None:
        if not searcher.count():
            raise NoLibrary("The library is empty.")
        thumbs.hint_no_more()
        discover_session.kept_by(partial(discover_profiles.keep, context))
        _session(context, to_search)
        keyboard.listen()

    unavailable.draw_page(context, draw)


@st.fragment(key="discover")
def _session(context: AppContext, to_search: Callable[[], None]) -> None:
    try:
        searcher = context.connection.searcher()
        discover_session.of_encoder(searcher.pictures.identity.id)
        unread = _follow_address(searcher.pictures.identity.id)
        session = discover_session.read()
        filters = Query.from_params({"filter": st.query_params.get_all("filter")})
        found = _fetch(session.profile, filters, searcher)
        _draw_session(session, filters, found, context, searcher, to_search, unread)
        if item := address.item():
            detail.show(item, found.answer, searcher, context, partial(_more_like, to_search))
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
            return Found(records, spread=_spread(searcher, profile.seen), notes=tuple(notes))
        asking = profile.within(profile.room)
        if len(profile.items) + len(profile.seen) > MAX_HIDDEN:
            notes.append(f"More than {MAX_HIDDEN:,} pictures were judged or seen: the first seen may come back.")
        if len(asking.items) < len(profile.items):
            notes.append(
                f"{len(profile.items)} pictures are judged, one question takes {MAX_TERMS} terms: the strongest "
                f"and the latest {len(asking.items)} count."
            )
        query = _hiding(asking, profile).query(SUGGESTIONS, filters=filters)
        results = searcher.answer(query)
        if results.meant:
            notes.append(did_you_mean(results))
        return Found(records, detail.Answer(query, results), notes=tuple(notes))
    except QueryError as error:
        return Found(records, notes=tuple(notes), problem=error)


def _spread(searcher: Searcher, seen: tuple[UUID, ...]) -> tuple[ImageRecord, ...]:
    return _cached_spread(searcher, searcher.pictures.name, searcher.count(), tuple(map(str, seen)))


@st.cache_data(ttl=SPREAD_TTL_S, max_entries=100, show_spinner=False)
def _cached_spread(_searcher: Searcher, collection: str, count: int, seen: tuple[str, ...]) -> tuple[ImageRecord, ...]:
    """Of a library of so many pictures. Over a full sample it takes half a second, and every redraw would."""
    return _searcher.spread(SUGGESTIONS, [UUID(one) for one in seen])


def _hiding(asking: Profile, profile: Profile) -> Profile:
    """Judged pictures that do not count any more do not come back either."""
    left = [one for one in profile.items if one not in asking.likes and one not in asking.dislikes]
    return replace(asking, seen=(*left, *asking.seen))


def _named(gone: str) -> str:
    """With titles in the place of uuids, where they are known."""
    for one, title in discover_session.read().titles.items():
        gone = gone.replace(str(one), f"“{title}”")
    return gone


def _draw_session(
    session: Session,
    query: Query,
    found: Found,
    context: AppContext,
    searcher: Searcher,
    to_search: Callable[[], None],
    unread: str,
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="discover-bar"):
        discover_controls.draw_words(session.profile)
        discover_controls.draw_targets(session.profile, found.answer.results.targets if found.answer else {})
        discover_controls.draw_joining(session.profile)
        weighing.draw_filters_switch(len(query.filters))
        st.button(
            "Undo", key="discover-undo", type="tertiary", icon=":material/undo:", on_click=discover_session.undo,
            disabled=not session.can_undo,
        )  # fmt: skip
        st.button(
            "Start over", key="discover-reset", type="tertiary", icon=":material/restart_alt:",
            on_click=discover_session.start_over, disabled=session.profile.empty and not session.profile.seen,
            help="Nothing liked, disliked or seen. Undo brings it back."
            + (f" The profile “{escape_markdown(session.name)}” stays as it is." if session.name else ""),
        )  # fmt: skip
        discover_profiles.draw_profiles(context, session)
    discover_profiles.draw_foreign()
    for text in (unread, session.trouble):
        if text:
            st.warning(escape_markdown(text), icon=":material/error:")
    for note in found.notes:
        st.caption(escape_markdown(note))
    if gone := [one for one in session.profile.items if one not in found.records]:
        st.button(
            "Forget them", key="drop-gone", type="tertiary", icon=":material/close:",
            on_click=discover_session.forget, args=(gone,), help="Until then they count again if they come back.",
        )  # fmt: skip
    discover_judged.draw_judged(session.profile, found.records, address.open_item)
    side, place = None, st.container()
    if st.session_state["filters_open"]:
        side, place = st.columns([1, 3.2], gap="medium")
    with place:
        _draw_suggestions(session, found, partial(_more_like, to_search))
    if side is not None:
        with side:
            _draw_filters(query, searcher)


def _draw_suggestions(session: Session, found: Found, on_like: gallery.Click) -> None:
    if isinstance(found.problem, GrammarError):
        ask.point_at(found.problem)
    elif found.problem is not None:
        st.warning(sentence(found.problem), icon=":material/edit:")
    elif found.answer is not None:
        _draw_found(found.answer, session.profile, found.records, on_like)
    elif found.spread:
        with st.container(key="count"):
            st.caption("A spread of your library, as different as it gets. Like what you would see more of.")
        gallery.draw_unranked(
            found.spread, on_like, address.open_item, under=lambda hit: thumbs.draw_thumbs(hit.record)
        )
        _more("Show others", [record.uuid for record in found.spread])
    else:
        st.info("You have seen a spread of the whole library. Start over to see it again.", icon=":material/done_all:")


def _draw_found(
    answer: detail.Answer, profile: Profile, records: Mapping[UUID, ImageRecord], on_like: gallery.Click
) -> None:
    """Suggestions are the best of what is left: one below the line of unrelated questions is drawn like the others."""
    results = answer.results
    if not results.hits:
        st.info(
            "Nothing is left to suggest: everything that passes the filters is judged or was seen. Take a filter away "
            "or start over.",
            icon=":material/done_all:",
        )
        return
    with st.container(key="count"):
        st.caption(_summary(results, profile))
    gallery.draw_grid(
        [replace(hit, below=False) for hit in results.hits],
        on_like,
        address.open_item,
        under=lambda hit: thumbs.draw_thumbs(hit.record, copies=hit.copies),
        note=lambda hit: discover_why.details(hit, answer.query.terms, records),
    )
    _more("Others, please", [one for hit in results.hits for one in (hit.uuid, *hit.copies)])


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


def _draw_filters(query: Query, searcher: Searcher) -> None:
    """Suggestions are not cut at the line of unrelated questions, so what is counted is not either."""

    def counts_of(other: Query) -> Mapping[str, Counts]:
        return searcher.facets(other.filters)

    filter_column.draw(query, counts_of, "Counts of all that pass the filters.", ())


def _more_like(to_search: Callable[[], None], one: str) -> None:
    address.go_on_with(Query((Term(item=parse_uuid(one)),)))
    to_search()
