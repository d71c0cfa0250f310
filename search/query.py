"""A question: weighted terms, target weights, filters, a page. Plain data; JSON and URL both ways.

Knows no encoder and no database. A term's picture is a decoded PIL picture; it has no JSON form of its own: pages keep
an uploaded picture in the session, scripts name a file.
"""

import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from PIL import Image

from errors import QueryError
from search.filters import Condition, is_text

TARGETS = ("image", "caption", "look")
MAX_LIMIT = 1000
MAX_WINDOW = 10_000
"""offset + limit may not pass it: Weaviate's own bound (QUERY_MAXIMUM_RESULTS)."""
MAX_TEXT = 2000
MAX_TERMS = 64
MAX_FILTERS = 64
MAX_WEIGHT = 1000
STRATEGIES = ("average", "best_score", "sum_scores")
"""How examples (pictures that are liked or disliked) are joined, see `scoring`."""
AUTO = "auto"
"""As `targets`: learned from the examples, see `preference.learn_targets`."""
MAX_HIDDEN = 5000
BLANKS = str.maketrans("", "", "\t\n\r")
KINDS = ("text", "image", "item", "path")
FLAGS = ("words", "facets", "collapse")


@dataclass(frozen=True)
class Term:
    """One thing asked for: words, a picture, or a picture of the library by its uuid or its path. Exactly one of the
    four is set. A weight below 0: what the pictures should not be like."""

    text: str | None = None
    image: Image.Image | None = None
    item: uuid.UUID | None = None
    path: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise QueryError(f"a term is one of text, image, item or path; this one has {given or 'none'}")
        for name, value, remedy in (
            ("words", self.text, "type what the picture shows"),
            ("letters of the path", self.path, "write a path as a hit shows it"),
        ):
            if value is None:
                continue
            if not value.strip():
                raise QueryError(f"the {name} of a term are empty; {remedy}")
            if len(value) > MAX_TEXT:
                raise QueryError(f"the {name} of a term have {len(value)} characters; at most {MAX_TEXT} are allowed")
            if any(unicodedata.category(character) == "Cc" for character in value.translate(BLANKS)):
                raise QueryError(f"the {name} {value[:80]!r} hold a control character; type them again")
            if not is_text(value):
                raise QueryError(f"the {name} {value[:80]!r} hold half a character (a lone surrogate); type them again")
        if (
            isinstance(self.weight, bool)
            or not isinstance(self.weight, int | float)
            or not 0 < abs(self.weight) <= MAX_WEIGHT
        ):  # NaN too
            raise QueryError(
                f"a term's weight must be a number other than 0, from -{MAX_WEIGHT} to {MAX_WEIGHT}, "
                f"got {_short(self.weight)}"
            )

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def example(self) -> bool:
        """Whether it is a picture: those are joined by the question's strategy."""
        return self.text is None


