"""Adding folders in the page: what is said where nothing could be added, and that nobody has to type a path again."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app_pages.parts import Parts
from tests.app.conftest import library_script, open_page, search_script, texts, wait_for


def added(page: AppTest, parts: Parts, folder: str) -> AppTest:
    page.text_input(key="folder").set_value(folder)
    page.form_submit_button[0].click().run()
    wait_for(lambda: not parts.ingestion.running, 120)
    page = page.run()
    assert not page.exception
    return page


@pytest.mark.parametrize("script", [library_script, search_script], ids=["library", "search"])
def test_a_folder_without_pictures_is_told_with_what_lies_there(
    ingesting: Parts, tmp_path: Path, script: object
) -> None:
    folder = tmp_path / "films_2019"
    folder.mkdir()
    for name in ("a.mov", "b.mov", "notes.pdf"):
        (folder / name).write_bytes(b"x")
    page = added(open_page(script, ingesting), ingesting, str(folder))  # type: ignore[arg-type]
    text = texts(page).replace("\\", "")
    assert f"No pictures were found in {folder}: there is only this: 3 other files (2 mov, 1 pdf)" in text, text
    assert ".heic" in text and "nothing to do" not in text


def test_an_empty_folder_is_called_empty(ingesting: Parts, tmp_path: Path) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    page = added(open_page(library_script, ingesting), ingesting, str(folder))
    assert f"No pictures were found in {folder}: it is empty." in texts(page).replace("\\", "")


@pytest.mark.parametrize("script", [library_script, search_script], ids=["library", "search"])
def test_a_wrong_path_stays_in_the_field_beside_its_error(ingesting: Parts, script: object) -> None:
    page = added(open_page(script, ingesting), ingesting, "/nowhere/at/al")  # type: ignore[arg-type]
    assert page.error[0].value.replace("\\", "").startswith("There is no folder /nowhere/at/al.")
    assert page.text_input(key="folder").value == "/nowhere/at/al"
