"""Clean captions and tags, wherever they come from, and find the caption in a picture's comments.

Cameras and programs leave their own data in comments (EXIF's UserComment, PNG's text, an image generator's parameters);
what a person or a prompt says is a caption, the rest is dropped.
"""

import re
import unicodedata
from collections.abc import Iterable

MAX_CAPTION = 2000
MAX_TAGS = 64
MAX_TAG = 100
_LOOKED_AT = 8 * MAX_CAPTION
# Of AUTOMATIC1111 and those that follow it: the prompt, what not to draw, then how it was drawn.
_PROMPT_ENDS = re.compile(r"^(negative prompt:|steps:\s*\d)", re.IGNORECASE | re.MULTILINE)
_PROMPT_MARKS = re.compile(r"<[^<>]{0,200}>|:\s*-?[\d.]+(?=\s*[)\]])|\\(?=[()])|\bBREAK\b")
# filter: 0; module: photo; hw-remosaic: false;  oplus_32, 8d777f385d3dfec8815d20f7496026dc: phones write it
_MACHINE = re.compile(r"(\s*[\w-]+\s*[:=][^;:=]*;){3}|[A-Za-z]*_?\d+\s*$|[A-Za-z0-9+/=_-]{20,}\s*$")

# What cameras and editors write into the description of every picture: it describes none of them.
_JUNK = frozenset({
    "olympus digital camera", "sony dsc", "samsung", "samsung digital camera", "minolta digital camera",
    "konica minolta digital camera", "kodak digital still camera", "nikon digital camera", "digital camera",
    "digital still camera", "casio computer co.,ltd.", "panasonic", "dcim", "dji", "dav", "hdr", "hdrpl",
    "exif_jpeg_picture", "exif jpeg picture", "jpeg image", "jpeg", "image", "picture", "photo", "untitled",
    "default", "applemark", "lead technologies inc. v1.01", "cof", "ptr", "rhdr", "edf", "oznor", "sdr", "mde",
    "created with gimp", "screenshot", "user comments", "my beautiful picture", "none", "null", "n/a", "nan",
    "ai generated image",
})  # fmt: skip
# IMG_1234, DSC01234.JPG, P1010001 (2): what programs put into a title that nobody gave.
_FILE_NAME = re.compile(
    r".*\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|heif|jp2|mpo|dng|nef|cr[23w]|arw|raf|orf|rw2|mp4|mov)"
    r"|(IMG_?E?|_?DSC[NF]?|_MG|P|PICT|DCP|CIMG|SAM|GOPR|MVI|PXL|VID|MVIMG)?[-_]?\d{3,}[\d_-]*(\s?\(\d+\))?",
    re.IGNORECASE,
)

# Embeddings, overrides and isolates can show "gpj.exe" as "exe.jpg". The three marks are common in Hebrew and Arabic
# texts and steer only what stands beside them.
TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\N{REPLACEMENT CHARACTER}")
TURNS |= dict.fromkeys([0x200E, 0x200F, 0x061C], "")


def clean(text: str, limit: int) -> str:
    r"""One line of at most `limit` characters: NFC, control characters and lone surrogates gone, white space collapsed.

    >>> clean(" a\x00  red\nbike ", 5)
    'a red'
    """
    # Four times the limit is enough to find `limit` characters in; the rest of a hostile megabyte is not looked at.
    text = unicodedata.normalize("NFC", text[: 4 * limit + 64])
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs"))
    return " ".join("".join(kept).replace("\ufeff", "").replace("\ufffe", "").split())[:limit].strip()


def clean_caption(text: str) -> str:
    """At most 2,000 characters on one line; "" for what cameras write by themselves ("OLYMPUS DIGITAL CAMERA")."""
    caption = clean(text, MAX_CAPTION)
    return "" if caption.casefold() in _JUNK else caption


def clean_title(text: str) -> str:
    """As `clean_caption`; "" for a title that is only the file's name ("IMG_1234.JPG")."""
    title = clean_caption(text)
    return "" if _FILE_NAME.fullmatch(title) else title


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The first 64 different tags, in their order, each at most 100 characters; case distinguishes tags."""
    found: dict[str, None] = {}
    for tag in tags:
        if cleaned := clean(tag, MAX_TAG):
            found.setdefault(cleaned)
        if len(found) == MAX_TAGS:
            break
    return tuple(found)


def comment(text: str) -> str:
    """The caption in a free comment: a generator's prompt, a person's words, or "" for a program's own data."""
    text = text[:_LOOKED_AT].strip("\0 \r\n\t")
    if text.startswith(("{", "[{", "<?xml", "<x:")) or _MACHINE.match(text) or not any(c.isalpha() for c in text):
        return ""
    return prompt(text) if _PROMPT_ENDS.search(text) else clean_caption(text)


def prompt(parameters: str) -> str:
    r"""What was to be drawn, without weights and names of models.

    >>> prompt("a (red:1.2) bicycle <lora:detail:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a")
    'a red bicycle'
    """
    wanted = _PROMPT_ENDS.split(parameters[:_LOOKED_AT], maxsplit=1)[0]
    return clean_caption(re.sub(r"[()\[\]{}]", "", _PROMPT_MARKS.sub("", wanted))).strip(" ,")


def user_comment(value: object) -> str:
    """EXIF's UserComment: eight bytes that name its letters, then those (EXIF 2.32, 4.6.5)."""
    if isinstance(value, tuple):
        value = bytes(value)
    if isinstance(value, str):  # a type that the standard does not give it
        value = value.encode("latin-1", "replace")
    if not isinstance(value, bytes):
        return ""
    kind, body = value[:8].rstrip(b"\0 ").upper(), value[8 : 8 + 4 * _LOOKED_AT]
    if kind == b"UNICODE":
        return comment(_utf16(body))
    if kind == b"JIS":
        return comment(body.decode("iso2022_jp", "ignore"))
    if kind not in (b"ASCII", b""):  # written without the eight
        body = value[: 4 * _LOOKED_AT]
    try:
        return comment(body.decode("utf-8"))
    except UnicodeDecodeError:
        return comment(body.decode("latin-1"))


def _utf16(data: bytes) -> str:
    """By its mark; else the byte order in which more of its letters are of the first 256, as writers disagree."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "ignore")
    little = data[1::2].count(0) >= data[0::2].count(0)
    return data.decode("utf-16-le" if little else "utf-16-be", "ignore")


def inert(text: str) -> str:
    r"""The text without what turns the direction of writing; a sign shows where that was.

    >>> inert("photo\u202egpj.exe")
    'photo�gpj.exe'
    """
    return text.translate(TURNS)
