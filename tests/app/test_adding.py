"""Adding folders in the page: what is reported where nothing could be added, and no path typed again."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from api.context import AppContext
from tests.app.conftest import library_script, open_page, search_script, texts, wait_for
from tests.conftest import copy_samples


def added(page: AppTest, context: AppContext, folder: str) -> AppTest:
    page.text_input(key="folder").set_value(folder)
    page.form_submit_button[0].click().run()
    wait_for(lambda: not context.ingestion.running, 120)
    page = page.run()
    assert not page.exception
    return page


@pytest.mark.parametrize("script", [library_script, search_script], ids=["library", "search"])
def test_a_folder_without_pictures_is_told_with_what_lies_there(
    ingesting: AppContext, tmp_path: Path, script: object
) -> None:
    folder = tmp_path / "films_2019"
    folder.mkdir()
    for name in ("a.mov", "b.mov", "notes.pdf"):
        (folder / name).write_bytes(b"x")
    page = added(open_page(script, ingesting), ingesting, str(folder))  # type: ignore[arg-type]
    text = texts(page).replace("\\", "")
    assert f"No pictures were found in {folder}. Not looked at: 3 other files (2 mov, 1 pdf)." in text, text
    assert ".heic" in text and "nothing to do" not in text


def test_an_empty_folder_is_called_empty(ingesting: AppContext, tmp_path: Path) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    page = added(open_page(library_script, ingesting), ingesting, str(folder))
    assert f"No pictures were found in {folder}. It is empty." in texts(page).replace("\\", "")


@pytest.mark.parametrize("script", [library_script, search_script], ids=["library", "search"])
def test_a_wrong_path_stays_in_the_field_beside_its_error(ingesting: AppContext, script: object) -> None:
    page = added(open_page(script, ingesting), ingesting, "/nowhere/at/al")  # type: ignore[arg-type]
    assert page.error[0].value.replace("\\", "").startswith("There is no folder /nowhere/at/al.")
    assert page.text_input(key="folder").value == "/nowhere/at/al"


def test_a_folder_is_taken_out_after_a_yes(ingesting: AppContext, tmp_path: Path) -> None:
    """The folder need not be there any more; the others stay."""
    one, other = tmp_path / "one", tmp_path / "another"
    copy_samples(one, 2)
    copy_samples(other, 5)
    for picture in sorted(other.iterdir())[:2]:
        picture.unlink()
    page = added(open_page(library_script, ingesting), ingesting, str(one))
    page = added(page, ingesting, str(other))
    shutil.rmtree(one)
    page.button(key=f"remove-{one}").click().run()
    assert "2 pictures of" in texts(page)
    page.button(key="remove-no").click().run()
    assert ingesting.ingestion.running is False and one in ingesting.roots()
    page.button(key=f"remove-{one}").click().run()
    page.button(key="remove-yes").click().run()
    wait_for(lambda: not ingesting.ingestion.running, 120)
    page = page.run()
    assert not page.exception and not page.error
    assert "one was taken out of the library, and 2 files with it." in texts(page).replace("\\", "")
    assert ingesting.roots() == [other]
    assert ingesting.connection.searcher().count() == 3


def test_who_may_not_add_a_folder_takes_none_out(ingesting: AppContext, tmp_path: Path) -> None:
    """An AppTest's browser is not known to be on this machine."""
    folder = tmp_path / "one"
    copy_samples(folder, 1)
    added(open_page(library_script, ingesting), ingesting, str(folder))
    page = open_page(library_script, replace(ingesting, remote_folders=False))
    assert f"update-{folder}" in [button.key for button in page.button]
    assert f"remove-{folder}" not in [button.key for button in page.button]
