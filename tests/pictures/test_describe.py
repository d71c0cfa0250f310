"""What a picture says about itself, and that each broken piece costs that piece only. Real files, opened."""

import struct
import time
from datetime import UTC, datetime

import pytest
from PIL import Image, TiffImagePlugin

from pictures.describe import Description
from pictures.open import Facts, Limits, open_image
from pictures.text import clean_caption, clean_tags
from pictures.xmp import read_xmp
from tests.pictures.builders import chunk, encode, iptc_block, photo, with_segment, xmp_packet

MAKE, MODEL, DESCRIPTION, DATE = 0x010F, 0x0110, 0x010E, 0x0132
TAKEN, OFFSET, EXIF, GPS = 0x9003, 0x9011, 0x8769, 0x8825
XP_TITLE, XP_COMMENT, XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
LONDON = {1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)}


def facts_of(data: bytes) -> Facts:
    return open_image(data, Limits(), 64).facts


def with_exif(
    root: dict[int, object] | None = None,
    exif: dict[int, object] | None = None,
    gps: dict[int, object] | None = None,
    format_name: str = "JPEG",
) -> Facts:
    block = Image.Exif()
    for tag, value in (root or {}).items():
        block[tag] = value
    for number, directory in ((EXIF, exif), (GPS, gps)):
        block.get_ifd(number).update(directory or {})
    return facts_of(encode(photo(64, 48), format_name, exif=block.tobytes()))


def with_xmp(packet: bytes) -> Facts:
    return facts_of(encode(photo(64, 48), "JPEG", xmp=packet))


def jpeg(*segments: bytes, **options: object) -> Facts:
    data = encode(photo(64, 48), "JPEG", **options)
    for segment in segments:
        data = with_segment(data, segment)
    return facts_of(data)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_format_tells_camera_time_and_place(format_name: str) -> None:
    facts = with_exif({MAKE: "Canon", MODEL: "Canon EOS 5D"}, {TAKEN: "2021:07:08 09:10:11"}, LONDON, format_name)
    assert facts.camera == "Canon EOS 5D"
    assert facts.taken_at == datetime(2021, 7, 8, 9, 10, 11, tzinfo=UTC)
    assert facts.latitude == pytest.approx(51.507222, abs=1e-5)
    assert facts.longitude == pytest.approx(-0.1275, abs=1e-5)


def test_a_picture_without_metadata_says_nothing() -> None:
    facts = facts_of(encode(photo(64, 48), "PNG"))
    assert {name: getattr(facts, name) for name in vars(Description())} == vars(Description())


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("", "X100", "X100"),
        ("FUJIFILM\0\0", " X-T4 ", "FUJIFILM X-T4"),
        ("Leica", "", "Leica"),
    ],
)
def test_the_camera_does_not_repeat_its_make(make: str, model: str, camera: str) -> None:
    assert with_exif({MAKE: make, MODEL: model}).camera == camera


def test_a_known_offset_makes_the_time_utc() -> None:
    """09:10:11 at +02:00 is 07:10:11 UTC; without an offset, or with a broken one, the local time stands as UTC."""
    taken = {TAKEN: "2021:07:08 09:10:11"}
    assert with_exif(exif=taken | {OFFSET: "+02:00"}).taken_at == datetime(2021, 7, 8, 7, 10, 11, tzinfo=UTC)
    new_year = with_exif(exif={TAKEN: "2021:12:31 22:00:00", OFFSET: "-05:00"}).taken_at
    assert new_year is not None and (new_year.year, new_year.hour, new_year.tzinfo) == (2022, 3, UTC)
    assert with_exif(exif=taken | {OFFSET: "   :  "}).taken_at == datetime(2021, 7, 8, 9, 10, 11, tzinfo=UTC)
    assert with_exif({DATE: "2001:01:01 00:00:00"}, taken).taken_at == datetime(2021, 7, 8, 9, 10, 11, tzinfo=UTC)
    assert with_exif({DATE: "2001:01:01 00:00:00"}).taken_at == datetime(2001, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "date",
    ["0000:00:00 00:00:00", "0001:01:01 00:00:00", "2021:13:40 00:00:00", "    :  :     :  :  ", "yesterday", ""],
)
def test_row_14_an_impossible_date_is_dropped_alone(date: str) -> None:
    """The year 0000 and the like: no date, but the camera stays."""
    facts = with_exif({MAKE: "Leica"}, {TAKEN: date})
    assert facts.taken_at is None and facts.camera == "Leica"


BROKEN = TiffImagePlugin.IFDRational(1, 0)


