"""Why a picture is a hit, under its details: the words that carried it, where in the picture it lies, what the encoder
sees. Draws; asks the searcher; no picture is kept.
"""

from collections.abc import Sequence

import streamlit as st

from api.context import AppContext
from app_pages.widgets import gallery
from app_pages.widgets.markdown import escape, escape_markdown, sentence
from errors import PictureError, SearchError
from pictures.open import open_image
from schema.record import ImageRecord
from search.explain import Explanation, HeatMap, WordShare
from search.query import Query
from search.searcher import Searcher

SIDE = 512


def draw(query: Query, record: ImageRecord, searcher: Searcher, context: AppContext) -> None:
    """Below the picture's data. Takes some tenths of a second."""
    try:
        explanation = explain(query, record, searcher, context)
    except SearchError as error:
        st.caption(sentence(error))
        return
    for text, shares in explanation.words:
        if shares:
            st.html(words_html(text, shares))
            st.caption("The stronger a word is marked, the more of the similarity is lost without it.")
    if explanation.heat is not None:
        st.html(heat_html(explanation.heat, record))
        st.caption("Where the similarity to the question lies: what is lost when that part of the picture is left out.")
    if explanation.seen:
        st.caption(escape_markdown(f"The encoder sees: {', '.join(explanation.seen)}"))


def explain(query: Query, record: ImageRecord, searcher: Searcher, context: AppContext) -> Explanation:
    """The thumbnail stands for the picture: it is larger than what the model looks at, and it is always there."""
    path = context.thumbnails.find(record.sha256)
    image = None
    if path is not None:
        try:
            image = open_image(path, context.limits, SIDE).image
        except PictureError:
            image = None
    return searcher.explain(query, record.uuid, image)


def words_html(text: str, shares: Sequence[WordShare]) -> str:
    """The text, each word with a ground as strong as its share; words that take away are underlined."""
    top = max((share.amount for share in shares), default=0.0)
    parts, end = [], 0
    for share in shares:
        strength = max(share.amount, 0.0) / top if top > 0 else 0.0
        style = f"background: rgba(18, 144, 142, {0.65 * strength:.2f})"
        kind = ' class="loupe-against"' if share.amount < 0 else ""
        parts.append(escape(text[end : share.start]))
        parts.append(f'<mark{kind} style="{style}" title="{share.amount:+.3f}">{escape(share.word)}</mark>')
        end = share.start + len(share.word)
    parts.append(escape(text[end:]))
    return f'<p class="loupe-words">{"".join(parts)}</p>'


def heat_html(heat: HeatMap, record: ImageRecord) -> str:
    """The thumbnail under a grid of cells, whose edges the browser blurs. Cells are elements: st.html lets no SVG
    through."""
    shown = heat.shown()
    rows, columns = shown.shape
    cells = "".join(
        f'<i style="grid-area: {y + 1} / {x + 1}; opacity: {0.75 * shown[y, x]:.2f}"></i>'
        for y in range(rows)
        for x in range(columns)
        if shown[y, x] > 0.05
    )
    picture = gallery.thumbnail(record, "", alt=f"Where the question lies in: {gallery.title_of(record)}")
    return (
        f'<figure class="loupe-heat">{picture}'
        f'<div aria-hidden="true" style="grid-template: repeat({rows}, 1fr) / repeat({columns}, 1fr)">{cells}</div>'
        "</figure>"
    )
