"""The browser's address as the one place where a session's question is kept: what a shared link shows is what was seen.

Knows no page. The picture that was uploaded is the exception: it is in the session, because no address can hold it.
"""

import base64
import io
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from app_pages.question import Question

ITEM = "item"
"""The parameter that names the picture whose details are open."""
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


def read() -> Question:
    return Question.from_params({name: st.query_params.get_all(name) for name in st.query_params})


def write(question: Question) -> None:
    """Closes the details too. A question that begins shows near-duplicates once, and its address says so: one that says
    nothing of it is answered without, here as by the API."""
    if read() == Question() and (question != Question() or picture() is not None):
        question = question.collapsing(True) if not question.collapse else question
    st.query_params.from_dict(question.params())


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
    st.session_state[_LAST] = {name: st.query_params.get_all(name) for name in st.query_params}


def last() -> Question:
    """What was asked last on the search page."""
    return Question.from_params(st.session_state.get(_LAST, {}))


def go_on_with(question: Question) -> None:
    """The search page will ask this when it is opened next."""
    st.session_state[_LAST] = question.params()


def leave() -> None:
    """Called by the other pages: their address holds no question."""
    st.session_state[_AWAY] = True


def resume() -> None:
    """Back from another page: the last question again, unless a new one came with the address."""
    if st.session_state.pop(_AWAY, False) and not st.query_params.to_dict():
        st.query_params.from_dict(st.session_state.get(_LAST, {}))
