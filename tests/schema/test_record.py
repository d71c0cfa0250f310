"""A record, its way to Weaviate properties and back, and its uuid. No database."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from schema.record import (
    DESCRIBED,
    NAMESPACE,
    ImageRecord,
    Place,
    from_properties,
    place_properties,
    sha256_of,
    to_properties,
    uuid_of,
)

PLACE = Place("/photos/2024/été ☀.jpg", 123_456_789_012, 1_764_000_000_123_456, "/photos")
FULL = ImageRecord(
    sha256=sha256_of(b"bytes"),
    places=(PLACE, Place("/scans/x.jpg", 1, 2, "/scans")),
    width=4000,
    height=3000,
    bytes=9_876_543_210,
    format="JPEG",
    caption="Ein Hund – 狗 🐕 \u202eabc\n'\"\\",
    caption_source="sidecar",
    caption_place="/photos/2024/été ☀.txt",
    file_tags=("Hund", "été", "🐕"),
    tags_source="xmp",
    tags_place="/photos/2024/été ☀.xmp",
    taken_at=datetime(2024, 2, 29, 23, 59, 59, 500_000, tzinfo=UTC),
    taken_local=datetime(2024, 3, 1, 5, 29, 59, 500_000),
    taken_source="exif",
    camera="Canon EOS 5D",
    latitude=48.8583,
    longitude=-2.2945,
    modified_at=datetime(2024, 3, 1, tzinfo=UTC),
    added_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    n_frames=3,
    truncated=True,
    colours=("white", "red"),
    swatches=("#fffdfa", "#c81e1e"),
    phash="c3d2960f3c69f0a5",
    described=DESCRIBED,
)
TAGGED = FULL.with_own_tags(("Sofa", "HUND"))
BARE = ImageRecord("00" * 32, (), 1, 1, 1, "PNG")


@pytest.mark.parametrize("record", [FULL, TAGGED, BARE], ids=["full", "tagged", "bare"])
def test_a_record_survives_its_properties(record: ImageRecord) -> None:
    assert from_properties(to_properties(record)) == record


def test_a_naive_moment_is_taken_for_utc_and_another_zone_keeps_its_moment() -> None:
    """The year is the one on the camera's clock."""
    naive = ImageRecord("00" * 32, (), 1, 1, 1, "PNG", taken_at=datetime(2023, 12, 31, 23, 30))
    stored = to_properties(naive)
    assert (stored["taken_at"], stored["year"]) == (datetime(2023, 12, 31, 23, 30, tzinfo=UTC), 2023)
    zone = timezone(timedelta(hours=2))
    aware = ImageRecord("00" * 32, (), 1, 1, 1, "PNG", taken_at=datetime(2024, 1, 1, 0, 30, tzinfo=zone))
    stored = to_properties(aware)
    assert (stored["taken_at"].isoformat(), stored["year"]) == ("2024-01-01T00:30:00+02:00", 2024)


def test_numbers_come_back_whole_although_json_makes_them_fractions() -> None:
    stored = to_properties(FULL) | {"width": 4000.0, "height": 3000.0, "bytes": 9_876_543_210.0, "n_frames": 3.0}
    record = from_properties(stored)
    assert record == FULL
    assert isinstance(record.width, int) and isinstance(record.bytes, int)


def test_properties_of_an_older_or_a_newer_library_take_their_defaults() -> None:
    stored = {"sha256": "00" * 32, "width": 1, "height": 1, "bytes": 1, "format": "PNG", "mood": "?", "tags": None}
    assert from_properties(stored) == BARE


def test_what_filters_need_is_derived_from_the_record() -> None:
    stored = to_properties(FULL)
    assert stored["tag_words"] == "Hund été 🐕"
    assert (stored["captioned"], stored["orientation"], stored["year"]) == (True, "landscape", 2024)
    assert to_properties(BARE)["captioned"] is False
    assert "year" not in to_properties(BARE)


@pytest.mark.parametrize(
    ("width", "height", "orientation"),
    [(2, 1, "landscape"), (1, 2, "portrait"), (7, 7, "square"), (1, 4000, "portrait")],
)
def test_orientation_is_of_the_upright_picture(width: int, height: int, orientation: str) -> None:
    assert ImageRecord("", (), width, height, 1, "PNG").orientation == orientation


def test_everything_stored_is_text_that_can_be_sent() -> None:
    """No half characters: gRPC and JSON take UTF-8 only."""
    assert all(not isinstance(value, str) or value.encode() for value in to_properties(FULL).values() if value)


