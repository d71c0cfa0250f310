"""Lays out pictures: the grid, the strip, one large, and the scale under a hit. The only module that draws them.

Pictures are addresses, never bytes: the browser fetches and keeps them.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePath

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from api.links import link
from app_pages import address
from app_pages.widgets.markdown import escape
from schema.record import ImageRecord
from search.results import Hit

COLUMNS, TILE_PX = 6, 150
"""At most so many, at least so wide: six on a laptop, two on a phone."""
STRIP_PX = 110
SHAPE = "width: 100%; height: auto; aspect-ratio: 4 / 3; object-fit: cover; display: block"
ONE_LINE = "white-space: nowrap; overflow: hidden; text-overflow: ellipsis"
"""Inline, because style.css arrives a moment later, and no tile may change its height then."""
Click = Callable[[str], None]
"""Called with the picture's uuid."""
Under = Callable[[Hit], None]
"""Draws further buttons under a tile, in the row of the others and before them."""
Note = Callable[[Hit], str]
"""HTML below a tile's number."""


def title_of(record: ImageRecord) -> str:
    """The caption, or the file's name."""
    return record.caption or (PurePath(record.places[0].path).name if record.places else record.sha256[:12])


def thumbnail(record: ImageRecord, style: str = SHAPE, css: str = "", alt: str | None = None) -> str:
    """HTML."""
    alt = title_of(record) if alt is None else alt
    return (
        f'<img class="{css}" src="{_url(record)}" alt="{escape(alt)}" title="{escape(alt)}" style="{style}" '
        'loading="lazy">'
    )


def draw_grid(
    hits: Sequence[Hit],
    on_like: Click,
    *,
    under: Under | None = None,
    note: Note | None = None,
    threshold: float | None = None,
    name: str = "gallery",
    scaled: bool = True,
) -> None:
    """Equal tiles, as many in a row as fit; unlikely ones are faint. `threshold`: the answer's. A page that draws
    several grids gives each a name. `scaled`: with the scale of similarity under each."""
    with st.container(key=name), st.grid(COLUMNS, min_column_width=TILE_PX, gap="small"):
        for hit in hits:
            key = str(hit.uuid)
            with st.container(key=f"tile-{key}", gap=None):
                st.html(_tile(hit, threshold, note, scaled))
                if hit.copies:
                    st.button(
                        f"+{len(hit.copies)}", key=f"copies-{key}", on_click=address.open_item, args=(key,),
                        help="Near-duplicates of this picture stand behind it. Click to see them.",
                    )  # fmt: skip
                with st.container(horizontal=True, wrap=False, gap=None, key=f"under-{key}"):
                    if under is not None:
                        under(hit)
                    for label, icon, kind, act in (  # style.css hides the labels, which are read aloud
                        ("More like this", "image_search", "like", on_like),
                        ("Details", "open_in_full", "open", address.open_item),
                    ):
                        st.button(
                            label, key=f"{kind}-{key}", type="tertiary", icon=f":material/{icon}:", on_click=act,
                            args=(key,), help=label if kind == "like" else None,
                        )  # fmt: skip


def draw_unranked(records: Sequence[ImageRecord], on_like: Click, under: Under | None = None) -> None:
    """The same for pictures that no question found."""
    draw_grid([Hit(record.uuid, record, None) for record in records], on_like, under=under, scaled=False)


def draw_strip(pictures: Sequence[tuple[ImageRecord, str]], name: str) -> None:
    """One row of small pictures with a word under each, scrolled sideways where it is too long."""
    with st.container(horizontal=True, wrap=False, gap="small", key=f"strip-{name}"):
        for record, label in pictures:
            key = str(record.uuid)
            with st.container(key=f"near-{name}-{key}", gap=None, width=STRIP_PX):
                st.html(_figure(thumbnail(record)))
                st.button(label, key=f"go-{name}-{key}", type="tertiary", on_click=address.open_item, args=(key,))


