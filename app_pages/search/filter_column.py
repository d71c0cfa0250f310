"""The column of filters, with counts. Writes conditions into the address; knows no database.

A condition that has no widget here (written by hand into the box or the address) works all the same and is a chip like
the others.
"""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages import address
from app_pages.question import Question
from app_pages.widgets import date_bars, folder_tree, near_map
from app_pages.widgets.markdown import escape_markdown, inert
from app_pages.widgets.near_map import Place
from pictures.looks import COLOURS
from search.filters import COMPARISONS, Condition, comma_separated

Counts = Sequence[tuple[str, int]]
CountsOf = Callable[[Question], Mapping[str, Counts]]
"""How many of a question's pictures have each value, by facet."""
TAGS = {"tags.any": "With any of these tags", "tags.all": "With all of these", "tags.none": "With none of these"}
SIZES = {"1": "1 megapixel or more", "4": "4 or more", "12": "12 or more", "24": "24 or more"}
SHAPES = ("landscape", "portrait", "square")


def draw(question: Question, counts_of: CountsOf, note: str, places: Sequence[Place]) -> None:
    """`note`: what the counts count. `places`: where pictures of the library were taken."""

    def counts(facet: str, *fields: str) -> Counts:
        """Each value's pictures among those that pass the question's other filters: the choice may still change."""
        return counts_of(_without(question, fields)).get(facet, ())

    with st.container(key="filters"):
        st.caption(note)
        _folders(question, counts("folder", "folder"), counts_of(question).get("folder", ()))
        _tags(question, counts("tag", *TAGS, "tags"))
        _dates(question, counts("year", "taken", "year"), counts("month", "taken", "year"))
        _colours(question, counts("colour", "colour"))
        _pills(question, "orientation", "Shape", SHAPES, counts("orientation", "orientation"))
        _pills(question, "captioned", "Caption", ("yes", "no"), counts("captioned", "captioned"))
        if places:
            _near(question, places)
        with st.expander("More filters", key="more-filters"):
            _choice(question, "camera", "Camera", counts("camera", "camera"))
            _sizes(question)
            _typed(question, "width", ">=", "At least this wide", "1000", negatable=True)
            _typed(question, "path", "~", "The path contains", "holiday", negatable=True)


def _without(question: Question, fields: Sequence[str]) -> Question:
    for operator in (*COMPARISONS, "~"):
        question = question.with_filter(fields, operator, None)
    return question


def _current(question: Question, fields: Sequence[str], operator: str, *, negated: bool = True) -> Condition | None:
    """`negated`: whether one that is turned round counts."""
    fitting = (c for c in question.conditions() if c.field in fields and c.operator == operator)
    return next((c for c in fitting if negated or not c.negated), None)


def _folders(question: Question, counts: Counts, inside: Counts) -> None:
    """`inside`: the folders of the chosen one, which `counts` may be too long to hold."""
    current = _current(question, ("folder",), "=", negated=False)
    rows = folder_tree.rows(dict(inside) | dict(counts), current.value if current else "")
    if not rows:
        return
    with st.container(gap=None, key="folders"):
        _heading("Folder")
        for row in rows:
            st.button(
                f"{escape_markdown(row.name)} :gray[{row.count:,}]",
                key=f"folder{min(row.depth, 6)}-{row.path}",
                type="tertiary",
                icon=":material/folder_open:" if row.is_open or row.chosen else ":material/folder:",
                width="stretch",
                on_click=_set,
                args=(("folder",), "=", None if row.chosen else f"folder={row.path}"),
                help=f"{escape_markdown(row.path)}. Click to take this filter away."
                if row.chosen
                else escape_markdown(row.path),
            )
            if row.more:
                st.caption(f"{row.more:,} more in {escape_markdown(row.name)}, with fewer pictures")


def _tags(question: Question, counts: Counts) -> None:
    known: Mapping[str, int] = dict(counts)
    for field, label in TAGS.items():
        current = _current(question, _tag_fields(field), "=", negated=False)
        chosen = list(current.values) if current else []
        key = f"filter-{field}"
        st.session_state[key] = chosen
        st.multiselect(
            label,
            [*known, *(tag for tag in chosen if tag not in known)],
            key=key,
            placeholder="Any" if field != "tags.none" else "None",
            format_func=lambda tag: f"{inert(tag)} ({known[tag]:,})" if tag in known else inert(tag),
            on_change=_set_tags,
            args=(field,),
        )


def _tag_fields(field: str) -> tuple[str, ...]:
    return ("tags.any", "tags") if field == "tags.any" else (field,)


def _set_tags(field: str) -> None:
    tags = st.session_state[f"filter-{field}"]
    _set(_tag_fields(field), "=", f"{field}={comma_separated(tags)}" if tags else None)


def _dates(question: Question, years: Counts, months: Counts) -> None:
    since, until = _current(question, ("taken",), ">="), _current(question, ("taken",), "<=")
    year = _current(question, ("year",), "=", negated=False)
    first = since.value if since else year.value if year else ""
    last = until.value if until else year.value if year else ""
    shown = date_bars.histogram(dict(years), dict(months), first, last)
    if not shown.bars and not first and not last:
        return
    _heading(f"Taken in {shown.year}" if shown.year else "Taken")
    if shown.bars:
        # A new key whenever the bars change: the browser's own selection must not outlive the range it wrote.
        date_bars.draw(shown, f"bars-{hash((shown, first, last))}", _set_range)
    with st.container(horizontal=True, wrap=False, gap="small", key="date-range"):
        _typed(question, "taken", ">=", "From", "2020-05")
        _typed(question, "taken", "<=", "until", "2021")
    if first or last:
        st.button("All dates", key="all-dates", type="tertiary", icon=":material/undo:", on_click=_set_range)


