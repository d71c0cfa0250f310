"""Lays out pictures: the grid, the strip, one large, and the scale under a hit. The only module that does.

Pictures are addresses, never bytes: the browser fetches and keeps them.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePath

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from api.links import link
from app_pages.widgets.markdown import escape
from schema.record import ImageRecord
from search.results import Hit

COLUMNS, TILE_PX = 6, 150
"""At most so many, at least so wide: six on a laptop, two on a phone."""
STRIP_PX = 110
FIGURE = '<figure class="loupe-tile" style="margin: 0">'
FAINT = '<figure class="loupe-tile loupe-faint" style="margin: 0">'
SHAPE = "width: 100%; height: auto; aspect-ratio: 4 / 3; object-fit: cover; display: block"
ONE_LINE = "white-space: nowrap; overflow: hidden; text-overflow: ellipsis"
"""Inline, because style.css arrives a moment later, and no tile may change its height then."""
Click = Callable[[str], None]
"""Called with the picture's uuid."""


Under = Callable[[Hit], None]
"""Draws further buttons under a tile, in the row of the others and before them."""
Note = Callable[[Hit], str]
"""HTML below a tile's number."""


def thumbnail_url(record: ImageRecord) -> str:
    return link(f"/app/static/thumbs/{record.sha256}")


def title_of(record: ImageRecord) -> str:
    """The caption, or the file's name."""
    return record.caption or (PurePath(record.places[0].path).name if record.places else record.sha256[:12])


def draw_grid(
    hits: Sequence[Hit],
    on_like: Click,
    on_open: Click,
    *,
    under: Under | None = None,
    note: Note | None = None,
    line: float | None = None,
    name: str = "gallery",
    scaled: bool = True,
) -> None:
    """Equal tiles, as many in a row as fit. Unlikely ones are faint. `line`: `Results.threshold`; a page that draws
    several grids gives each a name of its own. `scaled`: with the scale of similarity under each."""
    with st.container(key=name), st.grid(COLUMNS, min_column_width=TILE_PX, gap="small"):
        for hit in hits:
            key = str(hit.uuid)
            with st.container(key=f"tile-{key}", gap=None):
                st.html(_tile(hit, line, note(hit) if note else "", scaled))
                if hit.copies:
                    st.button(
                        f"+{len(hit.copies)}", key=f"copies-{key}", on_click=on_open, args=(key,),
                        help="Near-duplicates of this picture stand behind it. Click to see them.",
                    )  # fmt: skip
                with st.container(horizontal=True, wrap=False, gap=None, key=f"under-{key}"):
                    if under is not None:
                        under(hit)
                    _draw_buttons(key, on_like, on_open)


def draw_unranked(
    records: Sequence[ImageRecord], on_like: Click, on_open: Click, *, under: Under | None = None
) -> None:
    """The same for pictures that no question found."""
    draw_grid([Hit(record.uuid, record, None) for record in records], on_like, on_open, under=under, scaled=False)


def _draw_buttons(key: str, on_like: Click, on_open: Click) -> None:
    """Their labels are read to who cannot see the icons (style.css)."""
    st.button(
        "More like this", key=f"like-{key}", type="tertiary", on_click=on_like, args=(key,),
        icon=":material/image_search:", help="More like this",
    )  # fmt: skip
    st.button(
        "Details", key=f"open-{key}", type="tertiary", on_click=on_open, args=(key,), icon=":material/open_in_full:",
    )  # fmt: skip


def draw_strip(hits: Sequence[Hit], on_open: Click) -> None:
    """One row of small pictures with their similarities, scrolled sideways where it is too long."""
    _draw_strip([(hit.record, number(hit)) for hit in hits], on_open, "near")


def draw_copies(records: Sequence[ImageRecord], on_open: Click) -> None:
    """The same for pictures that no question ranked; each with its size, by which near-duplicates differ most."""
    _draw_strip([(record, f"{record.width} x {record.height}") for record in records], on_open, "copy")


def _draw_strip(pictures: Sequence[tuple[ImageRecord, str]], on_open: Click, name: str) -> None:
    with st.container(horizontal=True, wrap=False, gap="small", key=f"strip-{name}"):
        for record, label in pictures:
            key = str(record.uuid)
            with st.container(key=f"near-{name}-{key}", gap=None, width=STRIP_PX):
                st.html(f"{FIGURE}{_thumbnail(record)}</figure>")
                st.button(label, key=f"go-{name}-{key}", type="tertiary", on_click=on_open, args=(key,))


