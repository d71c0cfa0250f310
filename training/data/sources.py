"""The sources of drawings and of words, by name: where each comes from and how it is read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from training.data.drawings import Shelf, Source
from training.data.emoji import Emojis
from training.data.iconify import read_iconify
from training.data.openclipart import read_openclipart
from training.data.packages import SourceMissing, debian, npm
from training.data.wordnet import WordNet

EXPECTED = {
    "noto": 1681, "twemoji": 1909, "openmoji": 2466, "fluent-emoji": 1589, "fluent-emoji-flat": 1590, "fxemoji": 905,
    "emojione": 1403, "streamline-emojis": 786, "flat-color-icons": 329, "streamline-color": 588,
    "streamline-ultimate-color": 549, "streamline-stickies-color": 87, "streamline-plump-color": 242,
    "streamline-kameleon-color": 167, "streamline-cyber-color": 288, "streamline-flex-color": 263,
    "streamline-sharp-color": 224, "streamline-freehand-color": 560, "openclipart": 2850,
}  # fmt: skip
"""Source -> pictures that it gave when the recipe was measured, in the order in which they claim a common picture."""
WORDS = {"wordnet-base": "Debian wordnet-base", "emojibase-data": "npm emojibase-data"}


class Words:
    """The packages of words that the drawings are read with. What cannot be had is in `missing`."""

    def __init__(self, cache: Path) -> None:
        self.packages: dict[str, Path] = {}
        self.missing: dict[str, SourceMissing] = {}
        for name, obtain in (("wordnet-base", debian), ("emojibase-data", npm)):
            try:
                self.packages[name] = obtain(name, cache)
            except SourceMissing as missing:
                self.missing[name] = missing
        self._wordnet = WordNet(self.packages["wordnet-base"]) if "wordnet-base" in self.packages else None
        self._emojis = Emojis(self.packages["emojibase-data"]) if "emojibase-data" in self.packages else None

    @property
    def emojis(self) -> Emojis:
        """Names and keywords; raises SourceMissing."""
        if self._emojis is None:
            raise self.missing["emojibase-data"]
        return self._emojis

    @property
    def wordnet(self) -> WordNet:
        """Raises SourceMissing."""
        if self._wordnet is None:
            raise self.missing["wordnet-base"]
        return self._wordnet

    def knows(self, word: str) -> bool:
        """Whether it is English; no word is when there is no dictionary."""
        return self._wordnet is not None and self._wordnet.knows(word)

    def gloss_of(self, phrase: str) -> str | None:
        """What it means; None when it is no noun or there is no dictionary."""
        return self._wordnet.gloss_of(phrase) if self._wordnet else None


def find_source(name: str, words: Words) -> Source:
    """The source of that name; KeyError when there is none."""
    if name == "openclipart":
        obtain, package = debian, "openclipart-svg"
        read: Callable[[Path], Shelf] = lambda folder: read_openclipart(folder, words.wordnet.knows)  # noqa: E731
    else:
        obtain, package = npm, f"@iconify-json/{name}"
        read = lambda folder: read_iconify(folder, words.emojis, words.knows)  # noqa: E731
    registry = "Debian" if obtain is debian else "npm"
    return Source(name, f"{registry} {package}", EXPECTED[name], partial(obtain, package), read)
