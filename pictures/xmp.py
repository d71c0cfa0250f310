"""Description and subjects of an XMP packet (XMP part 1, Dublin Core). Text in, text out; knows no picture.

The packet comes from strangers. A document type, where entities are declared (billion laughs, file:///etc/passwd), is
refused by the parser's own event, so no encoding trick hides it: what the defusedxml package does, in one handler.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_BYTES = 4_000_000
_DC = "http://purl.org/dc/elements/1.1/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"


@dataclass(frozen=True)
class Xmp:
    description: str = ""
    subjects: tuple[str, ...] = ()


def read_xmp(packet: object) -> Xmp:
    """`packet` is bytes, text or None. Raises ValueError or ExpatError for one that is broken or declares entities."""
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "ignore")
    if not isinstance(packet, bytes) or not packet.strip(b"\x00 \r\n\t"):
        return Xmp()
    if len(packet) > MAX_BYTES:
        raise ValueError(f"an XMP packet of {len(packet)} bytes; at most {MAX_BYTES} are read")
    root = _parse(packet.strip(b"\x00 \r\n\t"))
    description, subjects = "", []
    for element in root.iter():
        if element.tag == f"{_DC}description":
            description = description or _alternative(element)
        elif element.tag == f"{_DC}subject":
            subjects += [item.text or "" for item in _items(element)]
        elif element.tag == f"{_RDF}Description":  # the short form: a property as an attribute
            description = description or element.get(f"{_DC}description", "")
    return Xmp(description, tuple(subjects))


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
