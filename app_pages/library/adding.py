"""Bringing pictures in: the field for a folder, the samples, how far it is, what it did. Shared by both pages.

The work is a process of its own (`host.jobs`); here it is only watched.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from api.context import AppContext
from app_pages.widgets import visitor
from app_pages.widgets.markdown import escape_markdown
from pictures.open import EXTENSIONS
from pictures.text import inert
from search.filters import Condition
from search.searcher import Searcher

POLL_S = 2
_ASKING = "confirming"
COUNTS = {
    "added": "added",
    "updated": "updated",
    "renamed": "renamed",
    "copied": "copies of known pictures",
    "removed": "removed",
    "unchanged": "unchanged",
    "missing": "gone from the folder",
    "excluded": "left out by rule by now",
    "offline": "out of reach, kept",
}
FAILURES = {
    "unreadable": "could not be read",
    "rejected": "could not be stored",
    "not_removed": "could not be removed",
    "skipped": "left out by rule",
}


def first_pictures(context: AppContext) -> None:
    """The page of an empty library."""
    with st.container(key="landing"):
        running = context.ingestion.running
        st.title("Adding the first pictures" if running else "There are no pictures yet", anchor=False)
        st.caption("Loupe reads your folders and leaves every file where it is and as it is.")
        if progress(context):
            return
        st.button(
            "Try the sample pictures", type="primary", icon=":material/photo_library:", key="samples",
            on_click=start, args=(context, str(context.samples)),
        )  # fmt: skip
        folder_form(context)
        last_report(context)
        _wait_for_others(context)


def may_change_folders(context: AppContext) -> bool:
    """A person who adds a folder of this machine can look into it: only people at this machine may, unless settings say
    otherwise."""
    return context.remote_folders or visitor.is_here()


def folder_form(context: AppContext) -> None:
    if not may_change_folders(context):
        st.caption(
            "Folders are added and taken out on the machine that Loupe runs on. LOUPE_REMOTE_FOLDERS=true there lets "
            "everybody who reaches this page do it."
        )
        return
    with st.form("add-folder", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "A folder of pictures", key="folder", placeholder="/home/me/Pictures", icon=":material/folder:",
            persist_state="session",
        )  # fmt: skip
        st.form_submit_button("Add the folder", on_click=_add, args=(context,), disabled=context.ingestion.running)


def start(context: AppContext, folder: str, *options: str) -> None:
    """Does nothing while one runs."""
    context.ingestion.start(*options, "--", folder)


def _add(context: AppContext) -> None:
    folder = st.session_state["folder"].strip()
    if folder and may_change_folders(context):
        start(context, folder)


def progress(context: AppContext) -> bool:
    """Draws the running ingest, and whether one runs. The page is drawn anew when it ends."""
    if running := context.ingestion.running:
        _watch(context)
    return running


@st.fragment(run_every=POLL_S)
def _watch(context: AppContext) -> None:
    if not context.ingestion.running:
        st.cache_data.clear()
        st.rerun()
    if (status := context.ingestion.status()) is None:
        st.progress(0.0, "Starting: the encoder is being loaded")
        return
    failed = f", {status.failed:,} could not be read" if status.failed else ""
    st.progress(
        min(status.done / status.total, 1.0) if status.total else 0.0,
        f"{escape_markdown(status.folder)}: {status.done:,} of {status.total:,} files, {status.encoded:,} encoded"
        + failed,
    )


@st.fragment(run_every=POLL_S)
def _wait_for_others(context: AppContext) -> None:
    """An ingest that was started from a shell."""
    if context.ingestion.running:
        st.rerun()


def last_report(context: AppContext) -> None:
    """What the last ingest did, and what can be done about it; of one that did not begin, why."""
    if failure := context.ingestion.failure():
        st.error(escape_markdown(failure), icon=":material/error:")
        return
    if (status := context.ingestion.status()) is None:
        return
    folder, report = escape_markdown(status.folder), status.report or {}
    if status.died or status.error:
        reason = status.error or "it ended without a word (killed, or the machine went down)"
        st.warning(f"The last ingest of {folder} ended early: {escape_markdown(reason)}", icon=":material/error:")
        return
    if report.get("dry_run"):
        return
    left_out = escape_markdown(str(report.get("left_out", "")))
    counts = [f"{report[name]:,} {label}" for name, label in COUNTS.items() if report.get(name)]
    counts += [f"{len(report[name]):,} {label}" for name, label in FAILURES.items() if report.get(name)]
    if report.get("forgotten"):
        taken = report.get("removed", 0)
        st.caption(f"{folder} was taken out of the library, and {taken:,} files with it.")
    elif counts or report.get("interrupted") or report.get("ended_by"):
        speed = f", {report.get('images_per_second', 0):g} pictures a second" if report.get("encoded") else ""
        st.caption(
            f"Last time, {folder}: {', '.join(counts)}, in {report.get('seconds', 0):.1f} s{speed}."
            + (f" {left_out}." if left_out else "")
            + (" It was interrupted." if report.get("interrupted") else "")
        )
        if report.get("ended_by"):
            st.warning(escape_markdown(report["ended_by"]), icon=":material/error:")
    else:
        st.info(
            f"No pictures were found in {folder}. {left_out or 'It is empty'}. Loupe reads files that end in "
            f"{', '.join(sorted(EXTENSIONS))}.",
            icon=":material/folder_off:",
        )
    _failures(report)
    if missing := report.get("missing", 0) + report.get("excluded", 0):
        gone = "gone or left out" if report.get("excluded") else "gone"
        _confirmed(
            f"Remove the {missing:,} whose files are {gone}", "prune", "Remove from the library?",
            f"{_count(missing)} of {folder} will leave the library, because the files are gone. No file is touched.",
            f"Remove {_count(missing)}", "Keep them", "delete_sweep",
            partial(start, context, status.folder, "--prune", "--at-most", str(missing)),  # no more than was agreed to
        )  # fmt: skip


def _failures(report: dict[str, Any]) -> None:
    rows = [
        {"File": inert(failure["path"]), "What happened": label, "Why": inert(failure["reason"])}
        for name, label in FAILURES.items()
        for failure in report.get(name, ())
    ]
    rows += [{"File": "", "What happened": "warning", "Why": inert(warning)} for warning in report.get("warnings", ())]
    if rows:
        with st.expander(f"{len(rows):,} to look at", icon=":material/report:", expanded=len(rows) <= 5):
            st.dataframe(rows, hide_index=True)


def forget_button(root: Path, searcher: Searcher, context: AppContext, *, disabled: bool) -> None:
    """Takes the folder out of the library, after asking."""

    def forget() -> None:
        if may_change_folders(context):
            start(context, str(root), "--forget", "--yes")

    count = _count(searcher.count([Condition("folder", "=", str(root))])) if _asking(f"remove-{root}") else ""
    _confirmed(
        "Take it out", f"remove-{root}", "Take the folder out of the library?",
        f"{count} of {escape_markdown(str(root))} will leave the library with the tags that were given here, except "
        "those that lie in another folder too. No file is touched. Adding the folder again encodes them again.",
        "Take it out", "Keep it", "folder_delete", forget, disabled=disabled, type="tertiary",
        help="Loupe forgets this folder; no file is touched",
    )  # fmt: skip


def _confirmed(
    label: str, key: str, title: str, text: str, yes: str, no: str, icon: str, act: Callable[[], None], **options: Any
) -> None:
    """A button, and after a click a dialog: `act` happens after the first of its two buttons."""
    ask = partial(st.session_state.__setitem__, _ASKING)
    st.button(label, key=key, icon=f":material/{icon}:", on_click=ask, args=(key,), **options)

    def answer(agreed: bool) -> None:
        ask("")
        if agreed:
            act()

    def draw() -> None:
        st.write(text)
        with st.container(horizontal=True):
            kind = key.partition("-")[0]
            st.button(yes, type="primary", key=f"{kind}-yes", on_click=answer, args=(True,))
            st.button(no, key=f"{kind}-no", on_click=answer, args=(False,))

    if _asking(key) and not options.get("disabled"):
        st.dialog(title, on_dismiss=partial(answer, False))(draw)()


def _asking(key: str) -> bool:
    return bool(st.session_state.get(_ASKING) == key)


def _count(number: int) -> str:
    return "1 picture" if number == 1 else f"{number:,} pictures"
