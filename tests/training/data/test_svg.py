"""One SVG: whole, centred, on white; and what a hostile one gets instead of a picture."""

import io

import pytest
from PIL import Image

from tests.training.data.tiny_sets import GREEN, RED, svg
from training.data.svg import Unrenderable, parse, render

WHITE, FULL_RED = (255, 255, 255), (238, 0, 0)


def pixels(text: str, side: int = 40) -> Image.Image:
    with Image.open(io.BytesIO(render(text, side))) as picture:
        assert picture.mode == "RGB"
        assert picture.size == (side, side)
        return picture.copy()


def test_a_wide_drawing_keeps_its_shape_in_the_middle_of_a_white_square() -> None:
    picture = pixels(svg('<rect width="32" height="16" fill="#e00"/>', "32", "16"))
    assert [picture.getpixel((20, y)) for y in (5, 20, 34)] == [WHITE, FULL_RED, WHITE]
    assert [picture.getpixel((x, 20)) for x in (0, 39)] == [FULL_RED, FULL_RED]


def test_a_tall_drawing_too() -> None:
    picture = pixels(svg('<rect width="16" height="64" fill="#e00"/>', "16", "64"))
    assert [picture.getpixel((x, 20)) for x in (5, 20, 34)] == [WHITE, FULL_RED, WHITE]
    assert picture.getpixel((20, 0)) == picture.getpixel((20, 39)) == FULL_RED


@pytest.mark.parametrize("unit", ["pt", "mm", "in", "cm"])
def test_lengths_with_units_are_lengths(unit: str) -> None:
    """Without a resolution the renderer takes each of them for 0 and refuses the drawing."""
    text = svg(f'<rect width="2{unit}" height="1{unit}" fill="#e00"/>', f"2{unit}", f"1{unit}")
    assert pixels(text).getpixel((20, 20)) == FULL_RED


def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert render(svg(GREEN)) == render(svg(GREEN))


def test_a_doctype_without_declarations_is_read_over() -> None:
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 20010904//EN"\n"http://www.w3.org/TR/svg10.dtd">'
    assert pixels(doctype + svg(RED)).getpixel((20, 20)) == FULL_RED


LAUGHS = '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (svg('<image xlink:href="/etc/passwd" width="9" height="9"/>'), "holds <image>"),
        (svg('<image href="data:image/png;base64,AAAA" width="9" height="9"/>'), "holds <image>"),
        (svg('<filter id="f"><feImage href="x.png"/></filter>'), "holds <feImage>"),
        (svg('<use href="other.svg#a"/>'), "refers to another file"),
        (svg('<use xlink:href=" file:///etc/hosts#a"/>'), "refers to another file"),
        (svg('<rect width="9" height="9" fill="url(http://example.org/a)"/>'), "refers to another file"),
        (svg("<style>@import 'a.css';</style>"), "refers to another file"),
        (svg("<style>rect { fill: url('a.svg#b') }</style>"), "refers to another file"),
        (LAUGHS + svg("<text>&b;</text>"), "declares entities"),
        ('<!DOCTYPE svg SYSTEM "a" [ ]>' + svg(RED), "declares entities"),
        (svg("<g>" * 3), "is not well-formed XML"),
        ("", "is not well-formed XML"),
        ("<html/>", "is no SVG"),
        (svg("<g/>" * 60_000), "more than 50000 elements"),
        (svg(" " * 2_000_001), "larger than 2 MB"),
        (svg(""), "blank"),
        (svg('<rect width="9" height="9" fill="#fefefe"/>'), "blank"),
        (svg(RED, "0", "0"), "the renderer refuses it"),
    ],
)
def test_what_is_hostile_broken_or_empty_gets_a_reason_and_no_picture(text: str, reason: str) -> None:
    with pytest.raises(Unrenderable, match=f"^{reason}$"):
        render(text)


def test_what_a_local_file_shows_is_never_in_a_picture(tmp_path) -> None:
    """Without the refusal the renderer would draw it: an absolute path is followed."""
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "secret.png")
    text = svg(f'{RED}<image href="{tmp_path}/secret.png" width="16" height="16"/>')
    with pytest.raises(Unrenderable, match="holds <image>"):
        render(text)


def test_references_inside_the_drawing_are_fine() -> None:
    gradient = '<linearGradient id="g"><stop stop-color="#e00"/></linearGradient>'
    inside = gradient + '<rect id="r" width="16" height="16" fill="url(#g)"/><use href="#r" y="1"/>'
    assert pixels(svg(inside)).getpixel((20, 20)) == FULL_RED
    assert parse(svg('<a href="http://example.org"><rect width="1" height="1"/></a>')) is not None
