"""A question's terms as vectors, each with the targets that count for it. Knows no database: stored vectors are handed
in."""

import uuid
from collections.abc import Mapping, Sequence

import numpy as np

from encoder.protocol import Embeddings, Encoder, EncoderIdentity, invalid_rows
from errors import QueryError
from search.preference import learn_targets
from search.query import AUTO, Query, Term
from search.scoring import Asked, LibrarySpace

DEFAULT_TARGETS: Mapping[str, Mapping[str, float]] = {
    "text": {"image": 1.0, "caption": 2.0},
    "item": {"look": 1.0, "image": 0.5},
}
"""Targets where the question names none: words find what is shown; a picture, the library's own or another, finds
look-alikes."""

Stored = Mapping[uuid.UUID, Mapping[str, Embeddings]]
Targets = Mapping[str, float]


def encode_terms(
    terms: Sequence[Term], encoder: Encoder, library: EncoderIdentity, stored: Stored
) -> list[Mapping[str, Embeddings]]:
    """The vectors of each term by target, (dim,); `stored` holds those of the items. Raises QueryError for a vector
    that `library` cannot be searched with."""
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
            index = next(image_order)
            row = image_rows["image"][index]
            vectors = {"image": row, "caption": row, "look": image_rows["look"][index]}
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
