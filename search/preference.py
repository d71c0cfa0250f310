"""What a person likes: pictures liked and disliked, words, what counts. Plain frozen data that becomes a `Query`, and
the targets learned from the likes. Knows no database.

An edit gives back a new profile, which remembers the ones before (`undone`).
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from errors import QueryError
from search.calibration import LibrarySpace, Spread
from search.filters import Condition
from search.grammar import parse
from search.query import AUTO, MAX_HIDDEN, MAX_TERMS, MAX_WEIGHT, STRATEGIES, Query, Term, check_targets, parse_uuid

MOST_UNDONE = 50
CHANCE = 0.4
SHARPNESS = 1.5
"""Chosen among others by the questions of `docs/recommendation.md`, other draws of them."""
SAME = 1e-4
"""What an uncaptioned picture's caption vector may differ by from its image vector, which it is."""
NAMED = 3
"""Pictures named one by one in a sentence."""
KEYS = ("encoder", "likes", "dislikes", "seen", "words", "targets", "strategy", "diversity")

Weights = Mapping[uuid.UUID, float]


@dataclass(frozen=True)
class Profile:
    """Weights of likes and dislikes are above 0. `words` are in the grammar of the text box; their terms and conditions
    become part of the question. `seen` is in the order of seeing. Raises QueryError for what cannot be asked."""

    encoder: str
    """The encoder's id (`EncoderIdentity.id`) of the library that the likes were given in."""
    likes: Weights = field(default_factory=dict)
    dislikes: Weights = field(default_factory=dict)
    seen: tuple[uuid.UUID, ...] = ()
    words: str = ""
    targets: Mapping[str, float] | str | None = AUTO
    strategy: str | None = None
    diversity: float = 0.0
    history: tuple[Self, ...] = field(default=(), compare=False, repr=False)
    """The profiles before, newest last, without histories of their own."""

    def __post_init__(self) -> None:
        for kind, weights in (("liked", self.likes), ("disliked", self.dislikes)):
            for one, weight in weights.items():
                if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= MAX_WEIGHT:
                    raise QueryError(
                        f"The {kind} picture {one} needs a weight above 0, up to {MAX_WEIGHT}, got {weight!r}."
                    )
        if both := set(self.likes) & set(self.dislikes):
            raise QueryError(f"{_named(both)} cannot be liked and disliked at once; choose one.")
        if isinstance(self.targets, Mapping):
            check_targets(self.targets)
        elif self.targets not in (AUTO, None):
            raise QueryError(f"targets are 'auto' or an object such as {{\"image\": 1}}, got {self.targets!r}")
        if self.strategy is not None and self.strategy not in STRATEGIES:
            raise QueryError(f"strategy is one of {', '.join(STRATEGIES)}, got {self.strategy!r}")
        if not 0 <= self.diversity <= 1:  # false for NaN too
            raise QueryError(f"diversity must be 0 to 1, got {self.diversity!r}")

    @property
    def empty(self) -> bool:
        """Nothing to ask with yet: show a spread of the library."""
        return not (self.likes or self.dislikes or self.words.strip())

    @property
    def items(self) -> tuple[uuid.UUID, ...]:
        return (*self.likes, *self.dislikes)

    def liking(self, one: uuid.UUID, weight: float = 1.0) -> Self:
        return self._edited(likes={**self.likes, one: weight}, dislikes=_but(self.dislikes, one))

    def disliking(self, one: uuid.UUID, weight: float = 1.0) -> Self:
        return self._edited(dislikes={**self.dislikes, one: weight}, likes=_but(self.likes, one))

    def forgetting(self, one: uuid.UUID) -> Self:
        """Neither liked nor disliked."""
        return self._edited(likes=_but(self.likes, one), dislikes=_but(self.dislikes, one))

    def seeing(self, shown: Iterable[uuid.UUID]) -> Self:
        """Those will not come back. Not an edit of its own: `undone` goes back before the last decision."""
        return replace(self, seen=tuple(dict.fromkeys((*self.seen, *shown))))

    def saying(self, words: str) -> Self:
        return self._edited(words=words)

    def weighing(self, targets: Mapping[str, float] | str | None) -> Self:
        return self._edited(targets=targets)

    def joined_by(self, strategy: str | None) -> Self:
        return self._edited(strategy=strategy)

    def as_diverse(self, diversity: float) -> Self:
        return self._edited(diversity=diversity)

    def reset(self) -> Self:
        """No likes, dislikes, words, nothing seen; targets, strategy and diversity stay."""
        return self._edited(likes={}, dislikes={}, seen=(), words="")

    @property
    def can_undo(self) -> bool:
        return bool(self.history)

    def undone(self) -> Self:
        """As it was before the last edit, with what was seen then; itself when there is none."""
        return replace(self.history[-1], history=self.history[:-1]) if self.history else self

    def present(self, there: Collection[uuid.UUID]) -> tuple[Self, str]:
        """Without the pictures that are no longer in the library, and a sentence that names them ("" for none)."""
        gone = [one for one in self.items if one not in there]
        if not gone:
            return self, ""
        liked, disliked = sum(one in self.likes for one in gone), sum(one in self.dislikes for one in gone)
        kinds = [f"{count} {kind}" for count, kind in ((liked, "liked"), (disliked, "disliked")) if count]
        kept = replace(self, likes=_but(self.likes, *gone), dislikes=_but(self.dislikes, *gone))
        one = len(gone) == 1
        return kept, (
            f"{' and '.join(kinds)} picture{'' if one else 's'} {'is' if one else 'are'} no longer in the library "
            f"and {'does' if one else 'do'} not count: {_named(gone)}."
        )

    def query(
        self,
        limit: int = 24,
        offset: int = 0,
        filters: Sequence[Condition] = (),
        *,
        collapse: bool = True,
        facets: bool = False,
    ) -> Query:
        """The question that this profile asks, of at most MAX_TERMS terms: see `unheard`. Neither what is liked or
        disliked nor what was seen (the latest MAX_HIDDEN of it) comes back. Raises QueryError for an empty profile."""
        if self.empty:
            raise QueryError("Nothing is liked or disliked yet, and there are no words: like a picture first.")
        terms, conditions = self._words()
        heard = self.within(MAX_TERMS - len(terms))
        items = (
            *(Term(item=one, weight=weight) for one, weight in heard.likes.items()),
            *(Term(item=one, weight=-weight) for one, weight in heard.dislikes.items()),
        )
        hidden = tuple(dict.fromkeys((*self.dislikes, *self.likes, *reversed(self.seen))))[:MAX_HIDDEN]
        return Query(
            terms=(*terms, *items),
            targets=self.targets,
            filters=(*conditions, *filters),
            limit=limit,
            offset=offset,
            facets=facets,
            strategy=self.strategy,
            diversity=self.diversity,
            hidden=hidden,
            collapse=collapse,
        )

    @property
    def unheard(self) -> int:
        """How many liked and disliked pictures are more than one question can hold. They stay in the profile and do not
        come back; what is asked with is what counts most, see `within`."""
        return len(self.items) - len(self.within(self.room).items)

    @property
    def room(self) -> int:
        """How many judged pictures one question takes beside the words. Raises QueryError for words that cannot be
        read."""
        return MAX_TERMS - len(self._words()[0])

    def within(self, most: int) -> Self:
        """With at most so many judged pictures: of the liked ones and of the disliked ones those of the largest weight,
        of equal ones the latest. Neither kind takes more than half where both have so many. Their order stays."""
        liked = min(len(self.likes), max(most - len(self.dislikes), most // 2))
        return replace(self, likes=_heaviest(self.likes, liked), dislikes=_heaviest(self.dislikes, most - liked))

    def to_json(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder,
            "likes": {str(one): weight for one, weight in self.likes.items()},
            "dislikes": {str(one): weight for one, weight in self.dislikes.items()},
            "seen": [str(one) for one in self.seen],
            "words": self.words,
            "targets": dict(self.targets) if isinstance(self.targets, Mapping) else self.targets,
            "strategy": self.strategy,
            "diversity": self.diversity,
        }

    @classmethod
    def from_json(cls, data: Any, encoder: str | None = None) -> Self:
        """The inverse of `to_json`, without history. `encoder`: the id of the library that it will ask."""
        if not isinstance(data, Mapping):
            raise QueryError(f"a profile is a JSON object, got {type(data).__name__}")
        if unknown := sorted(map(str, set(data) - set(KEYS))):
            raise QueryError(f"unknown key {unknown[0][:80]!r} in a profile; known are {', '.join(KEYS)}")
        of = data.get("encoder")
        if not isinstance(of, str) or not of:
            raise QueryError("the profile does not say which encoder its library had ('encoder'), so it cannot be used")
        if encoder is not None and of != encoder:
            raise QueryError(f"the profile was made with encoder {of!r}, this library is of {encoder!r}")
        profile = cls(
            encoder=of,
            likes=_weights(data, "likes"),
            dislikes=_weights(data, "dislikes"),
            seen=tuple(parse_uuid(one) for one in _list(data, "seen")),
            words=_text(data, "words"),
            targets=data.get("targets"),
            strategy=data.get("strategy"),
            diversity=_number(data.get("diversity", 0.0), "diversity"),
        )
        return profile

    def _words(self) -> tuple[tuple[Term, ...], tuple[Condition, ...]]:
        if not self.words.strip():
            return (), ()
        return parse(self.words)

    def _edited(self, **changes: Any) -> Self:
        return replace(self, **changes, history=(*self.history, replace(self, history=()))[-MOST_UNDONE:])


def learn_targets(
    likes: Mapping[str, Embeddings], space: LibrarySpace | None, weights: Sequence[float] | None = None
) -> dict[str, float]:
    """Weights of the targets, which sum to 1, from the liked pictures' vectors, target -> (n, d).

    A target's strength is (closeness - CHANCE) ^ SHARPNESS, 0 below CHANCE: what the liked ones share is where they lie
    closer together than random pictures do. {} where nothing can be learned: fewer than two likes, nothing in common,
    or a library too small to tell. An uncaptioned picture (its caption vector is its image vector) has no say on
    captions, and captions count less the more likes have none.
    """
    if space is None:
        return {}
    given = np.ones(len(next(iter(likes.values()), ()))) if weights is None else np.abs(np.asarray(weights, float))
    strengths = {}
    for name, rows in likes.items():
        spread = space.spreads.get(name)
        told = np.ones(len(rows), dtype=np.bool_)
        if name == "caption" and "image" in likes:
            told = np.asarray(np.abs(rows - likes["image"]).max(axis=1) > SAME)
        if spread is not None and told.sum() >= 2:
            closer = closeness(rows[told], spread, given[told]) - CHANCE
            strengths[name] = float(told.mean()) * max(closer, 0.0) ** SHARPNESS
    whole = sum(strengths.values())
    return {name: value / whole for name, value in strengths.items() if value > 0} if whole > 0 else {}


def closeness(rows: Embeddings, spread: Spread, weights: NDArray[np.float64]) -> float:
    """The weighted mean, over the pairs of (n, d) rows, of how far their cosine lies above the library's usual one, in
    spreads: 0 for random pictures. A pair weighs the product of its weights."""
    mean, deviation = spread.levels(rows)
    z = (rows.astype(np.float64) @ rows.T - mean[:, None]) / deviation[:, None]
    pairs = np.outer(weights, weights)
    np.fill_diagonal(pairs, 0)
    return float((z * pairs).sum() / pairs.sum())


def _heaviest(weights: Weights, most: int) -> Weights:
    """Those of the largest weight, of equal ones the latest, in their order."""
    ordered = sorted((weight, place, one) for place, (one, weight) in enumerate(weights.items()))
    kept = {one for _, _, one in ordered[max(len(ordered) - most, 0) :]}
    return {one: weight for one, weight in weights.items() if one in kept}


def _but(weights: Weights, *ones: uuid.UUID) -> dict[uuid.UUID, float]:
    return {one: weight for one, weight in weights.items() if one not in ones}


def _named(ones: Collection[uuid.UUID]) -> str:
    names = [str(one) for one in ones]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _weights(data: Mapping[str, Any], key: str) -> dict[uuid.UUID, float]:
    given = data.get(key, {})
    if not isinstance(given, Mapping):
        raise QueryError(f"{key!r} must be an object of uuids and weights, got {type(given).__name__}")
    return {parse_uuid(one): _number(weight, key) for one, weight in given.items()}


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    given = data.get(key, [])
    if not isinstance(given, list):
        raise QueryError(f"{key!r} must be a list of uuids, got {type(given).__name__}")
    return given


def _text(data: Mapping[str, Any], key: str) -> str:
    given = data.get(key, "")
    if not isinstance(given, str):
        raise QueryError(f"{key!r} must be a string, got {type(given).__name__}")
    return given


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise QueryError(f"{key!r} needs a number, got {repr(value)[:80]}")
    return float(value)
