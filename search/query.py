"""A question: weighted terms, target weights, filters, a page. Plain data; JSON and URL both ways.

Knows no encoder and no database. A term's picture is a decoded PIL picture; it has no JSON form of its own: pages keep
an uploaded picture in the session, scripts name a file.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from PIL import Image

from search.errors import QueryError
from search.filters import Condition, is_text

TARGETS = ("image", "caption", "look")
MAX_LIMIT = 1000
MAX_WINDOW = 10_000
"""offset + limit may not pass it: Weaviate's own bound (QUERY_MAXIMUM_RESULTS)."""
MAX_TEXT = 2000
MAX_TERMS = 64
MAX_FILTERS = 64
MAX_WEIGHT = 1000


@dataclass(frozen=True)
class Term:
    """One thing asked for: words, a picture, or a picture of the library. Exactly one of the three is set."""

    text: str | None = None
    image: Image.Image | None = None
    item: uuid.UUID | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        given = [name for name in ("text", "image", "item") if getattr(self, name) is not None]
        if len(given) != 1:
            raise QueryError(f"a term is one of text, image or item; this one has {given or 'none'}")
        if self.text is not None and not self.text.strip():
            raise QueryError("the words are empty; type what the picture shows")
        if self.text is not None and len(self.text) > MAX_TEXT:
            raise QueryError(f"the words have {len(self.text)} characters; at most {MAX_TEXT} are allowed")
        if self.text is not None and not is_text(self.text):
            raise QueryError(f"the words {self.text[:80]!r} hold half a character (a lone surrogate); type them again")
        if not 0 < self.weight <= MAX_WEIGHT:  # false for NaN too
            raise QueryError(f"a term's weight must be above 0 and at most {MAX_WEIGHT}, got {_short(self.weight)}")

    @property
    def kind(self) -> str:
        return "text" if self.text is not None else "image" if self.image is not None else "item"


@dataclass(frozen=True)
class Query:
    """What `Searcher.search` answers.

    `targets` None means: chosen by the kind of term (see `searcher.DEFAULT_TARGETS`). `words` adds BM25 over caption,
    tags and file name to the vectors (hybrid search); it needs a text term.
    """

    terms: tuple[Term, ...]
    targets: Mapping[str, float] | None = None
    filters: tuple[Condition, ...] = ()
    limit: int = 24
    offset: int = 0
    words: bool = False
    facets: bool = False

    def __post_init__(self) -> None:
        if len(self.terms) > MAX_TERMS:
            raise QueryError(f"a question has at most {MAX_TERMS} terms, got {len(self.terms)}")
        if len(self.filters) > MAX_FILTERS:
            raise QueryError(f"a question has at most {MAX_FILTERS} filters, got {len(self.filters)}")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise QueryError(f"limit must be 1 to {MAX_LIMIT}, got {_short(self.limit)}")
        if self.offset < 0 or self.offset + self.limit > MAX_WINDOW:
            raise QueryError(
                f"offset must be 0 or more and offset + limit at most {MAX_WINDOW}, got "
                f"{_short(self.offset)} + {self.limit}; narrow the question with a filter instead"
            )
        if self.words and not self.texts:
            raise QueryError("'words too' needs words; this question has none")
        if self.targets is not None:
            check_targets(self.targets)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(term.text for term in self.terms if term.text is not None)

    def to_json(self) -> dict[str, Any]:
        """Everything but uploaded pictures, which have no JSON form and are left out."""
        data: dict[str, Any] = {
            "terms": [
                {term.kind: str(getattr(term, term.kind)), "weight": term.weight}
                for term in self.terms
                if term.image is None
            ],
            "limit": self.limit,
            "offset": self.offset,
        }
        if self.targets is not None:
            data["targets"] = dict(self.targets)
        if self.filters:
            data["filters"] = [str(condition) for condition in self.filters]
        return data | {name: True for name in ("words", "facets") if getattr(self, name)}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of `to_json`; raises QueryError naming the key that is wrong."""
        if not isinstance(data, dict):
            raise QueryError(f"a question is a JSON object, got {type(data).__name__}")
        known = {"terms", "targets", "filters", "limit", "offset", "words", "facets"}
        if unknown := sorted(set(data) - known):
            raise QueryError(f"unknown key {_short(unknown[0])}; known are {', '.join(sorted(known))}")
        terms = data.get("terms", [])
        if not isinstance(terms, list):
            raise QueryError(f"'terms' must be a list, got {type(terms).__name__}")
        filters = data.get("filters", [])
        if not isinstance(filters, list):
            raise QueryError(f"'filters' must be a list of strings, got {type(filters).__name__}")
        targets = data.get("targets")
        if targets is not None and not isinstance(targets, dict):
            raise QueryError(f"'targets' must be an object such as {{\"image\": 1}}, got {type(targets).__name__}")
        return cls(
            terms=tuple(_term_from_json(term) for term in terms),
            targets=targets,
            filters=tuple(Condition.parse(text) for text in filters),
            limit=_whole(data, "limit", 24),
            offset=_whole(data, "offset", 0),
            words=_flag(data, "words"),
            facets=_flag(data, "facets"),
        )


def check_targets(targets: Mapping[str, float]) -> None:
    """Raises QueryError for an unknown target, a weight that is no number above 0, or none at all."""
    if unknown := sorted(set(targets) - set(TARGETS)):
        raise QueryError(f"unknown target {_short(unknown[0])}; targets are {', '.join(TARGETS)}")
    for name, weight in targets.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= MAX_WEIGHT:
            raise QueryError(f"target {name!r} needs a weight of 0 to {MAX_WEIGHT}, got {_short(weight)}")
    if not any(targets.values()):
        raise QueryError("every target has weight 0, so nothing can be found; give one of them a weight above 0")


def _term_from_json(data: Any) -> Term:
    if not isinstance(data, dict):
        raise QueryError(f'a term is an object such as {{"text": "cat"}}, got {_short(data)}')
    if unknown := sorted(set(data) - {"text", "item", "weight"}):
        raise QueryError(f"unknown key {_short(unknown[0])} in a term; known are text, item, weight")
    weight = data.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise QueryError(f"a term's weight must be a number, got {_short(weight)}")
    text, item = data.get("text"), data.get("item")
    if text is not None and not isinstance(text, str):
        raise QueryError(f"a term's text must be a string, got {_short(text)}")
    return Term(text=text, item=None if item is None else parse_uuid(item), weight=weight)


def parse_uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        raise QueryError(f"{_short(text)} is not the uuid of a picture; copy it from a hit") from None


def _short(value: Any) -> str:
    """A wrong value as it goes into a message: a question can bring a megabyte of it."""
    return text if len(text := repr(value)) <= 80 else text[:77] + "..."


def _whole(data: Mapping[str, Any], name: str, default: int) -> int:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise QueryError(f"{name!r} must be a whole number, got {_short(value)}")
    return value


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise QueryError(f"{name!r} must be true or false, got {_short(value)}")
    return value
