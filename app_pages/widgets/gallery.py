"""Lays out pictures: the grid, the strip, one large. The only module that does.

Pictures are addresses, never bytes: the browser fetches and keeps them.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePath

import streamlit as st

from api.links import link
from app_pages.widgets import scale
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


def grid(
    hits: Sequence[Hit],
    on_like: Click,
    on_open: Click,
    *,
    under: Under | None = None,
    note: Note | None = None,
    line: float | None = None,
    name: str = "gallery",
) -> None:
    """Equal tiles, as many in a row as fit. Unlikely ones are faint. `line`: `Results.threshold`; a page that draws
    several grids gives each a name of its own."""
    with st.container(key=name), st.grid(COLUMNS, min_column_width=TILE_PX, gap="small"):
        for hit in hits:
            key = str(hit.uuid)
            with st.container(key=f"tile-{key}", gap=None):
                st.html(_tile(hit, line, note(hit) if note else ""))
                if hit.copies:
                    st.button(
                        f"+{len(hit.copies)}", key=f"copies-{key}", on_click=on_open, args=(key,),
                        help="Near-duplicates of this picture stand behind it. Click to see them.",
                    )  # fmt: skip
                with st.container(horizontal=True, wrap=False, gap=None, key=f"under-{key}"):
                    if under is not None:
                        under(hit)
                    _buttons(key, on_like, on_open)


def unranked(
    records: Sequence[ImageRecord],
    on_like: Click,
    on_open: Click,
    *,
    under: Callable[[ImageRecord], None] | None = None,
) -> None:
    """The same for pictures that no question found."""
    with st.container(key="gallery"), st.grid(COLUMNS, min_column_width=TILE_PX, gap="small"):
        for record in records:
            key = str(record.uuid)
            with st.container(key=f"tile-{key}", gap=None):
                st.html(f"{FIGURE}{_picture(record)}</figure>")
                with st.container(horizontal=True, wrap=False, gap=None, key=f"under-{key}"):
                    if under is not None:
                        under(record)
                    _buttons(key, on_like, on_open)


def _buttons(key: str, on_like: Click, on_open: Click) -> None:
    """Their labels are read to who cannot see the icons (style.css)."""
    st.button(
        "More like this", key=f"like-{key}", type="tertiary", on_click=on_like, args=(key,),
        icon=":material/image_search:", help="More like this",
    )  # fmt: skip
    st.button(
        "Details", key=f"open-{key}", type="tertiary", on_click=on_open, args=(key,), icon=":material/open_in_full:",
    )  # fmt: skip


def strip(hits: Sequence[Hit], on_open: Click) -> None:
    """One row of small pictures with their similarities, scrolled sideways where it is too long."""
    _strip([(hit.record, scale.number(hit)) for hit in hits], on_open, "near")


def copies(records: Sequence[ImageRecord], on_open: Click) -> None:
    """The same for pictures that no question ranked; each with its size, by which near-duplicates differ most."""
    _strip([(record, f"{record.width} x {record.height}") for record in records], on_open, "copy")


def _strip(pictures: Sequence[tuple[ImageRecord, str]], on_open: Click, name: str) -> None:
    with st.container(horizontal=True, wrap=False, gap="small", key=f"strip-{name}"):
        for record, label in pictures:
            key = str(record.uuid)
            with st.container(key=f"near-{name}-{key}", gap=None, width=STRIP_PX):
                st.html(f"{FIGURE}{_thumbnail(record)}</figure>")
                st.button(label, key=f"go-{name}-{key}", type="tertiary", on_click=on_open, args=(key,))


def examples(found: Sequence[tuple[str, Hit]], on_ask: Callable[[str], None]) -> None:
    """A question under the picture it finds."""
    with st.grid(3, min_column_width=TILE_PX, gap="medium"):
        for number, (text, hit) in enumerate(found):
            with st.container(key=f"near-example-{number}", gap=None):
                st.html(f"{FIGURE}{_thumbnail(hit.record)}</figure>")
                st.button(
                    text, key=f"go-example-{number}", type="tertiary", on_click=on_ask, args=(text,), width="stretch"
                )


def large(record: ImageRecord, *, reachable: bool) -> None:
    """The whole picture, as large as the place allows; its thumbnail where the file is out of reach."""
    shape = f"{record.width} / {record.height}" if record.width and record.height else "4 / 3"
    source = link(f"/originals/{record.uuid}") if reachable else thumbnail_url(record)
    st.html(
        f'<figure class="loupe-large"><img src="{source}" alt="{escape(title_of(record))}" '
        f'style="aspect-ratio: {shape}; --ratio: {record.width / max(record.height, 1):.4f}; '
        f"background-image: url('{thumbnail_url(record)}')\"></figure>"
    )


def small(source: str, alt: str) -> None:
    """A picture the height of a button: in front of a chip."""
    st.html(f'<img class="loupe-small" src="{escape(source)}" alt="{escape(alt)}">', width="content")


def _tile(hit: Hit, line: float | None, note: str) -> str:
    marked = line is not None and hit.relevance is not None
    return (
        f"{FAINT if hit.below else FIGURE}{_picture(hit.record)}"
        f'<div class="loupe-bar{" loupe-marked" if marked else ""}" title="{escape(scale.words(hit, line))}">'
        f'<i style="width: {scale.share(hit, line):.1%}"></i></div>'
        f'<span class="loupe-number">{scale.number(hit)}</span>{note}</figure>'
    )


def _picture(record: ImageRecord) -> str:
    title = escape(title_of(record))
    return f'{_thumbnail(record)}<figcaption style="{ONE_LINE}" title="{title}">{title}</figcaption>'


def _thumbnail(record: ImageRecord) -> str:
    title = escape(title_of(record))
    return f'<img src="{thumbnail_url(record)}" alt="{title}" style="{SHAPE}" loading="lazy">'
