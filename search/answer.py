"""Results -> what a command prints and what the API answers: the same note, the same JSON."""

from collections.abc import Iterator
from typing import Any

from search.contradiction import contradiction
from search.grammar import show
from search.parser import printable
from search.query import Query, Term
from search.results import Hit, Results

NEAREST = 3
"""So many unlikely pictures are shown where nothing is likely."""
CORRECT_IT = "Take a filter away, or correct it."


def to_json(query: Query, results: Results, prefix: str = "") -> dict[str, Any]:
    """The results, and with them `asked`: the question as it was read, whose terms the hits' shares count from 0 (a
    picture that was handed in is `{"image": true}`), and `note`: a sentence about the answer, or ""."""
    terms = [
        {"image": True, "weight": term.weight} if term.image is not None else json
        for term in query.terms
        for json in (Query((term,)).to_json()["terms"] or [{}])
    ]
    return {**results.to_json(prefix), "asked": query.to_json() | {"terms": terms}, "note": note(query, results)}


def note(query: Query, results: Results) -> str:
    """What the hits alone do not say: that there are none, and why, or that none of them is a good match; else ""."""
    if not results.total:
        if opposed := contradiction(query.filters):
            return opposed
        if query.filters:
            filters = ", ".join(printable(str(condition)[:200]) for condition in query.filters)
            return f"No picture of the library passes {filters}. {did_you_mean(results) or CORRECT_IT}"
        return "There is no picture to search: the library is empty, or all of it asks or is hidden."
    if results.meant:
        return did_you_mean(results)
    if not results.hits:
        return f"There are {results.total} pictures, so nothing is at offset {results.offset}."
    if nothing_likely(results):
        return "No good match: these are the nearest pictures, none nearer than for a question about nothing here."
    if unlikely := sum(hit.below for hit in results.hits):
        return f"{unlikely} of these {len(results.hits)} are unlikely: as near as pictures are to any question."
    return ""


def did_you_mean(results: Results) -> str:
    """A sentence or two for each filter that holds a value that the library does not; "" for none."""
    return printable(" ".join(map(str, results.meant)))


def nothing_likely(results: Results) -> bool:
    return results.threshold is not None and results.above == 0


def text_of(query: Query, results: Results, *, unlikely: bool = False, why: bool = False) -> str:
    """A line a hit: similarity, path, caption. What is unlikely stands behind a question mark; it is left out but for
    the nearest three where nothing is likely, or `unlikely`. `why` adds what each term brought."""
    none = nothing_likely(results)
    shown = [hit for hit in results.hits if unlikely or not hit.below]
    if none and not unlikely and not results.offset:
        shown = list(results.hits[:NEAREST])
    lines = []
    if none and results.hits:
        lines.append("No good match." + (" The nearest:" if shown else ""))
    elif not results.hits or results.meant:
        lines.append(note(query, results))
    for hit in shown:
        lines.append(_line(hit))
        lines += _shares(query, hit) if why else ()
    if left := len(results.hits) - len(shown):
        lines.append(f"{left} more, unlikely: --unlikely shows them")
    for name, counts in results.facets.items():
        lines.append(f"{name}: " + ", ".join(f"{printable(value)} ({count})" for value, count in counts[:12]))
    lines.append(f"{len(shown)} of {results.total} pictures · {results.timing.took_ms:.0f} ms")
    return "\n".join(lines)


def _line(hit: Hit) -> str:
    mark = "?" if hit.below else " "
    place = printable(hit.record.places[0].path) if hit.record.places else str(hit.uuid)
    copies = f"  (+{len(hit.copies)} alike)" if hit.copies else ""
    caption = f"  {printable(hit.record.caption)}" if hit.record.caption else ""
    similarity = "      " if hit.similarity is None else f"{hit.similarity:6.3f}"
    return f"{mark}{similarity}  {place}{copies}{caption}"


def _shares(query: Query, hit: Hit) -> Iterator[str]:
    """The largest first."""
    for share in sorted(hit.shares, key=lambda share: -abs(share.amount)):
        yield f"         {share.amount:+.2f}  {share.target}: {_name(query.terms[share.term])}"


def _name(term: Term) -> str:
    return "the picture" if term.image is not None else printable(show([term]))
