"""What a suggestion is made of: words, what counts, how the examples are joined, how different the suggestions are.

Every widget edits the session's profile and nothing else; the page then asks again.
"""

from collections.abc import Mapping

import streamlit as st

from app_pages.discover import session as discover_session
from app_pages.search.ask import COUNTS, PRESETS
from search.asking import DEFAULT_TARGETS
from search.preference import Profile
from search.query import AUTO, STRATEGIES

LEARNED = "From the likes"
CHOICES: Mapping[str, Mapping[str, float] | str] = {LEARNED: AUTO} | {
    name: weights for name, weights in PRESETS.items() if weights
}
JOINED = {
    "average": ("Average", "Near the middle of what you like, away from the middle of what you dislike: one taste."),
    "best_score": ("Best score", "Near any one of your likes, unless a dislike is nearer: several tastes at once."),
    "sum_scores": ("Sum of scores", "Near as many of your likes as possible; every dislike takes away."),
}
"""Strategy -> its name, and what it does in one sentence."""
MULTIVECTOR = (
    "Every picture has several vectors, one for each of these, and the suggestions are near the examples on all that "
    "have a weight. What people often call multivector search is this: named vectors and multi-target search. (In "
    "Weaviate, multi-vector means late interaction, as in ColBERT.)"
)
FEWEST_LIKES = 2
"""So many likes it takes to learn what counts."""


def words(profile: Profile) -> None:
    if st.session_state.get("discover-words-shown") != profile.words:
        st.session_state["discover-words"] = st.session_state["discover-words-shown"] = profile.words
    st.text_input(
        "Words",
        key="discover-words",
        label_visibility="collapsed",
        placeholder="Words too, as: red + sunset - people",
        autocomplete="off",
        icon=":material/search:",
        on_change=_say,
        width=300,
    )


def _say() -> None:
    said = str(st.session_state["discover-words"] or "").strip()
    st.session_state["discover-words-shown"] = said
    discover_session.change(lambda profile: profile.saying(said))


def targets(profile: Profile, counted: Mapping[str, float]) -> None:
    """`counted`: what the last answer went by (`Results.targets`)."""
    chosen = profile.targets if isinstance(profile.targets, Mapping) else None
    name = next((name for name, weights in CHOICES.items() if weights == (chosen or AUTO)), "Your own")
    with st.popover(f"What counts: {name.lower()}", icon=":material/tune:", key="discover-targets"):
        st.session_state["discover-preset"] = name if name in CHOICES else None
        st.pills(
            "What counts", list(CHOICES), key="discover-preset", on_change=_choose_preset, label_visibility="collapsed"
        )
        shown = chosen or counted or DEFAULT_TARGETS["item"]
        for target, label in COUNTS.items():
            key = f"discover-weight-{target}"
            st.session_state[key] = round(float(min(max(shown.get(target, 0.0), 0.0), 1.0)), 2)
            st.slider(label, 0.0, 1.0, step=0.01, key=key, on_change=_choose_weights)
        st.caption(_learned(profile, counted) if chosen is None else "As you set them.", help=MULTIVECTOR)


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


def _choose_preset() -> None:
    weights = CHOICES.get(st.session_state["discover-preset"], AUTO)
    discover_session.change(lambda profile: profile.weighing(weights))


def _choose_weights() -> None:
    weights = {name: float(st.session_state[f"discover-weight-{name}"]) for name in COUNTS}
    discover_session.change(
        lambda profile: profile.weighing({name: weight for name, weight in weights.items() if weight > 0})
    )


def joining(profile: Profile) -> None:
    strategy = profile.strategy or STRATEGIES[0]
    name = JOINED[strategy][0]
    different = f", variety {profile.diversity:g}" if profile.diversity else ""
    with st.popover(f"{name}{different}", icon=":material/join_inner:", key="discover-joining"):
        st.session_state["discover-strategy"] = strategy
        st.radio(
            "How likes and dislikes are joined",
            STRATEGIES,
            key="discover-strategy",
            format_func=lambda one: JOINED[one][0],
            captions=[JOINED[one][1] for one in STRATEGIES],
            on_change=_join,
        )
        st.session_state["discover-diversity"] = float(profile.diversity)
        st.slider(
            "Variety",
            0.0,
            1.0,
            step=0.05,
            key="discover-diversity",
            on_change=_vary,
            help="0: the best ones, even if they are much alike. 1: as different from each other as possible (MMR).",
        )


def _join() -> None:
    strategy = st.session_state["discover-strategy"]
    discover_session.change(lambda profile: profile.joined_by(None if strategy == STRATEGIES[0] else strategy))


def _vary() -> None:
    discover_session.change(lambda profile: profile.as_diverse(float(st.session_state["discover-diversity"])))
