"""Row 35: what a page never offers, sent over its WebSocket: clamped, passed over or answered with a sentence.

Of the kind that the widget sends; what is of another kind Streamlit itself refuses, with an error in that one session.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from streamlit.proto.Common_pb2 import DoubleArray, FileUploaderState, StringArray, UploadedFileInfo

from app_pages.address import PAGE_SIZES
from app_pages.widgets import date_bars, near_map
from search.query import Query
from tests.app.session import Session, session

HUGE = 10**9
PAGES = [
    ("", "q=animal+width>10&like=photos/eiffel-tower.jpg&strategy=average&filter=taken>%3D1900"),
    ("discover", "like={uuid}"),
    ("library", ""),
    ("map", ""),
]
TEXTS = ("", "x" * 100_000, "a\0b \u202e\ud7ff", "'; DROP", "[" * 3000)
NUMBERS = ([float("nan")], [1e308], [-1e308, 1e308], [float("inf")], [])
CLAIMS = (None, [], "x", {"lasso": 5}, {"lasso": {"layout": "x", "count": "y", "indices": ["z", HUGE]}}, {"opened": {}})
CHOICES = (["nonsense"], ["x" * 10_000] * 50, [""])
FILE = UploadedFileInfo(file_id="nowhere", name="../../x.png", size=HUGE)
VALUES: Mapping[str, Sequence[dict[str, Any]]] = {
    "text_input": [{"string_value": text} for text in TEXTS],
    "slider": [{"double_array_value": DoubleArray(data=data)} for data in NUMBERS],
    "selectbox": [{"string_value": text} for text in TEXTS],
    "radio": [{"string_value": text} for text in TEXTS],
    "multiselect": [{"string_array_value": StringArray(data=data)} for data in CHOICES],
    "button_group": [{"string_array_value": StringArray(data=data)} for data in CHOICES],
    "pagination": [{"int_value": HUGE}, {"int_value": -HUGE}, {"int_value": 0}],
    "checkbox": [{"bool_value": True}],
    "file_uploader": [{"file_uploader_state_value": FileUploaderState(uploaded_file_info=[FILE])}],
    "bidi_component": [{"json_value": json.dumps(claim)} for claim in CLAIMS],
    "vega_lite_chart": [
        {"string_value": json.dumps({"selection": dict.fromkeys((date_bars.SELECTION, near_map.SELECTION), claim)})}
        for claim in (*CLAIMS, [{"when": "nonsense"}], [{"when": HUGE, "latitude": "x", "longitude": None}])
    ],
}
ROUNDS = max(map(len, VALUES.values()))


def hostile(visitor: Session, turn: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The widget's value of that turn, for every widget that has one."""
    for one, kind in visitor.kinds().items():
        if values := VALUES.get(kind, ()):
            yield one, values[turn % len(values)]


def check(visitor: Session, log: Path, sent: object) -> None:
    """The page was drawn to its end, without an exception, and asks for no more than a page can hold."""
    assert not visitor.drawn("exception"), (sent, log.read_text()[-3000:])
    params = httpx.QueryParams(visitor.query)
    query = Query.from_params({name: params.get_list(name) for name in params})
    assert query.limit in PAGE_SIZES


def places(url: str) -> list[tuple[str, str]]:
    uuid = httpx.get(f"{url}/api/search?q=animal&limit=1", trust_env=False).json()["hits"][0]["uuid"]
    return [(page, query.format(uuid=uuid)) for page, query in PAGES]


def opened(visitor: Session, page: str, query: str) -> None:
    """With the filters beside the hits."""
    visitor.open(query, page)
    for one in [one for one in visitor.ids() if one.endswith("-filters_open")]:
        visitor.send({one: {"bool_value": True}})


def test_row_35_values_that_no_widget_offers(url: str, app_log: Path) -> None:
    """All the widgets of a page at once, each round with other values."""
    kinds: set[str] = set()
    with session(url) as visitor:
        for page, query in places(url):
            for turn in range(ROUNDS):
                opened(visitor, page, query)
                kinds |= set(visitor.kinds().values())
                sent = dict(hostile(visitor, turn))
                visitor.send(sent)
                check(visitor, app_log, sent)
    assert kinds - {"button", "link_button"} <= set(VALUES)


@pytest.mark.slow
def test_row_35_one_widget_at_a_time(url: str, app_log: Path) -> None:
    with session(url) as visitor:
        for page, query in places(url):
            opened(visitor, page, query)
            for one, kind in visitor.kinds().items():
                for value in VALUES.get(kind, ()):
                    opened(visitor, page, query)
                    visitor.send({one: value})
                    check(visitor, app_log, (page, one, value))
