"""A library that an older Loupe made: what it cannot be asked, and what the next ingest makes of it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import weaviate
from PIL import Image

import ingest.ledger as ledger_module
import schema.collection
from api.connection import Connection
from errors import FilterError
from ingest.known import KnownFile, KnownPictures
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.report import IngestReport
from ingest.tagging import tag
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import Address
from schema.collection import PROPERTIES, Pictures, StorageOptions, ensure_pictures, open_pictures
from schema.record import place_properties, to_properties, word_properties
from search.filters import Condition
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many

NEW = {
    *("own_tags", "file_tags", "phrases", "name_phrases", "megapixels", "described", "month"),
    *("colours", "swatches", "phash", "cells", "camera_folded"),
    *("taken_local", "taken_source", "sidecars", "sidecars_place"),
}
"""What came with issue C, and later."""
Run = Callable[..., IngestReport]


def without_new(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in NEW}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures: one with a caption and tags, one with a position, one twice."""
    folder = tmp_path / "photos"
    paint_many(folder, 4)
    (folder / "metadata.csv").write_text("file_name,text,tags\n0000.png,a red field at noon,one;two\n")
    exif = Image.Exif()
    exif[0x0110] = "Cafe\u0301 X100"  # model
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 24.0), 3: "E", 4: (2.0, 21.0, 8.0)})
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)  # grey
    Image.fromarray(pixels).save(folder / "paris.jpg", exif=exif)
    shutil.copy(folder / "0000.png", folder / "0000x.png")
    return folder


def bring(pictures: Pictures, encoder: ColourEncoder, folder: Path, **options: Any) -> IngestReport:
    thumbnails = ThumbnailStore(folder.parent / "thumbs")
    return Ingest(Ledger(pictures, wait_s=10), encoder, thumbnails, limits=Limits(), batch_size=2, **options).run(
        folder
    )


@pytest.fixture
def older(
    empty: weaviate.WeaviateClient, colours: ColourEncoder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pictures]:
    """The library as it was stored before issue C: without the new properties, in the collection and in its objects."""
    with monkeypatch.context() as patched:
        old = [prop for prop in PROPERTIES if prop.name not in NEW]
        assert len(old) == len(PROPERTIES) - len(NEW)
        patched.setattr(schema.collection, "PROPERTIES", old)
        for module in ("known", "records"):
            patched.setattr(f"ingest.{module}.DESCRIBED", 0)
        for name, original in (
            ("to_properties", to_properties),
            ("word_properties", word_properties),
            ("place_properties", place_properties),
        ):
            patched.setattr(ledger_module, name, lambda what, original=original: without_new(original(what)))
        pictures = ensure_pictures(empty, colours.identity, StorageOptions())
        assert bring(pictures, colours, folder).added == 5
    yield pictures


def found(pictures: Pictures, encoder: ColourEncoder, *conditions: str) -> set[str]:
    """Names of files."""
    asked = Query((Term(text="red"),), filters=tuple(map(Condition.parse, conditions)))
    hits = Searcher(pictures, encoder).search(asked).hits
    return {Path(hit.record.places[0].path).name for hit in hits}


def objects(pictures: Pictures) -> dict[UUID, tuple[dict[str, Any], dict[str, list[float]]]]:
    """Everything that is stored, but the moment when."""
    answer = pictures.collection.query.fetch_objects(limit=100, include_vector=True).objects
    return {
        found.uuid: ({name: value for name, value in found.properties.items() if name != "added_at"}, found.vector)
        for found in answer
    }


@pytest.mark.parametrize("text", ["colour=red", "near=48.85,2.35,10", "words~red field", "megapixels>1"])
def test_a_filter_on_what_an_older_library_lacks_says_what_to_do(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, text: str
) -> None:
    opened = open_pictures(empty)
    assert not opened.properties & NEW
    field = Condition.parse(text).field
    with pytest.raises(FilterError, match=f"does not know '{field}' of its pictures: an older Loupe made it. Ingest"):
        found(opened, colours, text)
    assert found(opened, colours, "location=yes") == {"paris.jpg"}
    assert len(found(opened, colours)) == 5


def test_a_camera_is_found_as_it_is_stored_until_an_ingest_has_met_its_pictures(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path, tmp_path: Path
) -> None:
    assert found(open_pictures(empty), colours, "camera~X1") == {"paris.jpg"}
    (tmp_path / "other").mkdir()
    paint(tmp_path / "other" / "x.png", "blue", seed=60)
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    bring(pictures, colours, tmp_path / "other")
    assert found(pictures, colours, "camera~X1") == {"paris.jpg"}
    assert len(found(pictures, colours, "!camera~X1")) == 5
    bring(pictures, colours, folder)
    assert found(pictures, colours, "camera~x1") == {"paris.jpg"}


