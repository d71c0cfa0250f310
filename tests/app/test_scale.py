"""The scale under a picture: the line in the middle, whatever the question."""

from uuid import UUID

import pytest

from app_pages.widgets import gallery
from schema.record import ImageRecord
from search.results import Hit

RECORD = ImageRecord("0" * 64, (), 1, 1, 1, "PNG")


def hit(relevance: float | None, similarity: float = 0.3, *, unlikely: bool = False) -> Hit:
    return Hit(UUID(int=1), RECORD, similarity, relevance=relevance, below=unlikely)


@pytest.mark.parametrize(
    ("relevance", "line", "expected"),
    [(3.0, 3.0, 0.5), (5.0, 3.0, 0.75), (1.0, 3.0, 0.25), (-1.0, -3.0, 0.75), (9.0, 3.0, 0.875)],
)
def test_the_line_is_the_middle_and_two_spreads_are_half_the_way(
    relevance: float, line: float, expected: float
) -> None:
    assert gallery.share(hit(relevance), line) == pytest.approx(expected)


def test_it_keeps_the_order_and_never_leaves_the_scale() -> None:
    shares = [gallery.share(hit(value), 2.0) for value in (-1e9, -5.0, 0.0, 1.9, 2.0, 2.1, 40.0, 1e9)]
    assert shares == sorted(shares)
    assert 0 <= shares[0] and shares[-1] <= 1


@pytest.mark.parametrize(("relevance", "line"), [(None, 3.0), (4.0, None)])
def test_without_a_line_it_is_the_similarity(relevance: float | None, line: float | None) -> None:
    assert gallery.share(hit(relevance, 0.3), line) == 0.3
    assert gallery.share(hit(relevance, -0.2), line) == 0
    assert gallery.meaning_of(hit(relevance, 0.3), line) == "Similarity 0.300."


def test_the_pointer_reads_both_numbers_and_what_unlikely_means() -> None:
    said = gallery.meaning_of(hit(1.25, 0.2, unlikely=True), 3.04)
    assert said.startswith("Unlikely. Similarity 0.200. Relevance 1.2, the mark lies at 3.0.")
    assert "nothing to do with this library" in said
    assert gallery.meaning_of(hit(4.0), 3.04).startswith("Likely. ")