def _set_range(since: str = "", until: str = "") -> None:
    question = address.read().with_filter(("year",), "=", None)
    question = question.with_filter(("taken",), ">=", f"taken>={since}" if since else None)
    address.write(question.with_filter(("taken",), "<=", f"taken<={until}" if until else None))


def _colours(question: Question, counts: Counts) -> None:
    """A swatch for each colour; those that are chosen count together: one of them is enough."""
    current = _current(question, ("colour",), "=", negated=False)
    chosen = current.stored if current else ()
    known = dict(counts)
    if not known and not chosen:
        return
    _heading("Colour")
    with st.container(horizontal=True, gap="xsmall", key="colours"):
        for name in COLOURS:
            if name in known or name in chosen:
                others = [one for one in COLOURS if (one in chosen) != (one == name)]
                st.button(
                    name, key=f"colour-{name}", type="primary" if name in chosen else "secondary", on_click=_set,
                    args=(("colour",), "=", f"colour={','.join(others)}" if others else None),
                    help=f"{name}: {known.get(name, 0):,}",
                )  # fmt: skip


def _near(question: Question, places: Sequence[Place]) -> None:
    near = _circle(question)
    _heading("Near a place")
    near_map.draw(places, near, f"places-{hash((tuple(places), near))}", _set_near)
    if near is None:
        st.caption("Click a point; the wheel zooms.")
        return
    radii = sorted({*near_map.RADII_KM, near[2]})
    st.session_state["radius-km"] = near[2]
    st.select_slider(
        "Within", radii, key="radius-km", format_func=lambda km: f"{km:g} km", on_change=_set_radius, args=near[:2]
    )


def _circle(question: Question) -> tuple[float, float, float] | None:
    current = _current(question, ("near",), "=", negated=False)
    return current.circle if current else None


def _set_near(latitude: float, longitude: float) -> None:
    near = _circle(address.read())
    km = near[2] if near else near_map.RADIUS_KM
    _set(("near",), "=", f"near={latitude:.5f},{longitude:.5f},{km:g}")


def _set_radius(latitude: float, longitude: float) -> None:
    _set(("near",), "=", f"near={latitude:.5f},{longitude:.5f},{st.session_state['radius-km']:g}")


def _pills(question: Question, field: str, label: str, values: Sequence[str], counts: Counts) -> None:
    current = _current(question, (field,), "=", negated=False)
    known = dict(counts)
    key = f"filter-{field}"
    st.session_state[key] = current.value if current else None
    st.pills(
        label, values, key=key, format_func=lambda value: f"{value} {known[value]:,}" if value in known else value,
        on_change=_set_chosen, args=(field, "="),
    )  # fmt: skip


def _sizes(question: Question) -> None:
    current = _current(question, ("megapixels",), ">=", negated=False)
    options = [*SIZES, *([current.value] if current and current.value not in SIZES else [])]
    st.session_state["filter-megapixels>="] = current.value if current else None
    st.selectbox(
        "Size", options, key="filter-megapixels>=", index=None, placeholder="Any", on_change=_set_chosen,
        format_func=lambda value: SIZES.get(value, f"{value} or more"), args=("megapixels", ">="),
    )  # fmt: skip


def _choice(question: Question, field: str, label: str, counts: Counts) -> None:
    """One value of a few, and "not"."""
    current = _current(question, (field,), "=")
    known = dict(counts)
    options = [*known, *([current.value] if current and current.value not in known else [])]
    st.session_state[f"filter-{field}"] = current.value if current else None
    with _row(field):
        st.selectbox(
            label,
            options,
            key=f"filter-{field}",
            index=None,
            placeholder="Any",
            format_func=lambda value: f"{inert(value)} ({known[value]:,})" if known.get(value) else inert(value),
            on_change=_set_chosen,
            args=(field, "="),
        )
        _negation(field, "=", current)


def _typed(question: Question, field: str, operator: str, label: str, example: str, *, negatable: bool = False) -> None:
    current = _current(question, (field,), operator)
    key = _key(field, operator)
    st.session_state[key] = current.value if current else ""
    with _row(f"{field}{operator}"):
        st.text_input(label, key=key, placeholder=example, on_change=_set_chosen, args=(field, operator))
        if negatable:
            _negation(field, operator, current)


def _row(name: str) -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", key=f"row-{name}")


def _heading(text: str) -> None:
    st.html(f'<p class="loupe-heading">{text}</p>')


def _negation(field: str, operator: str, current: Condition | None) -> None:
    key = f"not-{field}{operator}"
    st.session_state[key] = current is not None and current.negated
    st.checkbox("not", key=key, disabled=current is None, on_change=_set_chosen, args=(field, operator))


def _key(field: str, operator: str) -> str:
    return f"filter-{field}" if operator in ("=", "~") else f"filter-{field}{operator}"


def _set_chosen(field: str, operator: str) -> None:
    value = str(st.session_state[_key(field, operator)] or "").strip()
    negated = "!" if st.session_state.get(f"not-{field}{operator}") else ""
    _set((field,), operator, f"{negated}{field}{operator}{value}" if value else None)


def _set(fields: Sequence[str], operator: str, condition: str | None) -> None:
    """`condition` in the place of every one on these fields with this operator."""
    address.write(address.read().with_filter(fields, operator, condition))
