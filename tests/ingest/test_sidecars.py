"""Which sidecar belongs to which picture, and what of it counts beside what the picture says itself."""

import json
import os
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.files import Census, PictureFile, find_images
from ingest.sidecars import FolderSidecars, SidecarReader, TakeoutNames, read_takeout
from pictures.describe import Description
from tests.pictures.builders import xmp_packet
from tests.pictures.test_sources import bag, xmp

NOON = datetime(2019, 5, 1, 10, 11, 12)
LONG = "PXL_20201119_165135173.PORTRAIT-02.ORIGINAL"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [
        ("a.jpg", "a.jpg.json"),
        ("a.jpg", "a.jpg.supplemental-metadata.json"),
        ("a.jpg", "a.jpg.supplemental-meta.json"),
        ("a.jpg", "a.jpg.suppl.json"),
        ("a.jpg", "a.jpg.s.json"),
        ("a.jpg", "a.jpg..json"),
        ("a.b.jpg", "a.b.jpg.json"),
        ("a(1).jpg", "a.jpg(1).json"),
        ("a(1).jpg", "a.jpg.supplemental-metadata(1).json"),
        ("a(1).jpg", "a(1).jpg.supplemental-metadata.json"),
        ("PXL_20201104_072546224(1).jpg", "PXL_20201104_072546224.jpg.supplemental-metada(1).json"),
        ("a-edited.jpg", "a.jpg.json"),
        ("a-edited.jpg", "a.HEIC.supplemental-metadata.json"),
        ("a-edited(1).jpg", "a.jpg(1).json"),
        ("a-bearbeitet.jpg", "a.jpg.json"),
        ("PXL_20220405_090123740.PORTRAIT-modifié.jpg", "PXL_20220405_090123740.PORTRAIT.jpg.json"),
        ("Screenshot_20241227_105539_Edge.jpg", "Screenshot_20241227_105539_Edge.jpg.supplement.json"),
        ("D7157814-D2D5-4A62-AFCE-9CF465CB7D66.jpeg", "D7157814-D2D5-4A62-AFCE-9CF465CB7D66.jpeg.supp.json"),
        ("Screenshot_20220207_102421_com.snapchat.android.jpg", "Screenshot_20220207_102421_com.snapchat.androi.json"),
        (f"{LONG}.jpg", f"{LONG}.jp.json"),
        (
            "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINA.jpg",
            "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGIN.json",
        ),
        (
            "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_P.jpg",
            "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_.json",
        ),
        (
            "13039_327707840323_537645323_9470255_27214_n(1).jpg",
            "13039_327707840323_537645323_9470255_27214_n.j(1).json",
        ),
        (
            "Backyard_ceremony_wedding_photography_xxxxxxx_m(494).jpg",
            "Backyard_ceremony_wedding_photography_xxxxxxx_(494).json",
        ),
    ],
)
def test_the_names_that_takeout_gives(picture: str, sidecar: str) -> None:
    """Names of real exports, as those who convert them report."""
    assert TakeoutNames([sidecar, "metadata.json", "zz.jpg.json"]).of(picture) == sidecar


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [
        ("PXL_20211013_220651958.jpg", "PXL_20211013_220651983.jpg.json"),
        ("DSC_0102(1).JPG", "DSC_0102.JPG(2).json"),
        ("DSC_0103.JPG", "DSC_0103.JPG(1).json"),
        ("DSC_0104(1).JPG", "DSC_0104.JPG.json"),
        ("a-edited(1).jpg", "a.jpg.json"),
        ("a-shore.jpg", "a.jpg.json"),
        ("a.jpg", "a.png.json"),
        ("a.jpg", "a.json"),
        ("metadata.jpg", "metadata.json"),
        ("IMG_20190501_101112_cut.jpg", "IMG_20190501_101112.json"),
        (
            "Backyard_ceremony_wedding_photography_xxxxxxx_m(185).jpg",
            "Backyard_ceremony_wedding_photography_xxxxxxx_(494).json",
        ),
    ],
)
def test_names_that_are_another_pictures(picture: str, sidecar: str) -> None:
    assert TakeoutNames([sidecar]).of(picture) is None


def test_counters_do_not_cross() -> None:
    names = TakeoutNames(["a.jpg.supplemental-metadata.json", "a.jpg.supplemental-metadata(1).json"])
    assert names.of("a.jpg") == "a.jpg.supplemental-metadata.json"
    assert names.of("a(1).jpg") == "a.jpg.supplemental-metadata(1).json"
    assert names.of("a(2).jpg") is None


