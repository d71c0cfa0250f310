"""Query: the one form of a question, from and to the line that people type, an address (URL), and JSON.

Frozen: an edit gives a new one, at the first page. What an address holds and cannot be read is kept beside its error
(`unread`), so that a page can show it; such a question can be edited, but not asked (`check`)."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from PIL import Image
from pydantic import BeforeValidator, PlainValidator, model_validator
from pydantic.dataclasses import dataclass

from errors import QueryError
from search.filters import Condition
from search.grammar import Line, example, parse, show, show_example
from search.term import (
    AUTO,
    CONFIG,
    MAX_LIMIT,
    STRATEGIES,
    TARGETS,
    Diversity,
    Flag,
    Limit,
    Strategy,
    Targets,
    Term,
    Unread,
    Uuid,
    Whole,
    from_text,
    in_sentences,
    parse_uuid,
    read_condition,
    read_targets,
    read_term,
    short,
)

__all__ = ["AUTO", "MAX_LIMIT", "STRATEGIES", "TARGETS", "Query", "Term", "Unread", "parse_uuid"]

LIMIT = 24
MAX_WINDOW = 10_000
"""offset + limit may not pass it: Weaviate's own bound (QUERY_MAXIMUM_RESULTS)."""
MAX_TERMS = 64
MAX_FILTERS = 64
MAX_HIDDEN = 5000
SINGLES = {
    "strategy": Strategy,
    "diversity": Diversity,
    "collapse": Flag,
    "limit": Limit,
    "offset": Whole,
    "words": Flag,
    "facets": Flag,
}
"""Parameters of an address that hold one value, and its type."""
FIELDS = {"target": "targets", "hide": "hidden"} | {name: "hybrid" if name == "words" else name for name in SINGLES}
PARAMETERS = ("q", "like", "dislike", "target", "filter", "hide", *SINGLES)


