"""The question as a URL says it, and the same for `GET /api/search`. Strings, unchecked: a page can show what is wrong.

Knows no widget, no encoder and no database. A picture that was uploaded is no part of it: it lives in the session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from PIL import Image

from search.command import parse_targets
from search.errors import FilterError, QueryError
from search.filters import Condition
from search.query import MAX_WINDOW, Query, Term, parse_uuid

PAGE_SIZES = (24, 48, 60)
LISTS = {"q": "words", "like": "likes", "target": "targets", "filter": "filters"}
SINGLES = {"limit": "limit", "offset": "offset", "words": "words_too", "facets": "facets"}
PARAMETERS = (*LISTS, *SINGLES)


@dataclass(frozen=True)
class Question:
    """What is asked. Every edit gives a new one, and starts at the first page again."""

    words: tuple[str, ...] = ()
    likes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
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
        """Checked. Raises QueryError, with the value that is wrong."""
        terms = [Term(text=text) for text in self.words]
        terms += [Term(image=image) for image in images]
        terms += [Term(item=parse_uuid(text)) for text in self.likes]
        return Query(
            terms=tuple(terms),
            targets=parse_targets(list(self.targets)),
            filters=tuple(Condition.parse(text) for text in self.filters),
            limit=_whole("limit", self.limit, PAGE_SIZES[0]),
            offset=_whole("offset", self.offset, 0),
            words=_flag("words", self.words_too),
            facets=_flag("facets", self.facets),
        )

    def conditions(self) -> tuple[Condition, ...]:
        """Those filters that can be read."""
        return tuple(condition for text in self.filters if (condition := parse_or_none(text)))

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
        return replace(self, words=words, offset="", words_too=self.words_too if words else "")

    def more_like(self, item: str) -> Self:
        """That picture instead of what was asked; filters and weights stay."""
        return replace(self, words=(), likes=(item,), offset="", words_too="")

    def without(self, name: str, value: str) -> Self:
        """`name`: words, likes or filters."""
        left = tuple(other for other in getattr(self, name) if other != value)
        edited = replace(self, **{name: left}, offset="")  # type: ignore[arg-type]
        return edited if edited.words else replace(edited, words_too="")

    def weighing(self, weights: Mapping[str, float] | None) -> Self:
        """None: chosen by what is asked."""
        targets = tuple(f"{name}={weight:g}" for name, weight in (weights or {}).items() if weight > 0)
        return replace(self, targets=targets, offset="")

    def matching_words(self, on: bool) -> Self:
        return replace(self, words_too="1" if on else "", offset="")

    def with_filter(self, fields: Sequence[str], operator: str, condition: str | None) -> Self:
        """`condition` in the place of every one on these fields with this operator; None takes them away."""
        kept = [text for text in self.filters if not _is_on(text, fields, operator)]
        return replace(self, filters=tuple([*kept, condition] if condition else kept), offset="")

    def on_page(self, page: int, size: int) -> Self:
        offset = (page - 1) * size
        return replace(self, limit="" if size == PAGE_SIZES[0] else str(size), offset=str(offset) if offset else "")

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


def _is_on(text: str, fields: Sequence[str], operator: str) -> bool:
    condition = parse_or_none(text)
    return condition is not None and condition.field in fields and condition.operator == operator


def _whole(name: str, text: str, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        raise QueryError(f"{name!r} must be a whole number, got {text[:40]!r}") from None


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("", "0", "1", "true", "false", "yes", "no"):
        raise QueryError(f"{name!r} must be 1 or 0, got {text[:40]!r}")
    return text.lower() in ("1", "true", "yes")
