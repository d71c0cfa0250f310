"""The question as a URL says it, and the same for `GET /api/search`. Strings, unchecked: a page can show what is wrong.

Knows no widget, no encoder and no database. A picture that was uploaded is no part of it: it lives in the session.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from PIL import Image

from errors import FilterError, QueryError
from search.command import read_targets
from search.filters import Condition
from search.grammar import example, parse, show, show_example, split_weight
from search.query import MAX_WINDOW, Query, Term, parse_uuid

PAGE_SIZES = (24, 48, 60)
LISTS = {
    "q": "words",
    "like": "likes",
    "dislike": "dislikes",
    "target": "targets",
    "filter": "filters",
    "hide": "hidden",
}
SINGLES = {
    "strategy": "strategy",
    "diversity": "diversity",
    "collapse": "collapse",
    "limit": "limit",
    "offset": "offset",
    "words": "words_too",
    "facets": "facets",
}
PARAMETERS = (*LISTS, *SINGLES)


@dataclass(frozen=True)
class Question:
    """What is asked. Every edit gives a new one, and starts at the first page again."""

    words: tuple[str, ...] = ()
    """Lines as they are typed, see `search.grammar`: words, weights, filters and pictures."""
    likes: tuple[str, ...] = ()
    """A uuid or a path, a weight and a colon in front of it where it is not 1; `dislikes` too."""
    dislikes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    strategy: str = ""
    diversity: str = ""
    collapse: str = ""
    limit: str = ""
    offset: str = ""
    words_too: str = ""
    facets: str = ""

    @classmethod
    def from_params(cls, params: Mapping[str, Sequence[str]]) -> Self:
        """Names that are none of PARAMETERS are left out, and blank values; of a single the last counts."""
        given = {name: tuple(v.strip() for v in values if v.strip()) for name, values in params.items()}
        lists = {field: given.get(name, ()) for name, field in LISTS.items()}
        singles = {field: (given.get(name) or ("",))[-1] for name, field in SINGLES.items()}
        return cls(**lists, **singles)  # type: ignore[arg-type]

    def params(self) -> dict[str, list[str]]:
        lists = {name: list(getattr(self, field)) for name, field in LISTS.items()}
        singles = {name: [getattr(self, field)] for name, field in SINGLES.items() if getattr(self, field)}
        return {name: values for name, values in (lists | singles).items() if values}

    def query(self, images: Sequence[Image.Image] = ()) -> Query:
        """Checked. Raises QueryError, with the value that is wrong; GrammarError for a line of `words`.

        The terms stand in the order of the lines, pictures, likes, dislikes."""
        lines = [parse(line) for line in self.words]
        terms = [term for read, _ in lines for term in read]
        terms += [Term(image=image) for image in images]
        terms += [example(text) for text in self.likes]
        terms += [example(text, -1) for text in self.dislikes]
        filters = [condition for _, read in lines for condition in read]
        filters += [Condition.parse(text) for text in self.filters]
        return Query(
            terms=tuple(terms),
            targets=read_targets(self.targets),
            filters=tuple(filters),
            limit=_whole("limit", self.limit, PAGE_SIZES[0]),
            offset=_whole("offset", self.offset, 0),
            words=_flag("words", self.words_too),
            facets=_flag("facets", self.facets),
            strategy=self.strategy or None,
            diversity=_decimal("diversity", self.diversity),
            hidden=tuple(parse_uuid(text) for text in self.hidden),
            collapse=_flag("collapse", self.collapse),
        )

    @classmethod
    def of(cls, query: Query) -> Self:
        """The question that asks this; uploaded pictures are left out, as they are of `Query.to_json`."""
        examples = [(term, show_example(term)) for term in query.terms if term.example and term.image is None]
        line = show([term for term in query.terms if not term.example])
        targets = query.targets
        return cls(
            words=(line,) if line else (),
            likes=tuple(text for term, text in examples if term.weight > 0),
            dislikes=tuple(text for term, text in examples if term.weight < 0),
            targets=(targets,) if isinstance(targets, str) else _targets(targets),
            filters=tuple(map(str, query.filters)),
            hidden=tuple(map(str, query.hidden)),
            strategy=query.strategy or "",
            diversity=f"{query.diversity:g}" if query.diversity else "",
            collapse="1" if query.collapse else "",
            limit="" if query.limit == PAGE_SIZES[0] else str(query.limit),
            offset=str(query.offset) if query.offset else "",
            words_too="1" if query.words else "",
            facets="1" if query.facets else "",
        )

    def conditions(self) -> tuple[Condition, ...]:
        """Those filters that can be read, of the lines too."""
        return (*self.typed()[1], *(condition for text in self.filters if (condition := parse_or_none(text))))

    def typed(self) -> tuple[tuple[Term, ...], tuple[Condition, ...]]:
        """Terms and conditions of those lines that can be read."""
        terms: tuple[Term, ...] = ()
        conditions: tuple[Condition, ...] = ()
        for line in self.words:
            try:
                more_terms, more_conditions = parse(line)
            except QueryError:
                continue
            terms, conditions = (*terms, *more_terms), (*conditions, *more_conditions)
        return terms, conditions

    @property
    def box(self) -> str:
        """The words in the box: the first ones. Others are chips only."""
        return self.words[0] if self.words else ""

    @property
    def page_size(self) -> int:
        return int(self.limit) if self.limit in map(str, PAGE_SIZES) else PAGE_SIZES[0]

    @property
    def page(self) -> int:
        """From 1."""
        return int(self.offset) // self.page_size + 1 if self.offset.isdecimal() and len(self.offset) < 7 else 1

    def asking(self, text: str) -> Self:
        """Other words in the box; what else was asked stays."""
        words = (text.strip(), *self.words[1:]) if text.strip() else self.words[1:]
        return replace(self, words=words, offset="")._settled()

    def more_like(self, item: str) -> Self:
        """That picture instead of what was asked; filters and weights stay, also those typed among the words."""
        line = show((), self.typed()[1])
        words = (line,) if line else ()
        return replace(self, words=words, likes=(item,), dislikes=(), hidden=(), offset="", words_too="")

    def liking(self, item: str, weight: float = 1.0) -> Self:
        """That picture of the library too; a dislike of it is taken back."""
        return replace(self.indifferent(item), likes=(*_but(self.likes, item), _weighted(item, weight)))

    def disliking(self, item: str, weight: float = 1.0) -> Self:
        """Away from that picture too; a like of it is taken back."""
        return replace(self.indifferent(item), dislikes=(*_but(self.dislikes, item), _weighted(item, weight)))

    def indifferent(self, item: str) -> Self:
        """Neither liked nor disliked."""
        return replace(self, likes=_but(self.likes, item), dislikes=_but(self.dislikes, item), offset="")

    def opinion(self, item: str) -> float:
        """Its weight among the likes, below 0 among the dislikes; 0 where it is in neither."""
        for texts, sign in ((self.likes, 1), (self.dislikes, -1)):
            for text in texts:
                weight, place = split_weight(text)
                if place == item:
                    return sign * weight
        return 0.0

    def hiding(self, items: Sequence[str]) -> Self:
        """Those pictures never come back."""
        return replace(self, hidden=tuple(dict.fromkeys([*self.hidden, *items])), offset="")

    def joining(self, strategy: str) -> Self:
        """How the liked and disliked pictures count together, one of STRATEGIES; "" is the default."""
        return replace(self, strategy=strategy, offset="")

    def diverse(self, diversity: float) -> Self:
        return replace(self, diversity=f"{diversity:g}" if diversity else "", offset="")

    def collapsing(self, on: bool) -> Self:
        """Near-duplicates shown once."""
        return replace(self, collapse="1" if on else "", offset="")

    def without(self, name: str, value: str) -> Self:
        """`name`: words, likes, dislikes, filters or hidden."""
        left = tuple(other for other in getattr(self, name) if other != value)
        return replace(self, **{name: left}, offset="")._settled()  # type: ignore[arg-type]

    def weighing(self, weights: Mapping[str, float] | str | None) -> Self:
        """None: chosen by what is asked; AUTO: learned from the likes."""
        targets = (weights,) if isinstance(weights, str) else _targets(weights)
        return replace(self, targets=targets, offset="")

    def matching_words(self, on: bool) -> Self:
        return replace(self, words_too="1" if on else "", offset="")

    def with_filter(self, fields: Sequence[str], operator: str, condition: str | None) -> Self:
        """`condition` in the place of every one on these fields with this operator, of those typed among the words too;
        None takes them away."""

        def is_on(other: Condition | None) -> bool:
            return other is not None and other.field in fields and other.operator == operator

        words = tuple(line for text in self.words if (line := _retyped(text, is_on)))
        kept = [text for text in self.filters if not is_on(parse_or_none(text))]
        filters = tuple([*kept, condition] if condition else kept)
        return replace(self, words=words, filters=filters, offset="")

    def on_page(self, page: int, size: int) -> Self:
        offset = (page - 1) * size
        return replace(self, limit="" if size == PAGE_SIZES[0] else str(size), offset=str(offset) if offset else "")

    def _settled(self) -> Self:
        """Words are matched too only where some are wanted."""
        try:
            wanted = any(term.text is not None and term.weight > 0 for line in self.words for term in parse(line)[0])
        except QueryError:  # to be said, not mended
            return self
        return self if wanted else replace(self, words_too="")

    def cut(self) -> Self:
        """The last page ends where paging ends (MAX_WINDOW)."""
        if not self.offset.isdecimal() or len(self.offset) > 6:
            return self
        left = MAX_WINDOW - int(self.offset)
        return replace(self, limit=str(left)) if 0 < left < self.page_size else self


def parse_or_none(text: str) -> Condition | None:
    try:
        return Condition.parse(text)
    except FilterError:
        return None


def _retyped(line: str, unwanted: Callable[[Condition], bool]) -> str:
    """The line without some of its conditions; as it was where it has none of them or cannot be read."""
    try:
        terms, conditions = parse(line)
    except QueryError:
        return line
    kept = [condition for condition in conditions if not unwanted(condition)]
    return line if len(kept) == len(conditions) else show(terms, kept)


def _targets(weights: Mapping[str, float] | None) -> tuple[str, ...]:
    return tuple(f"{name}={weight:g}" for name, weight in (weights or {}).items() if weight > 0)


def _weighted(item: str, weight: float) -> str:
    return item if weight == 1 else f"{weight:g}:{item}"


def _but(texts: Sequence[str], item: str) -> tuple[str, ...]:
    return tuple(text for text in texts if split_weight(text)[1] != item)


def _decimal(name: str, text: str) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError:
        raise QueryError(f"{name!r} must be a number, got {text[:40]!r}") from None


def _whole(name: str, text: str, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        raise QueryError(f"{name!r} must be a whole number, got {text[:40]!r}") from None


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("", "0", "1", "true", "false", "yes", "no"):
        raise QueryError(f"{name!r} must be 1 or 0, got {text[:40]!r}")
    return text.lower() in ("1", "true", "yes")
