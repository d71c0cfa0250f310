"""Which source of a picture's date, place, caption and keywords counts. Real files, opened."""

from datetime import UTC, datetime

import pytest
from PIL import Image, PngImagePlugin

from pictures.open import Facts
from tests.pictures.builders import chunk, encode, iptc_block, photo, with_segment, xmp_packet
from tests.pictures.test_describe import DATE, EXIF, GPS, TAKEN, facts_of, jpeg, with_exif, with_xmp

DIGITISED, OFFSET, USER_COMMENT, XP_TITLE, XP_COMMENT, DESCRIPTION = 0x9004, 0x9011, 0x9286, 0x9C9B, 0x9C9C, 0x010E
SPACES = (
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/" '
    'xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"'
)


def xmp(body: str = "", attributes: str = "") -> bytes:
    packet = xmp_packet(body).decode()
    return packet.replace("<rdf:Description ", f"<rdf:Description {SPACES} {attributes} ", 1).encode()


def bag(name: str, *items: str, container: str = "Bag") -> str:
    return f"<{name}><rdf:{container}>{''.join(f'<rdf:li>{i}</rdf:li>' for i in items)}</rdf:{container}></{name}>"


def picture(exif: dict[int, object], packet: bytes = b"", *iptc: tuple[int, bytes], root: object = None) -> Facts:
    block = Image.Exif()
    if root:
        block[DATE] = root
    block.get_ifd(EXIF).update(exif)
    data = encode(photo(64, 48), "JPEG", exif=block, **({"xmp": packet} if packet else {}))
    return facts_of(with_segment(data, iptc_block(*iptc)) if iptc else data)


def test_the_order_of_the_dates() -> None:
    """Taken beats digitised, digitised beats edited; each is told with its source when those above are missing."""
    exif = {TAKEN: "2001:01:01 00:00:00", DIGITISED: "2005:01:01 00:00:00"}
    packets = [
        xmp(attributes='exif:DateTimeOriginal="2002-01-01T00:00:00" photoshop:DateCreated="1999-01-01"'),
        xmp("<photoshop:DateCreated>2002-01-01T00:00:00</photoshop:DateCreated>", 'xmp:CreateDate="1999-01-01"'),
        xmp(attributes='xmp:CreateDate="2004-01-01T00:00:00" xmp:ModifyDate="1999-01-01"'),
        xmp(attributes='xmp:ModifyDate="2007-01-01T00:00:00"'),
    ]
    iptc = ((55, b"20030101"), (60, b"101112+0200"))
    edited = "2006:01:01 00:00:00"
    blank = exif | {TAKEN: "    :  :     :  :  "}
    found = [
        picture(exif, packets[0], *iptc, root=edited),
        picture(blank, packets[0], *iptc, root=edited),
        picture(blank, packets[1], *iptc, root=edited),
        picture(blank, packets[2], *iptc, root=edited),
        picture(blank, packets[2], root=edited),
        picture(blank, packets[3], root=edited),
        picture({}, packets[3], root=edited),
        picture({}, packets[3]),
        picture({}),
    ]
    assert [(f.taken_local and f.taken_local.year, f.taken_source) for f in found] == [
        (2001, "exif"),
        (2002, "xmp"),
        (2002, "xmp"),
        (2003, "iptc"),
        (2004, "xmp"),
        (2005, "exif_digitised"),
        (2006, "edited"),
        (2007, "edited"),
        (None, ""),
    ]
    assert found[3].taken_at == datetime(2003, 1, 1, 8, 11, 12, tzinfo=UTC)
    assert found[3].taken_local == datetime(2003, 1, 1, 10, 11, 12)


