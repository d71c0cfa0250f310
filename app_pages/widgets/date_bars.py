"""When pictures were taken, as bars to click: years, and the months of one year. Counts in, a range out.

`histogram` is plain data; `draw` is the chart and says which bars were chosen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

EVERY_YEAR_UP_TO = 30
"""A longer time shows only the years that have pictures."""
HEIGHT_PX = 120
SELECTION = "bar"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Bar:
    when: str
    """2024 or 2024-05."""
    count: int
    chosen: bool


@dataclass(frozen=True)
class Histogram:
    bars: tuple[Bar, ...]
    year: str = ""
    """The one whose months the bars are; "" for bars of years."""


def histogram(years: Mapping[str, int], months: Mapping[str, int], since: str = "", until: str = "") -> Histogram:
    """Bars of months where a single year is chosen or all there is; else of years. Empty years between are bars too.

    `since`, `until`: as in taken>= and taken<= (2024, 2024-05, 2024-05-17), both inclusive.
    """
    year = _single_year(years, since, until)
    if year:
        names = [f"{year}-{month:02}" for month in range(1, 13)]
        counts: Mapping[str, int] = months
    else:
        there = sorted(name for name, count in years.items() if count)
        span = int(there[-1]) - int(there[0]) if there else 0
        names = [str(y) for y in range(int(there[0]), int(there[-1]) + 1)] if 0 < span < EVERY_YEAR_UP_TO else there
        counts = years
    return Histogram(tuple(Bar(name, counts.get(name, 0), _is_within(name, since, until)) for name in names), year)


def _single_year(years: Mapping[str, int], since: str, until: str) -> str:
    if since and until:
        return since[:4] if since[:4] == until[:4] else ""
    there = [name for name, count in years.items() if count]
    return there[0] if len(there) == 1 else ""


def _is_within(name: str, since: str, until: str) -> bool:
    """Whether the bar's time and the range overlap; dates compare as text, cut to the shorter of the two."""
    since, until = _two_digits(since), _two_digits(until)
    after = not since or name[: len(since)] >= since[: len(name)]
    before = not until or name[: len(until)] <= until[: len(name)]
    return after and before


def _two_digits(date: str) -> str:
    """2024-5 -> 2024-05."""
    return "-".join(part.zfill(2) for part in date.split("-")) if date else ""


def draw(shown: Histogram, key: str, on_choose: Callable[[str, str], None]) -> None:
    """`on_choose(since, until)`; more than one bar with the shift key: from the first to the last of them."""

    def chosen() -> None:
        if names := whens(st.session_state[key]["selection"].get(SELECTION), shown):
            on_choose(names[0], names[-1])

    st.vega_lite_chart(
        spec=spec(shown), key=key, on_select=chosen, selection_mode=SELECTION, width="stretch", height=HEIGHT_PX,
        alt=f"Pictures by {'month of ' + shown.year if shown.year else 'year'}; a click on a bar chooses it",
    )  # fmt: skip


def whens(points: object, shown: Histogram) -> list[str]:
    """The bars that a browser says were clicked, in order; what it says is a claim: all but those shown is left out."""
    known = {bar.when for bar in shown.bars}
    claimed = points if isinstance(points, list) else []
    return sorted({str(point.get("when")) for point in claimed if isinstance(point, Mapping)} & known)


def spec(shown: Histogram) -> dict[str, Any]:
    """Vega-Lite."""
    label = f"{list(MONTHS)}[toNumber(substring(datum.value, 5)) - 1]" if shown.year else "datum.value"
    values = [{"when": bar.when, "pictures": bar.count, "chosen": bar.chosen} for bar in shown.bars]
    return {
        "data": {"values": values},
        "params": [{"name": SELECTION, "select": {"type": "point", "fields": ["when"]}}],
        "mark": {"type": "bar", "cursor": "pointer", "cornerRadiusEnd": 2, "minBandSize": 2},
        "encoding": {
            "x": {
                "field": "when", "type": "ordinal", "title": None,
                "axis": {"labelExpr": label, "labelAngle": 0, "labelOverlap": True, "ticks": False},
            },
            "y": {"field": "pictures", "type": "quantitative", "title": None, "axis": {"tickCount": 3, "format": "d"}},
            "opacity": {"condition": {"test": "datum.chosen", "value": 1}, "value": 0.3},
            "tooltip": [
                {"field": "when", "type": "nominal", "title": "Taken"},
                {"field": "pictures", "type": "quantitative", "title": "Pictures", "format": ",d"},
            ],
        },
    }  # fmt: skip
