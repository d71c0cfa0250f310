"""The browser's address as the one place where a session's question is kept: what a shared link shows is what was seen.

The picture that was uploaded is the exception: it is in the session, because no address can hold it.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from search.query import LIMIT, MAX_WINDOW, Query

ITEM = "item"
"""The parameter that names the picture whose details are open."""
PAGE_SIZES = (LIMIT, 48, 60)
_PICTURE, _LAST, _AWAY = "asking_picture", "last_address", "away"


@dataclass(frozen=True)
class AskingPicture:
    """An uploaded picture, decoded and small; its bytes are not kept."""

    image: Image.Image
    name: str
    chip: str
    """A data: address of a tiny JPEG."""

    @classmethod
    def of(cls, image: Image.Image, name: str) -> "AskingPicture":
        tiny, output = image.copy(), io.BytesIO()
        tiny.thumbnail((96, 96))
        tiny.save(output, "JPEG", quality=70)
        return cls(image, name, f"data:image/jpeg;base64,{base64.b64encode(output.getvalue()).decode()}")


def _params() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _query(params: Mapping[str, list[str]]) -> Query:
    asking = picture()
    return Query.from_params(params, [asking.image] if asking else [])


def read() -> Query:
    """The question, with the uploaded picture."""
    return _query(_params())


def write(query: Query) -> None:
    """Closes the details too. A question that begins shows near-duplicates once, and its address says so: one that says
    nothing of it is answered without, here as by the API."""
    params = query.params()
    if not read().params() and (params or picture() is not None):
        params["collapse"] = ["1"]
    st.query_params.from_dict(params)


def asked() -> Query:
    """The question as the search page asks it: the last page ends where paging ends."""
    return _asked(_params())


def _asked(params: Mapping[str, list[str]]) -> Query:
    offset, size = (params.get("offset") or ["0"])[-1], page_size(params)
    left = MAX_WINDOW - int(offset) if offset.isdecimal() and len(offset) < 7 else 0
    return _query({**params, "limit": [str(left)]} if 0 < left < size else params)


def page_size(params: Mapping[str, list[str]] | None = None) -> int:
    text = ((_params() if params is None else params).get("limit") or [""])[-1]
    return int(text) if text in map(str, PAGE_SIZES) else LIMIT


def page() -> int:
    """From 1."""
    offset = st.query_params.get("offset", "")
    return int(offset) // page_size() + 1 if offset.isdecimal() and len(offset) < 7 else 1


def turn_to(page: int, size: int) -> None:
    """Closes the details too."""
    params = {**_params(), "limit": [str(size)], "offset": [str((page - 1) * size)]}
    away = [ITEM, *(["limit"] if size == LIMIT else []), *(["offset"] if page == 1 else [])]
    st.query_params.from_dict({name: values for name, values in params.items() if name not in away})


def item() -> str:
    return st.query_params.get(ITEM, "").strip()


def open_item(uuid: str) -> None:
    st.query_params[ITEM] = uuid


def close_item() -> None:
    st.query_params.pop(ITEM, None)


def picture() -> AskingPicture | None:
    found = st.session_state.get(_PICTURE)
    return found if isinstance(found, AskingPicture) else None


def set_picture(picture: AskingPicture | None) -> None:
    st.session_state[_PICTURE] = picture


def remember() -> None:
    """Called when the search page was drawn."""
    st.session_state[_LAST] = _params()


def last() -> Query:
    """What was asked last on the search page."""
    return _asked(st.session_state.get(_LAST, {}))


def go_on_with(query: Query) -> None:
    """The search page will ask this when it is opened next."""
    st.session_state[_LAST] = query.params()


def leave() -> None:
    """Called by the other pages: their address holds no question."""
    st.session_state[_AWAY] = True


def resume() -> None:
    """Back from another page: the last question again, unless a new one came with the address."""
    if st.session_state.pop(_AWAY, False) and not st.query_params.to_dict():
        st.query_params.from_dict(st.session_state.get(_LAST, {}))
