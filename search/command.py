"""The search command's arguments -> a question, and its results -> text. Knows no database."""

import argparse
from pathlib import Path

from pictures.open import Limits, open_image
from search.errors import QueryError
from search.filters import Condition
from search.query import TARGETS, Query, Term, parse_uuid
from search.results import Results

QUERY_SIDE = 512
"""A picture that asks is decoded for a model side of at most this many pixels."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m search", description="Find pictures of the library by words or by pictures."
    )
    parser.add_argument("words", nargs="*", metavar="WORDS", help="each argument is one term: quote a phrase")
    parser.add_argument("--image", type=Path, action="append", default=[], metavar="FILE", help="a picture that asks")
    parser.add_argument("--like", action="append", default=[], metavar="UUID", help="a picture of the library asks")
    parser.add_argument("--limit", type=int, default=24, metavar="N")
    parser.add_argument("--offset", type=int, default=0, metavar="N")
    parser.add_argument(
        "--target", action="append", default=[], metavar="NAME=WEIGHT", help=f"what counts: {', '.join(TARGETS)}"
    )
    parser.add_argument(
        "--filter", action="append", default=[], metavar="CONDITION", help="tags=cat, taken>=2020, !folder=/raw, ..."
    )
    parser.add_argument("--words-too", action="store_true", help="match the words themselves as well (BM25)")
    parser.add_argument("--facets", action="store_true", help="count folders, tags, years, cameras and formats")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")
    return parser.parse_args()


def query_of(arguments: argparse.Namespace, limits: Limits) -> Query:
    """Raises QueryError, and PictureError for a file that is no picture."""
    terms = [Term(text=text) for text in arguments.words]
    terms += [Term(image=open_image(path, limits, QUERY_SIDE).image) for path in arguments.image]
    terms += [Term(item=parse_uuid(text)) for text in arguments.like]
    return Query(
        terms=tuple(terms),
        targets=parse_targets(arguments.target),
        filters=tuple(Condition.parse(text) for text in arguments.filter),
        limit=arguments.limit,
        offset=arguments.offset,
        words=arguments.words_too,
        facets=arguments.facets,
    )


def parse_targets(texts: list[str]) -> dict[str, float] | None:
    """`["image=1", "caption=.5"]` -> {"image": 1.0, "caption": 0.5}; None when there are none."""
    targets = {}
    for text in texts:
        name, equals, weight = text.partition("=")
        try:
            targets[name.strip()] = float(weight) if equals else 1.0
        except ValueError:
            raise QueryError(f"the target {text!r} cannot be read; write for example image=1 or caption=.5") from None
    return targets or None


def text_of(results: Results) -> str:
    """A line a hit: similarity, path, caption."""
    lines = [
        f"{hit.similarity:6.3f}  {printable(hit.record.places[0].path) if hit.record.places else hit.uuid}"
        + (f"  {printable(hit.record.caption)}" if hit.record.caption else "")
        for hit in results.hits
    ]
    for name, counts in results.facets.items():
        lines.append(f"{name}: " + ", ".join(f"{printable(value)} ({count})" for value, count in counts[:12]))
    lines.append(f"{len(results.hits)} of {results.total} pictures · {results.timing.took_ms:.0f} ms")
    return "\n".join(lines)


def printable(text: str) -> str:
    """A file name or a caption may hold line breaks, and what would steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