@pytest.mark.parametrize(
    "gps",
    [
        LONDON | {2: (BROKEN, BROKEN, BROKEN)},
        LONDON | {4: (0.0, BROKEN, 0.0)},
        LONDON | {2: (91.0, 0.0, 0.0)},
        LONDON | {4: (181.0, 0.0, 0.0)},
        {1: "N", 2: (51.0, 30.0, 26.0)},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        LONDON | {2: (51.0, 30.0, TiffImagePlugin.IFDRational(0, 0))},
    ],
)
def test_row_14_an_impossible_place_is_dropped_alone(gps: dict[int, object]) -> None:
    """x/0, out of range, half a place, 0/0 of a receiver without a fix: no place, but the camera stays."""
    facts = with_exif({MAKE: "Leica"}, gps=gps)
    assert (facts.latitude, facts.longitude, facts.camera) == (None, None, "Leica")


def test_south_and_west_are_negative() -> None:
    facts = with_exif(gps={1: "S", 2: (33.0, 51.0, 0.0), 3: "W", 4: (70.0, 30.0, 0.0)})
    assert (facts.latitude, facts.longitude) == (pytest.approx(-33.85), pytest.approx(-70.5))


def test_row_14_a_megabyte_of_maker_note_is_passed_over() -> None:
    """In a WebP, whose EXIF may be that long; the pieces beside it are read."""
    facts = with_exif({MAKE: "Leica"}, {0x927C: b"\xa5" * 1_000_000, TAKEN: "2021:07:08 09:10:11"}, format_name="WEBP")
    assert facts.camera == "Leica" and facts.taken_at is not None


def test_row_14_exif_cut_off_anywhere_raises_nothing() -> None:
    """An EXIF block cut at each of its lengths: the picture stays whole."""
    block = Image.Exif()
    block[MAKE], block[DESCRIPTION], block[DATE] = "Leica", "a bicycle", "2021:07:08 09:10:11"
    block.get_ifd(GPS).update(LONDON)
    data = block.tobytes()
    for length in range(6, len(data), 3):
        facts = jpeg(exif=data[:length])
        assert not facts.truncated and (facts.width, facts.height) == (64, 48)


def test_the_caption_is_xmp_before_iptc_before_exif() -> None:
    exif = Image.Exif()
    exif[DESCRIPTION], exif[XP_TITLE] = "from exif", "from explorer".encode("utf-16-le")
    exif[XP_KEYWORDS] = "one;two".encode("utf-16-le")
    iptc = iptc_block((120, b"from iptc"), (25, b"three"), (25, b"four"))
    xmp = xmp_packet(
        "<dc:description><rdf:Alt><rdf:li xml:lang='de'>aus XMP</rdf:li><rdf:li xml:lang='x-default'>from xmp</rdf:li>"
        "</rdf:Alt></dc:description><dc:subject><rdf:Bag><rdf:li>five</rdf:li><rdf:li>six</rdf:li></rdf:Bag></dc:subject>"
    )
    found = [jpeg(iptc, exif=exif, xmp=xmp), jpeg(iptc, exif=exif), jpeg(exif=exif)]
    assert [(f.caption, f.caption_source) for f in found] == [
        ("from xmp", "xmp"), ("from iptc", "iptc"), ("from exif", "exif"),
    ]  # fmt: skip
    assert [(f.tags, f.tags_source) for f in found] == [
        (("five", "six"), "xmp"), (("three", "four"), "iptc"), (("one", "two"), "exif"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        "<dc:description>plain text</dc:description>",
        "<dc:description><rdf:Alt><rdf:li>plain text</rdf:li></rdf:Alt></dc:description>",
        "<dc:description><rdf:Alt><rdf:li xml:lang='x-default'> </rdf:li><rdf:li xml:lang='en'>plain text</rdf:li>"
        "</rdf:Alt></dc:description>",
    ],
)
def test_other_forms_of_an_xmp_description(body: str) -> None:
    assert with_xmp(xmp_packet(body)).caption == "plain text"


def test_an_xmp_description_as_an_attribute() -> None:
    packet = xmp_packet("").replace(b"<rdf:Description ", b'<rdf:Description dc:description="plain text" ')
    assert with_xmp(packet).caption == "plain text"


def test_png_xmp_is_read() -> None:
    data = encode(photo(64, 48), "PNG")
    packet = xmp_packet("<dc:description>in a PNG</dc:description>")
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    for at in (33, len(data) - 12):  # before the pixels and after them
        assert facts_of(data[:at] + text + data[at:]).caption == "in a PNG"


