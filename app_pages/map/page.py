"""The map page: the library's layout, its figures, the last question, the lassoed pictures; and a training run.

The layout is computed by a process of its own (`host.jobs`); here it is only watched and drawn.
"""

import math
from collections.abc import Callable
from functools import partial

import streamlit as st

from api.context import AppContext
from app_pages import address
from app_pages.library import adding
from app_pages.map import question as map_question
from app_pages.map import replay as map_replay
from app_pages.map import view as map_view
from app_pages.map.colours import COLOURINGS
from app_pages.map.view import Lasso
from app_pages.search import detail
from app_pages.widgets import gallery, unavailable
from app_pages.widgets.markdown import escape_markdown
from errors import NoLibrary
from layout.projection import FEWEST, NEIGHBOURS, TRUST_SAMPLE
from layout.store import NO_UMAP, SPACES, Layout, umap_is_there
from search.index import LibraryVersion, library_version
from search.searcher import Searcher

LIBRARY, RUN = "The library", "A training run"
POLL_S = 2
VERSION_TTL_S = 30
PAGE = 24
VIEWS = {"umap2": "2-D UMAP", "pca2": "2-D PCA", "pca3": "3-D PCA"}
HELP = (
    "UMAP keeps neighbours together; distances between groups mean little. PCA shows the directions in which the "
    "pictures differ most, and how much of all differences they hold."
)


def map_page(context: AppContext, to_search: Callable[[], None]) -> None:
    """`to_search` opens the search page."""
    address.leave()
    on_like = partial(address.more_like_there, to_search)
    st.session_state.setdefault("map-tab", LIBRARY)
    tab = st.segmented_control(
        "Show", [LIBRARY, RUN], key="map-tab", required=True, label_visibility="collapsed", persist_state="session"
    )
    if tab == RUN:
        map_replay.draw(context.training_runs)
        return

    def draw(searcher: Searcher) -> None:
        _draw_library(searcher, context, on_like)
        if item := address.item():
            detail.show(item, None, searcher, context, on_like)

    unavailable.draw_page(context, draw)


def _draw_library(searcher: Searcher, context: AppContext, on_like: gallery.Click) -> None:
    """Raises NoLibrary for an empty library, and what reading it raises."""
    version = _version(searcher, searcher.pictures.name)
    if version.count == 0:
        raise NoLibrary("The library is empty.")
    if version.count < FEWEST:
        count = "1 picture" if version.count == 1 else f"{version.count} pictures"
        st.info(f"The library has {count}. A map needs at least {FEWEST}: add some more.", icon=":material/info:")
        adding.folder_form(context)
        if not adding.progress(context):
            adding.last_report(context)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="map-choices"):
        space = st.selectbox(
            "Vectors", SPACES, format_func=SPACES.__getitem__, key="map-space", persist_state="session", width=260
        )
        colouring = st.selectbox("Colour by", COLOURINGS, key="map-colour", persist_state="session", width=130)
        layout = context.layouts.read(space)
        view = _view(layout) if layout is not None else ""
    _keep_up(layout, space, version, searcher, context)
    if layout is None:
        return
    groups = COLOURINGS[colouring](layout)
    query, placed = address.last(), None
    if query.terms or query.unread:
        placed = map_question.place(query, address.picture(), layout, view, searcher)
    picture, figures = st.columns([5, 1], gap="medium")
    with figures:
        _figures(layout, view)
    with picture:
        asked = placed.asked if placed else None
        lasso = map_view.draw(layout, view, groups, asked, lambda index: address.open_item(str(layout.key(index))))
        _words(layout, view, placed.sentence if placed else "")
    _chosen(lasso, layout, searcher, on_like)


def _view(layout: Layout) -> str:
    """What the person chose; otherwise UMAP as soon as it is there."""
    views = [view for view in VIEWS if view != "umap2" or len(layout.umap)]
    if st.session_state.get("map-view") not in views or not st.session_state.get("map-view-chosen"):
        st.session_state["map-view"] = views[0]
    return str(
        st.segmented_control(
            "View", views, format_func=VIEWS.__getitem__, key="map-view", required=True, help=HELP,
            persist_state="session", on_change=partial(st.session_state.__setitem__, "map-view-chosen", True),
        )
    )  # fmt: skip


def _keep_up(
    layout: Layout | None, space: str, version: LibraryVersion, searcher: Searcher, context: AppContext
) -> None:
    """Has the layout computed where there is none of this version, and says how far that is."""
    job = context.maps[space]
    current = layout is not None and layout.version == str(version)
    whole = current and layout is not None and layout.complete and (len(layout.umap) > 0 or not umap_is_there())
    if whole:
        return
    if job.running:
        _watch(context, space, layout.id if layout else "", version)
        return
    if failure := job.failure(str(version)):
        _version.clear()
        if str(_version(searcher, searcher.pictures.name)) != str(version):  # the library is another one by now
            st.rerun()
        st.error(f"The layout could not be computed: {escape_markdown(failure)}", icon=":material/error:")
        st.button("Try again", key="map-again", on_click=job.try_again)
    elif context.ingestion.running and layout is not None:
        st.caption("Pictures are being added: the map is brought up to date when that is done.")
    elif job.start(version=str(version)):
        _watch(context, space, layout.id if layout else "", version)
    elif job.failure(str(version)):
        st.rerun()


