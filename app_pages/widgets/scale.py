"""Where a hit lies on the scale under its picture, and what that says. Plain numbers and words; draws nothing."""

from search.results import Hit

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


def words(hit: Hit, line: float | None) -> str:
    """What the pointer reads over the scale."""
    if hit.similarity is None:
        return "No words and no picture were asked for: newest first."
    said = f"Similarity {hit.similarity:.3f}."
    if line is None or hit.relevance is None:
        return said
    judged = "Unlikely" if hit.below else "Likely"
    return f"{judged}. {said} Relevance {hit.relevance:.1f}, the mark lies at {line:.1f}. {MEANING}"