def draw_examples(found: Sequence[tuple[str, Hit]], on_ask: Callable[[str], None]) -> None:
    """A question under the picture it finds."""
    with st.grid(3, min_column_width=TILE_PX, gap="medium"):
        for number, (text, hit) in enumerate(found):
            with st.container(key=f"near-example-{number}", gap=None):
                st.html(f"{FIGURE}{_thumbnail(hit.record)}</figure>")
                st.button(
                    text, key=f"go-example-{number}", type="tertiary", on_click=on_ask, args=(text,), width="stretch"
                )


def draw_large(record: ImageRecord, *, reachable: bool) -> None:
    """The whole picture, as large as the place allows; its thumbnail where the file is out of reach."""
    shape = f"{record.width} / {record.height}" if record.width and record.height else "4 / 3"
    source = link(f"/originals/{record.uuid}") if reachable else thumbnail_url(record)
    st.html(
        f'<figure class="loupe-large"><img src="{source}" alt="{escape(title_of(record))}" '
        f'style="aspect-ratio: {shape}; --ratio: {record.width / max(record.height, 1):.4f}; '
        f"background-image: url('{thumbnail_url(record)}')\"></figure>"
    )


def draw_small(source: str, alt: str) -> None:
    """A picture the height of a button: in front of a chip."""
    st.html(f'<img class="loupe-small" src="{escape(source)}" alt="{escape(alt)}">', width="content")


def _tile(hit: Hit, line: float | None, note: str, scaled: bool) -> str:
    if not scaled:
        return f"{FIGURE}{_picture(hit.record)}</figure>"
    marked = line is not None and hit.relevance is not None
    return (
        f"{FAINT if hit.below else FIGURE}{_picture(hit.record)}"
        f'<div class="loupe-bar{" loupe-marked" if marked else ""}" title="{escape(meaning_of(hit, line))}">'
        f'<i style="width: {share(hit, line):.1%}"></i></div>'
        f'<span class="loupe-number">{number(hit)}</span>{note}</figure>'
    )


def _picture(record: ImageRecord) -> str:
    title = escape(title_of(record))
    return f'{_thumbnail(record)}<figcaption style="{ONE_LINE}" title="{title}">{title}</figcaption>'


def _thumbnail(record: ImageRecord) -> str:
    title = escape(title_of(record))
    return f'<img src="{thumbnail_url(record)}" alt="{title}" style="{SHAPE}" loading="lazy">'


SPREADS = 2.0
"""A hit so far above the line stands half way between the line and the end of the scale."""
MEANING = (
    "Questions that have nothing to do with this library find pictures up to the mark, so below it a hit is unlikely."
)


def share(hit: Hit, line: float | None) -> float:
    """0 to 1. With a line: its distance from the line, which lies at 0.5 whatever the question, so that pictures and
    pages compare; without one: its similarity.

    >>> from schema.record import ImageRecord
    >>> from uuid import UUID
    >>> hit = Hit(UUID(int=1), ImageRecord("0" * 64, (), 1, 1, 1, "PNG"), similarity=0.3, relevance=5.0)
    >>> share(hit, 3.0), share(hit, 5.0), share(hit, None)
    (0.75, 0.5, 0.3)
    """
    if line is None or hit.relevance is None:
        return min(max(hit.similarity or 0.0, 0.0), 1.0)
    above = hit.relevance - line
    return 0.5 * (1 + above / (SPREADS + abs(above)))


def number(hit: Hit) -> str:
    """Under the picture; "" where nothing was asked that it could be like."""
    return "" if hit.similarity is None else f"{hit.similarity:.2f}"


def meaning_of(hit: Hit, line: float | None) -> str:
    """What the pointer reads over the scale."""
    if hit.similarity is None:
        return "No words and no picture were asked for: newest first."
    said = f"Similarity {hit.similarity:.3f}."
    if line is None or hit.relevance is None:
        return said
    judged = "Unlikely" if hit.below else "Likely"
    return f"{judged}. {said} Relevance {hit.relevance:.1f}, the mark lies at {line:.1f}. {MEANING}"


def place_for(name: str, of: str, height: int) -> Callable[[], DeltaGenerator]:
    """Call the result when there is something to draw; it gives the container for it.

    What stands there goes at once where it is not of `of`; else it stays until it is drawn anew, so that nothing
    flickers.
    """
    key = f"fresh-{name}"
    if st.session_state.get(key) == of:
        same = st.container()
        return lambda: same
    st.session_state[key] = of
    return st.skeleton(height=height).container
