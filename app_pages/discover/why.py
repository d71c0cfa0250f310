"""Why a picture is suggested: which example brought it, by which target, and every part as a bar. HTML from data.

The parts of a hit (`Hit.shares`) add up to its relevance; what is too small to show
stands in one bar of its own, so that the bars add up too.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from uuid import UUID

from app_pages.widgets import gallery
from app_pages.widgets.markdown import escape
from app_pages.widgets.weighing import COUNTS
from schema.record import ImageRecord
from search.query import Term
from search.results import Hit, Share

BARS = 6
Records = Mapping[UUID, ImageRecord]


def sentence(hit: Hit, terms: Sequence[Term], records: Records) -> str:
    """One line of plain text, as: What it shows: like “Fox in the snow”."""
    if (share := _best(hit)) is None:
        return "No example speaks for it; it is only less unlike them than others"
    term = terms[share.term]
    return f"{_target(share)}: {_side(term)} {_name(term, records)}"


def details(hit: Hit, terms: Sequence[Term], records: Records) -> str:
    """The sentence, which opens into the bars."""
    said = escape(sentence(hit, terms, records))
    small = _small(terms[share.term], records) if (share := _best(hit)) else ""
    return (
        f'<details class="loupe-why" name="loupe-why"><summary title="{said}">{small}<span>{said}</span></summary>'
        f"{bars(hit, terms, records)}</details>"
    )


def bars(hit: Hit, terms: Sequence[Term], records: Records) -> str:
    """A table: whose part, by which target, how much, as a bar to the right (for the picture) or to the left
    (against)."""
    ordered = sorted(hit.shares, key=lambda share: -abs(share.amount))
    shown, rest = ordered[:BARS], ordered[BARS:]
    rows = [
        (
            f"{_small(terms[share.term], records)}<span>{escape(_target(share))} "
            f"<em>similarity {share.similarity:.2f}</em><br>{_side(terms[share.term])} "
            f"{escape(_name(terms[share.term], records))}</span>",
            share.amount,
        )
        for share in shown
    ]
    if rest:
        rows.append((f"<span>{len(rest)} smaller parts</span>", sum(share.amount for share in rest)))
    if not rows:
        return "<p>Nothing is known of how it was found.</p>"
    longest = max(abs(amount) for _, amount in rows) or 1.0
    drawn = "".join(
        f"<tr><th>{label}</th><td>{_bar(amount / longest)}</td><td>{amount:+.2f}</td></tr>" for label, amount in rows
    )
    total = sum(share.amount for share in hit.shares)
    return f'<table class="loupe-parts">{drawn}<tr><th>Together</th><td></td><td>{total:+.2f}</td></tr></table>'


def _best(hit: Hit) -> Share | None:
    """The part that raised the hit most; None where none did."""
    return max((share for share in hit.shares if share.amount > 0), key=lambda share: share.amount, default=None)


def _bar(part: float) -> str:
    """`part` -1 to 1."""
    side = "against" if part < 0 else "for"
    return f'<div class="loupe-part loupe-{side}"><i style="width: {abs(part):.1%}"></i></div>'


def _side(term: Term) -> str:
    return "like" if term.weight > 0 else "unlike"


def _target(share: Share) -> str:
    return COUNTS.get(share.target, share.target)


def _name(term: Term, records: Records) -> str:
    if term.text is not None:
        return f"“{term.text}”"
    if term.item is not None:
        return f"“{gallery.title_of(records[term.item])}”" if term.item in records else f"the picture {term.item}"
    return f"“{PurePath(term.path).name}”" if term.path else "your picture"


def _small(term: Term, records: Records) -> str:
    record = records.get(term.item) if term.item else None
    return gallery.thumbnail(record, "", alt="") if record else ""
