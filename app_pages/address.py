"""The browser's address as the one place where a session's question is kept: what a shared link shows is what was seen.

The picture that was uploaded is the exception: it is in the session, because no address can hold it.
"""

import base64
import io
from collections.abc import Callable, Mapping
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


def picture() -> AskingPicture | None:
    found = st.session_state.get(_PICTURE)
    return found if isinstance(found, AskingPicture) else None


def read() -> Query:
    """The question, with the uploaded picture."""
    return _query(_params())


def asked() -> Query:
    """The question as the search page asks it: the last page ends where paging ends."""
    return _asked(_params())


def write(query: Query) -> None:
    """Closes the details too. A question that begins shows near-duplicates once, and its address says so: one that says
    nothing of it is answered without, here as by the API."""
    params = query.params()
    if not read().params() and (params or picture() is not None):
        params["collapse"] = ["1"]
    st.query_params.from_dict(params)


def begin(query: Query, asking: AskingPicture | None = None) -> None:
    """Writes a question of another uploaded picture, or of none."""
    st.session_state[_PICTURE] = asking
    write(query)


def more_like(*uuids: str) -> None:
    """Pictures of the library instead of what was asked."""
    begin(read().more_like(*uuids))


def page_size() -> int:
    return size if (size := read().limit) in PAGE_SIZES else LIMIT


def page() -> int:
    """From 1."""
    return read().offset // page_size() + 1


def turn_to(page: int, size: int) -> None:
    write(read().edit(limit=size, offset=(page - 1) * size))


def item() -> str:
    return st.query_params.get(ITEM, "").strip()


def open_item(uuid: str) -> None:
    st.query_params[ITEM] = uuid


def close_item() -> None:
    st.query_params.pop(ITEM, None)


def remember() -> None:
    """Called when the search page was drawn."""
    st.session_state[_LAST] = _params()


def last() -> Query:
    """What was asked last on the search page."""
    return _asked(st.session_state.get(_LAST, {}))


def ask_there(query: Query, to_search: Callable[[], None]) -> None:
    """Asks a question on the search page, from another one."""
    close_item()
    st.session_state[_PICTURE], st.session_state[_LAST] = None, query.params()
    to_search()


def more_like_there(to_search: Callable[[], None], uuid: str) -> None:
    ask_there(Query(collapse=True).more_like(uuid), to_search)


def leave() -> None:
    """Called by the other pages: their address holds no question."""
    st.session_state[_AWAY] = True


def resume() -> None:
    """Back from another page: the last question again, unless a new one came with the address."""
    if st.session_state.pop(_AWAY, False) and not st.query_params.to_dict():
        st.query_params.from_dict(st.session_state.get(_LAST, {}))


def _params() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _query(params: Mapping[str, list[str]]) -> Query:
    asking = picture()
    return Query.from_params(params, [asking.image] if asking else [])


def _asked(params: Mapping[str, list[str]]) -> Query:
    query = _query(params)
    left = MAX_WINDOW - query.offset
    return _query({**params, "limit": [str(left)]}) if 0 < left < query.limit else query
