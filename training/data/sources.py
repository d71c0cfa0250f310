"""The sources of drawings, by name: where each comes from and how it is read."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from training.data.drawings import Shelf, Source
from training.data.emoji import Emojis
from training.data.iconify import read_iconify
from training.data.openclipart import read_openclipart
from training.data.packages import debian, npm
from training.data.wordnet import WordNet

EXPECTED = {
    "noto": 1688, "twemoji": 1942, "openmoji": 2502, "fluent-emoji": 1589, "fluent-emoji-flat": 1593, "fxemoji": 917,
    "emojione": 1408, "streamline-emojis": 786, "flat-color-icons": 329, "streamline-color": 588,
    "streamline-ultimate-color": 549, "streamline-stickies-color": 87, "streamline-plump-color": 242,
    "streamline-kameleon-color": 167, "streamline-cyber-color": 288, "streamline-flex-color": 264,
    "streamline-sharp-color": 224, "streamline-freehand-color": 560, "openclipart": 4374,
}  # fmt: skip
"""Source -> drawings that it had when the recipe was measured, in the order in which duplicates are given away."""


class DictionaryAndEmojis:
    """The two packages of words that the sources are read with; raises SourceMissing when one is first asked for."""

    def __init__(self, cache_folder: Path) -> None:
        self._cache = cache_folder

    @property
    def wordnet(self) -> WordNet:
        """Which words are English, and what nouns mean."""
        return _wordnet(debian("wordnet-base", self._cache))

    @property
    def emojis(self) -> Emojis:
        """The names and keywords of emojis."""
        return _emojis(npm("emojibase-data", self._cache))


@cache
def _wordnet(package: Path) -> WordNet:
    return WordNet(package)


@cache
def _emojis(package: Path) -> Emojis:
    return Emojis(package)


def source(name: str, words: DictionaryAndEmojis) -> Source:
    """The source of that name; KeyError when there is none."""
    expected = EXPECTED[name]
    if name == "openclipart":
        return Source(
            name, "Debian openclipart-svg", expected,
            lambda cache_folder: debian("openclipart-svg", cache_folder),
            lambda package: read_openclipart(package, words.wordnet.knows),
        )  # fmt: skip
    return Source(
        name, f"npm @iconify-json/{name}", expected,
        lambda cache_folder: npm(f"@iconify-json/{name}", cache_folder),
        _iconify(words),
    )  # fmt: skip


def _iconify(words: DictionaryAndEmojis) -> Callable[[Path], Shelf]:
    return lambda package: read_iconify(package, words.emojis, words.wordnet.knows)
