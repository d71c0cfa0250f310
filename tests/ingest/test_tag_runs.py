"""Tags given in Loupe are kept through every kind of ingest."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import weaviate

from errors import Refused
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.collection import StorageOptions, ensure_pictures
from schema.record import ImageRecord
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Give, Run, only


def test_own_tags_survive_an_ingest_and_every_change_beside_the_picture(
    ledger: Ledger, run: Run, give: Give, folder: Path
) -> None:
    """Unchanged, another metadata file, a caption, a rename, a copy, an edit of the picture itself."""
    path = paint(folder / "a.png")
    metadata = folder / "metadata.csv"
    metadata.write_text("file_name,text,tags\na.png,red,one;two\n")
    run(folder)
    give([only(ledger).uuid], add=["mine"])
    assert only(ledger).tags == ("one", "two", "mine")
    run(folder)
    assert only(ledger).tags == ("one", "two", "mine")
    metadata.write_text("file_name,text,tags\na.png,red and blue,three\n")
    assert run(folder).updated == 1
    assert (only(ledger).tags, only(ledger).caption) == (("three", "mine"), "red and blue")
    metadata.write_text("file_name,text,tags\na.png,red,\n")
    run(folder)
    assert only(ledger).tags == ("mine",)
    metadata.unlink()
    path.rename(folder / "b.png")
    run(folder)
    shutil.copy(folder / "b.png", folder / "c.png")
    run(folder)
    assert only(ledger).tags == ("mine",)
    (folder / "c.png").unlink()
    paint(folder / "b.png", "blue", seed=9)
    run(folder)
    assert {record.own_tags for record in all_records(ledger) if record.places[0].path.endswith("b.png")} == {("mine",)}


def test_an_edited_picture_whose_new_bytes_are_known_keeps_its_own_tags(
    ledger: Ledger, run: Run, give: Give, folder: Path
) -> None:
    """The edit lay beside it, and was saved over it: what was known leaves the library, and its tags go to the edit."""
    path, edit = paint(folder / "cat.png", seed=1), paint(folder / "cat-edited.png", "blue", seed=2)
    run(folder)
    tagged = {Path(record.places[0].path).name: record.uuid for record in all_records(ledger)}
    give([tagged["cat.png"]], add=["mine"])
    give([tagged["cat-edited.png"]], add=["theirs"])
    shutil.copy(edit, path)
    assert run(folder).updated == 1
    assert (only(ledger).own_tags, only(ledger).uuid) == (("theirs", "mine"), tagged["cat-edited.png"])


def test_own_tags_stay_with_bytes_that_lie_elsewhere_by_now(ledger: Ledger, run: Run, give: Give, folder: Path) -> None:
    """Two pictures swap their names, and each keeps its tags and takes none of the other's."""
    first, second = paint(folder / "a.png", seed=1), paint(folder / "b.png", "blue", seed=2)
    run(folder)
    tags = {record.uuid: (Path(record.places[0].path).name,) for record in all_records(ledger)}
    for uuid, names in tags.items():
        give([uuid], add=names)
    first.rename(folder / "c.png")
    second.rename(first)
    (folder / "c.png").rename(second)
    run(folder)
    assert {record.uuid: record.own_tags for record in all_records(ledger)} == tags


def test_own_tags_survive_a_weaviate_that_refuses_the_edited_pictures_place(
    ledger: Ledger, run: Run, give: Give, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing leaves the library before the bytes that took its path have found theirs; the next run ends it."""
    path, edit = paint(folder / "cat.png", seed=1), paint(folder / "cat-edited.png", "blue", seed=2)
    run(folder)
    [old] = [record for record in all_records(ledger) if record.places[0].path == str(path)]
    give([old.uuid], add=["mine"])
    shutil.copy(edit, path)

    def refusing(change: Callable[[Ledger, ImageRecord], bool]) -> Callable[[Ledger, ImageRecord], bool]:
        def refuse(self: Ledger, record: ImageRecord) -> bool:
            if record.uuid != old.uuid:
                raise Refused("Weaviate refused a change: for once")
            return change(self, record)

        return refuse

    for change in ("set_places", "set_tags"):
        with monkeypatch.context() as patched:
            patched.setattr(Ledger, change, refusing(getattr(Ledger, change)))
            assert run(folder).failed
        assert [r.own_tags for r in all_records(ledger) if r.uuid == old.uuid] == [("mine",)], change
    run(folder)
    assert only(ledger).own_tags == ("mine",)


def test_a_tag_of_both_a_file_and_a_person_stays_until_neither_has_it(
    ledger: Ledger, run: Run, give: Give, folder: Path
) -> None:
    paint(folder / "a.png")
    metadata = folder / "metadata.csv"
    run(folder)
    give([only(ledger).uuid], add=["cat"])
    metadata.write_text("file_name,tags\na.png,Cat\n")
    run(folder)
    one = only(ledger)
    assert (one.tags, one.own_tags, one.file_tags) == (("Cat",), ("cat",), ("Cat",))
    assert run(folder).unchanged == 1
    metadata.write_text("file_name,tags\na.png,\n")
    run(folder)
    assert only(ledger).tags == ("cat",)
    metadata.write_text("file_name,tags\na.png,Cat\n")
    run(folder)
    report = give([one.uuid], remove=["cat"])
    assert report.changed == (one.uuid,)
    assert only(ledger).tags == ("Cat",)
    assert "comes from the metadata file" in str(report)


def test_tags_go_into_another_encoders_library(
    client: weaviate.WeaviateClient, ledger: Ledger, run: Run, give: Give, folder: Path, tmp_path: Path
) -> None:
    paint_many(folder, 2)
    run(folder)
    one, other = all_records(ledger)
    give([one.uuid], add=["mine"])
    encoder = ColourEncoder(revision="2")
    newer = Ledger(ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True), wait_s=10)
    thumbnails = ThumbnailStore(tmp_path / "thumbs")
    Ingest(newer, encoder, thumbnails, limits=Limits(), earlier=ledger).run(folder)
    assert {record.sha256: record.tags for record in all_records(newer)} == {one.sha256: ("mine",), other.sha256: ()}
