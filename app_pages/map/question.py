"""The last question of the search page, as it falls on the map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from api.map_points import VIEWS
from app_pages.address import AskingPicture
from app_pages.map.view import DrawnQuestion
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
    asked: DrawnQuestion | None
    sentence: str
    """How it was placed, or why it could not be."""


def place(query: Query, picture: AskingPicture | None, layout: Layout, view: str, searcher: Searcher) -> Placed:
    """Raises what `Searcher.search` raises for a question that can be asked."""
    text = _text(query, picture)
    try:
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
            vectors = searcher.vectors(_toward(query, target, SEARCHED))
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
        DrawnQuestion(text, [float(x) for x in at], indices),
        f"“{text}” stands {how}; lines lead to its first {len(hits)} hits.{left}",
    )


def _among_neighbours(query: Query, layout: Layout, searcher: Searcher) -> tuple[np.ndarray, str]:
    """UMAP has no axes to place a new vector on: the mean of its nearest points, weighted by similarity."""
    targets = {"both": ("image", "caption")}.get(layout.space, (layout.space,))
    near: list[tuple[float, int]] = []
    for target in targets:
        hits: Sequence[Hit] = searcher.search(_toward(query, target, SEARCHED)).hits
        indices = layout.indices_of([hit.uuid for hit in hits], captions=layout.space == "both" and target == "caption")
        near += [(hit.similarity or 0.0, indices[hit.uuid]) for hit in hits if hit.uuid in indices]
    near = sorted(near, key=lambda pair: (-pair[0], pair[1]))[:NEIGHBOURS]
    if not near:
        raise QueryError("none of the pictures nearest to it is among the drawn points")
    similarities, indices_ = zip(*near, strict=True)
    at = place_among(layout.umap[list(indices_)], np.array(similarities))
    return at, f"at the weighted mean of its {len(near)} nearest points"


def _toward(query: Query, target: str, limit: int) -> Query:
    """The same terms asked of one target alone, of all the library."""
    return Query(query.terms, {target: 1.0}, limit=limit, hidden=query.hidden)


def _text(query: Query, picture: AskingPicture | None) -> str:
    liked = sum(term.example and term.image is None and term.weight > 0 for term in query.beside[0])
    of_library = "a picture of the library" if liked == 1 else f"{liked} pictures"
    return " + ".join([*query.lines, *([picture.name] if picture else []), *([of_library] if liked else [])])
