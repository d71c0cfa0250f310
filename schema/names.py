"""Names of files, folders, cameras, albums as they are compared: one form for letters that can be written in several
ways. A Mac and many a NAS write é as e and a mark (NFD), others as one letter (NFC). Text in, text out.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path


def composed(text: str) -> str:
    """NFC: a letter and its marks as one character where there is one."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    r"""In any case and any form the same. Unicode 3.13, D145: canonical caseless match.

    >>> folded("Cafe\u0301") == folded("CAF\u00c9") == "caf\u00e9", folded("Straße")
    (True, 'strasse')
    """
    return composed(unicodedata.normalize("NFD", text).casefold())


def spellings(text: str) -> tuple[str, ...]:
    """The text and its composed and decomposed form, each once: what an older Loupe may have stored it as."""
    return tuple(dict.fromkeys((text, composed(text), unicodedata.normalize("NFD", text))))


def folder_of(text: str) -> str:
    """A folder's path as it is stored: composed, single slashes, none at the end.

    >>> folder_of("//photos//2024/"), folder_of("//")
    ('/photos/2024', '/')
    """
    return re.sub("/{2,}", "/", composed(text)).rstrip("/") or "/"


def some_of(names: Sequence[str], count: int = 20) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(names) - count} more" if len(names) > count else ""
    return "; ".join(names[:count]) + more


def escaped(text: str | Path) -> str:
    """A path or text for one line: bytes that are not UTF-8, line breaks and control characters as escapes."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in shown)
