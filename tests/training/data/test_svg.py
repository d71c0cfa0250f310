"""One SVG: whole, centred, on white; and what a hostile one gets instead of a picture."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import resvg_py
from PIL import Image

from settings import PROJECT
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


LEAKS = {
    "href": '<image href="{file}" width="16" height="16"/>',
    "xlink": '<image xlink:href="{file}" width="16" height="16"/>',
    "file address": '<image href="file://{file}" width="16" height="16"/>',
    "spelled with references": '<image href="&#x2f;{file}" width="16" height="16"/>',
    "other prefix": '<s:image xmlns:s="http://www.w3.org/2000/svg" href="{file}" width="16" height="16"/>',
    "in a pattern": '<pattern id="p" width="1" height="1"><image href="{file}" width="16" height="16"/></pattern>'
    '<rect width="16" height="16" fill="url(#p)"/>',
    "filter": '<filter id="f"><feImage href="{file}"/></filter><rect width="16" height="16" filter="url(#f)"/>',
    "other drawing": '<use href="{drawing}#a"/>',
    "drawing as image": '<image href="{drawing}" width="16" height="16"/>',
    "nested drawing": '<image href="data:image/svg+xml;base64,{nested}" width="16" height="16"/>',
    "fill": '<rect width="16" height="16" fill="url({file})"/>',
    "style": '<rect width="16" height="16" style="fill:url(\'{file}\')"/>',
    "style sheet": '<style>@import "{css}"; rect {{ fill: red }}</style><rect width="16" height="16"/>',
    "include": '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{drawing}"/>',
    "foreign": '<foreignObject width="16" height="16"><image href="{file}" width="16" height="16"/></foreignObject>',
}


def blue_pixels(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=int)
    return int(((pixels[..., 2] > 150) & (pixels[..., 0] < 90)).sum())


@pytest.mark.parametrize("way", LEAKS)
def test_row_17_what_a_local_file_shows_is_never_in_a_picture(way: str, tmp_path: Path) -> None:
    """A blue file beside a red drawing: refused, or drawn without a blue pixel. Asked without the refusal, the renderer
    draws it."""
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "secret.png")
    (tmp_path / "b.svg").write_text(svg('<rect id="a" width="16" height="16" fill="blue"/>'))
    (tmp_path / "a.css").write_text("rect { fill: blue }")
    nested = base64.b64encode(svg(f'<image href="{tmp_path}/secret.png" width="16" height="16"/>').encode()).decode()
    files = {"file": tmp_path / "secret.png", "drawing": tmp_path / "b.svg", "css": tmp_path / "a.css"}
    text = svg(RED + LEAKS[way].format(nested=nested, **files))
    try:
        leaked = blue_pixels(render(text))
    except Unrenderable:
        leaked = 0
    assert leaked == 0
    if way in ("href", "xlink", "spelled with references", "other prefix", "in a pattern", "drawing as image"):
        unchecked = resvg_py.svg_to_bytes(svg_string=text, width=40, height=40, skip_system_fonts=True)
        assert blue_pixels(bytes(unchecked)) > 100, "this way does not leak by itself: the test shows nothing"


@pytest.mark.parametrize("declared", ['SYSTEM "file://{file}"', 'PUBLIC "a" "{file}"'])
def test_row_17_an_entity_of_a_local_file_is_refused(declared: str, tmp_path: Path) -> None:
    """Also behind a comment, in another case, and as a parameter entity."""
    (tmp_path / "secret").write_text('<rect width="16" height="16" fill="blue"/>')
    entity = declared.format(file=tmp_path / "secret")
    for doctype in (
        f"<!DOCTYPE svg [<!ENTITY x {entity}>]>",
        f"<!-- > --><!doctype svg [<!-- a --><!ENTITY x {entity}>]>",
        f"<!DOCTYPE svg [<!ENTITY % x {entity}> %x;]>",
    ):
        with pytest.raises(Unrenderable, match=r"declares entities|is not well-formed XML"):
            render(doctype + svg(f"{RED}&x;"))


LEVELS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE svg [<!ENTITY a0 "ha">{LEVELS}]>' + svg("<text>&a9;</text>"),
    "quadratic": f'<!DOCTYPE svg [<!ENTITY a "{"a" * 50_000}">]>' + svg(f"<text>{'&a;' * 50_000}</text>"),
    "large size": svg(RED, "1000000", "1000000"),
    "large view box": '<svg xmlns="http://www.w3.org/2000/svg" width="1e6" height="1e6" viewBox="0 0 1e6 1e6">'
    '<rect width="1e6" height="1e6" fill="red"/></svg>',
    "deep": svg("<g>" * 20_000 + RED + "</g>" * 20_000),
}

EXPECTED = {
    "billion laughs": "declares entities",
    "quadratic": "declares entities",
    "large size": "blank",  # 16 pixels of a million
    "large view box": "drawn True",
    "deep": "nested more than 256 deep",  # the renderer overflows its stack
}


@pytest.mark.parametrize("kind", BOMBS)
def test_row_18_a_bomb_costs_less_than_a_second(kind: str) -> None:
    """Refused, or drawn in the size asked for; in a process of its own, whose memory grows by 100 MB at most."""
    script = (
        "import sys, time; from pathlib import Path; from training.data.svg import render, Unrenderable\n"
        "text, status = sys.stdin.read(), Path('/proc/self/status')\n"
        "peak = lambda: int(status.read_text().partition('VmHWM:')[2].split()[0]) if status.exists() else 0\n"
        "before, started = peak(), time.process_time()\n"
        "try: said = f'drawn {len(render(text, 40)) < 5000}'\n"
        "except Unrenderable as error: said = str(error)\n"
        "print(time.process_time() - started, (peak() - before) / 1024, said)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=BOMBS[kind], capture_output=True, text=True, cwd=PROJECT
    )
    assert done.returncode == 0, done.stderr[-300:]
    seconds, megabytes, said = done.stdout.split(maxsplit=2)
    assert float(seconds) < 1 and float(megabytes) < 100, done.stdout
    assert said.strip() == EXPECTED[kind]


def test_references_inside_the_drawing_are_fine() -> None:
    gradient = '<linearGradient id="g"><stop stop-color="#e00"/></linearGradient>'
    inside = gradient + '<rect id="r" width="16" height="16" fill="url(#g)"/><use href="#r" y="1"/>'
    assert pixels(svg(inside)).getpixel((20, 20)) == FULL_RED
    assert parse(svg('<a href="http://example.org"><rect width="1" height="1"/></a>')) is not None
