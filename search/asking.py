"""Prepares a question: its terms as vectors, each with the targets that count for it, and what Weaviate is searched
with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from encoder.protocol import Embeddings, Encoder, invalid_rows
from errors import QueryError
from search.index import PictureIndex, Probes
from search.preference import learn_targets
from search.query import AUTO, Query, Term
from search.ranking import spread_out
from search.scoring import Asked, LibrarySpace, linear

DEFAULT_TARGETS: Mapping[str, Mapping[str, float]] = {
    "text": {"image": 1.0, "caption": 2.0},
    "item": {"look": 1.0, "image": 0.5},
}
"""Targets where the question names none: words find what is shown; a picture, the library's own or another, finds
look-alikes."""

MOST_NEAR = 16
"""Likes that are asked for their own nearest pictures, where the strategy goes by the best of them."""
Targets = Mapping[str, float]


@dataclass(frozen=True)
class Prepared:
    """A question that is weighed by what one library's space is at that moment."""

    asked: Sequence[Asked]
    probes: Probes
    likes: Mapping[str, Sequence[Embeddings]]
    """By target: where the best of the likes decides, what is near to one of them need not be near to their sum, so
    each is asked for its own nearest; of many those that lie far apart."""


def encode(query: Query, encoder: Encoder, index: PictureIndex) -> tuple[Query, list[Mapping[str, Embeddings]]]:
    """The question with pictures of the library in the place of their paths, and each term's vectors by target, (dim,).
    Raises QueryError for a picture that is not there, and a vector that the library cannot be searched with."""
    query = replace(query, terms=tuple(_resolved(term, index) for term in query.terms))
    return query, _encode_terms(query.terms, encoder, index)


def prepare(query: Query, vectors: Sequence[Mapping[str, Embeddings]], space: LibrarySpace) -> Prepared:
    """Raises QueryError for targets that words cannot be compared with, and terms that cancel each other out."""
    asked = weigh(query, vectors, space)
    likes = [term for term in asked if term.example and term.weight > 0]
    near: dict[str, Sequence[Embeddings]] = {}
    if len(likes) > 1 and query.strategy == "best_score" and not query.hybrid:
        for name in likes[0].targets:
            rows = np.stack([term.vectors[name] for term in likes if name in term.vectors])
            near[name] = [rows[i] for i in spread_out(rows, min(MOST_NEAR, len(rows)))]
    probes = linear(asked, space, query.strategy)
    if not probes:
        raise QueryError("The terms of the question cancel each other out. Take one of them away.")
    return Prepared(asked, probes, near)


def _resolved(term: Term, index: PictureIndex) -> Term:
    """A path becomes a picture of the library. Raises QueryError where none lies there, or more than one."""
    if term.path is None:
        return term
    found = index.uuids_at(term.path)
    if not found:
        raise QueryError(f"There is no picture at {term.path!r} in the library. Give a path as a hit shows it.")
    if len(found) > 1:
        raise QueryError(f"Several pictures of the library lie at {term.path!r}. Write more of the path.")
    return Term(item=found[0], weight=term.weight)


def _encode_terms(terms: Sequence[Term], encoder: Encoder, index: PictureIndex) -> list[Mapping[str, Embeddings]]:
    """The vectors of each term by target, (dim,); those of items are the library's own."""
    library, items = index.pictures.identity, [term.item for term in terms if term.item is not None]
    stored = {found.uuid: found.vectors for found in index.fetch(items)}
    if missing := [item for item in items if item not in stored]:
        raise QueryError(f"There is no picture {missing[0]} in the library (any more). Take it out of the question.")
    if bare := [item for item in items if not stored[item]]:
        raise QueryError(f"The picture {bare[0]} was stored without vectors, by another program. Ingest it again.")
    texts = [term.text for term in terms if term.text is not None]
    images = [term.image for term in terms if term.image is not None]
    text_rows = iter(encoder.encode_texts(texts)) if texts else iter(())
    image_rows = encoder.encode_images(images) if images else {}
    image_order = iter(range(len(images)))
    encoded: list[Mapping[str, Embeddings]] = []
    for term in terms:
        if term.text is not None:
            row = next(text_rows)
            vectors: Mapping[str, Embeddings] = {"image": row, "caption": row}
        elif term.item is not None:
            vectors = stored[term.item]
        else:
            place = next(image_order)
            row = image_rows["image"][place]
            vectors = {"image": row, "caption": row, "look": image_rows["look"][place]}
        for name, vector in vectors.items():
            [fault] = invalid_rows(vector[None], library.dims[name])
            if fault:
                raise QueryError(
                    f"The question's vector for {name!r} cannot be searched with: {fault}. The library holds vectors "
                    f"of {library.id!r}, the question was encoded by {encoder.identity.id!r}."
                )
        encoded.append(vectors)
    return encoded


def weigh(query: Query, encoded: Sequence[Mapping[str, Embeddings]], space: LibrarySpace | None = None) -> list[Asked]:
    """Each term with the targets that it can be compared with; their weights sum to 1. `space`: what AUTO is learned
    by."""
    learned = _learned(query, encoded, space) if query.targets == AUTO and space is not None else None
    return [
        Asked(term.weight, term.example, vectors, _targets(term, vectors, query, learned))
        for term, vectors in zip(query.terms, encoded, strict=True)
    ]


def _learned(query: Query, encoded: Sequence[Mapping[str, Embeddings]], space: LibrarySpace) -> Targets | None:
    """From the liked examples; None where there is none."""
    asked = zip(query.terms, encoded, strict=True)
    liked = [(term, vectors) for term, vectors in asked if term.example and term.weight > 0]
    if not liked:
        return None
    names = set.intersection(*(set(vectors) for _, vectors in liked))
    rows = {name: np.stack([vectors[name] for _, vectors in liked]) for name in names}
    return learn_targets(rows, space, [term.weight for term, _ in liked])


def _targets(term: Term, vectors: Mapping[str, Embeddings], query: Query, learned: Targets | None) -> Targets:
    given = query.targets
    chosen = learned if given == AUTO and term.example else None
    wanted = given if isinstance(given, Mapping) else chosen or DEFAULT_TARGETS["item" if term.example else "text"]
    usable = {name: weight for name, weight in wanted.items() if weight > 0 and name in vectors}
    if not usable:
        raise QueryError(
            f"Words cannot be compared with {', '.join(name for name, weight in wanted.items() if weight > 0)}, "
            "which holds how a picture looks. Give image or caption a weight too."
        )
    return weights_of(usable)


def weights_of(targets: Targets) -> Targets:
    """The same weights, with the sum 1."""
    whole = sum(targets.values())
    return {name: weight / whole for name, weight in targets.items()}
