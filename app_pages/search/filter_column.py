"""The column of filters, with counts: a widget for each row of `search.filters.FIELDS` that has a label. Writes
conditions into the address.

A condition that has no widget here (written by hand into the box or the address) works all the same and is a chip like
the others.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages import address
from app_pages.widgets import date_bars, folder_tree, near_map
from app_pages.widgets.markdown import escape_markdown
from app_pages.widgets.near_map import Place
from pictures.text import inert
from search.filters import CHOICES, COMPARISONS, FIELDS, NUMBERS, TAGS, Condition, Field, Kind, comma_separated
from search.query import Query

Counts = Sequence[tuple[str, int]]
CountsOf = Callable[[Query], Mapping[str, Counts]]
"""How many of a question's pictures have each value, by facet."""
OPEN = "filters_open"
SIZES = {"1": "1 megapixel or more", "4": "4 or more", "12": "12 or more", "24": "24 or more"}


@dataclass(frozen=True)
class Column:
    question: Query
    counts_of: CountsOf
    places: Sequence[Place]
    """Where pictures of the library were taken."""

    def counts(self, facet: str, *fields: str) -> Mapping[str, int]:
        """Each value's pictures among those that pass the question's filters on other fields: the choice may still
        change."""
        question = self.question
        for operator in (*COMPARISONS, "~") if fields else ():
            question = question.with_filter(fields, operator, None)
        return dict(self.counts_of(question).get(facet, ()))


def draw_switch(question: Query) -> None:
    """Opens and closes the column."""
    count = len(question.filters)
    st.session_state.setdefault(OPEN, False)
    st.toggle(f"Filters ({count})" if count else "Filters", key=OPEN, persist_state="session")


def columns() -> tuple[DeltaGenerator | None, DeltaGenerator]:
    """The places for the filters, where they are open, and for what they filter."""
    if not st.session_state.get(OPEN):
        return None, st.container()
    side, place = st.columns([1, 3.2], gap="medium")
    return side, place


def draw(question: Query, counts_of: CountsOf, note: str, places: Sequence[Place]) -> None:
    """`note`: what the counts count."""
    column = Column(question, counts_of, places)
    rows = [row for row in FIELDS.values() if row.label]
    with st.container(key="filters"):
        st.caption(note)
        for row in rows:
            if row.kind not in (Kind.TEXT, *NUMBERS):
                _widget_of(row)(column, row)
        with st.expander("More filters", key="more-filters"):
            for row in rows:
                if row.kind in (Kind.TEXT, *NUMBERS):
                    _widget_of(row)(column, row)


def _widget_of(row: Field) -> Callable[[Column, Field], None]:
    own = {"folder": _folders, "taken": _dates, "colour": _colours, "near": _near, "megapixels": _sizes}
    usual = _tags if row.kind in TAGS else _pills if row.kind in CHOICES else _names if row.is_named else _words
    return own.get(row.key, usual)


def _current(question: Query, field: str, operator: str = "=", *, negated: bool = False) -> Condition | None:
    """The condition on this field. `negated`: whether a negated one counts."""
    fields = _same(field)
    fitting = (c for c in question.filters if c.field in fields and c.operator == operator)
    return next((c for c in fitting if negated or not c.negated), None)


def _same(field: str) -> tuple[str, ...]:
    """The fields that mean the same: `tags` is `tags.any`."""
    row = FIELDS[field]
    return tuple(one.key for one in FIELDS.values() if (one.kind, one.prop) == (row.kind, row.prop))


def _folders(column: Column, row: Field) -> None:
    current = _current(column.question, row.key)
    # What lies in the chosen one, which the counts of all may be too long to hold, and all.
    counts = {**column.counts(row.noun), **column.counts(row.noun, row.key)}
    tree = folder_tree.rows(counts, current.value if current else "")
    if not tree:
        return
    with st.container(gap=None, key="folders"):
        _heading(row.label)
        for folder in tree:
            path, name = escape_markdown(folder.path), escape_markdown(folder.name)
            st.button(
                f"{name} :gray[{folder.count:,}]",
                key=f"folder{min(folder.depth, 6)}-{folder.path}",
                type="tertiary",
                icon=":material/folder_open:" if folder.is_open or folder.chosen else ":material/folder:",
                width="stretch",
                on_click=_set,
                args=(row.key, "=", "" if folder.chosen else folder.path),
                help=f"{path}. Click to take this filter away." if folder.chosen else path,
            )
            if folder.more:
                st.caption(f"{folder.more:,} more in {name}, with fewer pictures")


def _tags(column: Column, row: Field) -> None:
    known = column.counts(row.noun, *(one.key for one in FIELDS.values() if one.prop == row.prop))
    current = _current(column.question, row.key)
    chosen = list(current.values) if current else []
    key = f"filter-{row.key}"
    st.session_state[key] = chosen
    st.multiselect(
        row.label,
        [*known, *(tag for tag in chosen if tag not in known)],
        key=key,
        placeholder="Any" if row.kind is not Kind.NONE else "None",
        format_func=lambda tag: _counted(inert(tag), known.get(tag)),
        on_change=lambda: _set(row.key, "=", comma_separated(tags) if (tags := st.session_state[key]) else ""),
    )


