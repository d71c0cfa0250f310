"""The sources of drawings and of words, by name: where each comes from, how it is read, and when it is damaged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from training.data.drawings import Source, SourceContents
from training.data.emoji import Emojis
from training.data.iconify import read_iconify
from training.data.openclipart import read_openclipart
from training.data.packages import SourceMissing, debian, npm
from training.data.wordnet import WordNet

T = TypeVar("T")
EXPECTED = {
    "noto": 1681, "twemoji": 1909, "openmoji": 2466, "fluent-emoji": 1589, "fluent-emoji-flat": 1590, "fxemoji": 905,
    "emojione": 1403, "streamline-emojis": 786, "flat-color-icons": 329, "streamline-color": 588,
    "streamline-ultimate-color": 549, "streamline-stickies-color": 87, "streamline-plump-color": 242,
    "streamline-kameleon-color": 167, "streamline-cyber-color": 288, "streamline-flex-color": 263,
    "streamline-sharp-color": 224, "streamline-freehand-color": 560, "openclipart": 2850,
}  # fmt: skip
"""Source -> pictures that it gave when the recipe was measured, in the order in which they claim a common picture."""
WORDS = {"wordnet-base": "Debian wordnet-base", "emojibase-data": "npm emojibase-data"}
DAMAGE = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError)
"""What reading a file raises that is not what its package once held."""


@contextmanager
def readable(name: str, package: Path) -> Iterator[None]:
    """Raises SourceMissing, with the folder to delete, where a package's files cannot be read inside."""
    try:
        yield
    except DAMAGE as error:
        raise SourceMissing(
            name, f"its files are damaged ({type(error).__name__}: {error}); delete {package} and try again"
        ) from error


class Words:
    """The packages of words that the drawings are read with. What cannot be had is in `missing`."""

    def __init__(self, cache: Path) -> None:
        self.packages: dict[str, Path] = {}
        self.missing: dict[str, SourceMissing] = {}
        self._wordnet = self._read("wordnet-base", debian, cache, lambda package: WordNet(package).read_all())
        self._emojis = self._read("emojibase-data", npm, cache, Emojis)

    def _read(
        self, name: str, obtain: Callable[[str, Path], Path], cache: Path, reader: Callable[[Path], T]
    ) -> T | None:
        try:
            package = obtain(name, cache)
            with readable(name, package):
                read = reader(package)
        except SourceMissing as missing:
            self.missing[name] = missing
            return None
        self.packages[name] = package
        return read

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
        read: Callable[[Path], SourceContents] = lambda folder: read_openclipart(folder, words.wordnet.knows)  # noqa: E731
    else:
        obtain, package = npm, f"@iconify-json/{name}"
        read = lambda folder: read_iconify(folder, words.emojis, words.knows)  # noqa: E731
    registry = "Debian" if obtain is debian else "npm"
    return Source(name, f"{registry} {package}", EXPECTED[name], partial(obtain, package), read)
