"""Lays out pictures: the grid, the strip, one large. The only module that does.

Pictures are addresses, never bytes: the browser fetches and keeps them. Knows no question and no database; what a click
does is handed in.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import PurePath

import streamlit as st

from schema.record import ImageRecord
from search.results import Hit

COLUMNS, TILE_PX = 6, 150
"""At most so many, at least so wide: six on a laptop, two on a phone."""
STRIP_PX = 110
FIGURE = '<figure class="loupe-tile" style="margin: 0">'
SHAPE = "width: 100%; height: auto; aspect-ratio: 4 / 3; object-fit: cover; display: block"
ONE_LINE = "white-space: nowrap; overflow: hidden; text-overflow: ellipsis"
"""What decides a tile's height is said on the spot: style.css arrives a moment later, and nothing may jump then."""
Click = Callable[[str], None]
"""Called with the picture's uuid."""


def thumbnail_url(record: ImageRecord) -> str:
    return f"/app/static/thumbs/{record.sha256}"


def title_of(record: ImageRecord) -> str:
    """The caption, or the file's name."""
    return record.caption or (PurePath(record.places[0].path).name if record.places else record.sha256[:12])


def grid(hits: Sequence[Hit], on_like: Click, on_open: Click) -> None:
    """Equal tiles, as many in a row as fit."""
    _tiles([(hit.record, _tile(hit)) for hit in hits], on_like, on_open)


def unranked(records: Sequence[ImageRecord], on_like: Click, on_open: Click) -> None:
    """The same for pictures that no question found."""
    _tiles([(record, f"{FIGURE}{_picture(record)}</figure>") for record in records], on_like, on_open)


def _tiles(tiles: Sequence[tuple[ImageRecord, str]], on_like: Click, on_open: Click) -> None:
    with st.container(key="gallery"), st.grid(COLUMNS, min_column_width=TILE_PX, gap="small"):
        for record, html in tiles:
            key = str(record.uuid)
            with st.container(key=f"tile-{key}", gap=None):
                st.html(html)
                with st.container(horizontal=True, gap="xsmall", key=f"under-{key}"):
                    st.button(
                        "More like this", key=f"like-{key}", type="tertiary", on_click=on_like, args=(key,),
                        icon=":material/image_search:",
                    )  # fmt: skip
                    st.button("Details", key=f"open-{key}", type="tertiary", on_click=on_open, args=(key,))


def strip(hits: Sequence[Hit], on_open: Click) -> None:
    """One row of small pictures, scrolled sideways where it is too long."""
    with st.container(horizontal=True, wrap=False, gap="small", key="strip"):
        for hit in hits:
            key = str(hit.uuid)
            with st.container(key=f"near-{key}", gap=None, width=STRIP_PX):
                st.html(f"{FIGURE}{_thumbnail(hit.record)}</figure>")
                st.button(f"{hit.similarity:.2f}", key=f"go-{key}", type="tertiary", on_click=on_open, args=(key,))


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
    source = f"/originals/{record.uuid}" if reachable else thumbnail_url(record)
    st.html(
        f'<figure class="loupe-large"><img src="{source}" alt="{escape(title_of(record))}" '
        f'style="aspect-ratio: {shape}; --ratio: {record.width / max(record.height, 1):.4f}; '
        f"background-image: url('{thumbnail_url(record)}')\"></figure>"
    )


def small(source: str, alt: str) -> None:
    """A picture the height of a button: in front of a chip."""
    st.html(f'<img class="loupe-small" src="{escape(source)}" alt="{escape(alt)}">', width="content")


def _tile(hit: Hit) -> str:
    share = min(max(hit.similarity, 0.0), 1.0)
    return (
        f"{FIGURE}{_picture(hit.record)}"
        f'<div class="loupe-bar" title="Similarity {hit.similarity:.3f}"><i style="width: {share:.1%}"></i></div>'
        f'<span class="loupe-number">{hit.similarity:.2f}</span></figure>'
    )


def _picture(record: ImageRecord) -> str:
    title = escape(title_of(record))
    return f'{_thumbnail(record)}<figcaption style="{ONE_LINE}" title="{title}">{title}</figcaption>'


def _thumbnail(record: ImageRecord) -> str:
    title = escape(title_of(record))
    return f'<img src="{thumbnail_url(record)}" alt="{title}" style="{SHAPE}" loading="lazy">'