def test_the_very_name_comes_before_another_case_and_is_no_others() -> None:
    """Beside `a.jpg` and `A.jpg`, each has its own; what is exactly one picture's is not another's by its letters."""
    both = FolderSidecars(
        ["a.jpg", "A.jpg", "A.TXT", "a.txt", "A.txt", "a.xmp", "b.JPG", "B.jpg.XMP", "c.jpg", "C.jpg"]
    )
    assert both.of("a.jpg") == ("a.txt", ("a.xmp",))
    assert both.of("A.jpg") == ("A.txt", ())
    assert both.of("b.JPG") == (None, ("B.jpg.XMP",))
    one = FolderSidecars(["c.jpg", "C.jpg", "c.txt"])
    assert (one.of("C.jpg"), one.of("c.jpg")) == ((None, ()), ("c.txt", ()))


def test_the_longer_name_is_the_closer_one() -> None:
    names = FolderSidecars(["a.jpg", "a.nef", "a.xmp", "a.jpg.xmp", "a.txt", "a.jpg.txt", "a.jpg.json"])
    assert names.of("a.jpg") == ("a.jpg.txt", ("a.jpg.xmp", "a.jpg.json"))


def test_names_match_in_either_unicode_form() -> None:
    nfc, nfd = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    names = FolderSidecars([f"{nfd}.jpg", f"{nfc}.txt", f"{nfc}.xmp", f"{nfc}.jpg.json"])
    assert names.of(f"{nfd}.jpg") == (f"{nfc}.txt", (f"{nfc}.xmp", f"{nfc}.jpg.json"))


def test_what_lies_unread_beside_pictures_is_counted_with_what_it_is(tmp_path: Path) -> None:
    """What is read is not counted; JSON and text that speak of no picture are other files; hidden ones are hidden."""
    touch(tmp_path, "a.jpg", "a.xmp", "a.jpg.json", "a.txt", "a.aae", "a.jpg.pp3", "a_01.jpg.xmp", "b.mov", "b.thm")
    touch(tmp_path, "b.mov.supplemental-metadata.json", "gone.jpg.suppl.json", "metadata.json", "notes.txt", ".x.xmp")
    (tmp_path / "link.xmp").symlink_to("a.xmp")
    census = Census()
    [found] = find_images(tmp_path, census)
    assert isinstance(found, PictureFile)
    assert [path.name for path in found.facts_from] == ["a.xmp", "a.jpg.json"]
    assert census.sidecars == {"json": 2, "aae": 1, "pp3": 1, "thm": 1, "xmp": 1}
    assert census.others == {"mov": 1, "json": 1, "txt": 1, "xmp": 1}
    assert ", 6 sidecars (2 json, 1 aae, 1 pp3, 1 thm, 1 xmp) and 1 hidden" in str(census)
    assert str(Census(sidecars=census.sidecars)) == "Not looked at: 6 sidecars (2 json, 1 aae, 1 pp3, 1 thm, 1 xmp)"


def test_a_sidecar_that_a_rule_leaves_out_is_not_read(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.xmp", "a.txt")
    (tmp_path / ".loupeignore").write_text("*.xmp\n")
    census = Census()
    [found] = find_images(tmp_path, census)
    assert isinstance(found, PictureFile)
    assert (found.sidecar, found.facts_from, census.sidecars) == (tmp_path / "a.txt", (), {})


def test_links_and_pipes_are_no_sidecars(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "a.xmp").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "a.jpg.json")
    (tmp_path / "b.xmp").mkdir()
    assert all(isinstance(e, PictureFile) and not e.facts_from and not e.facts_stamp for e in find_images(tmp_path))


Apply = Callable[..., Description]


@pytest.fixture
def apply(tmp_path: Path) -> Apply:
    """What is known of a picture after its sidecars were read, without a warning."""

    def apply(
        facts: Description | None = None, packet: bytes = b"", google: Any = None, name: str = "a.jpg"
    ) -> Description:
        paths = []
        for suffix, data in ((".xmp", packet), (".json", google and json.dumps(google).encode())):
            if data:
                paths.append(tmp_path / f"a{suffix}")
                paths[-1].write_bytes(data)
        reader = SidecarReader()
        found, readable = reader.facts(facts or Description(), tmp_path / name, paths)
        assert (reader.warnings(), readable) == ([], True)
        return found

    return apply