@pytest.mark.parametrize(
    ("path", "folders"),
    [
        ("/photos/a.jpg", ["/", "/photos"]),
        ("/photos/2024/summer/a.jpg", ["/", "/photos", "/photos/2024", "/photos/2024/summer"]),
        ("/a.jpg", ["/"]),
        ("/photos 2/a.jpg", ["/", "/photos 2"]),
    ],
)
def test_folders_are_all_that_a_file_lies_in(path: str, folders: list[str]) -> None:
    """Whichever of them was ingested: a folder above that one may be, later."""
    assert Place(path, 1, 1, "/photos").folders == folders


def test_place_properties_name_every_folder_once_and_fold_paths() -> None:
    stored = place_properties((Place("/b/ß/X.JPG", 1, 2, "/b"), Place("/b/c.jpg", 1, 2, "/b"), PLACE))
    assert stored["folders"] == ["/", "/b", "/b/ß", "/photos", "/photos/2024"]
    assert stored["paths_folded"] == ["/b/ss/x.jpg", "/b/c.jpg", "/photos/2024/été ☀.jpg"]
    assert (stored["roots"], stored["file_name"]) == (["/b", "/photos"], "X.JPG")
    assert place_properties(())["file_name"] == ""


def test_the_uuid_is_a_function_of_the_bytes() -> None:
    """I2: uuid5 of the SHA-256 in Loupe's namespace, for good. Another value would double every library."""
    assert uuid_of(sha256_of(b"bytes")) == uuid.UUID("5924940d-af91-5f8f-8291-e01b6d351e01")
    assert uuid_of(sha256_of(b"bytes")) == uuid.uuid5(NAMESPACE, sha256_of(b"bytes")) == FULL.uuid
    assert FULL.with_places(()).uuid == FULL.uuid
    assert uuid_of(sha256_of(b"bytes.")) != FULL.uuid


def test_places_are_kept_sorted_and_once() -> None:
    a, b = Place("/a", 1, 1, "/"), Place("/b", 1, 1, "/")
    assert FULL.with_places((b, a, b)).places == (a, b)


def test_tags_of_files_and_of_a_person_are_kept_apart_and_shown_once() -> None:
    """In any case of letters; what the files say comes first, in their spelling."""
    assert TAGGED.tags == ("Hund", "été", "🐕", "Sofa")
    assert (TAGGED.file_tags, TAGGED.own_tags) == (FULL.tags, ("Sofa", "HUND"))
    other = replace(TAGGED, file_tags=("sofa", "Hund"))
    assert (other.tags, other.own_tags) == (("sofa", "Hund"), ("Sofa", "HUND"))
    assert from_properties(to_properties(other)) == other
    without = replace(other, file_tags=())
    assert (without.tags, without.file_tags) == (("Sofa", "HUND"), ())
    assert without.with_own_tags(()).tags == ()


def test_a_tag_that_file_and_person_spell_alike_stays_when_the_person_takes_theirs_back() -> None:
    both = replace(BARE, file_tags=("cat",), own_tags=("cat",))
    stored = from_properties(to_properties(both))
    assert (stored.tags, stored.file_tags) == (("cat",), ("cat",))
    assert stored.with_own_tags(()).tags == ("cat",)


def test_an_own_tag_that_another_program_took_out_of_tags_is_gone() -> None:
    """Filters and facets count `tags`: what is shown follows them. Of an older library, `tags` alone is stored."""
    stored = to_properties(replace(BARE, file_tags=(), own_tags=("cat", "sofa"))) | {"tags": ["Cat"]}
    assert from_properties(stored).tags == ("Cat",)
    older = {name: value for name, value in stored.items() if name != "file_tags"} | {"tags": ["night", "cat", "sofa"]}
    assert (from_properties(older).file_tags, from_properties(older).own_tags) == (("night",), ("cat", "sofa"))


def test_what_is_stored_for_filters_follows_from_the_record() -> None:
    stored = to_properties(TAGGED)
    assert stored["megapixels"] == 12.0
    assert (stored["year"], stored["month"]) == (2024, "2024-03")  # by the clock at the place
    assert len(stored["cells"]) == 21
    assert {"hund", "hund|", "sofa|", "ein|hund|狗|🐕|abc|"} <= set(stored["phrases"])
    assert "été|☀|jpg|" in stored["name_phrases"]
    assert not {"cells", "month", "year"} & set(to_properties(BARE))
    assert (to_properties(BARE)["phrases"], to_properties(BARE)["described"]) == ([], 0)
