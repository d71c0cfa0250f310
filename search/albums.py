"""An album: a question kept under a name, asked anew whenever somebody looks. Plain data.

What is kept is `Query.to_json` without its page, so that every way to ask (page, command, API) opens the same album. No
vector is kept: an album saved with another encoder still asks, and what it finds is that encoder's answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from errors import DocumentError, QueryError
from schema.documents import Document, DocumentStore
from search.query import Query
from search.ranking import WINDOWS
from search.results import Hit, Results

VERSION = 1
COVERS = 4
Search = Callable[[Query], Results]


@dataclass(frozen=True)
class Album:
    name: str
    encoder: str
    """Id of the encoder whose library was open when it was saved."""
    changed_at: datetime
    query: Query
    """Its first page."""

    def note(self, encoder: str) -> str:
        """What to know where another encoder's library is open; "" for the same."""
        if self.encoder in ("", encoder):
            return ""
        return f"Saved with the encoder {self.encoder!r}. This library is of {encoder!r}, and may find other pictures."


@dataclass(frozen=True)
class Look:
    """What an album holds now."""

    covers: tuple[Hit, ...] = ()
    count: int = 0
    """Likely pictures; all that pass its filters where nobody can say which are likely."""
    more: bool = False
    """Whether there may be more: only so many are read."""
    problem: str = ""
    """Why it cannot be looked at as it was saved."""

    @property
    def text(self) -> str:
        return f"{self.count:,}{' or more' if self.more else ''} {'picture' if self.count == 1 else 'pictures'}"


def keep(store: DocumentStore, name: str, query: Query, encoder: str, *, new: bool = True) -> Album:
    """Raises NameTaken with `new`, QueryError for a question that cannot be kept, and what the store raises."""
    query = _first_page(query)
    kept = store.save(name, to_document(query), encoder, new=new)
    return Album(kept.name, kept.encoder, kept.changed_at, query)


def find(store: DocumentStore, name: str) -> Album:
    """Raises NameUnknown, DocumentError for one that cannot be read, and Unreachable."""
    return album_of(store.load(name))


def to_document(query: Query) -> dict[str, Any]:
    """Raises QueryError for an empty question, and one that holds an uploaded picture."""
    if any(term.image is not None for term in query.terms):
        raise QueryError(
            "The question holds a picture that was uploaded, and such a picture is kept nowhere. "
            "Add its folder to the library and ask with it from there, or take it out of the question."
        )
    if not query.terms and not query.filters:
        raise QueryError("The question is empty, so there is nothing to keep. Ask something first.")
    return {"version": VERSION, "query": _first_page(query).to_json()}


def album_of(named: Document) -> Album:
    """Raises DocumentError for a document that this version cannot read."""
    try:
        if (version := named.document.get("version")) != VERSION:
            raise QueryError(f"its version is {version!r}, and this Loupe reads {VERSION}")
        query = _first_page(Query.from_json(named.document.get("query")))
    except QueryError as error:
        raise DocumentError(
            f"The album {named.name!r} cannot be read: {error}. Delete it, or open it with the version that saved it."
        ) from None
    return Album(named.name, named.encoder, named.changed_at, query)


def look(query: Query, search: Search, count: Callable[[Query], int]) -> Look:
    """What an album of this question holds. `count`: the pictures that pass its filters, where it has no terms. Raises
    what `search` raises; but a question that cannot be asked any more, because a picture it names has left the library,
    is a problem."""
    try:
        results = search(replace(query, limit=COVERS))
    except QueryError as error:
        return Look(problem=str(error)) if query.terms else Look(count=count(query))
    if results.threshold is None:
        return Look(results.hits, results.total)
    covers = tuple(hit for hit in results.hits if not hit.below)
    # Near-duplicates that stand behind others are not counted: of a window fewer may be left.
    most = WINDOWS[0] // 2 if query.collapse else WINDOWS[0]
    return Look(covers, results.above, more=results.above >= most)


def _first_page(query: Query) -> Query:
    return replace(query, limit=24, offset=0, facets=False)