@dataclass(frozen=True)
class Query:
    """What `Searcher.search` answers.

    `targets` None means: chosen by the kind of term (see `asking.DEFAULT_TARGETS`); `AUTO`: learned from the
    examples. `words` adds BM25 over caption, tags and file name to the vectors (hybrid search); it needs a text term.
    `strategy` joins the examples, None means average. `diversity` 0 to 1 trades likeness for difference among the hits
    (MMR). `hidden` pictures never come back; the question's own items never do. `collapse` shows near-duplicates once.
    """

    terms: tuple[Term, ...]
    targets: Mapping[str, float] | str | None = None
    filters: tuple[Condition, ...] = ()
    limit: int = 24
    offset: int = 0
    words: bool = False
    facets: bool = False
    strategy: str | None = None
    diversity: float = 0.0
    hidden: tuple[uuid.UUID, ...] = ()
    collapse: bool = False

    def __post_init__(self) -> None:
        if len(self.terms) > MAX_TERMS:
            raise QueryError(f"a question has at most {MAX_TERMS} terms, got {len(self.terms)}")
        if len(self.filters) > MAX_FILTERS:
            raise QueryError(f"a question has at most {MAX_FILTERS} filters, got {len(self.filters)}")
        if len(self.hidden) > MAX_HIDDEN:
            raise QueryError(f"a question hides at most {MAX_HIDDEN} pictures, got {len(self.hidden)}")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise QueryError(f"limit must be 1 to {MAX_LIMIT}, got {_short(self.limit)}")
        if self.offset < 0 or self.offset + self.limit > MAX_WINDOW:
            raise QueryError(
                f"offset must be 0 or more and offset + limit at most {MAX_WINDOW}, got "
                f"{_short(self.offset)} + {self.limit}; narrow the question with a filter instead"
            )
        if self.words and not any(term.weight > 0 for term in self.terms if term.text is not None):
            raise QueryError("'words too' needs words that are wanted; this question has none")
        named = [(term.weight > 0, term.kind, getattr(term, term.kind)) for term in self.terms if term.kind != "image"]
        for wanted, kind, what in named:
            if not wanted and (True, kind, what) in named:
                raise QueryError(f"{_short(str(what))} is wanted and not wanted at once; take one of the two away")
        if self.strategy is not None and self.strategy not in STRATEGIES:
            raise QueryError(f"strategy is one of {', '.join(STRATEGIES)}, got {_short(self.strategy)}")
        if not 0 <= self.diversity <= 1:  # false for NaN too
            raise QueryError(f"diversity must be 0 to 1, got {_short(self.diversity)}")
        if isinstance(self.targets, str):
            if self.targets != AUTO:
                raise QueryError(
                    f"targets are 'auto' or an object such as {{\"image\": 1}}, got {_short(self.targets)}"
                )
        elif self.targets is not None:
            check_targets(self.targets)

    @property
    def texts(self) -> tuple[str, ...]:
        """The words that are wanted."""
        return tuple(term.text for term in self.terms if term.text is not None and term.weight > 0)

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
            data["targets"] = self.targets if isinstance(self.targets, str) else dict(self.targets)
        if self.filters:
            data["filters"] = [str(condition) for condition in self.filters]
        if self.strategy is not None:
            data["strategy"] = self.strategy
        if self.diversity:
            data["diversity"] = self.diversity
        if self.hidden:
            data["hidden"] = [str(one) for one in self.hidden]
        return data | {name: True for name in FLAGS if getattr(self, name)}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of `to_json`; raises QueryError naming the key that is wrong."""
        if not isinstance(data, dict):
            raise QueryError(f"a question is a JSON object, got {type(data).__name__}")
        known = {"terms", "targets", "filters", "limit", "offset", "strategy", "diversity", "hidden", *FLAGS}
        if unknown := sorted(set(data) - known):
            raise QueryError(f"unknown key {_short(unknown[0])}; known are {', '.join(sorted(known))}")
        terms = data.get("terms", [])
        if not isinstance(terms, list):
            raise QueryError(f"'terms' must be a list, got {type(terms).__name__}")
        filters = data.get("filters", [])
        if not isinstance(filters, list):
            raise QueryError(f"'filters' must be a list of strings, got {type(filters).__name__}")
        targets = data.get("targets")
        if targets is not None and not isinstance(targets, dict | str):
            raise QueryError(
                f"'targets' must be 'auto' or an object such as {{\"image\": 1}}, got {type(targets).__name__}"
            )
        hidden = data.get("hidden", [])
        if not isinstance(hidden, list):
            raise QueryError(f"'hidden' must be a list of uuids, got {type(hidden).__name__}")
        strategy = data.get("strategy")
        return cls(
            terms=tuple(_term_from_json(term) for term in terms),
            targets=targets,
            filters=tuple(Condition.parse(text) for text in filters),
            limit=_whole(data, "limit", 24),
            offset=_whole(data, "offset", 0),
            strategy=None if strategy is None else str(strategy),
            diversity=_number(data, "diversity", 0.0),
            hidden=tuple(parse_uuid(one) for one in hidden),
            **{name: _flag(data, name) for name in FLAGS},
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
    if unknown := sorted(set(data) - {"text", "item", "path", "weight"}):
        raise QueryError(f"unknown key {_short(unknown[0])} in a term; known are text, item, path, weight")
    text, item, path = data.get("text"), data.get("item"), data.get("path")
    for name, value in (("text", text), ("path", path)):
        if value is not None and not isinstance(value, str):
            raise QueryError(f"a term's {name} must be a string, got {_short(value)}")
    return Term(
        text=text, item=None if item is None else parse_uuid(item), path=path, weight=_number(data, "weight", 1.0)
    )


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


def _number(data: Mapping[str, Any], name: str, default: float) -> float:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise QueryError(f"{name!r} must be a number, got {_short(value)}")
    return value


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise QueryError(f"{name!r} must be true or false, got {_short(value)}")
    return value
