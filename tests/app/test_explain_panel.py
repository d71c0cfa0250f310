"""How an explanation is drawn: marks as strong as the shares, cells where something is lost; all else is text."""

from dataclasses import replace

import numpy as np

from api.context import AppContext
from app_pages.search.explain_panel import explain, heat_html, words_html
from pictures.thumbnails import ThumbnailStore
from schema.record import ImageRecord
from search.explain import HeatMap, WordShare
from search.query import Query, Term

RECORD = ImageRecord("ab" * 32, (), 40, 20, 1, "PNG", caption='<b>"red"</b>')


def test_words_are_marked_by_their_share_and_what_takes_away_is_underlined() -> None:
    html = words_html("red <i> & sky", (WordShare("red", 0, 0.4), WordShare("i", 5, 0.1), WordShare("sky", 10, -0.2)))
    assert html.count("<mark") == 3
    assert "rgba(18, 144, 142, 0.65)" in html and "rgba(18, 144, 142, 0.16)" in html
    assert html.count('class="loupe-against"') == 1 and 'title="-0.200">sky<' in html
    assert "&lt;<mark" in html and "&gt; &amp; " in html


def test_the_heat_map_has_a_cell_where_something_is_lost() -> None:
    loss = np.zeros((8, 8), np.float32)
    loss[2, 3], loss[5, 6] = 0.5, 0.25
    html = heat_html(HeatMap(loss, 40, 20), RECORD)
    assert "repeat(4, 1fr) / repeat(8, 1fr)" in html, "only the lines that the picture covers"
    assert html.count("<i ") == 2
    assert "grid-area: 1 / 4; opacity: 0.75" in html and "opacity: 0.38" in html
    assert "<b>" not in html and "/app/static/thumbs/" + "ab" * 32 in html


def test_a_hit_of_the_samples_is_explained(context: AppContext) -> None:
    """The real encoder: a picture beside its own question."""
    searcher = context.connection.searcher()
    query = Query((Term(text="a brown tabby cat"),), limit=1)
    [hit] = searcher.search(query).hits
    found = explain(query, hit.record, searcher, context)
    [(text, shares)] = found.words
    assert text == "a brown tabby cat"
    assert max(shares, key=lambda share: share.amount).word in ("tabby", "cat")
    assert found.heat is not None and found.heat.shown().max() == 1
    assert any("cat" in word for word in found.seen)
    assert set(found.to_json()) == {"words", "heat", "seen"}


def test_without_a_thumbnail_the_words_are_explained(context: AppContext) -> None:
    searcher = context.connection.searcher()
    query = Query((Term(text="a cat"), Term(text="dog", weight=-1)), limit=1)
    [hit] = searcher.search(query).hits
    away = replace(context, thumbnails=ThumbnailStore(context.home / "nowhere"))
    found = explain(query, hit.record, searcher, away)
    assert found.heat is None and [text for text, _ in found.words] == ["a cat"]
