"""A captioned folder as `python -m ingest` would read it: which pictures and captions, and the report of the rest."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from errors import EvaluationError, RootError
from evaluation.folder import read_captioned
from pictures.open import Limits
from tests.conftest import SAMPLES
from tests.evaluation.captioned import caption, coloured, paint


def test_captions_come_from_metadata_sidecars_and_the_pictures_themselves(tmp_path: Path) -> None:
    """In this order; a subfolder's picture is named by its path in the metadata file."""
    paint(tmp_path / "a.png", "red")
    paint(tmp_path / "sub" / "b.png", "green")
    paint(tmp_path / "c.png", "blue")
    (tmp_path / "c.txt").write_text("blue, beside it")
    exif = Image.Exif()
    exif[0x010E] = "white, inside it"
    Image.new("RGB", (8, 8), "white").save(tmp_path / "d.jpg", exif=exif)
    (tmp_path / "a.txt").write_text("not this one")
    caption(tmp_path, {"a.png": "red, in the table", "sub/b.png": "green, in the table"})
    found = {picture.path.name: picture.captions for picture in read_captioned(tmp_path, Limits()).pictures}
    assert found == {
        "a.png": ("red, in the table",),
        "b.png": ("green, in the table",),
        "c.png": ("blue, beside it",),
        "d.jpg": ("white, inside it",),
    }


def test_the_same_bytes_are_one_picture_with_the_captions_of_all_places(tmp_path: Path) -> None:
    """Three copies with two captions, one of them in capitals; the first place names the picture."""
    coloured(tmp_path)
    for name, text in {"x.png": "RED", "y.png": "a fire engine"}.items():
        shutil.copy(tmp_path / "red.png", tmp_path / name)
        (tmp_path / name).with_suffix(".txt").write_text(text)
    read = read_captioned(tmp_path, Limits())
    [red] = [picture for picture in read.pictures if picture.copies]
    assert red.path.name == "red.png" and red.captions == ("red", "a fire engine")
    assert [path.name for path in red.copies] == ["x.png", "y.png"]
    assert len(read.pictures) == 6 and read.copies == 2


def test_a_copy_without_a_caption_is_a_copy_and_not_an_uncaptioned_picture(tmp_path: Path) -> None:
    coloured(tmp_path)
    shutil.copy(tmp_path / "red.png", tmp_path / "a copy.png")  # comes first
    read = read_captioned(tmp_path, Limits())
    assert read.uncaptioned == () and read.copies == 1 and len(read.pictures) == 6


def test_captions_are_distinct_whatever_their_case(tmp_path: Path) -> None:
    """As written beside the first picture."""
    names = {"black.png": "One", "blue.png": "two", "green.png": "ONE", "red.png": "Two", "white.png": "three"}
    assert read_captioned(coloured(tmp_path, names), Limits()).captions == ("One", "two", "three")


def test_everything_else_is_counted_and_named(tmp_path: Path) -> None:
    """Unreadable, uncaptioned, links, files of another kind, rows that name nothing."""
    names = {f"{name}.png": name for name in ("red", "green", "blue", "gone")}
    coloured(tmp_path, names)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "link.png").symlink_to("red.png")
    (tmp_path / "notes.pdf").write_text("")
    read = read_captioned(tmp_path, Limits())
    assert sorted(path.name for path in read.uncaptioned) == ["black.png", "white.png", "yellow.png"]
    [unread] = read.unread
    assert unread.path.endswith("broken.jpg") and "cannot be decoded" in unread.message
    [skipped] = read.skipped
    assert skipped.path.endswith("link.png")
    assert read.left_out == "Not looked at: 1 other file (1 pdf)"
    [warning] = read.warnings
    assert "'gone.png'" in warning


def refused(folder: Path) -> str:
    with pytest.raises(EvaluationError) as caught:
        read_captioned(folder, Limits())
    return str(caught.value)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == (f"There is no picture to judge by in {tmp_path}. Give a folder of captioned pictures.")


def test_a_folder_of_broken_pictures_names_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    said = refused(tmp_path)
    assert f"(1 could not be read, first {tmp_path}/a.png: the file starts with b'nothing'" in said


def test_a_folder_without_captions_is_refused_with_what_to_do(tmp_path: Path) -> None:
    said = refused(coloured(tmp_path, {}))
    assert said.startswith(f"None of the 6 pictures in {tmp_path} has a caption.")
    assert "metadata.csv with the columns file_name and text" in said


def test_two_pictures_are_too_few_and_copies_do_not_count(tmp_path: Path) -> None:
    coloured(tmp_path, {"red.png": "red", "green.png": "green", "copy.png": "too"})
    shutil.copy(tmp_path / "red.png", tmp_path / "copy.png")
    assert "Only 2 different pictures with captions" in refused(tmp_path)


def test_one_caption_for_all_is_refused(tmp_path: Path) -> None:
    names = {"black.png": "My holiday", "blue.png": "my holiday", "green.png": "MY HOLIDAY"}
    assert "All 3 pictures in" in (said := refused(coloured(tmp_path, names)))
    assert "'My holiday'" in said and "words of its own" in said


def test_three_pictures_are_enough(tmp_path: Path) -> None:
    names = {"red.png": "red", "green.png": "green", "blue.png": "green"}
    assert len(read_captioned(coloured(tmp_path, names), Limits()).pictures) == 3


def test_what_is_no_folder_is_refused_as_ingest_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(RootError, match="There is no folder"):
        read_captioned(tmp_path / "nowhere", Limits())
    with pytest.raises(RootError, match="is a file"):
        read_captioned(paint(tmp_path / "a.png", "red"), Limits())


def test_the_limits_of_ingest_hold(tmp_path: Path) -> None:
    coloured(tmp_path)
    paint(tmp_path / "large.png", "red", size=300)
    read = read_captioned(tmp_path, Limits(max_megapixels=0.05))
    assert ["megapixels" in unread.message for unread in read.unread] == [True]


def test_the_samples_can_be_judged_by() -> None:
    """100 pictures with 100 captions; nothing is left out but texts about them."""
    read = read_captioned(SAMPLES, Limits())
    assert len(read.pictures) == len(read.captions) == 100
    assert not (read.unread or read.uncaptioned or read.warnings or read.copies)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    coloured(tmp_path)
    (tmp_path / "red.png").chmod(0)
    [unread] = read_captioned(tmp_path, Limits()).unread
    assert "permissions" in unread.message
