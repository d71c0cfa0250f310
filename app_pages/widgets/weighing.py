"""What counts: targets and their weights, how examples are joined, variety. The same widgets for a question and for a
session; what they change is handed in."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from search.query import AUTO, STRATEGIES

COUNTS = {"image": "What it shows", "look": "How it looks", "caption": "What it says"}
AUTOMATIC, LEARNED = "Automatic", "From the likes"
CHOICES: Mapping[str, Mapping[str, float] | str | None] = {
    AUTOMATIC: None,
    "What it shows": {"image": 1.0},
    "How it looks": {"look": 1.0},
    "What it says": {"caption": 1.0},
    "All the same": {"image": 1.0, "look": 1.0, "caption": 1.0},
    LEARNED: AUTO,
}
JOINED = {
    "average": ("Average", "Near the middle of what you like, away from the middle of what you dislike: one taste."),
    "best_score": ("Best score", "Near any one of your likes, unless a dislike is nearer: several tastes at once."),
    "sum_scores": ("Sum of scores", "Near as many of your likes as possible; every dislike takes away."),
}
"""Strategy -> its name, and what it does in one sentence."""
Edit = Callable[..., None]
"""Called with the fields of the query that change: targets, strategy, diversity."""


def name_of(targets: Mapping[str, float] | str | None) -> str:
    return next((name for name, weights in CHOICES.items() if weights == targets), "Your own")


def draw_targets(
    prefix: str, name: str, offered: Sequence[str], shown: Mapping[str, float], step: float, edit: Edit
) -> None:
    """`prefix`: of the keys. `name`: what is chosen, of `offered` or not; the first is what none means. `shown`:
    the weights that the sliders show."""

    def choose() -> None:
        edit(targets=CHOICES[st.session_state[f"{prefix}preset"] or offered[0]])

    def weigh() -> None:
        weights = {target: float(st.session_state[f"{prefix}weight-{target}"]) for target in COUNTS}
        edit(targets={target: weight for target, weight in weights.items() if weight > 0})

    st.session_state[f"{prefix}preset"] = name if name in CHOICES else None
    st.pills("What counts", offered, key=f"{prefix}preset", on_change=choose, label_visibility="collapsed")
    for target, label in COUNTS.items():
        key = f"{prefix}weight-{target}"
        st.session_state[key] = round(float(min(max(shown.get(target, 0.0), 0.0), 1.0)), 2)
        st.slider(label, 0.0, 1.0, step=step, key=key, on_change=weigh)


def draw_joining(prefix: str, strategy: str | None, edit: Edit) -> None:
    key = f"{prefix}strategy"
    st.session_state[key] = strategy or STRATEGIES[0]

    def join() -> None:
        chosen = st.session_state[key]  # whatever a browser sends
        edit(strategy=chosen if chosen in STRATEGIES[1:] else None)

    st.radio(
        "How likes and dislikes are joined", STRATEGIES, key=key, format_func=lambda one: JOINED[one][0],
        captions=[means for _, means in JOINED.values()], on_change=join,
    )  # fmt: skip


def draw_variety(prefix: str, diversity: float, edit: Edit) -> None:
    key = f"{prefix}diversity"
    st.session_state[key] = float(diversity)
    st.slider(
        "Variety", 0.0, 1.0, step=0.05, key=key, on_change=lambda: edit(diversity=float(st.session_state[key])),
        help="0: the best ones, even if they are much alike. 1: as different from each other as possible (MMR).",
    )  # fmt: skip


def draw_switch(label: str, field: str, on: bool, edit: Edit, **options: str | bool) -> None:
    """A switch for a field of the query that is true or false."""
    st.session_state[field] = on
    st.toggle(label, key=field, on_change=lambda: edit(**{field: bool(st.session_state[field])}), **options)  # type: ignore[arg-type]