def google(moment: datetime | None = None, **more: object) -> dict[str, object]:
    seconds = 0 if moment is None else int(moment.replace(tzinfo=UTC).timestamp())
    return {"title": "a.jpg", "photoTakenTime": {"timestamp": str(seconds), "formatted": "…"}, **more}


def place(latitude: float, longitude: float) -> dict[str, float]:
    return {"latitude": latitude, "longitude": longitude, "altitude": 0.0}


def test_a_lightroom_or_darktable_sidecar_counts_more_than_the_picture(apply: Apply) -> None:
    own = Description(caption="old", caption_source="exif", tags=("old",), tags_source="exif", latitude=1, longitude=1)
    own = own.at(datetime(2001, 1, 1), "exif")
    title = "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>a title</rdf:li></rdf:Alt></dc:title>"
    said = '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">new</rdf:li></rdf:Alt></dc:description>'
    attributes = (
        'exif:DateTimeOriginal="2019:05:01 10:11:12" exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21.0E" '
        'xmp:CreateDate="1999-01-01"'
    )
    found = apply(own, xmp(title + said + bag("lr:hierarchicalSubject", "Animals|Cat"), attributes))
    assert (found.caption, found.caption_source) == ("new", "sidecar")
    assert (found.tags, found.tags_source) == (("Cat", "Animals"), "sidecar")
    assert (found.taken_local, found.taken_source) == (NOON, "sidecar")
    assert (found.latitude, found.longitude) == (pytest.approx(48.858333), pytest.approx(2.35))
    assert apply(own, xmp(title)) == own
    assert apply(None, xmp(title)).caption == "a title"


def test_a_sidecar_that_says_nothing_changes_nothing(apply: Apply) -> None:
    own = Description(caption="old", caption_source="exif", tags=("old",), tags_source="exif").at(NOON, "exif")
    assert apply(own, xmp()) == own
    assert apply(own, xmp(attributes='xmp:CreateDate="1999-01-01" xmp:ModifyDate="1998-01-01"')) == own
    assert apply(own, b"", google()) == own


def test_takeout_tells_what_the_picture_does_not(apply: Apply) -> None:
    found = apply(
        None,
        b"",
        google(
            NOON,
            description="on the beach\nwith Ann",
            people=[{"name": "Ann"}, {"name": "Bob"}, {}],
            favorited=True,
            geoData=place(48.85, 2.35),
        ),
    )
    assert (found.taken_local, found.taken_at) == (NOON, NOON.replace(tzinfo=UTC))
    assert (found.taken_source, found.caption, found.caption_source) == ("sidecar", "on the beach with Ann", "sidecar")
    assert (found.tags, found.tags_source) == (("Ann", "Bob", "favorite"), "sidecar")
    assert (found.latitude, found.longitude) == (48.85, 2.35)


def test_takeout_beside_what_the_picture_tells(apply: Apply) -> None:
    """People join its keywords; a description and a place were set in Google Photos, the camera's place was not."""
    own = Description(caption="c", caption_source="xmp", tags=("cat",), tags_source="xmp", latitude=1, longitude=1)
    told = google(description="d", people=[{"name": "Ann"}], geoData=place(0, 0), geoDataExif=place(5, 5))
    found = apply(own, b"", told)
    assert (found.caption, found.tags, found.tags_source) == ("d", ("cat", "Ann"), "xmp")
    assert (found.latitude, found.longitude) == (1, 1)
    assert apply(own, b"", google(geoData=place(7, 7))).latitude == 7
    assert apply(None, b"", google(geoData=place(0, 0), geoDataExif=place(5, 5))).latitude == 5


def test_takeout_knows_the_moment_and_the_camera_its_clock(apply: Apply) -> None:
    """21:30 at -08:00; a date that was set in Google Photos counts, but not against one that Google does not read."""
    clock = datetime(2023, 12, 31, 21, 30)
    own = Description().at(clock, "exif")
    found = apply(own, b"", google(datetime(2024, 1, 1, 5, 30)))
    assert (found.taken_local, found.taken_source) == (clock, "exif")
    assert found.taken_at == datetime(2024, 1, 1, 5, 30, tzinfo=UTC)
    assert apply(own, b"", google(clock)) == own
    assert apply(own, b"", google(clock + timedelta(hours=3, minutes=7))) == own
    corrected = apply(own, b"", google(datetime(1985, 7, 1, 12)))
    assert (corrected.taken_local, corrected.taken_source) == (datetime(1985, 7, 1, 12), "sidecar")
    scan = Description().at(datetime(1985, 7, 1), "iptc")
    assert apply(scan, b"", google(NOON)) == scan