def test_the_next_ingest_describes_an_older_library_and_encodes_nothing(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path
) -> None:
    """Afterwards every object holds what a fresh ingest of the same folder would store, bit for bit."""
    encoded = colours.pictures_encoded, colours.texts_encoded
    before = {uuid: vectors for uuid, (_, vectors) in objects(older).items()}
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    assert pictures.name == older.name
    assert pictures.properties == {prop.name for prop in PROPERTIES} == open_pictures(empty).properties
    report = bring(pictures, colours, folder)
    assert (report.unchanged, report.described, report.encoded, report.warnings) == (6, 5, 0, [])
    assert "6 unchanged, 0 unreadable; 0 encoded, 5 described again in " in str(report)
    assert report.to_json()["described"] == 5
    assert (colours.pictures_encoded, colours.texts_encoded) == encoded
    upgraded = objects(pictures)
    assert {uuid: vectors for uuid, (_, vectors) in upgraded.items()} == before
    assert bring(pictures, colours, folder).described == 0

    fresh_encoder = ColourEncoder(revision="fresh")
    fresh = ensure_pictures(empty, fresh_encoder.identity, StorageOptions(), new_collection=True)
    bring(fresh, fresh_encoder, folder)
    assert upgraded == objects(fresh)


def test_new_filters_find_older_and_newer_pictures_of_an_upgraded_library(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path
) -> None:
    paint(folder / "new red.png", "red", seed=50)
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    bring(pictures, colours, folder)
    assert found(pictures, colours, "colour=red") == {"0000.png", "new red.png"}
    assert found(pictures, colours, "!colour=red,green,blue") == {"0003.png", "paris.jpg"}
    assert found(pictures, colours, "near=48.8566,2.3522,1") == {"paris.jpg"}
    assert found(pictures, colours, "words~red field") == {"0000.png"}
    assert found(pictures, colours, "words~new red") == {"new red.png"}
    assert found(pictures, colours, "megapixels>0.002") == {"paris.jpg"}
    report = tag(pictures, [record.uuid for record in all_records(Ledger(pictures, 10))], ["mine"], home=folder.parent)
    assert len(report.changed) == 6
    assert len(found(pictures, colours, "tags=mine")) == 6


def test_pictures_that_no_ingest_has_met_again_are_counted(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path, tmp_path: Path
) -> None:
    """Only one of two folders is ingested again: the others still wait."""
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    (tmp_path / "other").mkdir()
    paint(tmp_path / "other" / "x.png", "blue", seed=60)
    assert bring(pictures, colours, tmp_path / "other").described == 0
    assert Searcher(older, colours).undescribed() == 6  # the library has no such property yet: all of it
    assert Searcher(pictures, colours).undescribed() == 5
    bring(pictures, colours, folder)
    assert Searcher(pictures, colours).undescribed() == 0


def test_a_renamed_folder_of_an_older_library_is_described_too(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path
) -> None:
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    folder.rename(folder.parent / "renamed")
    report = bring(pictures, colours, folder.parent / "renamed")
    assert (report.described, report.encoded) == (5, 0)
    assert found(pictures, colours, "colour=green") == {"0001.png"}


def test_a_dry_run_tells_what_would_be_described_and_stores_nothing(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path
) -> None:
    stored = objects(older)
    assert bring(open_pictures(empty), colours, folder, dry_run=True).described == 5
    assert objects(older) == stored


def test_words_that_changed_meanwhile_are_stored_with_the_description(
    older: Pictures, colours: ColourEncoder, empty: weaviate.WeaviateClient, folder: Path
) -> None:
    (folder / "metadata.csv").write_text("file_name,text,tags\n0000.png,a blue sea,three\n")
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    report = bring(pictures, colours, folder)
    assert (report.updated, report.described) == (1, 5)
    assert found(pictures, colours, "words~blue sea", "tags=three", "colour=red") == {"0000.png"}
    assert found(pictures, colours, "words~red field") == set()


def test_a_picture_that_cannot_be_opened_any_more_is_named_and_keeps_what_it_has(
    older: Pictures,
    colours: ColourEncoder,
    empty: weaviate.WeaviateClient,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    original = KnownPictures._read_one_again

    def vanishing(self: KnownPictures, one: KnownFile) -> Any:
        if one.file.path.name == "0002.png":
            one.file.path.unlink()
        return original(self, one)

    monkeypatch.setattr(KnownPictures, "_read_one_again", vanishing)
    report = bring(pictures, colours, folder)
    assert (report.described, report.unchanged) == (4, 6)
    [warning] = report.warnings
    assert "0002.png could not be read again, so what is new of it is not known (vanished: " in warning
    assert len(all_records(Ledger(pictures, 10))) == 5


def test_an_app_that_is_running_sees_what_an_ingest_added(
    older: Pictures, colours: ColourEncoder, address: Address, empty: weaviate.WeaviateClient, folder: Path
) -> None:
    """And does not forget what it has learned of the library at every question until then."""
    connection = Connection(lambda: address, lambda: colours)
    asked = Query((Term(text="red"),), filters=(Condition.parse("colour=red"),))
    try:
        searcher = connection.searcher()
        assert connection.searcher() is searcher
        with pytest.raises(FilterError):
            searcher.search(asked)
        bring(ensure_pictures(empty, colours.identity, StorageOptions()), colours, folder)
        [hit] = connection.searcher().search(asked).hits
        assert hit.record.colours == ("red",)
        assert connection.searcher() is connection.searcher()
    finally:
        connection.close()
