"""What counts for a question: targets and their weights, how examples are joined, difference, near-duplicates."""

from collections.abc import Mapping

import streamlit as st

from app_pages import address
from app_pages.discover.controls import JOINED, LEARNED
from app_pages.search.ask import COUNTS, PRESETS
from search.asking import DEFAULT_TARGETS
from search.query import AUTO, STRATEGIES, Query

CHOICES = {**PRESETS, LEARNED: AUTO}


def draw_tools(query: Query) -> None:
    """What counts, words too, filters: one row."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tools", width="content"):
        count = len(query.filters)
        st.session_state.setdefault("filters_open", False)
        st.toggle("Filters" if not count else f"Filters ({count})", key="filters_open", persist_state="session")
        _draw_weights(query)
        st.session_state["words-too"] = query.hybrid
        st.toggle(
            "Words too",
            key="words-too",
            disabled=not query.texts and not query.unread,
            on_change=_match_words,
            help="Also match the words themselves in captions, tags and file names: good for names and numbers.",
        )


def _draw_weights(query: Query) -> None:
    name = next((name for name, weights in CHOICES.items() if weights == query.targets), "Your own")
    examples = any(term.example for term in query.terms)
    with st.popover(f"What counts: {name.lower()}", icon=":material/tune:", key="weights"):
        offered = [choice for choice in CHOICES if examples or choice in (name, *PRESETS)]
        st.session_state["preset"] = name if name in CHOICES else None
        st.pills("What counts", offered, key="preset", on_change=_choose_preset, label_visibility="collapsed")
        default = DEFAULT_TARGETS["text" if query.lines else "item"]
        shown = query.targets if isinstance(query.targets, Mapping) else default
        for target, label in COUNTS.items():
            st.session_state[f"weight-{target}"] = float(min(max(shown.get(target, 0.0), 0.0), 1.0))
            st.slider(label, 0.0, 1.0, step=0.1, key=f"weight-{target}", on_change=_choose_weights)
        st.caption(
            "Automatic: words ask what a picture shows and says, a picture asks how others look and what they show."
        )
        if examples:
            _draw_joining(query)
        _draw_variety(query)


def _draw_joining(query: Query) -> None:
    st.session_state["strategy"] = query.strategy or STRATEGIES[0]
    st.selectbox(
        "Several pictures count", STRATEGIES, key="strategy", format_func=lambda one: JOINED[one][0],
        on_change=_choose_strategy, help="  \n".join(f"**{name}**: {means}" for name, means in JOINED.values()),
    )  # fmt: skip


def _draw_variety(query: Query) -> None:
    st.session_state["diversity"] = float(query.diversity)
    st.slider(
        "Variety", 0.0, 1.0, step=0.05, key="diversity", on_change=_choose_diversity,
        help="0: the best first, even if they are much alike. 1: as different from each other as possible.",
    )  # fmt: skip
    st.session_state["collapse"] = query.collapse
    st.toggle(
        "Near-duplicates once", key="collapse", on_change=_choose_collapse,
        help="Pictures that are nearly the same stand behind the best of them, with their number on it.",
    )  # fmt: skip


def _choose_preset() -> None:
    address.write(address.read().edit(targets=CHOICES.get(st.session_state["preset"] or "Automatic")))


def _choose_strategy() -> None:
    chosen = st.session_state["strategy"]
    address.write(address.read().edit(strategy=None if chosen == STRATEGIES[0] else chosen))


def _choose_diversity() -> None:
    address.write(address.read().edit(diversity=float(st.session_state["diversity"])))


def _choose_collapse() -> None:
    address.write(address.read().edit(collapse=bool(st.session_state["collapse"])))


def _choose_weights() -> None:
    weights = {target: float(st.session_state[f"weight-{target}"]) for target in COUNTS}
    address.write(address.read().edit(targets=weights if any(weights.values()) else None))


def _match_words() -> None:
    address.write(address.read().edit(hybrid=bool(st.session_state["words-too"])))
