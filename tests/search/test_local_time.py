"""Days, months and years are the place's: a picture of New Year's Eve in California is of the old year. A real
Weaviate."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import weaviate
from PIL import ExifTags, Image

import ingest.ledger
import schema.collection
from app_pages.search.detail import taken
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.report import IngestReport
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.collection import PROPERTIES, Pictures, StorageOptions, ensure_pictures
from schema.record import ImageRecord, description_properties, to_properties
from search.filters import Condition
from search.query import Query
from search.searcher import Searcher
from tests.colours import ColourEncoder

NEW = {"taken_local", "taken_source", "camera_folded"}
DATES = {  # name -> clock at the place and offset, as a phone writes them
    "eve": ("2023:12:31 21:30:00", "-08:00"),  # 05:30 of New Year's Day in UTC
    "kyoto": ("2024:01:01 00:30:00", "+09:00"),  # 15:30 of New Year's Eve in UTC
    "london": ("2023:12:31 23:00:00", "+00:00"),
    "unknown": ("2024:01:01 02:00:00", ""),
}
OLD, NEWER = {"eve", "london"}, {"kyoto", "unknown"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phone")
    for number, (name, (clock, offset)) in enumerate(DATES.items()):
        exif = Image.Exif()
        values = {ExifTags.Base.DateTimeOriginal: clock} | (
            {ExifTags.Base.OffsetTimeOriginal: offset} if offset else {}
        )
        exif.get_ifd(ExifTags.IFD.Exif).update(values)
        Image.new("RGB", (40, 30), (60 * number, 10, 10)).save(folder / f"{name}.jpg", exif=exif)
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2020:05:06 07:08:09"
    Image.new("RGB", (40, 30), (10, 99, 10)).save(folder / "edited.jpg", exif=exif)
    Image.new("RGB", (40, 30), (10, 10, 99)).save(folder / "undated.png")
    return folder


def bring(pictures: Pictures, encoder: ColourEncoder, folder: Path) -> IngestReport:
    thumbnails = ThumbnailStore(folder.parent / "thumbs")
    return Ingest(Ledger(pictures, wait_s=10), encoder, thumbnails, limits=Limits()).run(folder)


@pytest.fixture(scope="module")
def searcher(client: weaviate.WeaviateClient, folder: Path) -> Iterator[Searcher]:
    encoder = ColourEncoder(revision="local time")
    pictures = ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True)
    assert bring(pictures, encoder, folder).added == 6
    yield Searcher(pictures, encoder)
    client.collections.delete(pictures.name)


def found(searcher: Searcher, *texts: str) -> list[str]:
    """Names, in the order in which filters alone list them."""
    hits = searcher.search(Query((), filters=tuple(map(Condition.parse, texts)))).hits
    return [Path(hit.record.places[0].path).stem for hit in hits]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("year=2023", OLD),
        ("year=2024", NEWER),
        ("taken=2023-12-31", OLD),
        ("taken=2024-01-01", NEWER),
        ("taken=2023-12", OLD),
        ("taken<2024", OLD | {"edited"}),
        ("taken>2023", NEWER),
        ("!taken=2023", NEWER | {"edited", "undated"}),
        ("year=2020", {"edited"}),
    ],
)
def test_a_filter_goes_by_the_clock_at_the_place(searcher: Searcher, text: str, names: set[str]) -> None:
    assert set(found(searcher, text)) == names
    assert searcher.count((Condition.parse(text),)) == len(names)


def test_facets_and_the_order_go_by_the_clock_at_the_place(searcher: Searcher) -> None:
    """By the moment kyoto would come before eve and london."""
    facets = searcher.facets()
    assert dict(facets["year"]) == {"2023": 2, "2024": 2, "2020": 1}
    assert dict(facets["month"]) == {"2023-12": 2, "2024-01": 2, "2020-05": 1}
    assert found(searcher, "width>0") == ["unknown", "kyoto", "london", "eve", "edited", "undated"]


def test_the_moment_stays_and_the_api_and_the_page_show_both(searcher: Searcher) -> None:
    hits = searcher.search(Query((), filters=(Condition.parse("width>0"),))).hits
    shown = {Path(hit.record.places[0].path).stem: (hit.to_json(), taken(hit.record)) for hit in hits}
    eve, _ = shown["eve"]
    assert (eve["taken_at"], eve["taken_local"]) == ("2024-01-01T05:30:00+00:00", "2023-12-31T21:30:00")
    assert {name: text for name, (_, text) in shown.items()} == {
        "eve": "2023-12-31 21:30, UTC-08:00",
        "kyoto": "2024-01-01 00:30, UTC+09:00",
        "london": "2023-12-31 23:00",
        "unknown": "2024-01-01 02:00",
        "edited": "2020-05-06 07:08 (when the file was last edited: it holds no other date)",
        "undated": "",
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [("file_name", " (from the file's name)"), ("exif", ""), ("sidecar", " (from the file beside it)")],
)
def test_a_date_that_no_camera_wrote_is_marked(source: str, words: str) -> None:
    clock = datetime(2019, 5, 1, 12)
    one = ImageRecord(
        "0" * 64, (), 1, 1, 1, "JPEG", taken_at=clock.replace(tzinfo=UTC), taken_local=clock, taken_source=source
    )
    assert taken(one) == f"2019-05-01 12:00{words}"


def test_half_an_hour_is_an_offset_too() -> None:
    clock = datetime(2019, 5, 1, 12)
    moment = clock.replace(tzinfo=UTC) - timedelta(hours=5, minutes=45)
    one = ImageRecord("0" * 64, (), 1, 1, 1, "JPEG", taken_at=moment, taken_local=clock)
    assert taken(one) == "2019-05-01 12:00, UTC+05:45"


def test_an_older_library_is_asked_by_the_moment_until_its_next_ingest(
    client: weaviate.WeaviateClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That ingest encodes nothing. Between the two, a picture that it has not met yet is found by its moment."""
    encoder = ColourEncoder(revision="older clocks")

    def as_before(record: ImageRecord) -> dict[str, object]:
        kept = {name: value for name, value in to_properties(record).items() if name not in NEW}
        moment = record.taken_at
        return kept | {"described": 1} | ({"year": moment.year, "month": f"{moment:%Y-%m}"} if moment else {})

    with monkeypatch.context() as patched:
        patched.setattr(schema.collection, "PROPERTIES", [prop for prop in PROPERTIES if prop.name not in NEW])
        patched.setattr(ingest.ledger, "to_properties", as_before)
        pictures = ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True)
        bring(pictures, encoder, folder)
    try:
        searcher = Searcher(pictures, encoder)
        by_moment = {"eve", "unknown"}
        assert set(found(searcher, "taken>=2024")) == set(found(searcher, "year=2024")) == by_moment
        assert found(searcher, "width>0")[0] == "eve"
        pictures = ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True)
        searcher = Searcher(pictures, encoder)
        assert set(found(searcher, "taken>=2024")) == by_moment and searcher.undescribed() == 6
        assert searcher.count((Condition.parse("!taken>=2024"),)) == 4
        encoded = encoder.pictures_encoded
        report = bring(pictures, encoder, folder)
        assert (report.described, encoder.pictures_encoded) == (6, encoded)
        assert set(found(searcher, "taken>=2024")) == set(found(searcher, "year=2024")) == NEWER
        assert searcher.undescribed() == 0
    finally:
        client.collections.delete(pictures.name)


def test_what_a_higher_version_describes_again_is_what_a_new_picture_is_stored_with() -> None:
    clock = datetime(2019, 5, 1, 12)
    one = ImageRecord(
        "0" * 64, (), 1, 1, 1, "JPEG", taken_at=clock.replace(tzinfo=UTC), taken_local=clock, taken_source="exif",
        camera="X", latitude=1.0, longitude=2.0,
    )  # fmt: skip
    described = description_properties(one)
    assert {"taken_at", "taken_local", "taken_source", "year", "month", "camera", "camera_folded", "cells"} < set(
        described
    )
    assert to_properties(one).items() >= described.items()
