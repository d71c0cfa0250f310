"""Captions and tags beside the pictures, followed from run to run."""

import shutil
from pathlib import Path

import numpy as np

from schema.collection import Pictures
from schema.record import ImageRecord
from tests.colours import ColourEncoder
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


def vectors(pictures: Pictures, record: ImageRecord) -> dict[str, list[float]]:
    return pictures.collection.query.fetch_object_by_id(record.uuid, include_vector=True).vector


def test_a_changed_sidecar_changes_the_caption_vector_and_no_other(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder
) -> None:
    """No picture is encoded, one text is; `image` and `look` stay bit for bit."""
    path = paint(folder / "a.png", "red")
    (folder / "a.txt").write_text("a green thing")
    run(folder)
    record = stored(pictures)[str(path)]
    assert (record.caption, record.caption_source) == ("a green thing", "sidecar")
    before = vectors(pictures, record)
    (folder / "a.txt").write_text("a blue thing")
    assert counts(run(folder)) == {"updated": 1}
    record = stored(pictures)[str(path)]
    after = vectors(pictures, record)
    assert record.caption == "a blue thing"
    assert (after["image"], after["look"]) == (before["image"], before["look"])
    assert np.allclose(after["caption"], colours.encode_texts(["a blue thing"])[0], atol=1e-6)
    assert colours.pictures_encoded == 1


def test_a_sidecar_that_is_gone_takes_its_caption_with_it(run: Run, folder: Path, pictures: Pictures) -> None:
    """The caption vector is the picture's own again, and `captioned` is false."""
    path = paint(folder / "a.png", "red")
    (folder / "a.txt").write_text("a green thing")
    run(folder)
    (folder / "a.txt").unlink()
    assert counts(run(folder)) == {"updated": 1}
    record = stored(pictures)[str(path)]
    after = vectors(pictures, record)
    assert (record.caption, record.caption_source, record.captioned) == ("", "", False)
    assert after["caption"] == after["image"]
    assert counts(run(folder)) == {"unchanged": 1}


def test_captions_and_tags_of_a_metadata_file_are_stored_and_followed(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """The ImageFolder convention; a row that names no file is told."""
    path = paint(folder / "sub" / "a.png")
    metadata = folder / "metadata.csv"
    metadata.write_text("file_name,text,tags\nsub/a.png,a red field,one;two\nsub/none.png,nothing,\n")
    report = run(folder)
    record = stored(pictures)[str(path)]
    assert (record.caption, record.caption_source, record.tags) == ("a red field", "metadata", ("one", "two"))
    assert any("none.png" in warning for warning in report.warnings)
    metadata.write_text("file_name,text,tags\nsub/a.png,a red field,one;three\n")
    assert counts(run(folder)) == {"updated": 1}
    assert stored(pictures)[str(path)].tags == ("one", "three")


def test_two_copies_with_two_captions_do_not_take_turns(run: Run, folder: Path, pictures: Pictures) -> None:
    """The place that gave the caption first keeps it; later runs change nothing."""
    paint(folder / "a.png", seed=5)
    shutil.copy(folder / "a.png", folder / "b.png")
    (folder / "a.txt").write_text("first")
    (folder / "b.txt").write_text("second")
    run(folder)
    assert counts(run(folder)) == {"unchanged": 2}
    assert {record.caption for record in stored(pictures).values()} == {"first"}


def test_a_renamed_picture_keeps_its_caption_and_a_moved_sidecar_goes_with_it(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    for name in ("a", "b"):
        paint(folder / f"{name}.png", seed=ord(name))
        (folder / f"{name}.txt").write_text(f"caption of {name}")
    run(folder)
    (folder / "a.png").rename(folder / "a2.png")
    (folder / "a.txt").rename(folder / "a2.txt")
    (folder / "b.png").rename(folder / "b2.png")
    assert counts(run(folder)) == {"renamed": 2}
    assert counts(run(folder)) == {"unchanged": 2}
    captions = {Path(path).name: record.caption for path, record in stored(pictures).items()}
    assert captions == {"a2.png": "caption of a", "b2.png": "caption of b"}


def test_a_caption_that_changes_while_a_copy_is_found_costs_no_place(
    run: Run, folder: Path, pictures: Pictures
) -> None:
    """`z.txt` changes in the run that finds `a.png`, a copy of `z.png`: both places and the new caption are stored."""
    last = paint(folder / "z.png", seed=1)
    (folder / "z.txt").write_text("old words")
    run(folder)
    shutil.copy(last, folder / "a.png")
    (folder / "z.txt").write_text("new words")
    paint_many(folder / "more", 30)
    run(folder)
    record = stored(pictures)[str(folder / "a.png")]
    assert [Path(place.path).name for place in record.places] == ["a.png", "z.png"]
    assert record.caption == "new words"
