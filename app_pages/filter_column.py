"""The column of filters, with counts. Writes conditions into the address; knows no database.

A condition that has no widget here (written by hand into the address) works all the same and is a chip like the others.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages import address
from app_pages.question import Question
from search.filters import Condition, joined

Counts = Sequence[tuple[str, int]]
CountBy = Callable[[Question, str], Counts]
"""(question, facet) -> how many pictures each value has among those that pass the question's other filters."""
TAG_MODES = {"any of": "tags.any", "all of": "tags.all", "none of": "tags.none"}
TAG_FIELDS = ("tags", *TAG_MODES.values())


def draw(question: Question, count_by: CountBy) -> None:
    with st.container(key="filters"):
        _choice(question, "folder", "Folder", _counts(question, ("folder",), "folder", count_by), shown=_short)
        _tags(question, _counts(question, TAG_FIELDS, "tag", count_by))
        _choice(question, "year", "Year", _counts(question, ("year",), "year", count_by))
        since, until = st.columns(2)
        with since:
            _typed(question, "taken", ">=", "Taken from", "2020-05")
        with until:
            _typed(question, "taken", "<=", "until", "2021")
        _choice(question, "camera", "Camera", _counts(question, ("camera",), "camera", count_by))
        _choice(question, "orientation", "Shape", [("landscape", 0), ("portrait", 0), ("square", 0)])
        _choice(question, "captioned", "Caption", [("yes", 0), ("no", 0)])
        _typed(question, "width", ">=", "At least this wide", "1000", negatable=True)
        _typed(question, "path", "~", "The path contains", "holiday", negatable=True)


def _counts(question: Question, fields: Sequence[str], facet: str, count_by: CountBy) -> Counts:
    return count_by(question.with_filter(fields, "=", None), facet)


def _current(question: Question, fields: Sequence[str], operator: str) -> Condition | None:
    return next((c for c in question.conditions() if c.field in fields and c.operator == operator), None)


def _choice(question: Question, field: str, label: str, counts: Counts, shown: Callable[[str], str] = str) -> None:
    """One value of a few, and "not"."""
    current = _current(question, (field,), "=")
    known = dict(counts)
    options = [*known, *([current.value] if current and current.value not in known else [])]
    st.session_state[f"filter-{field}"] = current.value if current else None
    with _row(field, current):
        st.selectbox(
            label,
            options,
            key=f"filter-{field}",
            index=None,
            placeholder="Any",
            format_func=lambda value: f"{shown(value)} ({known[value]:,})" if known.get(value) else shown(value),
            on_change=_set,
            args=(field, "="),
        )
        _negation(field, "=", current)


def _typed(question: Question, field: str, operator: str, label: str, example: str, *, negatable: bool = False) -> None:
    current = _current(question, (field,), operator)
    key = f"filter-{field}" if operator == "~" else f"filter-{field}{operator}"
    st.session_state[key] = current.value if current else ""
    with _row(f"{field}{operator}", current):
        st.text_input(label, key=key, placeholder=example, on_change=_set, args=(field, operator))
        if negatable:
            _negation(field, operator, current)


def _row(name: str, current: Condition | None) -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", key=f"row-{name}")


def _negation(field: str, operator: str, current: Condition | None) -> None:
    key = f"not-{field}{operator}"
    st.session_state[key] = current is not None and current.negated
    st.checkbox("not", key=key, disabled=current is None, on_change=_set, args=(field, operator))


def _set(field: str, operator: str) -> None:
    key = f"filter-{field}" if operator in ("=", "~") else f"filter-{field}{operator}"
    value = str(st.session_state[key] or "").strip()
    negated = "!" if st.session_state.get(f"not-{field}{operator}") else ""
    condition = f"{negated}{field}{operator}{value}" if value else None
    address.write(address.read().with_filter((field,), operator, condition))


def _tags(question: Question, counts: Counts) -> None:
    current = _current(question, TAG_FIELDS, "=")
    known: Mapping[str, int] = dict(counts)
    chosen = list(current.values) if current else []
    modes = {field: mode for mode, field in TAG_MODES.items()}
    if current:
        st.session_state["tag-mode"] = modes.get(current.field, "any of")
    st.session_state["filter-tags"] = chosen
    st.multiselect(
        "Tags",
        [*known, *(tag for tag in chosen if tag not in known)],
        key="filter-tags",
        placeholder="Any",
        format_func=lambda tag: f"{tag} ({known[tag]:,})" if tag in known else tag,
        on_change=_set_tags,
    )
    st.segmented_control(
        "Tags: any, all or none of them",
        list(TAG_MODES),
        default=None if "tag-mode" in st.session_state else "any of",
        required=True,
        key="tag-mode",
        label_visibility="collapsed",
        on_change=_set_tags,
    )


def _set_tags() -> None:
    tags = st.session_state["filter-tags"]
    condition = f"{TAG_MODES[st.session_state['tag-mode'] or 'any of']}={joined(tags)}" if tags else None
    address.write(address.read().with_filter(TAG_FIELDS, "=", condition))


def _short(folder: str) -> str:
    """The last two names of a path."""
    parts = PurePath(folder).parts
    return folder if len(parts) <= 3 else f"…/{'/'.join(parts[-2:])}"
