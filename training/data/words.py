"""Make captions of names and titles, and phrases of a caption."""

import re
from collections.abc import Callable, Sequence

MAX_KEYWORDS = 12
MAX_GLOSS_WORDS = 14
TEMPLATES = ("a drawing of {}", "an icon of {}", "a picture of {}", "{} illustration")


def clean_name(name: str) -> str:
    """`Hamburger_2` -> `hamburger`, `redRoundButton` -> `red round button`, `Baby-Tux (B and W)` -> `baby tux`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    spaced = re.sub(r"\([^)]*\)?|&\w+;|[^\w' ]|_", " ", spaced).lower()
    words = [word for word in spaced.split() if not re.fullmatch(r"0\d+|\d+[a-z]+\d\w*", word)] or [""]
    while len(words) > 1 and (re.fullmatch(r"v?\d+\w?", words[-1]) or words[-1] in ("bw", "aj", "alt", "md")):
        words.pop()
    while len(words) > 1 and re.fullmatch(r"\d{2,}", words[0]):
        words.pop(0)
    return re.sub(r"(?<=[a-z])\d+$", "", " ".join(words))


def split_squashed(name: str, knows: Callable[[str], bool]) -> str | None:
    """`doveofpeace` -> `dove of peace`: the fewest known words, long ones first; None when it is no row of words."""
    text = re.sub(r"\d+$", "", name)
    best: list[list[str] | None] = [[], *[None] * len(text)]
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - 18), end):
            head, word = best[start], text[start:end]
            if head is None or not (word in _SMALL or (len(word) > 2 and knows(word))):
                continue
            found, longer = best[end], [*head, word]
            if found is None or (len(longer), [-len(w) for w in longer]) < (len(found), [-len(w) for w in found]):
                best[end] = longer
    return " ".join(best[-1]) if best[-1] else None


_SMALL = frozenset(("of", "on", "in", "no", "up", "ok", "tv", "cd"))


def phrases_of(
    caption: str, further: Sequence[str], keywords: Sequence[str], gloss_of: Callable[[str], str | None]
) -> list[str]:
    """Five or more: the caption, other captions of the same picture, keywords, the caption's gloss, templates."""
    gloss = gloss_of(caption)
    short = [gloss] if gloss and len(gloss.split()) <= MAX_GLOSS_WORDS else []
    named = list(dict.fromkeys([caption, *further, *keywords[:MAX_KEYWORDS]]))
    templates = [template.format(caption) for template in TEMPLATES]
    return list(dict.fromkeys([*named, *short, *templates]))
