"""Text -> runs of its words, so that an exact phrase becomes a question for whole values. Text in, text out.

Of every word a text keeps itself and the run of five that begins with it: `red|car|on|a|road|`. A phrase of up to five
words is then the beginning of a stored value, where Weaviate looks it up; a `like *phrase*` would read every value
there is (110 ms for 20,000 captions, this 1 ms). A longer phrase is all of its runs of five: it finds a text that has
each of them, which is the phrase itself unless four words of it come back. Stored texts and phrases that are asked for
go through the same functions.
"""

import unicodedata
from collections.abc import Iterable, Iterator

RUN = 5
END = "|"
_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR")
"""Scripts that put no blanks between words: each of their letters counts as a word."""


def words_of(text: str) -> list[str]:
    """Casefolded. Letters, digits, their marks and pictograms make words, everything else parts them.

    >>> words_of("A red-hot Car, IMG_12.jpg!")
    ['a', 'red', 'hot', 'car', 'img', '12', 'jpg']
    """
    return "".join(_spaced(unicodedata.normalize("NFKC", text).casefold())).split()


def runs_of(texts: Iterable[str]) -> list[str]:
    """What is stored of some texts; no run goes from one into the next.

    >>> runs_of(["red car"])
    ['car', 'car|', 'red', 'red|car|']
    """
    found: set[str] = set()
    for text in texts:
        words = words_of(text)
        found.update(words)
        found.update("".join(f"{word}{END}" for word in words[at : at + RUN]) for at in range(len(words)))
    return sorted(found)


def starts_of(phrase: str) -> list[str]:
    """Beginnings of values, all of which a text with the phrase has. One word of its own: the value itself.

    >>> starts_of("Red?"), starts_of("red car"), len(starts_of("a b c d e f g"))
    (['red'], ['red|car|'], 3)
    """
    words = words_of(phrase)
    if len(words) < 2:
        return words
    last = max(0, len(words) - RUN)
    return list(dict.fromkeys("".join(f"{w}{END}" for w in words[at : at + RUN]) for at in range(last + 1)))


def _spaced(text: str) -> Iterator[str]:
    for letter in text:
        kind = unicodedata.category(letter)
        if kind[0] in "NM" and letter not in "\ufe0e\ufe0f":
            yield letter
        elif kind == "So" or (kind == "Lo" and unicodedata.name(letter, "").startswith(_UNSPACED)):
            yield f" {letter} "
        else:
            yield letter if kind[0] == "L" else " "
