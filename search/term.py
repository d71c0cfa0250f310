"""Term: one thing that a question asks for. With the values that questions are made of, each refused by a sentence."""

import dataclasses
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, TypeVar

from PIL import Image
from pydantic import (
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from errors import QueryError
from search.filters import Condition, is_text

TARGETS = ("image", "caption", "look")
STRATEGIES = ("average", "best_score", "sum_scores")
"""How examples (pictures that are liked or disliked) are joined, see `scoring`."""
AUTO = "auto"
"""As `targets`: learned from the examples, see `preference.learn_targets`."""
MAX_LIMIT = 1000
MAX_TEXT = 2000
MAX_WEIGHT = 1000
QUERY_SIDE = 512
"""A picture that asks is decoded for a model side of at most this many pixels."""
BLANKS = str.maketrans("", "", "\t\n\r")
KINDS = ("text", "image", "item", "path")
CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
Model = TypeVar("Model")

SENTENCES = {
    "tuple_type": "{name!r} must be {list}, got {kind}",
    "mapping_type": "{name!r} must be an object of uuids and weights, got {kind}",
    "dict_type": "{name!r} must be an object of uuids and weights, got {kind}",
    "string": "{name!r} must be a string, got {value}",
    "int": "{name!r} must be a whole number, got {value}",
    "float": "{name!r} must be a number, got {value}",
    "bool_type": "{name!r} must be true or false, got {value}",
    "bool_parsing": "{name!r} must be 1 or 0, got {value}",
    "": "{name} must be {bounds}, got {text}",
}
"""What is wrong, by how pydantic's name of it begins; the first that fits."""
LISTS = {"filters": "a list of strings", "hidden": "a list of uuids", "seen": "a list of uuids"}
OUTWARD = {"hybrid": "words"}
"""Fields that addresses and JSON call something else."""
BOUNDS = {"limit": f"1 to {MAX_LIMIT}", "diversity": "0 to 1"}


def in_sentences(model: type[Model]) -> type[Model]:
    """Makes a model raise QueryError in the place of pydantic's ValidationError."""
    init = model.__init__

    @wraps(init)
    def checked(self: Model, *args: Any, **options: Any) -> None:
        try:
            init(self, *args, **options)
        except ValidationError as error:
            raise _query_error(error) from None

    model.__init__ = checked  # type: ignore[method-assign, assignment]
    return model


def _query_error(error: ValidationError, name: str = "") -> QueryError:
    """The first thing that is wrong, as a sentence."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, QueryError):
        return cause
    field = str(first["loc"][0]) if first["loc"] else name
    name = OUTWARD.get(field, field)
    sentence = next(text for begin, text in SENTENCES.items() if first["type"].startswith(begin))
    given, kind, bounds = first["input"], type(first["input"]).__name__, BOUNDS.get(name, "allowed here")
    values = {
        "value": short(given),
        "text": given[:80] if isinstance(given, str) else short(given),
        "kind": kind,
        "bounds": bounds,
    }
    return QueryError(sentence.format(name=name, list=LISTS.get(name, "a list"), **values))


def from_text(kind: Any, name: str, text: str) -> Any:
    """The value of one of the types below that an address spells as `text`. Raises QueryError."""
    try:
        return TypeAdapter(kind).validate_strings(text)
    except ValidationError as error:
        raise _query_error(error, name) from None


def short(value: Any) -> str:
    """A wrong value as it goes into a message: a question can bring a megabyte of it."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_uuid(text: Any) -> uuid.UUID:
    try:
        return text if isinstance(text, uuid.UUID) else uuid.UUID(str(text))
    except ValueError:
        raise QueryError(f"{short(text)} is not the uuid of a picture; copy it from a hit") from None


def _targets(given: Any) -> Any:
    """None, AUTO, or weights of 0 to MAX_WEIGHT of which one is above 0."""
    if given is None or given == AUTO:
        return given
    if not isinstance(given, Mapping):
        raise QueryError(f"targets are 'auto' or an object such as {{\"image\": 1}}, got {short(given)}")
    if unknown := sorted(set(given) - set(TARGETS)):
        raise QueryError(f"unknown target {short(unknown[0])}; targets are {', '.join(TARGETS)}")
    for name, weight in given.items():
        if not is_number(weight) or not 0 <= weight <= MAX_WEIGHT:
            raise QueryError(f"target {name!r} needs a weight of 0 to {MAX_WEIGHT}, got {short(weight)}")
    if not any(given.values()):
        raise QueryError("every target has weight 0, so nothing can be found; give one of them a weight above 0")
    return given


def read_targets(texts: Sequence[str]) -> dict[str, float] | str | None:
    """`["image=1", "caption=.5"]` -> {"image": 1.0, "caption": 0.5}; `["auto"]` -> AUTO; None when there are none."""
    if AUTO in texts:
        if len(texts) > 1:
            raise QueryError("the target 'auto' is learned from the likes; give it alone, or weights instead of it")
        return AUTO
    targets = {}
    for text in texts:
        name, equals, weight = text.partition("=")
        try:
            targets[name.strip()] = float(weight) if equals else 1.0
        except ValueError:
            raise QueryError(f"the target {text!r} cannot be read; write for example image=1 or caption=.5") from None
    checked: dict[str, float] | None = _targets(targets or None)
    return checked


def _strategy(given: Any) -> Any:
    if given is not None and given not in STRATEGIES:
        raise QueryError(f"strategy is one of {', '.join(STRATEGIES)}, got {short(given)}")
    return given


Targets = Annotated[Mapping[str, float] | str | None, PlainValidator(_targets)]
Strategy = Annotated[str | None, PlainValidator(_strategy)]
Uuid = Annotated[uuid.UUID, PlainValidator(parse_uuid)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Limit = Annotated[Whole, Field(ge=1, le=MAX_LIMIT)]
Diversity = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


@in_sentences
@dataclass(frozen=True, config=CONFIG)
class Term:
    """One thing asked for: words, a picture, or a picture of the library by its uuid or its path. Exactly one of the
    four is set. A weight below 0: what the pictures should not be like."""

    text: str | None = None
    image: Image.Image | None = None
    item: Annotated[uuid.UUID | None, PlainValidator(lambda given: None if given is None else parse_uuid(given))] = None
    path: str | None = None
    weight: float = 1.0

    @field_validator("text", "path", mode="plain")
    @classmethod
    def _written(cls, value: Any, field: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise QueryError(f"a term's {field.field_name} must be a string, got {short(value)}")
        of_path = field.field_name == "path"
        name = "letters of the path" if of_path else "words"
        if not value.strip():
            remedy = "write a path as a hit shows it" if of_path else "type what the picture shows"
            raise QueryError(f"the {name} of a term are empty; {remedy}")
        if len(value) > MAX_TEXT:
            raise QueryError(f"the {name} of a term have {len(value)} characters; at most {MAX_TEXT} are allowed")
        if any(unicodedata.category(character) == "Cc" for character in value.translate(BLANKS)):
            raise QueryError(f"the {name} {value[:80]!r} hold a control character; type them again")
        if not is_text(value):
            raise QueryError(f"the {name} {value[:80]!r} hold half a character (a lone surrogate); type them again")
        return value

    @field_validator("weight", mode="plain")
    @classmethod
    def _weight(cls, value: Any) -> float:
        if not is_number(value) or not 0 < abs(value) <= MAX_WEIGHT:  # NaN too
            raise QueryError(
                f"a term's weight must be a number other than 0, from -{MAX_WEIGHT} to {MAX_WEIGHT}, got {short(value)}"
            )
        return float(value)

    @model_validator(mode="after")
    def _one_kind(self) -> "Term":
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise QueryError(f"a term is one of text, image, item or path; this one has {given or 'none'}")
        return self

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def example(self) -> bool:
        """Whether it is a picture: those are joined by the question's strategy."""
        return self.text is None


@dataclasses.dataclass(frozen=True)
class Unread:
    """A value of an address that cannot be read. `name` is the parameter; "" with `text` "" where every value can be
    read, but not all together."""

    name: str
    text: str
    error: QueryError = dataclasses.field(compare=False)


def read_condition(given: Any) -> Condition:
    return given if isinstance(given, Condition) else Condition.parse(given)


def read_term(data: Any) -> Term:
    """A term, or the JSON of one."""
    if isinstance(data, Term):
        return data
    if not isinstance(data, dict):
        raise QueryError(f'a term is an object such as {{"text": "cat"}}, got {short(data)}')
    if unknown := sorted(set(data) - {"text", "item", "path", "weight"}):
        raise QueryError(f"unknown key {short(unknown[0])} in a term; known are text, item, path, weight")
    return Term(**data)