def _dates(column: Column, row: Field) -> None:
    since, until = (_current(column.question, row.key, operator, negated=True) for operator in (">=", "<="))
    year = _current(column.question, "year")
    first = since.value if since else year.value if year else ""
    last = until.value if until else year.value if year else ""
    years, months = (column.counts(facet, row.key, "year") for facet in ("year", "month"))
    shown = date_bars.histogram(years, months, first, last)
    if not shown.bars and not first and not last:
        return
    _heading(f"{row.label} in {shown.year}" if shown.year else row.label)
    if shown.bars:
        # A new key whenever the bars change: the browser's own selection must not outlive the range it wrote.
        date_bars.draw(shown, f"bars-{hash((shown, first, last))}", _set_range)
    with st.container(horizontal=True, wrap=False, gap="small", key="date-range"):
        _typed(column, row, ">=", "From", "2020-05")
        _typed(column, row, "<=", "until", "2021")
    if first or last:
        st.button("All dates", key="all-dates", type="tertiary", icon=":material/undo:", on_click=_set_range)


def _set_range(since: str = "", until: str = "") -> None:
    question = address.read().with_filter(("year",), "=", None)
    question = question.with_filter(("taken",), ">=", f"taken>={since}" if since else None)
    address.write(question.with_filter(("taken",), "<=", f"taken<={until}" if until else None))


def _colours(column: Column, row: Field) -> None:
    """A swatch for each colour; those that are chosen count together: one of them is enough."""
    current, known = _current(column.question, row.key), column.counts(row.noun, row.key)
    chosen = current.stored if current else ()
    if not known and not chosen:
        return
    _heading(row.label)
    with st.container(horizontal=True, gap="xsmall", key="colours"):
        for name in row.choices:
            if name in known or name in chosen:
                others = [one for one in row.choices if (one in chosen) != (one == name)]
                st.button(
                    name, key=f"colour-{name}", type="primary" if name in chosen else "secondary", on_click=_set,
                    args=(row.key, "=", ",".join(others)), help=f"{name}: {known.get(name, 0):,}",
                )  # fmt: skip


def _near(column: Column, row: Field) -> None:
    if not column.places:
        return
    near = _circle(column.question)
    _heading(row.label)
    near_map.draw(column.places, near, f"places-{hash((tuple(column.places), near))}", _set_near)
    if near is None:
        st.caption("Click a point; the wheel zooms.")
        return
    radii = sorted({*near_map.RADII_KM, near[2]})
    st.session_state["radius-km"] = near[2]
    st.select_slider(
        "Within", radii, key="radius-km", format_func=lambda km: f"{km:g} km",
        on_change=lambda: _set_near(*near[:2], st.session_state["radius-km"]),
    )  # fmt: skip


def _circle(question: Query) -> tuple[float, float, float] | None:
    current = _current(question, "near")
    return current.circle if current else None


def _set_near(latitude: float, longitude: float, km: float | None = None) -> None:
    near = _circle(address.read())
    km = km or (near[2] if near else near_map.RADIUS_KM)
    _set("near", "=", f"{latitude:.5f},{longitude:.5f},{km:g}")


def _pills(column: Column, row: Field) -> None:
    current, known = _current(column.question, row.key), column.counts(row.noun, row.key)
    key = f"filter-{row.key}"
    st.session_state[key] = current.value if current else None
    st.pills(
        row.label, row.choices, key=key, on_change=_set_chosen, args=(row.key, "="),
        format_func=lambda value: f"{value} {known[value]:,}" if value in known else value,
    )  # fmt: skip


def _sizes(column: Column, row: Field) -> None:
    _choice(column, row, ">=", SIZES, lambda value: SIZES.get(value, f"{value} or more"), negatable=False)


def _names(column: Column, row: Field) -> None:
    known = column.counts(row.noun, row.key)
    _choice(column, row, "=", known, lambda value: _counted(inert(value), known.get(value)), negatable=True)


def _choice(
    column: Column, row: Field, operator: str, values: Collection[str], shown: Callable[[str], str], *, negatable: bool
) -> None:
    """One value of a few."""
    current, key = _current(column.question, row.key, operator, negated=negatable), _key(row.key, operator)
    st.session_state[key] = current.value if current else None
    with _row(f"{row.key}{operator}"):
        st.selectbox(
            row.label, [*values, *([current.value] if current and current.value not in values else [])], key=key,
            index=None, placeholder="Any", format_func=shown, on_change=_set_chosen, args=(row.key, operator),
        )  # fmt: skip
        if negatable:
            _negation(row.key, operator, current)


def _words(column: Column, row: Field) -> None:
    """What is typed, with the operator of the row's first example."""
    example = Condition.parse(row.examples[0])
    _typed(column, row, example.operator, row.label, example.value, negatable=True)


def _typed(column: Column, row: Field, operator: str, label: str, example: str, *, negatable: bool = False) -> None:
    current = _current(column.question, row.key, operator, negated=True)
    key = _key(row.key, operator)
    st.session_state[key] = current.value if current else ""
    with _row(f"{row.key}{operator}"):
        st.text_input(label, key=key, placeholder=example, on_change=_set_chosen, args=(row.key, operator))
        if negatable:
            _negation(row.key, operator, current)


def _counted(value: str, count: int | None) -> str:
    return f"{value} ({count:,})" if count else value


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
    _set(field, operator, value, negated=bool(st.session_state.get(f"not-{field}{operator}")))


def _set(field: str, operator: str, value: str, *, negated: bool = False) -> None:
    """A condition in the place of every one on this field with this operator; "" takes them away."""
    condition = f"{'!' if negated else ''}{field}{operator}{value}" if value else None
    address.write(address.read().with_filter(_same(field), operator, condition))
