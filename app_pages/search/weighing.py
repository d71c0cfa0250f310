"""What counts for a question: targets and their weights, how examples are joined, difference, near-duplicates.

Writes the address and nothing else; knows no database.
"""

import streamlit as st

from app_pages import address
from app_pages.discover.controls import JOINED, LEARNED
from app_pages.question import Question
from app_pages.search.ask import COUNTS, PRESETS
from errors import QueryError
from search.asking import DEFAULT_TARGETS
from search.command import read_targets
from search.query import AUTO, STRATEGIES

CHOICES = {**PRESETS, LEARNED: AUTO}


def tools(question: Question) -> None:
    """What counts, words too, filters: one row."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tools", width="content"):
        count = len(question.conditions())
        st.session_state.setdefault("filters_open", False)
        st.toggle("Filters" if not count else f"Filters ({count})", key="filters_open", persist_state="session")
        _weights(question)
        st.session_state["words-too"] = question.words_too != ""
        st.toggle(
            "Words too",
            key="words-too",
            disabled=not question.words,
            on_change=_match_words,
            help="Also match the words themselves in captions, tags and file names: good for names and numbers.",
        )


def _weights(question: Question) -> None:
    chosen = _chosen(question)
    name = next((name for name, weights in CHOICES.items() if weights == chosen), "Your own")
    pictures = (question.likes, question.dislikes, address.picture())
    examples = any(pictures) or any(term.example for term in question.typed()[0])
    with st.popover(f"What counts: {name.lower()}", icon=":material/tune:", key="weights"):
        offered = [choice for choice in CHOICES if examples or choice in (name, *PRESETS)]
        st.session_state["preset"] = name if name in CHOICES else None
        st.pills("What counts", offered, key="preset", on_change=_choose_preset, label_visibility="collapsed")
        default = DEFAULT_TARGETS["text" if question.words else "item"]
        shown = chosen if isinstance(chosen, dict) else default
        for target, label in COUNTS.items():
            st.session_state[f"weight-{target}"] = float(min(max(shown.get(target, 0.0), 0.0), 1.0))
            st.slider(label, 0.0, 1.0, step=0.1, key=f"weight-{target}", on_change=_choose_weights)
        st.caption(
            "Automatic: words ask what a picture shows and says, a picture asks how others look and what they show."
        )
        if examples:
            _joining(question)
        _variety(question)


def _joining(question: Question) -> None:
    st.session_state["strategy"] = question.strategy if question.strategy in STRATEGIES else STRATEGIES[0]
    st.selectbox(
        "Several pictures count", STRATEGIES, key="strategy", format_func=lambda one: JOINED[one][0],
        on_change=_choose_strategy, help="  \n".join(f"**{name}**: {means}" for name, means in JOINED.values()),
    )  # fmt: skip


def _variety(question: Question) -> None:
    st.session_state["diversity"] = _decimal(question.diversity)
    st.slider(
        "Variety", 0.0, 1.0, step=0.05, key="diversity", on_change=_choose_diversity,
        help="0: the best first, even if they are much alike. 1: as different from each other as possible.",
    )  # fmt: skip
    st.session_state["collapse"] = question.collapse.lower() in ("1", "true", "yes")
    st.toggle(
        "Near-duplicates once", key="collapse", on_change=_choose_collapse,
        help="Pictures that are nearly the same stand behind the best of them, with their number on it.",
    )  # fmt: skip


def _decimal(text: str) -> float:
    """For the slider; what cannot be read is said where the hits would be."""
    try:
        return min(max(float(text or 0), 0.0), 1.0)
    except ValueError:
        return 0.0


def _chosen(question: Question) -> dict[str, float] | str | None:
    try:
        return read_targets(question.targets)
    except QueryError:
        return None


def _choose_preset() -> None:
    address.write(address.read().weighing(CHOICES.get(st.session_state["preset"] or "Automatic")))


def _choose_strategy() -> None:
    chosen = st.session_state["strategy"]
    address.write(address.read().joining("" if chosen == STRATEGIES[0] else chosen))


def _choose_diversity() -> None:
    address.write(address.read().diverse(st.session_state["diversity"]))


def _choose_collapse() -> None:
    address.write(address.read().collapsing(st.session_state["collapse"]))


def _choose_weights() -> None:
    address.write(address.read().weighing({target: st.session_state[f"weight-{target}"] for target in COUNTS}))


def _match_words() -> None:
    address.write(address.read().matching_words(st.session_state["words-too"]))
