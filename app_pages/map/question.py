"""The last question of the search page, as it falls on the map. Knows no widget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from api.map_points import VIEWS
from app_pages.address import AskingPicture
from app_pages.map.view import Asked
from app_pages.question import Question
from errors import QueryError
from layout.projection import NEIGHBOURS, Axes, place_among
from layout.store import Layout
from search.query import Query
from search.results import Hit
from search.searcher import Searcher

SEARCHED = 240
"""Neighbours that are asked for, so that enough of them are points of a sampled layout."""


@dataclass(frozen=True)
class Placed:
    asked: Asked | None
    sentence: str
    """How it was placed, or why it could not be."""


def place(question: Question, picture: AskingPicture | None, layout: Layout, view: str, searcher: Searcher) -> Placed:
    """Raises what `Searcher.search` raises for a question that can be asked."""
    text = _text(question, picture)
    try:
        query = question.cut().query([picture.image] if picture else [])
        hits = searcher.search(query).hits
    except QueryError as error:
        return Placed(None, f"Your last question cannot be placed: {error}")
    found = layout.indices_of([hit.uuid for hit in hits])
    indices = [found[hit.uuid] for hit in hits if hit.uuid in found]
    try:
        if view == "umap2":
            at, how = _among_neighbours(query, layout, searcher)
        else:
            target = "image" if layout.space == "both" else layout.space
            vectors = searcher.vectors(_toward(query, target))
            if target not in vectors:
                raise QueryError("its terms cancel each other out")
            vector = vectors[target]
            axes = Axes(layout.mean, layout.directions, layout.explained)
            at, how = axes.place(vector[None])[0][: VIEWS[view]], "where its own vector falls on these axes"
    except QueryError as error:
        return Placed(None, f"Your last question has no place here: {error}")
    missing = len(hits) - len(indices)
    left = f" {missing} of them are not among the drawn points." if missing else ""
    return Placed(
        Asked(text, [float(x) for x in at], indices),
        f"“{text}” stands {how}; lines lead to its first {len(hits)} hits.{left}",
    )


def _among_neighbours(query: Query, layout: Layout, searcher: Searcher) -> tuple[np.ndarray, str]:
    """UMAP has no axes to place a new vector on: the mean of its nearest points, weighted by similarity."""
    targets = {"both": ("image", "caption")}.get(layout.space, (layout.space,))
    near: list[tuple[float, int]] = []
    for target in targets:
        hits: Sequence[Hit] = searcher.search(replace(_toward(query, target), limit=SEARCHED, offset=0)).hits
        indices = layout.indices_of([hit.uuid for hit in hits], captions=layout.space == "both" and target == "caption")
        near += [(hit.similarity or 0.0, indices[hit.uuid]) for hit in hits if hit.uuid in indices]
    near = sorted(near, key=lambda pair: (-pair[0], pair[1]))[:NEIGHBOURS]
    if not near:
        raise QueryError("none of the pictures nearest to it is among the drawn points")
    similarities, indices_ = zip(*near, strict=True)
    at = place_among(layout.umap[list(indices_)], np.array(similarities))
    return at, f"at the weighted mean of its {len(near)} nearest points"


def _toward(query: Query, target: str) -> Query:
    """The same terms asked of one target alone, of all the library."""
    return replace(
        query,
        targets={target: 1.0},
        filters=(),
        words=False,
        facets=False,
        strategy=None,
        diversity=0.0,
        collapse=False,
    )


def _text(question: Question, picture: AskingPicture | None) -> str:
    parts = [*question.words]
    if picture:
        parts.append(picture.name)
    if question.likes:
        parts.append("a picture of the library" if len(question.likes) == 1 else f"{len(question.likes)} pictures")
    return " + ".join(parts) or "Your question"
