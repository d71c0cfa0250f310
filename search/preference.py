"""What a person likes: pictures liked and disliked, words, what counts. Plain frozen data that becomes a `Query`, and
the targets learned from the likes.

An edit gives back a new profile, which remembers the ones before (`undone`).
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainValidator, model_validator
from pydantic.dataclasses import dataclass

from encoder.protocol import Embeddings
from errors import QueryError
from search.filters import Condition
from search.grammar import Line, parse, show
from search.query import AUTO, MAX_HIDDEN, MAX_TERMS, Query, Term
from search.scoring import LibrarySpace, Spread
from search.term import CONFIG, MAX_WEIGHT, Diversity, Strategy, Targets, Uuid, in_sentences, is_number

MOST_UNDONE = 50
CHANCE = 0.4
SHARPNESS = 1.5
"""Chosen among others by the questions of `docs/recommendation.md`, other draws of them."""
SAME = 1e-4
"""What an uncaptioned picture's caption vector may differ by from its image vector, which it is."""
NAMED = 3
"""Pictures named one by one in a sentence."""
KEYS = ("encoder", "likes", "dislikes", "seen", "words", "targets", "strategy", "diversity")


def _weight(given: Any) -> float:
    if not is_number(given) or not 0 < given <= MAX_WEIGHT:
        raise QueryError(f"a picture needs a weight above 0, up to {MAX_WEIGHT}, got {repr(given)[:80]}")
    return float(given)


Weights = Annotated[Mapping[Uuid, Annotated[float, PlainValidator(_weight)]], "by picture"]


@in_sentences
@dataclass(frozen=True, config=CONFIG)
class Profile:
    """Weights of likes and dislikes are above 0. `words` are in the grammar of the text box; their terms and conditions
    become part of the question. `seen` is in the order of seeing. Raises QueryError for what cannot be asked."""

    encoder: str
    """The encoder's id (`EncoderIdentity.id`) of the library that the likes were given in."""
    likes: Weights = field(default_factory=dict)
    dislikes: Weights = field(default_factory=dict)
    seen: tuple[Uuid, ...] = ()
    words: str = ""
    targets: Targets = AUTO
    strategy: Strategy = None
    diversity: Diversity = 0.0
    history: Annotated[tuple[Any, ...], PlainValidator(tuple)] = field(default=(), compare=False, repr=False)
    """The profiles before, newest last, without histories of their own."""

    @model_validator(mode="after")
    def _one_opinion(self) -> Self:
        if both := set(self.likes) & set(self.dislikes):
            raise QueryError(f"{_named(both)} cannot be liked and disliked at once; choose one.")
        return self

    @property
    def empty(self) -> bool:
        """Nothing to ask with yet: show a spread of the library."""
        return not (self.likes or self.dislikes or self.words.strip())

    @property
    def items(self) -> tuple[uuid.UUID, ...]:
        return (*self.likes, *self.dislikes)

    def liking(self, one: uuid.UUID, weight: float = 1.0) -> Self:
        return self.edit(likes={**self.likes, one: weight}, dislikes=_but(self.dislikes, one))

    def disliking(self, one: uuid.UUID, weight: float = 1.0) -> Self:
        return self.edit(dislikes={**self.dislikes, one: weight}, likes=_but(self.likes, one))

    def forgetting(self, one: uuid.UUID) -> Self:
        """Neither liked nor disliked."""
        return self.edit(likes=_but(self.likes, one), dislikes=_but(self.dislikes, one))

    def seeing(self, shown: Iterable[uuid.UUID]) -> Self:
        """Those will not come back. Not an edit of its own: `undone` goes back before the last decision."""
        return replace(self, seen=tuple(dict.fromkeys((*self.seen, *shown))))

    def reset(self) -> Self:
        """No likes, dislikes, words, nothing seen; targets, strategy and diversity stay."""
        return self.edit(likes={}, dislikes={}, seen=(), words="")

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
        """The question that this profile asks, of at most MAX_TERMS terms: see `within`. Neither what is liked or
        disliked nor what was seen (the latest MAX_HIDDEN of it) comes back. Raises QueryError for an empty profile."""
        if self.empty:
            raise QueryError("Nothing is liked or disliked yet, and there are no words: like a picture first.")
        terms, conditions = self._words()
        hidden = tuple(dict.fromkeys((*self.dislikes, *self.likes, *reversed(self.seen))))[:MAX_HIDDEN]
        return Query(
            terms=(*terms, *self.within(self.room).examples),
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
    def examples(self) -> tuple[Term, ...]:
        liked = (Term(item=one, weight=weight) for one, weight in self.likes.items())
        return (*liked, *(Term(item=one, weight=-weight) for one, weight in self.dislikes.items()))

    def linked(self) -> Query:
        """The question whose address holds the session: not what was seen, and MAX_TERMS pictures at most."""
        targets = self.targets if isinstance(self.targets, Mapping) else None
        examples = self.within(MAX_TERMS).examples
        return Query.of_lines([self.words], examples, targets=targets, strategy=self.strategy, diversity=self.diversity)

    @classmethod
    def of_link(cls, query: Query, encoder: str) -> Self:
        """The inverse of `linked`. A picture that is named by its path becomes words. Raises QueryError."""
        examples, _ = query.check().beside
        named = [term for term in examples if term.item is None]
        lines = [*query.lines, *([show(named)] if named else [])]
        return cls(
            encoder=encoder,
            likes={term.item: term.weight for term in examples if term.item is not None and term.weight > 0},
            dislikes={term.item: -term.weight for term in examples if term.item is not None and term.weight < 0},
            words=lines[0] if len(lines) == 1 else show((*query.typed[0], *named), query.typed[1]),
            targets=AUTO if query.targets is None else query.targets,
            strategy=query.strategy,
            diversity=query.diversity,
        )

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
        data = {name: getattr(self, name) for name in KEYS} | {"seen": list(map(str, self.seen))}
        weights = {name: {str(one): weight for one, weight in data[name].items()} for name in ("likes", "dislikes")}
        return data | weights | {"targets": dict(self.targets) if isinstance(self.targets, Mapping) else self.targets}

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
        return cls(**{"targets": None, **data})

    def _words(self) -> Line:
        return parse(self.words)

    def edit(self, **changes: Any) -> Self:
        """With other values of some fields. `undone` takes it back."""
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
