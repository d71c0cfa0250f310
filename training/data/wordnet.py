"""Read nouns with their glosses and lexicographer classes from Debian's wordnet-base.

Format: wndb(5WN). https://wordnet.princeton.edu/documentation/wndb5wn
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PLACE = Path("usr/share/wordnet")
NOUN_CLASSES = (
    "Tops", "act", "animal", "artifact", "attribute", "body", "cognition", "communication", "event", "feeling", "food",
    "group", "location", "motive", "object", "person", "phenomenon", "plant", "possession", "process", "quantity",
    "relation", "shape", "state", "substance", "time",
)  # fmt: skip
"""The 26 lexicographer files of nouns, in the order of their numbers 3…28. lexnames(5WN)"""


@dataclass(frozen=True)
class Noun:
    offset: int
    lemmas: tuple[str, ...]
    """With spaces, as written: "Canis familiaris"."""
    gloss: str
    """The definition alone, without examples."""
    kind: str
    """One of NOUN_CLASSES."""


class WordNet:
    def __init__(self, package: Path) -> None:
        self._folder = package / PLACE

    @classmethod
    def read(cls, package: Path) -> "WordNet":
        """With every file read now instead of when it is asked for. Raises OSError, ValueError or IndexError where one
        is not what wndb(5WN) says, or two do not fit together."""
        read = cls(package)
        if not read.words or not read.nouns.keys() >= set(read.first_senses.values()):
            raise ValueError("index.noun names senses that data.noun does not have")
        return read

    @cached_property
    def nouns(self) -> dict[int, Noun]:
        """Offset -> synset, all 82,115."""
        return {noun.offset: noun for noun in self._read_nouns()}

    @cached_property
    def first_senses(self) -> dict[str, int]:
        """Lemma in lower case -> offset of its most frequent noun sense."""
        senses = {}
        for line in _lines(self._folder / "index.noun"):
            fields = line.split()
            pointers = int(fields[3])
            senses[fields[0].replace("_", " ")] = int(fields[6 + pointers])
        return senses

    @cached_property
    def words(self) -> frozenset[str]:
        """Every lemma of one word, in lower case."""
        names = ("index.noun", "index.verb", "index.adj", "index.adv")
        lemmas = (line.split(" ", 1)[0] for name in names for line in _lines(self._folder / name))
        return frozenset(lemma for lemma in lemmas if "_" not in lemma)

    def gloss_of(self, phrase: str) -> str | None:
        """The definition of the phrase's first noun sense, or of its singular's; None when it is no noun."""
        for form in singulars(phrase.lower()):
            if form in self.first_senses:
                return self.nouns[self.first_senses[form]].gloss
        return None

    def knows(self, word: str) -> bool:
        """Whether the word or its singular is in the dictionary."""
        return any(form in self.words for form in singulars(word.lower()))

    def _read_nouns(self) -> Iterator[Noun]:
        for line in _lines(self._folder / "data.noun"):
            data, _, text = line.partition(" | ")
            fields = data.split()
            count = int(fields[3], 16)
            lemmas = tuple(fields[4 + 2 * index].replace("_", " ") for index in range(count))
            definition = re.split(r'; "|: "', text, maxsplit=1)[0].strip(" ;:\n")
            yield Noun(int(fields[0]), lemmas, definition, NOUN_CLASSES[int(fields[1]) - 3])


def singulars(word: str) -> tuple[str, ...]:
    """The word and what it may be the plural of."""
    forms = [word]
    for ending, instead in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            forms.append(word[: -len(ending)] + instead)
    return tuple(forms)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if not line.startswith("  "))  # the licence stands on top
