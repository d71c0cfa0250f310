"""Render one SVG text to a PNG, or give the reason why not. SVGs are hostile input.

resvg follows `<image href="/etc/…">` to local files, so whatever refers beyond the drawing itself is refused before it
is asked. Fonts of the machine are not used: the same drawing gives the same bytes everywhere, without its lettering.
"""

import io
import re
from xml.etree import ElementTree

import resvg_py
from PIL import Image

SIDE = 260
MAX_CHARACTERS = 2_000_000
MAX_ELEMENTS = 50_000
MAX_DEPTH = 256
"""resvg overflows its stack at some thousands."""
ALMOST_WHITE = 247
VERSION = 2
"""Part of the key of what is rendered already: raise it when the pictures change."""
_PICTURES = {"image", "feImage"}
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*>", re.IGNORECASE)


class Unrenderable(Exception):
    """A drawing that gives no picture; the message is a short reason that can be counted."""


def parse(svg: str) -> ElementTree.Element:
    """The tree of a drawing that is small and refers to nothing outside itself; raises Unrenderable."""
    if len(svg) > MAX_CHARACTERS:
        raise Unrenderable(f"larger than {MAX_CHARACTERS // 1_000_000} MB")
    if "<!ENTITY" in svg.upper() or re.search(r"<!DOCTYPE[^>]*\[", svg, re.IGNORECASE):
        raise Unrenderable("declares entities")
    try:
        root = ElementTree.fromstring(_DOCTYPE.sub("", svg, count=1))  # noqa: S314  entities are refused above
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise Unrenderable("is not well-formed XML") from None
    if local_name(root.tag) != "svg":
        raise Unrenderable("is no SVG")
    waiting, count = [(root, 1)], 0
    while waiting:
        element, depth = waiting.pop()
        if (count := count + 1) > MAX_ELEMENTS:
            raise Unrenderable(f"more than {MAX_ELEMENTS} elements")
        if depth > MAX_DEPTH:
            raise Unrenderable(f"nested more than {MAX_DEPTH} deep")
        waiting += [(child, depth + 1) for child in element]
        name = local_name(element.tag)
        if name in _PICTURES:
            raise Unrenderable(f"holds <{name}>")
        for key, value in element.attrib.items():
            if local_name(key) == "href" and name != "a" and not value.strip().startswith("#") and value.strip():
                raise Unrenderable("refers to another file")
            if re.search(r"url\(\s*['\"]?\s*[^#'\"\s)]", value):
                raise Unrenderable("refers to another file")
        if name == "style" and element.text and re.search(r"@import|url\(\s*['\"]?\s*[^#'\"\s)]", element.text):
            raise Unrenderable("refers to another file")
    return root


def render(svg: str, side: int = SIDE) -> bytes:
    """PNG, `side` x `side`, the whole drawing in the middle on white; raises Unrenderable, also for a blank one."""
    parse(svg)
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=_DOCTYPE.sub("", svg, count=1),
            width=side,
            height=side,
            background="#ffffff",
            dpi=96,  # without it, every length in pt or mm is 0
            skip_system_fonts=True,
        )
    except ValueError:
        raise Unrenderable("the renderer refuses it") from None
    with Image.open(io.BytesIO(png)) as drawing:
        picture = drawing.convert("RGB")
    if max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    if all(low > ALMOST_WHITE for low, _ in picture.getextrema()):  # type: ignore[misc]
        raise Unrenderable("blank")
    ground = Image.new("RGB", (side, side), "white")
    ground.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    file = io.BytesIO()
    ground.save(file, "PNG", optimize=False, compress_level=6)
    return file.getvalue()


def local_name(tag: object) -> str:
    """`{namespace}name` -> `name`; a comment's tag is no text."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