def test_the_name_of_the_file_comes_before_the_date_of_the_edit(apply: Apply) -> None:
    edited = Description().at(datetime(2024, 1, 1), "edited")
    named = apply(edited, name="IMG-20190501-WA0001.jpg")
    assert (named.taken_local, named.taken_source) == (datetime(2019, 5, 1), "file_name")
    assert apply(edited, name="IMG_1234.jpg") == edited
    assert apply(edited, b"", google(NOON), name="IMG-20180101-WA0001.jpg").taken_source == "sidecar"
    assert apply(edited, xmp(attributes='xmp:CreateDate="2018-01-01"')).taken_local == datetime(2018, 1, 1)
    taken = Description().at(NOON, "exif_digitised")
    assert apply(taken, name="IMG-20180101-WA0001.jpg") == taken


@pytest.mark.parametrize(
    "data",
    [
        b"{not json",
        b"[1, 2]",
        b'{"a": ' * 100_000,
        b"[" * 100_000,
        json.dumps({"title": "another program's"}).encode(),
        b"\xff\xfe\x00",
        b" " * 2_000_000,
    ],
)
def test_json_that_is_not_takeouts_is_named_and_costs_nothing_else(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg.json").write_bytes(data)
    reader = SidecarReader()
    own = Description(caption="c").at(NOON, "exif")
    assert reader.facts(own, tmp_path / "a.jpg", [tmp_path / "a.jpg.json"]) == (own, True)
    [warning] = reader.warnings()
    assert "a.jpg.json (" in warning


@pytest.mark.parametrize(
    "values",
    [
        {"photoTakenTime": {"timestamp": "soon"}, "geoData": {"latitude": "north"}, "people": "Ann", "favorited": "no"},
        {"photoTakenTime": {"timestamp": "9" * 12}, "geoData": place(91, 0), "people": [1, {"name": 7}]},
        {"photoTakenTime": {"timestamp": "9" * 5000}, "geoData": [1, 2], "description": ["x"]},
        {"photoTakenTime": [], "geoData": {"latitude": float("nan"), "longitude": 1}, "people": {}},
        {"photoTakenTime": {"timestamp": None}, "geoData": None, "description": None, "people": None},
        {"photoTakenTime": {"timestamp": "-99999999999"}},
    ],
)
def test_pieces_of_takeout_that_make_no_sense_are_left_out(values: dict[str, Any]) -> None:
    found = read_takeout(json.dumps(values).encode())
    assert (found.taken, found.position, found.caption, found.tags) == (None, None, "", ())


def test_a_date_before_1970_is_read() -> None:
    assert read_takeout(b'{"photoTakenTime": {"timestamp": "-86400"}}').taken == datetime(1969, 12, 31, tzinfo=UTC)


def test_hostile_xmp_beside_a_picture_is_named(tmp_path: Path) -> None:
    """Entities, four megabytes, garbage, a link and a pipe that took the file's place since the folder was listed."""
    (tmp_path / "1.xmp").write_bytes(
        xmp_packet("<dc:description>&a;</dc:description>", '<!DOCTYPE x [<!ENTITY a "x">]>')
    )
    (tmp_path / "2.xmp").write_bytes(b" " * 5_000_000)
    (tmp_path / "3.xmp").write_bytes(b"<x")
    (tmp_path / "elsewhere").write_bytes(xmp_packet("<dc:description>not ours</dc:description>"))
    (tmp_path / "4.xmp").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "5.xmp")
    reader = SidecarReader()
    for number in range(1, 7):
        read = reader.facts(Description(), tmp_path / "a.jpg", [tmp_path / f"{number}.xmp"])
        assert read == (Description(), number not in (4, 6))
    [warning] = reader.warnings()
    assert all(f"{number}.xmp (" in warning for number in range(1, 7))
    assert "document type" in warning and "no regular file" in warning


def test_warnings_name_twenty(tmp_path: Path) -> None:
    reader = SidecarReader()
    for number in range(30):
        reader.facts(Description(), tmp_path / "a.jpg", [tmp_path / f"{number}.xmp"])
    [warning] = reader.warnings()
    assert warning.count(".xmp (") == 20 and "and 10 more" in warning
