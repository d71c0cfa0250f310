"""The sources of drawings and of words, by name: where each comes from, how it is read, and when it is damaged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from training.data.drawings import SourceContents
from training.data.emoji import Emojis
from training.data.iconify import read_iconify
from training.data.openclipart import read_openclipart
from training.data.packages import SourceMissing, debian, npm
from training.data.wordnet import WordNet

T = TypeVar("T")
ICONS = {
    "noto": ("1.2.9", 1681), "twemoji": ("1.2.5", 1909), "openmoji": ("1.2.29", 2466), "fluent-emoji": ("1.2.7", 1589),
    "fluent-emoji-flat": ("1.2.6", 1590), "fxemoji": ("1.2.2", 905), "emojione": ("1.2.3", 1403),
    "streamline-emojis": ("1.2.4", 786), "flat-color-icons": ("1.2.3", 329), "streamline-color": ("1.2.2", 588),
    "streamline-ultimate-color": ("1.2.2", 549), "streamline-stickies-color": ("1.2.2", 87),
    "streamline-plump-color": ("1.2.2", 242), "streamline-kameleon-color": ("1.2.2", 167),
    "streamline-cyber-color": ("1.2.2", 288), "streamline-flex-color": ("1.2.2", 263),
    "streamline-sharp-color": ("1.2.2", 224), "streamline-freehand-color": ("1.2.2", 560),
}  # fmt: skip
"""Icon set of npm's @iconify-json -> the version that the recipe was measured with, and its pictures then."""
EXPECTED = {name: pictures for name, (_, pictures) in ICONS.items()} | {"openclipart": 2850}
"""Source -> its pictures when the recipe was measured, the share that is named when it cannot be had; in the order in
which sources claim a common picture."""
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
        self._wordnet = self._read("wordnet-base", partial(debian, "wordnet-base", cache), WordNet.read)
        self._emojis = self._read("emojibase-data", partial(npm, "emojibase-data", cache, "17.0.0"), Emojis)

    def _read(self, name: str, obtain: Callable[[], Path], reader: Callable[[Path], T]) -> T | None:
        try:
            package = obtain()
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


def package_of(name: str) -> str:
    return f"npm @iconify-json/{name}" if name in ICONS else "Debian openclipart-svg"


def read_source(name: str, cache: Path, words: Words) -> tuple[Path, SourceContents]:
    """Obtain a source of EXPECTED and read it: its package's folder and what it has. Raises SourceMissing."""
    origin = package_of(name)
    if name in ICONS:
        package = npm(f"@iconify-json/{name}", cache, ICONS[name][0])
        with readable(origin, package):
            contents = read_iconify(package, words.emojis, words.knows)
    else:
        package = debian("openclipart-svg", cache)
        with readable(origin, package):
            contents = read_openclipart(package, words.wordnet.knows)
    if not contents.drawings:
        raise SourceMissing(origin, f"there is no drawing in {package}; delete it and try again")
    return package, contents
