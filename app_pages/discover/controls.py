"""What a suggestion is made of: words, what counts, how the examples are joined, how different the suggestions are.

Every widget edits the session's profile and nothing else; the page then asks again.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app_pages.discover import session as discover_session
from app_pages.widgets import weighing
from app_pages.widgets.weighing import COUNTS, JOINED, LEARNED
from search.asking import DEFAULT_TARGETS
from search.preference import Profile
from search.query import AUTO, STRATEGIES

MULTIVECTOR = (
    "Every picture has several vectors, one for each of these, and the suggestions are near the examples on all that "
    "have a weight. What people often call multivector search is this: named vectors and multi-target search. (In "
    "Weaviate, multi-vector means late interaction, as in ColBERT.)"
)
FEWEST_LIKES = 2
"""So many likes it takes to learn what counts."""


def draw_words(profile: Profile) -> None:
    if st.session_state.get("discover-words-shown") != profile.words:
        st.session_state["discover-words"] = st.session_state["discover-words-shown"] = profile.words
    st.text_input(
        "Words", key="discover-words", label_visibility="collapsed", width=300, on_change=_choose_words,
        placeholder="Words too, as: red + sunset - people", autocomplete="off", icon=":material/search:",
    )  # fmt: skip


def _choose_words() -> None:
    words = str(st.session_state["discover-words"] or "").strip()
    st.session_state["discover-words-shown"] = words
    _edit(words=words)


def _edit(**fields: Any) -> None:
    discover_session.change(lambda profile: profile.edit(**fields))


def draw_targets(profile: Profile, counted: Mapping[str, float]) -> None:
    """`counted`: what the last answer went by (`Results.targets`)."""
    chosen = profile.targets if isinstance(profile.targets, Mapping) else None
    name = weighing.name_of(chosen or AUTO)
    with st.popover(f"What counts: {name.lower()}", icon=":material/tune:", key="discover-targets"):
        offered = [LEARNED, *(one for one in weighing.CHOICES if one not in (LEARNED, weighing.AUTOMATIC))]
        shown = chosen or counted or DEFAULT_TARGETS["item"]
        weighing.draw_targets("discover-", name, offered, shown, 0.01, _edit)
        st.caption(_learned(profile, counted) if chosen is None else "As you set them.", help=MULTIVECTOR)


def draw_joining(profile: Profile) -> None:
    name, _ = JOINED[profile.strategy or STRATEGIES[0]]
    variety = f", variety {profile.diversity:g}" if profile.diversity else ""
    with st.popover(f"{name}{variety}", icon=":material/join_inner:", key="discover-joining"):
        weighing.draw_joining("discover-", profile.strategy, _edit)
        weighing.draw_variety("discover-", profile.diversity, _edit)


def shares_of(counted: Mapping[str, float]) -> str:
    """As: how it looks 60%, what it shows 40%."""
    return ", ".join(
        f"{COUNTS[name].lower()} {share:.0%}"
        for name, share in sorted(counted.items(), key=lambda pair: -pair[1])
        if name in COUNTS and share >= 0.005
    )


def has_learned(profile: Profile) -> bool:
    """Whether what counts follows from the likes."""
    return profile.targets == AUTO and len(profile.likes) >= FEWEST_LIKES


def _learned(profile: Profile, counted: Mapping[str, float]) -> str:
    shares = shares_of(counted)
    if len(profile.likes) < FEWEST_LIKES:
        usual = f" Until then: {shares}." if shares and (profile.likes or profile.dislikes) else ""
        return f"Learned from your likes, from the second on.{usual}"
    return (
        f"Learned from your likes: {shares}. What they have more in common than pictures by chance counts more."
        if shares
        else "Learned from your likes."
    )
