"""The page Discover in the tests: how it is opened, pressed and read."""

import uuid
from collections.abc import Sequence

from streamlit.testing.v1 import AppTest

from schema.record import sha256_of, uuid_of
from search.preference import Profile
from search.query import AUTO, Query, Term
from search.searcher import Searcher
from tests.app.conftest import texts
from tests.conftest import SAMPLES


def script(context):  # Streamlit copies its source: it may name nothing of this module
    import streamlit as st

    from app_pages.discover.page import discover_page
    from app_pages.search.page import search_page

    if st.session_state.get("elsewhere"):
        search_page(context)
    else:
        discover_page(context, lambda: st.session_state.update(elsewhere=True))


def sample(name: str) -> uuid.UUID:
    return uuid_of(sha256_of((SAMPLES / name).read_bytes()))


DOG, ELEPHANT, CAT, ROOSTER = (
    sample(f"drawings/{name}.png") for name in ("beagle", "grey-elephant", "grey-and-white-cat", "rooster")
)


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def like(page: AppTest, one: uuid.UUID | str) -> AppTest:
    return press(page, f"thumb-up-{one}")


def dislike(page: AppTest, one: uuid.UUID | str) -> AppTest:
    return press(page, f"thumb-down-{one}")


def found(searcher: Searcher, *terms: Term, **changes: object) -> list[str]:
    asked = Query(terms, **({"targets": AUTO, "collapse": True} | changes))  # type: ignore[arg-type]
    return [str(hit.uuid) for hit in searcher.search(asked).hits]


def judged(page: AppTest) -> list[str]:
    """The uuids in the strips, in order."""
    return [b.key.removeprefix("forget-") for b in page.button if (b.key or "").startswith("forget-")]


def profile_of(page: AppTest) -> Profile:
    return page.session_state["discover-session"].profile


def said(page: AppTest) -> str:
    return texts(page).replace("\\", "")


def tags_of(searcher: Searcher, keys: Sequence[str]) -> list[tuple[str, ...]]:
    records = searcher.records([uuid.UUID(key) for key in keys])
    return [records[uuid.UUID(key)].tags for key in keys]
