"""Text -> its words in a form in which exact phrases can be searched: `" a red car "`. Text in, text out.

Weaviate's `like` compares whole values, so the words stand between single blanks, with one at either end: then
`* red car *` finds "A red car." and not "a red carpet". Stored texts and phrases that are asked for go through the same
function.
"""

import unicodedata
from collections.abc import Iterator

_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR")
"""Scripts that put no blanks between words: each of their letters counts as a word."""


def phrase_of(text: str) -> str:
    """Its words, casefolded, each between two blanks; "" where it has none. Letters, digits, their marks and pictograms
    make words, everything else parts them: `IMG_12.jpg` is three words.

    >>> phrase_of("A red-hot Car!"), phrase_of("?!")
    (' a red hot car ', '')
    """
    words = "".join(_spaced(unicodedata.normalize("NFKC", text).casefold())).split()
    return f" {' '.join(words)} " if words else ""


def _spaced(text: str) -> Iterator[str]:
    for letter in text:
        kind = unicodedata.category(letter)
        if letter.isascii() or kind[0] not in "LS":
            yield letter if kind[0] in "LNM" and letter not in "\ufe0e\ufe0f" else " "
        elif kind == "So" or (kind[0] == "L" and unicodedata.name(letter, "").startswith(_UNSPACED)):
            yield f" {letter}"
        else:
            yield letter if kind[0] == "L" else " "
