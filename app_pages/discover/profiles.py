"""Sessions kept under a name: save, open, rename, delete. Each is a document in Weaviate (`schema.documents`), and is
saved again at every change while it is in use.

A profile of another encoder's library can be taken over: its likes are named by the pictures' bytes, so they hold
wherever these pictures are. Its words do too; weights that were set for another encoder's vectors do not.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import streamlit as st

from api.context import AppContext
from app_pages.discover import session as discover_session
from app_pages.discover.session import Session
from app_pages.widgets.markdown import escape_markdown, sentence
from errors import DocumentError, LoupeError, QueryError, SchemaError
from pictures.text import inert
from schema.documents import MAX_NAME, DocumentStore
from search.preference import Profile
from search.query import AUTO, MAX_TERMS, parse_uuid

SHARED = (
    "The address of this page holds this session too, to share or to bookmark: likes, dislikes, words, filters and "
    f"settings. It does not hold what you have already seen, nor more than {MAX_TERMS} pictures."
)
_TROUBLE, _FOREIGN = "profiles-trouble", "profile-of-another-encoder"


def keep(context: AppContext, session: Session) -> None:
    """Raises SchemaError."""
    context.connection.documents("Profiles").save(session.name, document_of(session), session.profile.encoder)


def document_of(session: Session) -> dict[str, Any]:
    judged = session.profile.items
    titles = {str(one): title for one, title in session.titles.items() if one in judged}
    return {"profile": session.profile.to_json(), "titles": titles}


def read_document(document: Mapping[str, Any]) -> tuple[Profile, dict[UUID, str]]:
    """Raises QueryError for what is no profile."""
    titles = document.get("titles")
    named = {parse_uuid(one): str(title) for one, title in titles.items()} if isinstance(titles, Mapping) else {}
    profile = Profile.from_json(document.get("profile"))
    return profile if profile.targets is not None else replace(profile, targets=AUTO), named


def draw_profiles(context: AppContext, session: Session) -> None:
    """The popover. What is kept is read while it is open only."""
    label = escape_markdown(session.name) if session.name else "Not kept"
    with st.popover(label, icon=":material/bookmark:", key="profiles", on_change="rerun") as popover:
        if not popover.open:
            return
        try:
            entries = context.connection.documents("Profiles").list()
        except SchemaError as error:
            st.error(sentence(error), icon=":material/cloud_off:")
            return
        _draw_popover(context, session, [entry.name for entry in entries if entry.name != session.name])


def _draw_popover(context: AppContext, session: Session, others: list[str]) -> None:
    if trouble := st.session_state.pop(_TROUBLE, ""):
        st.warning(escape_markdown(trouble), icon=":material/edit:")
    if session.name:
        _draw_in_use(context, session)
    else:
        _draw_save(context, session)
    if others:
        _draw_open(context, others, session)
    st.caption(SHARED)


def _draw_in_use(context: AppContext, session: Session) -> None:
    st.markdown(f"**{escape_markdown(session.name)}** is in use: every change is saved.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Name", key="profile-rename", value=session.name, max_chars=MAX_NAME)
        st.button("Rename", key="rename-profile", on_click=_rename, args=(context,))
    with st.container(horizontal=True, gap="small"):
        st.button(
            "New session", key="leave-profile", icon=":material/add:", on_click=discover_session.start_over,
            help="Begin with nothing liked. This profile stays as it is.",
        )  # fmt: skip
        st.button("Delete", key="delete-profile", icon=":material/delete:", on_click=_delete, args=(context,),
                  help="Takes the profile away for good. The session goes on without a name.")  # fmt: skip


def _draw_save(context: AppContext, session: Session) -> None:
    st.markdown("Keep this session under a name, to go on another day.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Name", key="profile-name", placeholder="Animals, but no birds", max_chars=MAX_NAME)
        st.button(
            "Save", key="save-profile", type="primary", on_click=_save, args=(context,), disabled=session.profile.empty,
            help="Like a picture first." if session.profile.empty else None,
        )  # fmt: skip


def _draw_open(context: AppContext, names: list[str], session: Session) -> None:
    unsaved = "" if session.name or session.profile.empty else " Undo comes back to this session."
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Kept", names, key="profile-choice", index=None, placeholder="Choose",
            format_func=inert,
        )  # fmt: skip
        st.button("Open", key="open-profile", on_click=_load, args=(context,), help=f"Go on with it.{unsaved}")


def _reported(change: Callable[[DocumentStore], None]) -> Callable[[AppContext], None]:
    """A callback. What goes wrong is shown in the popover."""

    def tried(context: AppContext) -> None:
        try:
            change(context.connection.documents("Profiles"))
        except LoupeError as error:
            st.session_state[_TROUBLE] = str(error)

    return tried


@_reported
def _save(profiles: DocumentStore) -> None:
    session = replace(discover_session.read(), name=str(st.session_state["profile-name"] or ""))
    kept = profiles.save(session.name, document_of(session), session.profile.encoder, new=True)
    discover_session.write(replace(session, name=kept.name, trouble=""))


@_reported
def _rename(profiles: DocumentStore) -> None:
    session = discover_session.read()
    kept = profiles.rename(session.name, str(st.session_state["profile-rename"] or ""))
    discover_session.write(replace(session, name=kept.name))


@_reported
def _delete(profiles: DocumentStore) -> None:
    session = discover_session.read()
    try:
        profiles.delete(session.name)
    except DocumentError as error:  # another tab was faster
        st.session_state[_TROUBLE] = str(error)
    discover_session.write(replace(session, name="", trouble=""))


@_reported
def _load(profiles: DocumentStore) -> None:
    name = st.session_state["profile-choice"]
    if not name:
        raise QueryError("Choose a profile to open.")
    kept = profiles.load(str(name))
    try:
        profile, titles = read_document(kept.document)
    except QueryError as error:
        raise QueryError(f"The profile “{name}” cannot be read: {error}") from None
    if profile.encoder == discover_session.read().profile.encoder:
        discover_session.begin(profile, kept.name, titles)
    else:
        st.session_state[_FOREIGN] = Session(profile, kept.name, titles)


def draw_foreign() -> None:
    """What to do with a profile of another encoder that was opened."""
    found = st.session_state.get(_FOREIGN)
    if not isinstance(found, Session):
        return
    name, theirs, ours = map(
        escape_markdown, (found.name, found.profile.encoder, discover_session.read().profile.encoder)
    )
    with st.container(key="foreign-profile"):
        st.warning(
            f"The profile “{name}” was made in a library of {theirs}, this one is of {ours}. Its "
            f"{_content(found.profile)} can be taken over, where this library has the pictures; its weights cannot, "
            "what counts is learned anew.",
            icon=":material/swap_horiz:",
        )
        with st.container(horizontal=True, gap="small"):
            st.button("Take over", key="take-over-profile", type="primary", on_click=_take_over,
                      help="As a new session, which has no name yet: the profile itself stays as it is.")  # fmt: skip
            st.button("Leave it", key="leave-foreign-profile", on_click=st.session_state.pop, args=(_FOREIGN, None))


def _content(profile: Profile) -> str:
    counts = {"liked": len(profile.likes), "disliked": len(profile.dislikes)}
    judged = " and ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    kept = [f"{judged} pictures" if judged else "", "words" if profile.words else ""]
    return " and ".join(part for part in kept if part) or "settings"


def _take_over() -> None:
    found: Session = st.session_state.pop(_FOREIGN)
    encoder = discover_session.read().profile.encoder
    discover_session.begin(replace(found.profile, encoder=encoder, targets=AUTO, history=()), titles=found.titles)