def draw_examples(found: Sequence[tuple[str, Hit]], on_ask: Callable[[str], None]) -> None:
    """A question under the picture it finds."""
    with st.grid(3, min_column_width=TILE_PX, gap="medium"):
        for number, (text, hit) in enumerate(found):
            with st.container(key=f"near-example-{number}", gap=None):
                st.html(_figure(thumbnail(hit.record)))
                st.button(
                    text, key=f"go-example-{number}", type="tertiary", on_click=on_ask, args=(text,), width="stretch"
                )


def draw_large(record: ImageRecord, *, reachable: bool) -> None:
    """The whole picture, as large as the place allows; its thumbnail where the file is out of reach."""
    shape = f"{record.width} / {record.height}" if record.width and record.height else "4 / 3"
    source = link(f"/originals/{record.uuid}") if reachable else _url(record)
    st.html(
        f'<figure class="loupe-large"><img src="{source}" alt="{escape(title_of(record))}" '
        f'style="aspect-ratio: {shape}; --ratio: {record.width / max(record.height, 1):.4f}; '
        f"background-image: url('{_url(record)}')\"></figure>"
    )


def draw_small(picture: ImageRecord | str, alt: str) -> None:
    """A picture the height of a button, in front of a chip: of the library, or of an address."""
    source = picture if isinstance(picture, str) else _url(picture)
    st.html(f'<img class="loupe-small" src="{escape(source)}" alt="{escape(alt)}">', width="content")


def _url(record: ImageRecord) -> str:
    return link(f"/app/static/thumbs/{record.sha256}")


def _figure(inside: str, faint: str = "") -> str:
    return f'<figure class="loupe-tile{faint}" style="margin: 0">{inside}</figure>'


def _tile(hit: Hit, threshold: float | None, note: Note | None, scaled: bool) -> str:
    title = escape(title_of(hit.record))
    picture = f'{thumbnail(hit.record)}<figcaption style="{ONE_LINE}" title="{title}">{title}</figcaption>'
    if not scaled:
        return _figure(picture)
    marked = " loupe-marked" if threshold is not None and hit.relevance is not None else ""
    return _figure(
        f'{picture}<div class="loupe-bar{marked}" title="{escape(meaning_of(hit, threshold))}">'
        f'<i style="width: {share(hit, threshold):.1%}"></i></div>'
        f'<span class="loupe-number">{number(hit)}</span>{note(hit) if note else ""}',
        " loupe-faint" if hit.below else "",
    )


SPREADS = 2.0
"""A hit so far above the threshold stands half way between that and the end of the scale."""
MEANING = (
    "Questions that have nothing to do with this library find pictures up to the mark, so below it a hit is unlikely."
)


def share(hit: Hit, threshold: float | None) -> float:
    """0 to 1. With a threshold: its distance from that, which lies at 0.5 whatever the question, so that pictures
    and pages compare; without one: its similarity.

    >>> from schema.record import ImageRecord
    >>> from uuid import UUID
    >>> hit = Hit(UUID(int=1), ImageRecord("0" * 64, (), 1, 1, 1, "PNG"), similarity=0.3, relevance=5.0)
    >>> share(hit, 3.0), share(hit, 5.0), share(hit, None)
    (0.75, 0.5, 0.3)
    """
    if threshold is None or hit.relevance is None:
        return min(max(hit.similarity or 0.0, 0.0), 1.0)
    above = hit.relevance - threshold
    return 0.5 * (1 + above / (SPREADS + abs(above)))


def number(hit: Hit) -> str:
    """Under the picture; "" where nothing was asked that it could be like."""
    return "" if hit.similarity is None else f"{hit.similarity:.2f}"


def meaning_of(hit: Hit, threshold: float | None) -> str:
    """What the pointer reads over the scale."""
    if hit.similarity is None:
        return "No words and no picture were asked for: newest first."
    said = f"Similarity {hit.similarity:.3f}."
    if threshold is None or hit.relevance is None:
        return said
    judged = "Unlikely" if hit.below else "Likely"
    return f"{judged}. {said} Relevance {hit.relevance:.1f}, the mark lies at {threshold:.1f}. {MEANING}"


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