@in_sentences
@dataclass(frozen=True, config=CONFIG)
class Query:
    """What `Searcher.search` answers. The constructor checks types and bounds, and raises QueryError.

    `targets` None means: chosen by the kind of term (see `asking.DEFAULT_TARGETS`); `AUTO`: learned from the
    examples. `hybrid` adds BM25 over caption, tags and file name to the vectors; it needs words that are wanted.
    `strategy` joins the examples, None means average. `diversity` 0 to 1 trades likeness for difference among the hits
    (MMR). `hidden` pictures never come back; the question's own items never do. `collapse` shows near-duplicates once.
    """

    terms: tuple[Annotated[Term, BeforeValidator(read_term)], ...] = ()
    targets: Targets = None
    filters: tuple[Annotated[Condition, PlainValidator(read_condition)], ...] = ()
    limit: Limit = LIMIT
    offset: Whole = 0
    hybrid: Flag = False
    facets: Flag = False
    strategy: Strategy = None
    diversity: Diversity = 0.0
    hidden: tuple[Uuid, ...] = ()
    collapse: Flag = False
    lines: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    """As they were typed; the first terms and filters are theirs."""
    unread: tuple[Annotated[Unread, PlainValidator(lambda given: given)], ...] = ()

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.unread:  # reported first
            return self
        for name, most in (("terms", MAX_TERMS), ("filters", MAX_FILTERS)):
            if (count := len(getattr(self, name))) > most:
                raise QueryError(f"a question has at most {most} {name}, got {count}")
        if len(self.hidden) > MAX_HIDDEN:
            raise QueryError(f"a question hides at most {MAX_HIDDEN} pictures, got {len(self.hidden)}")
        if self.offset < 0 or self.offset + self.limit > MAX_WINDOW:
            raise QueryError(
                f"offset must be 0 or more and offset + limit at most {MAX_WINDOW}, got "
                f"{short(self.offset)} + {self.limit}; narrow the question with a filter instead"
            )
        if self.hybrid and not self.texts:
            raise QueryError("'words too' needs words that are wanted; this question has none")
        asked = [(term.weight > 0, term.kind, getattr(term, term.kind)) for term in self.terms if term.image is None]
        for wanted, kind, what in asked:
            if not wanted and (True, kind, what) in asked:
                raise QueryError(f"{short(str(what))} is wanted and not wanted at once; take one of the two away")
        return self

    def check(self) -> Self:
        """The question, where all of it could be read; raises the first error otherwise."""
        if self.unread:
            raise self.unread[0].error
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The words that are wanted."""
        return tuple(term.text for term in self.terms if term.text is not None and term.weight > 0)

    @property
    def left_out(self) -> set[UUID]:
        """Pictures that are no hits: those that ask, and hidden ones."""
        return {term.item for term in self.terms if term.item is not None} | set(self.hidden)

    @property
    def empty(self) -> bool:
        return not (
            self.terms or self.filters or any(one.name in ("q", "like", "dislike", "filter") for one in self.unread)
        )

    @property
    def typed(self) -> Line:
        """Terms and filters of the lines."""
        return _read(self.lines)[:2]

    @property
    def beside(self) -> Line:
        """Terms and filters of no line."""
        terms, filters = self.typed
        return self.terms[len(terms) :], self.filters[len(filters) :]

    def to_json(self) -> dict[str, Any]:
        """Everything except uploaded pictures, which have no JSON form and are left out."""
        terms = [term for term in self.terms if term.image is None]
        data: dict[str, Any] = {
            "terms": [{term.kind: str(getattr(term, term.kind)), "weight": term.weight} for term in terms],
            "limit": self.limit,
            "offset": self.offset,
            "targets": dict(self.targets) if isinstance(self.targets, Mapping) else self.targets,
            "filters": list(map(str, self.filters)),
            "strategy": self.strategy,
            "diversity": self.diversity,
            "hidden": list(map(str, self.hidden)),
            "words": self.hybrid,
            "facets": self.facets,
            "collapse": self.collapse,
        }
        return {name: value for name, value in data.items() if value or name in ("terms", "limit", "offset")}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of `to_json`. Also takes "q", a line whose terms and filters come first. Raises QueryError."""
        if not isinstance(data, dict):
            raise QueryError(f"a question is a JSON object, got {type(data).__name__}")
        known = {"terms", "targets", "filters", "hidden", *SINGLES}
        if unknown := sorted(set(data) - known - {"q"}):
            raise QueryError(f"unknown key {short(unknown[0])}; known are {', '.join(sorted(known))}")
        given = {"hybrid" if name == "words" else name: value for name, value in data.items() if name != "q"}
        if not isinstance(line := data.get("q", ""), str):
            raise QueryError(f"'q' must be a string, got {type(line).__name__}")
        for name, typed in zip(("terms", "filters"), parse(line), strict=True):
            if isinstance(more := given.get(name, []), list):  # else the constructor says what is wrong
                given[name] = [*typed, *more]
        return cls(**given)

    @classmethod
    def from_params(cls, params: Mapping[str, Sequence[str]], images: Sequence[Image.Image] = ()) -> Self:
        """The question of an address: `PARAMETERS`, each with its values; others are left out, and blank values; of a
        single the last counts. Its terms are those of the lines, `images`, likes, dislikes. Never raises."""
        given = {name: [v.strip() for v in values if v.strip()] for name, values in params.items()}
        unread: list[Unread] = []

        def read(name: str, reader: Callable[[str], Any]) -> list[Any]:
            found = []
            for text in given.get(name, [])[-1 if name in SINGLES else 0 :]:
                try:
                    found.append(reader(text))
                except QueryError as error:
                    unread.append(Unread(name, text, error))
            return found

        terms = [Term(image=image) for image in images]
        terms += [*read("like", example), *read("dislike", partial(example, sign=-1))]
        fields: dict[str, Any] = {"hidden": read("hide", parse_uuid)}
        try:
            fields["targets"] = read_targets(given.get("target", []))
        except QueryError as error:
            unread += [Unread("target", text, error) for text in given["target"]]
        filters = read("filter", Condition.parse)
        for name, kind in SINGLES.items():
            fields.update((FIELDS[name], value) for value in read(name, partial(from_text, kind, name)))
        return cls.of_lines(given.get("q", ()), terms, filters, unread, **fields)

    @classmethod
    def of_lines(
        cls,
        lines: Iterable[str],
        terms: Iterable[Term] = (),
        filters: Iterable[Condition] = (),
        unread: Iterable[Unread] = (),
        **fields: Any,
    ) -> Self:
        """The question of lines as they are typed, and of terms and filters beside them. Does not raise for what is
        wrong with a line, or with the whole: that is `unread`."""
        lines = tuple(filter(None, map(str.strip, lines)))
        typed, conditions, wrong = _read(lines)
        whole = partial(cls, (*typed, *terms), filters=(*conditions, *filters), lines=lines, **fields)
        try:
            return whole(unread=(*wrong, *unread))
        except QueryError as error:
            return whole(unread=(Unread("", "", error),))

    def params(self) -> dict[str, list[str]]:
        """The address that `from_params` reads as this question; uploaded pictures are left out."""
        terms, filters = self.beside
        line = show([term for term in terms if not term.example])
        kept = [term for term in terms if term.example and term.image is None]
        weights = self.targets if isinstance(self.targets, Mapping) else {}
        found = {
            "q": [*self.lines, *([line] if line else [])],
            "like": [show_example(term) for term in kept if term.weight > 0],
            "dislike": [show_example(term) for term in kept if term.weight < 0],
            "target": [f"{name}={weight:g}" for name, weight in weights.items() if weight > 0]
            or ([AUTO] if self.targets == AUTO else []),
            "filter": list(map(str, filters)),
            "hide": list(map(str, self.hidden)),
            "strategy": [self.strategy] if self.strategy else [],
            "diversity": [f"{self.diversity:g}"] if self.diversity else [],
            "limit": [str(self.limit)] if self.limit != LIMIT else [],
            "offset": [str(self.offset)] if self.offset else [],
            **{name: ["1"] if getattr(self, FIELDS[name]) else [] for name in ("collapse", "words", "facets")},
        }
        for one in self.unread:
            if one.name not in ("", "q"):
                found[one.name] = [*found[one.name], one.text]
        return {name: values for name, values in found.items() if values}

    def edit(self, **fields: Any) -> Self:
        """With other values of some fields except terms, filters and lines."""
        return self._edited(**fields)

    def add(self, *terms: Term) -> Self:
        return self._edited(terms=(*self.beside[0], *terms))

    def remove(self, part: Term | Condition | Unread) -> Self:
        """Without that part, the first of equal ones; the same question where it is gone already."""
        if not isinstance(part, Unread):
            return self._put(part)
        params = self.params() | {"offset": []}
        if part.text in params.get(part.name, ()):
            params[part.name].remove(part.text)
        return self.from_params(params, [term.image for term in self.terms if term.image is not None])

    def weigh(self, term: Term, weight: float) -> Self:
        return self._put(term, dataclasses.replace(term, weight=weight))

    def negate(self, term: Term) -> Self:
        return self.weigh(term, -term.weight)

    def ask(self, text: str) -> Self:
        """Other words in the box, which holds the first line; what else was asked stays."""
        return self._edited(lines=(text, *self.lines[1:]))

    def more_like(self, *items: str) -> Self:
        """Those pictures of the library instead of what was asked; filters and weights stay, also those typed."""
        unread = [one for one in self.unread if one.name not in ("like", "dislike", "hide")]
        line = show((), self.typed[1])
        terms = [Term(item=parse_uuid(item)) for item in items]
        return self._edited(lines=(line,), terms=terms, unread=unread, hidden=(), hybrid=False)

    def with_filter(self, names: Sequence[str], operator: str, condition: str | None) -> Self:
        """`condition` in the place of every one on these fields with this operator, of those typed too; None takes them
        away. One that cannot be read is `unread`."""

        def stays(other: Condition) -> bool:
            return other.field not in names or other.operator != operator

        lines, filters, unread = list(self.lines), list(filter(stays, self.beside[1])), list(self.unread)
        for number, text in enumerate(lines):
            terms, typed, _ = _read([text])
            if not all(map(stays, typed)):
                lines[number] = show(terms, list(filter(stays, typed)))
        if condition:
            try:
                filters.append(Condition.parse(condition))
            except QueryError as error:
                unread.append(Unread("filter", condition, error))
        return self._edited(lines=lines, filters=filters, unread=unread)

    def _put(self, part: Term | Condition, *others: Term) -> Self:
        """`others` in the place of the first such part."""

        def changed(parts: tuple[Any, ...]) -> tuple[Any, ...]:
            place = parts.index(part)
            return (*parts[:place], *others, *parts[place + 1 :])

        is_term = isinstance(part, Term)
        for number, text in enumerate(self.lines):
            terms, filters, _ = _read([text])
            if part in (terms if is_term else filters):
                line = show(changed(terms), filters) if is_term else show(terms, changed(filters))
                return self._edited(lines=(*self.lines[:number], line, *self.lines[number + 1 :]))
        terms, filters = self.beside
        if part not in (terms if is_term else filters):
            return self
        return self._edited(terms=changed(terms)) if is_term else self._edited(filters=changed(filters))

    def _edited(self, **changes: Any) -> Self:
        """At the first page, and with BM25 only where some words are wanted. What could not be read of the changed
        fields is gone."""
        beside = dict(zip(("terms", "filters"), self.beside, strict=True))
        fields = {field: getattr(self, field) for field in FIELDS.values()}
        unread = changes.pop("unread", self.unread)
        gone = {"", "q", "offset", *(name for name, field in FIELDS.items() if field in changes)}
        left = [one for one in unread if one.name not in gone]
        asked = self.of_lines(**{"lines": self.lines, **beside, **fields, "offset": 0, **changes, "unread": left})
        wanted = asked.texts or any(one.name == "q" for one in asked.unread)
        return asked if wanted or not asked.hybrid else asked.edit(hybrid=False)


def _read(lines: Iterable[str]) -> tuple[tuple[Term, ...], tuple[Condition, ...], tuple[Unread, ...]]:
    """Terms and filters of the lines, and those lines that cannot be read."""
    terms: tuple[Term, ...] = ()
    filters: tuple[Condition, ...] = ()
    unread: tuple[Unread, ...] = ()
    for line in lines:
        try:
            more = parse(line)
        except QueryError as error:
            unread = (*unread, Unread("q", line, error))
        else:
            terms, filters = (*terms, *more[0]), (*filters, *more[1])
    return terms, filters, unread