@st.fragment(run_every=POLL_S)
def _watch(context: AppContext, space: str, drawn: str, version: LibraryVersion) -> None:
    """The page is drawn anew when there is something new to draw."""
    layout, job = context.layouts.read(space), context.maps[space]
    if not job.running or (layout.id if layout else "") != drawn:
        st.rerun()
    status = job.status()
    stage, share = (status.stage, status.share) if status is not None and status.running else ("Starting", 0.0)
    st.progress(share, f"{_meanwhile(layout, version)} {stage}")


def _meanwhile(layout: Layout | None, version: LibraryVersion) -> str:
    if layout is None:
        return "Computing the layout:"
    if layout.version == str(version):
        return "PCA is drawn; UMAP is on its way."
    return f"This is the layout of an older version of the library ({layout.total:,} pictures, now {version.count:,})."


def _figures(layout: Layout, view: str) -> None:
    captions = int(layout.is_caption.sum())
    with st.container(key="map-figures"):
        st.metric(
            "Points", f"{len(layout):,}",
            help=f"{len(layout) - captions:,} pictures and {captions:,} captions." if captions else "Pictures drawn.",
        )  # fmt: skip
        dims = len(map_view.axis_titles(layout, view))
        if view == "umap2":
            st.metric("Explained variance", "–", help="UMAP has no axes: nothing can be read from left, right or far.")
        else:
            parts = ", ".join(f"{share:.1%}" for share in layout.explained[:dims])
            st.metric(
                "Explained variance", f"{float(layout.explained[:dims].sum()):.1%}",
                help=f"The share of all differences between the vectors that these {dims} axes hold: {parts}.",
            )  # fmt: skip
        trust = layout.figures.get(f"trust_{view.replace('umap2', 'umap')}")
        st.metric("Trustworthiness", "–" if trust is None else f"{trust:.3f}", help=_trust_help(layout, trust))
        if "gap" in layout.figures:
            st.metric(
                "Modality gap", f"{layout.figures['gap']:.3f}",
                help="The distance between the mean of the pictures and the mean of the captions, 0 to 2: "
                "how far apart the two clouds lie, whatever they show.",
            )  # fmt: skip
        else:
            st.metric(
                "Clusters", f"{len(layout.clusters)}", help="By k-means on the vectors, named by words they use most."
            )


def _trust_help(layout: Layout, trust: float | None) -> str:
    if trust is None:
        return "Too few points to tell."
    sample = f", asked of {TRUST_SAMPLE:,} points chosen by chance" if len(layout) > TRUST_SAMPLE else ""
    return (
        "How far the neighbours that this picture shows are neighbours among the vectors too: 1 is always, "
        f"by {NEIGHBOURS} neighbours{sample}."
    )


def _words(layout: Layout, view: str, placed: str) -> None:
    """Write the notes on this layout under it."""
    lines = [*layout.notes, placed]
    if layout.complete and not len(layout.umap):
        lines.append(f"{NO_UMAP}, then open the map again.")
    if view == "pca3":
        lines.append("Turn it with the mouse. The lasso works in the 2-D views.")
    else:
        lines.append("Draw a lasso around points to see those pictures; click a point for its details.")
    for line in filter(None, lines):
        st.caption(escape_markdown(line))


def _chosen(lasso: Lasso | None, layout: Layout, searcher: Searcher, on_like: gallery.Click) -> None:
    """The grid of the lassoed pictures. A picture and its caption, both lassoed, are one picture."""
    if lasso is None:
        return
    keys = list(dict.fromkeys(layout.key(index) for index in lasso.indices))
    pages = math.ceil(len(keys) / PAGE)
    page = st.session_state.get("map-page", 1) if pages > 1 else 1
    shown = keys[(min(page, pages) - 1) * PAGE :][:PAGE]
    records = searcher.records(shown)
    there = f"{len(keys):,} {'picture' if len(keys) == 1 else 'pictures'}"
    left_out = f"{lasso.count:,} points in the lasso; the first {there}"
    st.subheader(left_out if lasso.count > len(lasso.indices) else f"{there} in the lasso", anchor=False)
    gallery.draw_unranked([records[key] for key in shown if key in records], on_like)
    if pages > 1:
        st.pagination(pages, key="map-page", width="stretch")


@st.cache_data(ttl=VERSION_TTL_S, max_entries=4, show_spinner=False)
def _version(_searcher: Searcher, collection: str) -> LibraryVersion:
    return library_version(_searcher.pictures)
