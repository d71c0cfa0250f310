"""Do what `python -m search` is asked for, and print what is found. A part of that entry point."""

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import assembly
from errors import Exit, QueryError
from pictures.open import Limits, Opened, open_image
from schema.collection import open_pictures
from schema.documents import DocumentStore
from schema.record import uuid_of
from search.albums import Album, find
from search.grammar import GrammarError, show
from search.parser import SIGN, printable
from search.query import AUTO, Query, Term
from search.results import NEAREST, Hit, Results, note, nothing_likely, to_json
from search.searcher import Searcher
from search.term import QUERY_SIDE
from settings import read_settings

MOST_SHOWN = 400
"""Characters of a file's name in a sentence."""


def run(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    limits = assembly.limits(settings)
    query = query_of(arguments, limits)
    files = open_files(query, limits)
    with assembly.connected(settings) as client:
        open_pictures(client)  # says at once, before any model is loaded, that there is no library
        encoder = assembly.encoder(settings)
        patience = assembly.patience(settings)
        searcher = Searcher(open_pictures(client, encoder.identity), encoder, patience, assembly.threshold(settings))
        if arguments.album is not None:
            query = of_album(find(DocumentStore(client, "Albums", patience), arguments.album), query)
        query = with_files(query, files, searcher.records(uuids_of(files))) if files else query
        results = searcher.answer(query)
    if arguments.json:
        print(json.dumps(to_json(query, results), ensure_ascii=False))
    else:
        print(text_of(query, results, unlikely=arguments.unlikely, why=arguments.why))
    return Exit.DONE


def line_of(arguments: Sequence[str]) -> str:
    """An argument is a term: `beach "red bicycle"` is `beach + red bicycle`, and `beach + sunset` what it says."""
    line = ""
    for argument in (text.strip() for text in arguments):
        signed = SIGN.match(argument) or line.endswith((" +", " -")) or line in ("+", "-")
        line += argument if not line else f" {argument}" if signed else f" + {argument}"
    return line


def query_of(arguments: argparse.Namespace, limits: Limits) -> Query:
    """Raises QueryError, which points at the character, and PictureError for a file that is no picture."""
    given = vars(arguments)
    params = {name: given[name] for name in ("like", "dislike", "hide", "target", "filter")}
    params |= {name: [given[name]] for name in ("strategy", "diversity", "limit", "offset") if given[name] is not None}
    params |= {name: ["1"] for name in ("collapse", "facets", "words") if given[name]}
    for name, values in params.items():
        if any(not str(value).strip() for value in values):
            raise QueryError(f"--{name} is blank; give it a value, or leave it out")
    params |= {"q": [line_of(arguments.question)], "target": [*arguments.target, *([AUTO] if arguments.auto else [])]}
    try:
        query = Query.from_params(params, [_open(path, limits).image for path in arguments.image]).check()
    except GrammarError as error:
        raise QueryError(f"{error}\n{error.pointer}") from None
    if query.empty and arguments.album is None:
        raise QueryError("Nothing is asked. Type words, a picture or a filter; python -m search --help shows how.")
    return query


def open_files(query: Query, limits: Limits) -> dict[str, Opened]:
    """Those of its paths that are files of this machine, opened. For commands only: who asks over the network names no
    files."""
    paths = {term.path for term in query.terms if term.path is not None}
    return {path: open_image(Path(path), limits, QUERY_SIDE) for path in sorted(paths) if _is_file(path)}


def _open(path: Path, limits: Limits) -> Opened:
    """A file that a person named."""
    shown = printable(str(path)[:MOST_SHOWN])
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except (OSError, ValueError):  # too long a name, or one that no file can have
        is_folder = is_there = False
    if is_folder:
        raise QueryError(f"{shown} is a folder. Give one picture: --image FILE.")
    if not is_there:
        raise QueryError(f"There is no file {shown}. Check its spelling.")
    return open_image(path, limits, QUERY_SIDE)


def uuids_of(files: Mapping[str, Opened]) -> list[UUID]:
    return [uuid_of(opened.sha256) for opened in files.values()]


def with_files(query: Query, files: Mapping[str, Opened], known: Collection[UUID]) -> Query:
    """Files in the place of their paths: as pictures of the library where it holds their bytes, else as pictures."""

    def settled(term: Term) -> Term:
        if term.path is None or (opened := files.get(term.path)) is None:
            return term
        if (key := uuid_of(opened.sha256)) in known:
            return Term(item=key, weight=term.weight)
        return Term(image=opened.image, weight=term.weight)

    return replace(query, terms=tuple(settled(term) for term in query.terms))


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # too long a name, or one that no file can have
        return False


def of_album(album: Album, query: Query) -> Query:
    """The album's question, on the page that the command asks for. Raises QueryError where more was asked."""
    if query.terms or query.filters:
        raise QueryError(f"--album {album.name!r} is a question of its own; leave out the words, pictures and filters")
    return replace(album.query, limit=query.limit, offset=query.offset, facets=query.facets)


def text_of(query: Query, results: Results, *, unlikely: bool = False, why: bool = False) -> str:
    """A line a hit: similarity, path, caption. What is unlikely stands behind a question mark; it is left out except
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
