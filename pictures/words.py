"""Captions and tags made clean, wherever they come from. Text in, text out; knows no files and no pictures."""

import re
import unicodedata
from collections.abc import Iterable

MAX_CAPTION = 2000
MAX_TAGS = 64
MAX_TAG = 100

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
