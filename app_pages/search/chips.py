"""The question as chips: every part of it, each with a click that takes it away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages import address
from app_pages.address import AskingPicture
from app_pages.widgets import gallery
from app_pages.widgets.markdown import escape_markdown
from schema.record import ImageRecord
from search.filters import Condition
from search.grammar import show
from search.query import Query, Term, Unread

LONGEST = 60
"""Characters of a chip's label."""


@dataclass(frozen=True)
class Chip:
    part: Term | Condition | Unread | None
    """None: all that is hidden."""
    text: str
    weight: float = 1.0
    """Below 0: not like it."""
    item: UUID | None = None
    """The picture of the library that it is."""

    @property
    def label(self) -> str:
        """With its sign, and its weight where that is not 1."""
        return self.named(self.text)

    def named(self, text: str) -> str:
        size = "" if abs(self.weight) == 1 else f"{abs(self.weight):g} × "
        return f"{'− ' if self.weight < 0 else ''}{size}{text}"

    @property
    def help(self) -> str:
        if self.part is None:
            return "Show them again"
        if isinstance(self.part, Unread):
            return "This cannot be read. Take it away"
        return "Take this picture away" if self.item else "Take this away from the question"


def chips_of(query: Query) -> list[Chip]:
    """What cannot be read of the lines, the terms in their order, then the filters. The uploaded picture is none."""

    def unread(is_there: Callable[[str], bool]) -> list[Chip]:
        found = [one for one in query.unread if is_there(one.name)]
        return [Chip(one, one.text, -1.0 if one.name == "dislike" else 1.0) for one in found]

    terms = [Chip(term, _name(term), term.weight, term.item) for term in query.terms if term.image is None]
    filters = [Chip(condition, show((), (condition,))) for condition in query.filters]
    hidden = [Chip(None, f"{len(query.hidden)} hidden")] if query.hidden else []
    others = unread(lambda name: name not in ("", "q", "filter"))
    return [*unread("q".__eq__), *terms, *others, *filters, *unread("filter".__eq__), *hidden]


def without(query: Query, chip: Chip) -> Query:
    """The question without that part of it; as it is where the part is gone already."""
    return query.edit(hidden=()) if chip.part is None else query.remove(chip.part)


def _name(term: Term) -> str:
    if term.path is not None:
        return PurePath(term.path).name or term.path
    return term.text if term.text is not None else str(term.item)


def draw_chips(query: Query, asking: AskingPicture | None, records: Mapping[UUID, ImageRecord]) -> None:
    """`records`: of the pictures in the question."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chips", width="content"):
        if asking is not None:
            with _pair("chip-pair-picture"):
                gallery.draw_small(asking.chip, asking.name)
                st.button(
                    escape_markdown(asking.name), key="chip-picture", icon=":material/close:", icon_position="right",
                    on_click=lambda: address.begin(address.read().edit()),
                    help="Take this picture away. It is not part of the address: a shared link asks without it.",
                )  # fmt: skip
        for number, chip in enumerate(chips_of(query)):
            record = records.get(chip.item) if chip.item else None
            label = chip.named(gallery.title_of(record)) if record else chip.label
            with _pair(f"chip-pair-{number}"):
                if record is not None:
                    gallery.draw_small(record, gallery.title_of(record))
                st.button(
                    escape_markdown(label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"),
                    key=f"chip-{'minus' if chip.weight < 0 else 'plus'}-{number}", icon=":material/close:",
                    icon_position="right", help=chip.help, on_click=_drop, args=(chip,),
                )  # fmt: skip
        st.button("Start over", key="start-over", type="tertiary", on_click=address.begin, args=(Query(),))


def _pair(key: str) -> DeltaGenerator:
    return st.container(
        horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall", width="content", key=key
    )


def _drop(chip: Chip) -> None:
    address.write(without(address.read(), chip))
