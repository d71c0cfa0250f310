"""The recommendation session of a browser tab: its profile, its name, the way back.

It lives in the tab's state and goes on over all pages, so that a thumb on a search result counts on Discover. What
keeps a named profile is handed in (`kept_by`), because a thumb on another page has no store at hand.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from errors import QueryError, SchemaError
from search.preference import Profile
from search.query import AUTO, MAX_HIDDEN

UP, DOWN = 1, -1
VERBS: Mapping[int, Callable[[Profile, uuid.UUID], Profile]] = {
    UP: Profile.liking,
    DOWN: Profile.disliking,
    0: Profile.forgetting,
}
_STATE, _KEEP = "discover-session", "discover-keep"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    profile: Profile = field(default_factory=lambda: Profile(encoder=""))
    name: str = ""
    """Of the profile that every change is saved to; "" for a session that is not kept."""
    titles: Mapping[uuid.UUID, str] = field(default_factory=dict)
    """What judged pictures are called: to name them when they have left the library."""
    before: "Session | None" = None
    """The session that this one took the place of."""
    trouble: str = ""
    """Why the last change was not saved."""

    @property
    def can_undo(self) -> bool:
        return self.profile.can_undo or self.before is not None

    def opinion(self, one: uuid.UUID) -> int:
        """UP, DOWN or 0."""
        return UP if one in self.profile.likes else DOWN if one in self.profile.dislikes else 0


Keep = Callable[[Session], None]
"""Saves a named session; raises SchemaError."""


def read() -> Session:
    found = st.session_state.get(_STATE)
    return found if isinstance(found, Session) else Session()


def write(session: Session) -> None:
    st.session_state[_STATE] = session


def kept_by(keep: Keep) -> None:
    st.session_state[_KEEP] = keep


def change(edit: Callable[[Profile], Profile]) -> None:
    """One step, saved where the session has a name."""
    session = read()
    try:
        edited = edit(session.profile)
    except QueryError as error:
        write(replace(session, trouble=str(error)))
        return
    if edited != session.profile:
        save(replace(session, profile=edited))


def judge(one: uuid.UUID, title: str, opinion: int, copies: Sequence[uuid.UUID] = ()) -> None:
    """`opinion` UP, DOWN, or 0 for neither. `copies`: near-duplicates that stood behind it; they do not come back."""
    session = read()
    write(replace(session, titles={**session.titles, one: title}))
    judge_all([one], opinion, copies)


def judge_all(ones: Iterable[uuid.UUID], opinion: int, copies: Sequence[uuid.UUID] = ()) -> None:
    """In one step."""

    def edit(profile: Profile) -> Profile:
        judged = profile.seeing(copies if opinion else ())
        for one in ones:
            judged = VERBS[opinion](judged, one)
        return profile.edit(likes=judged.likes, dislikes=judged.dislikes, seen=judged.seen)

    change(edit)


def weigh(one: uuid.UUID, weight: float) -> None:
    """How much a judged picture counts, in the place it has."""
    verb = Profile.disliking if one in read().profile.dislikes else Profile.liking
    change(lambda profile: verb(profile, one, weight))


def see(shown: Sequence[uuid.UUID]) -> None:
    """Those do not come back, until that is undone; of more than one question can hide (MAX_HIDDEN) the latest."""
    change(lambda profile: profile.edit(seen=profile.seeing(shown).seen[-MAX_HIDDEN:]))


def undo() -> None:
    session = read()
    if session.profile.can_undo:
        save(replace(session, profile=session.profile.undone()))
    elif session.before is not None:
        write(session.before)


def start_over() -> None:
    """Nothing liked, disliked or seen. A named profile stays as it was saved, and is left."""
    session = read()
    write(replace(session, profile=session.profile.reset(), name="", trouble=""))


def begin(profile: Profile, name: str = "", titles: Mapping[uuid.UUID, str] | None = None) -> None:
    """Another session in this one's place; `undo` comes back to this one."""
    session = read()
    before = session.before if session.profile.empty and not session.name else replace(session, before=None)
    write(Session(profile, name, {**session.titles, **(titles or {})}, before))


def of_encoder(encoder: str) -> Session:
    """The session, asked of the library of this encoder from now on: a judged picture's uuid is a hash of its bytes,
    so the likes hold for whatever library has them. A kept profile stays as it was saved."""
    session = read()
    before = session.profile.encoder
    if before == encoder:
        return session
    session = replace(session, profile=replace(session.profile, encoder=encoder))
    if before:  # the library was changed while this tab was open
        left = f" The profile “{session.name}” stays as it is, and is left." if session.name else ""
        trouble = f"The library is one of {encoder} now, it was of {before}. What counts is learned anew.{left}"
        session = replace(session, profile=replace(session.profile, targets=AUTO), name="", trouble=trouble)
    write(session)
    return session


def save(session: Session) -> None:
    """Keeps the session here, and under its name where it has one; what went wrong there is in `trouble`."""
    trouble = ""
    if session.name:
        try:
            st.session_state[_KEEP](session)
        except SchemaError as error:
            log.warning("the profile %r was not saved: %s", session.name, error)
            trouble = f"The last change of the profile “{session.name}” is not saved yet. {error}"
    write(replace(session, trouble=trouble))
