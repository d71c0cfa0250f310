"""Selecting many pictures and what is done with them, on a page that asks for "white" among twelve pictures: all
are as likely."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from api.context import AppContext
from app_pages.discover import session as discover_session
from app_pages.widgets import selection
from search.export import ExportError
from search.filters import Condition
from search.query import MAX_LIMIT, Query, Term
from search.searcher import Searcher
from tests.app.conftest import http_of, open_page, texts

WHITE = Query((Term(text="white"),), limit=5)


def select_script(context):  # Streamlit copies its source: it may name nothing of this module
    import streamlit as st

    from app_pages.widgets import gallery, selection
    from search.query import Query, Term

    offset = int(st.query_params.get("offset", "0"))
    searcher = context.connection.searcher()
    query = Query((Term(text=st.query_params.get("q", "white")),), limit=5, offset=offset)
    results = searcher.search(query)
    selection.switch()
    selection.bar(query, results, context)
    gallery.draw_grid(results.hits, print, under=selection.mark, threshold=results.threshold)


@pytest.fixture
def page(coloured: AppContext) -> AppTest:
    """The switch is on."""
    page = open_page(select_script, coloured)
    assert not page.checkbox
    page.toggle(key="selecting").set_value(True).run()
    assert not page.exception
    return page


def boxes(page: AppTest) -> list[str]:
    return [str(box.key).removeprefix("pick-") for box in page.checkbox]


def chosen(page: AppTest) -> list[str]:
    return [str(one) for one in page.session_state["selected"]] if "selected" in page.session_state else []


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click().run()
    assert not page.exception


def found(searcher: Searcher, query: Query) -> list[str]:
    return [str(hit.uuid) for hit in searcher.search(query).hits]


def test_boxes_are_there_only_while_selecting(page: AppTest) -> None:
    assert len(boxes(page)) == 5
    assert "0 selected" in texts(page)
    assert page.button(key="select-none").disabled and page.button(key="selection-like").disabled
    page.toggle(key="selecting").set_value(False).run()
    assert boxes(page) == []
    assert not [button for button in page.button if (button.key or "").startswith("select-")]


def test_a_box_selects_and_deselects(page: AppTest) -> None:
    first, second, *_ = boxes(page)
    page.checkbox(key=f"pick-{second}").check().run()
    page.checkbox(key=f"pick-{first}").check().run()
    assert chosen(page) == [second, first]
    assert "2 selected" in texts(page)
    page.checkbox(key=f"pick-{second}").uncheck().run()
    assert chosen(page) == [first]
    assert [box.value for box in page.checkbox] == [True, False, False, False, False]


def test_what_is_selected_stays_over_pages_and_questions(page: AppTest) -> None:
    press(page, "select-page")
    first = chosen(page)
    page.query_params["offset"] = "5"
    page.run()
    assert not set(boxes(page)) & set(first)
    assert [box.value for box in page.checkbox] == [False] * 5
    press(page, "select-page")
    assert chosen(page)[:5] == first and len(chosen(page)) == 10
    page.query_params["q"], page.query_params["offset"] = "blue", "0"
    page.run()
    assert "10 selected" in texts(page)
    assert {key: box.value for key, box in zip(boxes(page), page.checkbox, strict=True)} == {
        key: key in chosen(page) for key in boxes(page)
    }
    press(page, "select-none")
    assert chosen(page) == [] and not any(box.value for box in page.checkbox)


def test_switching_off_keeps_the_selection(page: AppTest) -> None:
    press(page, "select-page")
    page.toggle(key="selecting").set_value(False).run()
    page.toggle(key="selecting").set_value(True).run()
    assert [box.value for box in page.checkbox] == [True] * 5


def test_all_that_is_likely_is_selected_whatever_the_page(page: AppTest, coloured: AppContext) -> None:
    results = coloured.connection.searcher().search(Query((Term(text="white"),), limit=100))
    press(page, "select-likely")
    assert chosen(page) == [str(hit.uuid) for hit in results.hits if not hit.below]
    assert len(chosen(page)) > 5


class Counted:
    """A searcher that answers `total` pictures, those from `line` on unlikely."""

    def __init__(self, total: int, line: int) -> None:
        self.total, self.line, self.asked = total, line, list[tuple[int, int]]()

    def search(self, query: Query) -> object:
        from types import SimpleNamespace

        self.asked.append((query.offset, query.limit))
        numbers = range(query.offset, min(query.offset + query.limit, self.total))
        return SimpleNamespace(hits=[SimpleNamespace(number=n, below=n >= self.line) for n in numbers])


@pytest.mark.parametrize(
    ("total", "line", "most", "expected", "questions"),
    [
        (12, 12, 100, 12, 1),
        (12, 4, 100, 4, 1),
        (12, 0, 100, 0, 1),
        (2500, 2500, 5000, 2500, 3),
        (2500, 1500, 5000, 1500, 2),
        (2500, 1000, 5000, 1000, 2),
        (9000, 9000, 1200, 1200, 2),
        (20_000, 20_000, 50_000, 10_000, 10),
    ],
)
def test_pages_are_asked_for_until_the_line(total: int, line: int, most: int, expected: int, questions: int) -> None:
    """Deep paging: a thousand at a time, as far as paging goes, and not a question more than needed."""
    searcher = Counted(total, line)
    hits = selection.all_likely(WHITE, searcher, most)  # type: ignore[arg-type]
    assert [hit.number for hit in hits] == list(range(expected))  # type: ignore[attr-defined]
    assert searcher.asked == [(MAX_LIMIT * n, MAX_LIMIT) for n in range(questions)]


def test_there_is_an_end_of_selecting(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MAX_SELECTED", 7)
    press(page, "select-page")
    press(page, "select-likely")
    assert len(chosen(page)) == 7
    assert "At most 7 pictures can be selected" in texts(page)


def test_a_session_keeps_next_to_nothing_of_a_picture(page: AppTest) -> None:
    press(page, "select-page")
    for hit in page.session_state["selected"].values():
        assert hit.record.places == () and hit.record.caption == "" and hit.shares == ()
        assert hit.record.bytes > 0


def link(page: AppTest, kind: str) -> str:
    [address] = [found.proto.url for found in page.get("link_button") if found.proto.url.endswith(f".{kind}")]
    return str(address)


def test_the_selection_can_be_taken_away(page: AppTest, coloured: AppContext) -> None:
    press(page, "select-page")
    answer = http_of(coloured).get(link(page, "json"))
    assert [one["uuid"] for one in answer.json()] == chosen(page)
    assert all(Path(one["path"]).exists() for one in answer.json())
    assert http_of(coloured).get(link(page, "zip")).headers["x-loupe-pictures"] == "5"


def test_too_much_for_a_zip_is_said_before_the_click(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(records: list[object]) -> None:
        raise ExportError(f"{len(records)} pictures are selected, and a zip of originals holds at most 3.")

    monkeypatch.setattr(selection, "check_size", check)
    press(page, "select-page")
    disabled = {found.proto.url.rpartition(".")[2]: found.proto.disabled for found in page.get("link_button")}
    assert disabled == {"csv": False, "json": False, "zip": True}
    assert "5 pictures are selected, and a zip of originals holds at most 3" in texts(page)


def test_all_can_be_liked_in_one_step(page: AppTest) -> None:
    press(page, "select-page")
    press(page, "selection-like")
    profile = page.session_state[discover_session._STATE].profile
    assert [str(one) for one in profile.likes] == chosen(page) and not profile.dislikes
    press(page, "selection-dislike")
    profile = page.session_state[discover_session._STATE].profile
    assert [str(one) for one in profile.dislikes] == chosen(page) and not profile.likes
    assert [str(one) for one in profile.undone().likes] == chosen(page)
    assert profile.undone().undone().empty


def test_more_than_a_question_holds_cannot_be_liked(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MAX_TERMS", 4)
    press(page, "select-page")
    press(page, "selection-like")
    assert "At most 4 pictures can be liked and disliked at once. Select fewer" in texts(page)
    assert discover_session._STATE not in page.session_state
    press(page, "selection-more")
    assert "A question holds at most 4 pictures, and 5 are selected. Select fewer" in texts(page)
    assert "like" not in page.query_params


def test_the_selected_become_the_question(page: AppTest) -> None:
    press(page, "select-page")
    press(page, "selection-more")
    assert page.query_params["like"] == chosen(page)
    assert "q" not in page.query_params


def test_tags_are_found_at_once(page: AppTest, coloured: AppContext) -> None:
    searcher = coloured.connection.searcher()
    press(page, "select-page")
    page.multiselect(key="tags-add").set_value(["holiday", "Paris, France"])
    write(page)
    assert searcher.count([Condition("tags", "=", "holiday")]) == 5
    assert searcher.count([Condition("tags", "=", '"Paris, France"')]) == 5
    assert found(searcher, Query(WHITE.terms, filters=(Condition("tags", "=", "holiday"),))) == [
        key for key in found(searcher, Query(WHITE.terms)) if key in chosen(page)
    ]
    page.multiselect(key="tags-remove").set_value(["holiday"])
    write(page)
    assert searcher.count([Condition("tags", "=", "holiday")]) == 0
    assert searcher.count([Condition("tags", "=", '"Paris, France"')]) == 5


def write(page: AppTest) -> None:
    [submit] = [button for button in page.button if button.label == "Write the tags"]
    submit.click().run()
    assert not page.exception


def test_what_cannot_be_tagged_is_a_sentence(page: AppTest, coloured: AppContext) -> None:
    """Nothing typed; a tag both ways; a tag that a file gives and only the file can take away."""
    press(page, "select-page")
    write(page)
    assert [word.value for word in page.warning] == ["No tag was named. Type one to add or to remove."]
    page.multiselect(key="tags-add").set_value(["x"])
    page.multiselect(key="tags-remove").set_value(["X"])
    write(page)
    assert "is to be added and removed at once" in texts(page)
    page.multiselect(key="tags-remove").set_value(["red"])
    write(page)
    assert "only tags that were given in Loupe are removed here" in page.success[0].value.replace("\\", "")
    assert coloured.connection.searcher().count([Condition("tags", "=", "red")]) == 4


def test_a_caption_in_a_label_is_text_and_not_markdown(coloured: AppContext) -> None:
    searcher = coloured.connection.searcher()
    for hit in searcher.search(WHITE).hits:
        searcher.pictures.collection.data.update(hit.uuid, properties={"caption": "*a* :red[b]"})
    page = open_page(select_script, coloured)
    page.toggle(key="selecting").set_value(True).run()
    assert {box.label for box in page.checkbox} == {r"Select \*a\* \:red\[b\]"}
