"""The parts of a question, each of which can be taken away: terms and filters of the lines that were typed, liked and
disliked pictures, filters. Plain data; draws nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from uuid import UUID

from app_pages.question import Question, parse_or_none
from errors import QueryError
from search.filters import Condition
from search.grammar import example, parse, show
from search.query import Term

TERM, CONDITION, LINE, HIDDEN = "term", "condition", "line", "hidden"
PARAMETERS = {"likes": 1, "dislikes": -1}


@dataclass(frozen=True)
class Chip:
    kind: str
    """TERM, CONDITION: of a line; LINE: one that cannot be read; HIDDEN; or likes, dislikes, filters."""
    text: str
    weight: float = 1.0
    """Below 0: not like it."""
    item: UUID | None = None
    """The picture of the library that it is."""
    line: int = 0
    place: int = 0
    """Among the terms, or the conditions, of its line."""
    value: str = ""
    """The parameter's value, where it is one of its own."""

    @property
    def label(self) -> str:
        """With its sign and its weight, not shown where it is 1."""
        size = "" if abs(self.weight) == 1 else f"{abs(self.weight):g} × "
        return f"{'− ' if self.weight < 0 else ''}{size}{self.text}"


def chips_of(question: Question) -> list[Chip]:
    """In the order of the question's terms, then its filters."""
    found = [chip for number, line in enumerate(question.words) for chip in _of_line(number, line)]
    found += [_example(kind, text) for kind in PARAMETERS for text in getattr(question, kind)]
    found += [Chip("filters", _shown(text), value=text) for text in question.filters]
    if question.hidden:
        found.append(Chip(HIDDEN, f"{len(question.hidden)} hidden"))
    return sorted(found, key=lambda chip: chip.kind in (CONDITION, "filters", HIDDEN))


def without(question: Question, chip: Chip) -> Question:
    """The question without that part of it; as it is where the part is gone already."""
    if chip.kind == HIDDEN:
        return replace(question, hidden=(), offset="")
    if chip.kind not in (TERM, CONDITION, LINE):
        return question.without(chip.kind, chip.value)
    if chip not in chips_of(question):
        return question
    lines = list(question.words)
    lines[chip.line] = "" if chip.kind == LINE else _shortened(lines[chip.line], chip)
    return replace(question, words=tuple(lines)).without("words", "")


def _of_line(number: int, line: str) -> Iterator[Chip]:
    try:
        terms, conditions = parse(line)
    except QueryError:
        yield Chip(LINE, line, line=number)
        return
    for place, term in enumerate(terms):
        yield Chip(TERM, _name(term), term.weight, term.item, number, place)
    for place, condition in enumerate(conditions):
        yield Chip(CONDITION, show((), (condition,)), line=number, place=place)


def _example(kind: str, text: str) -> Chip:
    try:
        term = example(text, PARAMETERS[kind])
    except QueryError:  # said where the hits would be
        return Chip(kind, text, float(PARAMETERS[kind]), value=text)
    return Chip(kind, _name(term), term.weight, term.item, value=text)


def _name(term: Term) -> str:
    if term.path is not None:
        return PurePath(term.path).name or term.path
    return term.text if term.text is not None else str(term.item)


def _shown(text: str) -> str:
    """A filter as it is typed in the box."""
    condition = parse_or_none(text)
    return show((), (condition,)) if condition else text


def _shortened(line: str, chip: Chip) -> str:
    terms: tuple[Term, ...]
    conditions: tuple[Condition, ...]
    terms, conditions = parse(line)
    if chip.kind == TERM:
        terms = (*terms[: chip.place], *terms[chip.place + 1 :])
    else:
        conditions = (*conditions[: chip.place], *conditions[chip.place + 1 :])
    return show(terms, conditions)