@pytest.mark.parametrize(
    ("date", "local", "moment"),
    [
        ("2023/12/31 21:30:00", datetime(2023, 12, 31, 21, 30), datetime(2023, 12, 31, 21, 30, tzinfo=UTC)),
        ("2023:12:31 21:30:00-08:00", datetime(2023, 12, 31, 21, 30), datetime(2024, 1, 1, 5, 30, tzinfo=UTC)),
        ("2023:12:31 24:00:00", datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        ("2023:12:31 09:30 PM", datetime(2023, 12, 31, 21, 30), datetime(2023, 12, 31, 21, 30, tzinfo=UTC)),
    ],
)
def test_devices_spellings_in_exif(date: str, local: datetime, moment: datetime) -> None:
    facts = picture({TAKEN: date})
    assert (facts.taken_local, facts.taken_at, facts.taken_source) == (local, moment, "exif")


def test_iptc_without_a_time_is_a_day() -> None:
    assert picture({}, b"", (55, b"20030102")).taken_local == datetime(2003, 1, 2)
    assert picture({}, b"", (55, b"00000000"), (60, b"101112")).taken_local is None


@pytest.mark.parametrize(
    ("side", "sign"),
    [("S", -1), ("South", -1), ("s", -1), ("south\0", -1), (b"S\0", -1), (b"S", -1), ("N", 1), ("North", 1), ("", 1)],
)
def test_a_gps_reference_counts_by_its_first_letter(side: object, sign: int) -> None:
    facts = with_exif(gps={1: side, 2: (33.0, 51.0, 0.0), 3: "East", 4: (151.0, 12.0, 0.0)})
    assert (facts.latitude, facts.longitude) == (pytest.approx(sign * 33.85), pytest.approx(151.2))


def test_gps_as_decimal_degrees() -> None:
    """One number in place of three, with a sign or a reference."""
    block = Image.Exif()
    block.get_ifd(GPS).update({1: "S", 2: 33.85, 3: "E", 4: 151.2})
    facts = facts_of(encode(photo(64, 48), "JPEG", exif=block))
    assert (facts.latitude, facts.longitude) == (pytest.approx(-33.85), pytest.approx(151.2))


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        ("48,51.5N", "2,21.0E", (48.858333, 2.35)),
        ("48,51,30N", "2,21,0E", (48.858333, 2.35)),
        ("33,51.0S", "70,30.0W", (-33.85, -70.5)),
        ("-33.85", "151.2", (-33.85, 151.2)),
        ("91,0.0N", "2,21.0E", None),
        ("0,0.0N", "0,0.0E", None),
        ("48,51.5N", "", None),
        ("north", "east", None),
    ],
)
def test_gps_in_xmp(latitude: str, longitude: str, expected: tuple[float, float] | None) -> None:
    facts = with_xmp(xmp(attributes=f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'))
    found = None if facts.latitude is None else (facts.latitude, facts.longitude)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-5))


def test_the_side_of_a_position_in_a_property_of_its_own() -> None:
    """As Apple Photos exports it: 122.03 and West."""
    packet = "<exif:GPSLongitudeRef>West</exif:GPSLongitudeRef><exif:GPSLatitude>37.33</exif:GPSLatitude>"
    facts = with_xmp(xmp(packet, 'exif:GPSLongitude="122.03" exif:GPSLatitudeRef="S"'))
    assert (facts.latitude, facts.longitude) == (-37.33, -122.03)


def test_exifs_position_beats_xmps() -> None:
    block = Image.Exif()
    block.get_ifd(GPS).update({1: "N", 2: (51.0, 30.0, 0.0), 3: "W", 4: (0.0, 7.0, 30.0)})
    packet = xmp(attributes='exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21.0E"')
    assert jpeg(exif=block, xmp=packet).latitude == pytest.approx(51.5)


def test_hierarchical_keywords_give_each_of_their_parts_once() -> None:
    """What Lightroom, digiKam and Windows write, beside the plain keywords; programs' own are no tags."""
    facts = with_xmp(
        xmp(
            bag("dc:subject", "cat", "exported", "darktable")
            + bag("lr:hierarchicalSubject", "Animals|Pets|Cat", "Places|Paris", "darktable|exported")
            + bag("digiKam:TagsList", "Animals/Pets/Cat", "People/Ann", "_Digikam_Internal_Tags_/x", container="Seq")
            + bag("MicrosoftPhoto:LastKeywordXMP", "People/Bob", "night")
        )
    )
    assert facts.tags == ("cat", "Pets", "Animals", "Paris", "Places", "Ann", "People", "Bob", "night")