def test_row_14_xmp_entities_are_refused() -> None:
    """A billion laughs, a file's content, UTF-16 to hide the declaration: no caption, no expansion, no time lost."""
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10))
    evil = [
        xmp_packet("<dc:description>&l9;</dc:description>", f"<!DOCTYPE x [{laughs}]>"),
        xmp_packet("<dc:description>&f;</dc:description>", '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        xmp_packet("<dc:description>&a;</dc:description>", '<!DOCTYPE x [<!ENTITY a "harmless">]>'),
    ]
    evil.append(("\ufeff" + evil[2].decode()).encode("utf-16-le"))
    started = time.perf_counter()
    for packet in evil:
        facts = with_xmp(packet)
        assert (facts.caption, facts.caption_source) == ("", "")
        with pytest.raises(ValueError, match="document type"):
            read_xmp(packet)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "packet", [b"<x", b"\0\0\0", b"<a>" * 300_000 + b"</a>" * 300_000, b"\xff" * 100, xmp_packet("<dc:description/>")]
)
def test_row_14_broken_xmp_leaves_the_next_source(packet: bytes) -> None:
    exif = Image.Exif()
    exif[DESCRIPTION] = "from exif"
    data = encode(photo(64, 48), "PNG", exif=exif)
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    facts = facts_of(data[:33] + text + data[33:])
    assert (facts.caption, facts.caption_source) == ("from exif", "exif")


@pytest.mark.parametrize(
    "junk", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "   ", "\0\0\0", "Exif_JPEG_PICTURE", "Created with GIMP"]
)
def test_what_cameras_write_by_themselves_is_no_caption(junk: str) -> None:
    exif = {DESCRIPTION: junk, XP_COMMENT: "a bicycle".encode("utf-16-le")}
    assert with_exif({DESCRIPTION: junk}).caption == ""
    assert with_exif(exif).caption == "a bicycle"


def test_captions_in_utf8_and_latin1() -> None:
    """EXIF and IPTC in UTF-8 or Latin-1: the accents come out right."""
    assert with_exif({DESCRIPTION: "Grüße".encode()}).caption == "Grüße"
    assert with_exif({DESCRIPTION: "Grüße".encode("latin-1")}).caption == "Grüße"
    assert jpeg(iptc_block((120, "Grüße".encode()))).caption == "Grüße"
    assert jpeg(iptc_block((120, "Grüße".encode("latin-1")))).caption == "Grüße"


def test_row_14_iptc_that_claims_too_much_is_cut() -> None:
    """A dataset that is longer than its block, an extended one, garbage: what stands before them is kept."""
    good = struct.pack(">BBBH", 0x1C, 2, 120, 5) + b"words"
    for tail in (b"\x1c\x02\x19\xff\xff", b"\x1c\x02\x19\x80\x04\xff\xff\xff\xff", b"\x1c", b"garbage"):
        body = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(good + tail)) + good + tail
        facts = jpeg(b"\xff\xed" + struct.pack(">H", len(body) + 2) + body)
        assert facts.caption == "words"


def test_caption_and_tags_are_clean_and_bounded() -> None:
    """One line, no control characters, 2,000 characters; 64 different tags of 100 characters, in their order."""
    assert clean_caption(" a\x00  red\nbike\u2028\x1b[31m \ud800") == "a red bike [31m"
    assert len(clean_caption("word " * 10_000)) <= 2000
    assert clean_caption("e\u0301") == "é"
    tags = clean_tags(["b", " a ", "b", "", "B", "x" * 500, *map(str, range(100))])
    assert tags[:4] == ("b", "a", "B", "x" * 100)
    assert len(tags) == 64


def test_row_14_nested_xmp_takes_no_time() -> None:
    """120,000 subjects, and descriptions, each within the one before."""
    for name in ("subject", "description"):
        packet = xmp_packet(f"<dc:{name}>" * 120_000 + f"</dc:{name}>" * 120_000)
        started = time.perf_counter()
        assert read_xmp(packet).subjects == ()
        assert time.perf_counter() - started < 2


def test_the_local_clock_and_its_source_are_told_beside_the_moment() -> None:
    """21:30 on 31 December at -08:00 is 2024 in UTC, and 2023 where the picture was taken."""
    facts = with_exif(exif={TAKEN: "2023:12:31 21:30:00", OFFSET: "-08:00"})
    assert facts.taken_at == datetime(2024, 1, 1, 5, 30, tzinfo=UTC)
    assert (facts.taken_local, facts.taken_source) == (datetime(2023, 12, 31, 21, 30), "exif")
    edited = with_exif({DATE: "2001:01:01 00:00:00"})
    assert (edited.taken_local, edited.taken_source) == (datetime(2001, 1, 1), "edited")
