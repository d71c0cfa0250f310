"""Find the pictures that a space is judged on and never trained on, with their captions and halves.

Photographs of Debian's desktop packages and of `samples/`, captioned by hand in `photographs.tsv`; drawings of Debian's
`pysiogame`, named by their word.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter
from tqdm import tqdm

from errors import TrainingError
from ingest.captions import FolderWords
from ingest.files import PictureFile, find_images
from training.data.packages import SourceMissing, debian, version_of
from training.features import content_hash

PHOTOGRAPHS = Path(__file__).with_name("photographs.tsv")
DRAWINGS = "usr/share/games/pysiogame/res/images/art4apps"
DRAWINGS_PACKAGE = "pysiogame"

Half = Literal["dev", "final"]


@dataclass(frozen=True)
class Photograph:
    """One row of `photographs.tsv`: a file of a Debian package that was looked at and described."""

    package: str
    path: str
    sha256: str
    captions: tuple[str, ...]
    licence: str
    author: str


@dataclass(frozen=True)
class JudgedPicture:
    """One picture with the captions it must be found by.

    Choices (a mixing weight, an epoch) may look at half "dev"; half "final" is read once, when all are made.
    """

    path: Path
    captions: tuple[str, ...]
    half: Half
    source: str
    """The Debian package, or "samples"."""


def half_of(sha256: str) -> Half:
    """An even first hexadecimal digit is "dev": no person decides, and a new picture moves no other one.

    >>> half_of("4f"), half_of("5f")
    ('dev', 'final')
    """
    return "final" if int(sha256[0], 16) % 2 else "dev"


def described(table: Path = PHOTOGRAPHS) -> list[Photograph]:
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        read = [{**row, "captions": row["captions"].split(" | ")} for row in rows]
    return TypeAdapter(list[Photograph]).validate_python(read)


def photographs(
    cache: Path, samples: Path, on_missing: Callable[[str], object], table: Path = PHOTOGRAPHS
) -> list[JudgedPicture]:
    """The photographs of `table` and of the folder `samples`, each in its half.

    A package that cannot be had is left out with its share, a file of another hash with both hashes: one sentence each
    to `on_missing`.
    """
    rows = described(table)
    found: list[JudgedPicture] = []
    shares = {package: [row for row in rows if row.package == package] for package in sorted({r.package for r in rows})}
    for package, share in tqdm(shares.items(), "packages of photographs", unit="", leave=False, disable=None):
        try:
            folder = debian(package, cache)
        except SourceMissing as missing:
            on_missing(f"{missing} Left out: {len(share)} of the {len(rows)} photographs described.")
            continue
        found += _unchanged(share, folder, on_missing)
    return [*found, *_of_samples(samples)]


def drawings(cache: Path) -> list[JudgedPicture]:
    """Art4Apps' drawings, one word each ("guinea pig"), all of them in half "final"; raises SourceMissing."""
    package = debian(DRAWINGS_PACKAGE, cache)
    folder = package / DRAWINGS
    pictures = [file.path for file in _images(folder)] if folder.is_dir() else []
    if not pictures:
        raise SourceMissing(DRAWINGS_PACKAGE, f"its version {version_of(package)} has no {DRAWINGS}")
    return [JudgedPicture(path, (path.stem.replace("_", " "),), "final", DRAWINGS_PACKAGE) for path in pictures]


def _unchanged(
    rows: Iterable[Photograph], folder: Path, on_missing: Callable[[str], object]
) -> Iterator[JudgedPicture]:
    for row in rows:
        path = folder / row.path
        here = content_hash(path) if path.is_file() else "no such file"
        if here == row.sha256:
            yield JudgedPicture(path, row.captions, half_of(row.sha256), row.package)
            continue
        on_missing(
            f"{row.path} of {row.package} {version_of(folder)} is not the picture that was described: expected sha256 "
            f"{row.sha256}, got {here}. Use the package of Debian 12, or describe the new one in {PHOTOGRAPHS.name}. "
            "It is left out."
        )


def _of_samples(samples: Path) -> Iterator[JudgedPicture]:
    words = FolderWords(samples)
    for file in _images(samples):
        own = words.of(file)
        if "photo" not in own.tags:
            continue
        if not own.caption:
            raise TrainingError(f"{file.path} has no caption. Write one into {samples / 'metadata.csv'}.")
        yield JudgedPicture(file.path, (own.caption,), half_of(content_hash(file.path)), "samples")


def _images(folder: Path) -> Iterator[PictureFile]:
    for file in find_images(folder):
        if not isinstance(file, PictureFile):
            raise TrainingError(f"{file.path} cannot be judged on: {file.message}")
        yield file