def test_keywords_of_what_a_picture_was_made_from_are_not_its_own() -> None:
    inner = f"<rdf:Description {SPACES} dc:title='raw'>{bag('dc:subject', 'theirs')}</rdf:Description>"
    history = f'<xmpMM:Ingredients xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li>{inner}</rdf:li></rdf:Bag></xmpMM:Ingredients>'
    facts = with_xmp(xmp(bag("dc:subject", "mine") + history))
    assert (facts.tags, facts.caption) == (("mine",), "")


def test_a_title_is_the_caption_where_there_is_no_description() -> None:
    """Any description before any title, a title before a comment; the name of a file is no title."""
    title = "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>the title</rdf:li></rdf:Alt></dc:title>"
    block = Image.Exif()
    block[XP_TITLE], block[XP_COMMENT] = ("windows title".encode("utf-16-le"), "a comment".encode("utf-16-le"))
    exif = Image.Exif()
    exif[DESCRIPTION] = "described"
    segment = iptc_block((105, b"a headline"), (5, b"a name"))
    found = [
        jpeg(segment, exif=exif, xmp=xmp(title)),
        jpeg(segment, exif=block, xmp=xmp(title)),
        jpeg(segment, exif=block, xmp=xmp(attributes='photoshop:Headline="xmp headline"')),
        jpeg(segment, exif=block),
        jpeg(iptc_block((5, b"a name")), exif=block),
        jpeg(iptc_block((5, b"IMG_1234.JPG")), exif=block),
    ]
    assert [(f.caption, f.caption_source) for f in found] == [
        ("described", "exif"),
        ("the title", "xmp"),
        ("xmp headline", "xmp"),
        ("a headline", "iptc"),
        ("a name", "iptc"),
        ("windows title", "exif"),
    ]


def test_a_user_comment_is_read_and_a_phones_is_not() -> None:
    assert with_exif(exif={USER_COMMENT: b"UNICODE\0" + "Grüße".encode("utf-16-le")}).caption == "Grüße"
    assert with_exif(exif={USER_COMMENT: b"ASCII\0\0\0" + b" " * 200}).caption == ""
    assert with_exif(exif={USER_COMMENT: b"ASCII\0\0\0Screenshot"}).caption == ""


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
@pytest.mark.parametrize("key", ["Description", "Title", "Comment", "parameters"])
def test_the_text_of_a_png_is_read(kind: str, key: str) -> None:
    texts = PngImagePlugin.PngInfo()
    add = texts.add_itxt if kind == "iTXt" else texts.add_text
    add(key, "a red bicycle", **({"zip": True} if kind == "zTXt" else {}))
    facts = facts_of(encode(photo(64, 48), "PNG", pnginfo=texts))
    assert (facts.caption, facts.caption_source) == ("a red bicycle", "png")


def test_the_order_of_a_pngs_texts_and_what_is_no_caption() -> None:
    def caption(**texts: str) -> str:
        info = PngImagePlugin.PngInfo()
        for key, value in texts.items():
            info.add_text(key, value)
        return facts_of(encode(photo(64, 48), "PNG", pnginfo=info)).caption

    assert caption(Comment="c", Title="t", Description="d", parameters="p") == "d"
    assert caption(Comment="c", Title="t", parameters="p") == "t"
    assert caption(parameters="p", Comment="c") == "c"
    assert caption(Software="GIMP", Author="Ann", Comment="Created with GIMP", prompt='{"3": {}}') == ""
    assert caption(Title="AI generated image", Comment='{"steps": 28}', Description="a fox, snow") == "a fox, snow"


def test_the_text_behind_a_pngs_pixels_is_read() -> None:
    data = encode(photo(64, 48), "PNG")
    text = chunk(b"tEXt", b"Description\0behind")
    assert facts_of(data[:-12] + text + data[-12:]).caption == "behind"
