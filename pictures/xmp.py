"""Read description, keywords, date and place of an XMP packet (XMP part 1, Dublin Core).

The packet comes from strangers. A document type, where entities are declared (billion laughs, file:///etc/passwd), is
refused by the parser's own event, so no encoding trick hides it: what the defusedxml package does, in one handler.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_BYTES = 4_000_000
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_NAMES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
}
_HIERARCHIES = {"lr:hierarchicalSubject": "|", "digiKam:TagsList": "/", "MicrosoftPhoto:LastKeywordXMP": "/"}
"""Properties that hold keywords with their parents, and what stands between those."""
_INTERNAL = ("darktable", "_digikam_internal_tags_")
"""First parts of keywords that programs keep for themselves ("darktable|exported")."""


@dataclass(frozen=True)
class Xmp:
    description: str = ""
    title: str = ""
    """dc:title, else photoshop:Headline."""
    subjects: tuple[str, ...] = ()
    """The plain keywords, then every part of the hierarchical ones that is not among them."""
    original: str = ""
    """When it was taken: exif:DateTimeOriginal, else photoshop:DateCreated."""
    created: str = ""
    """xmp:CreateDate: when this file came to be, which for a scan is not when it was taken."""
    modified: str = ""
    latitude: str = ""
    """With the letter of its side behind it, which Apple writes into a property of its own."""
    longitude: str = ""


def read_xmp(packet: object) -> Xmp:
    """`packet` is bytes, text or None. Raises ValueError or ExpatError for one that is broken or declares entities."""
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "ignore")
    if not isinstance(packet, bytes) or not packet.strip(b"\x00 \r\n\t"):
        return Xmp()
    if len(packet) > MAX_BYTES:
        raise ValueError(f"an XMP packet of {len(packet)} bytes; at most {MAX_BYTES} are read")
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, value, items in _properties(_parse(packet.strip(b"\x00 \r\n\t"))):
        if value and not texts.get(name):
            texts[name] = value
        lists.setdefault(name, []).extend(items)
    return Xmp(
        description=texts.get("dc:description", ""),
        title=texts.get("dc:title") or texts.get("photoshop:Headline", ""),
        subjects=tuple(_keywords(lists)),
        original=texts.get("exif:DateTimeOriginal") or texts.get("photoshop:DateCreated", ""),
        created=texts.get("xmp:CreateDate", ""),
        modified=texts.get("xmp:ModifyDate", ""),
        latitude=_sided(texts, "exif:GPSLatitude"),
        longitude=_sided(texts, "exif:GPSLongitude"),
    )


def _sided(texts: dict[str, str], name: str) -> str:
    degrees = texts.get(name, "")
    return degrees + texts.get(f"{name}Ref", "")[:1] if degrees[-1:].isdigit() else degrees


def _properties(root: Element) -> Iterator[tuple[str, str, list[str]]]:
    """Name, text and list items of every property of the picture itself; not of those it was made from, deeper in."""
    for rdf in root.iter(f"{_RDF}RDF"):
        for node in (child for child in rdf if child.tag == f"{_RDF}Description"):
            for key, value in node.items():  # the short form: a property as an attribute
                yield _name(key), value, []
            for element in node:
                yield _name(element.tag), _alternative(element), [item.text or "" for item in _items(element)]


def _name(tag: str) -> str:
    """`dc:title` for a known namespace; "" for others."""
    for namespace, prefix in _NAMES.items():
        if tag.startswith(namespace) and (local := tag.removeprefix(namespace)).isalpha():
            return f"{prefix}:{local}"
    return ""


def _keywords(lists: dict[str, list[str]]) -> Iterator[str]:
    """The plain keywords, then `Animals|Cat` as Cat, Animals; each once, and none that a program keeps for itself."""
    paths = [
        [part.strip() for part in path.split(separator)]
        for name, separator in _HIERARCHIES.items()
        for path in lists.get(name, [])
    ]
    internal = {part.casefold() for path in paths if path[0].casefold() in _INTERNAL for part in path}
    theirs = {part.casefold() for path in paths if path[0].casefold() not in _INTERNAL for part in path}
    known = internal - theirs
    for keyword in lists.get("dc:subject", []):
        if keyword.strip().casefold() not in known:
            yield keyword
    known |= {keyword.strip().casefold() for keyword in lists.get("dc:subject", [])}
    for part in (part for path in paths if path[0].casefold() not in _INTERNAL for part in reversed(path)):
        if part.casefold() not in known:
            known.add(part.casefold())
            yield part


def _items(element: Element) -> list[Element]:
    """The members of a property's one container; not of any depth, or elements nested in each other take for ever."""
    return [item for container in element for item in container if item.tag == f"{_RDF}li"]


def _alternative(element: Element) -> str:
    """The x-default of a language alternative, else its first, else the element's own text."""
    items = _items(element)
    default = [item for item in items if item.get(f"{_XML}lang", "").lower() == "x-default"]
    for item in [*default, *items]:
        if (item.text or "").strip():
            return item.text or ""
    return (element.text or "").strip()


def _parse(packet: bytes) -> Element:
    builder = TreeBuilder()

    def refuse(*_: object) -> None:
        raise ValueError("XMP with a document type is refused: it may declare entities")

    # An empty separator joins namespace and name: both end where the other begins ("…/1.1/description").
    parser = expat.ParserCreate(namespace_separator="")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(packet, True)
    return builder.close()
