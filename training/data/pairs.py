"""Read and write the pairs, pictures/<ab>/<sha256>.png and a line of pairs.jsonl each, and the manifest of their
sources."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from errors import TrainingError
from training.atomic import write_text

PAIRS, MANIFEST = "pairs.jsonl", "manifest.json"
Split = Literal["train", "dev", "test"]


class NoPairs(TrainingError):
    """The folder holds no pairs, or not these."""


@dataclass(frozen=True)
class PicturePair:
    sha256: str
    """Of the PNG's bytes."""
    source: str
    name: str
    """In its source."""
    concept: int
    """Pictures of one number show the same thing, by different artists too."""
    code: str | None
    """The emoji, as "1F469-200D-1F33E"."""
    split: Split
    phrases: tuple[str, ...]
    """Five or more; the first is the caption."""
    licence: str
    path: Path

    @property
    def caption(self) -> str:
        return self.phrases[0]


def picture_path(folder: Path, sha256: str) -> Path:
    return folder / "pictures" / sha256[:2] / f"{sha256}.png"


def load_pairs(folder: Path) -> list[PicturePair]:
    """The pairs of a folder made by `python -m training data`, in their order; raises NoPairs."""
    path = folder / PAIRS
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # splitlines would cut phrases, too
    except (OSError, UnicodeDecodeError):
        raise NoPairs(f"There are no pairs at {path}. Make them with: python -m training data") from None
    pairs = []
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            fields["phrases"] = tuple(fields["phrases"])
            pairs.append(PicturePair(**fields, path=picture_path(folder, fields["sha256"])))
        except (ValueError, TypeError, KeyError):
            raise NoPairs(
                f"Line {number} of {path} is no pair. Delete the file and make it again: python -m training data"
            ) from None
    return pairs


def pair_lines(pairs: Iterable[PicturePair]) -> str:
    return "".join(
        json.dumps({key: value for key, value in asdict(pair).items() if key != "path"}, ensure_ascii=False) + "\n"
        for pair in pairs
    )


@dataclass
class SourceReport:
    """What one source gave: `drawings` = `pictures` + those left out after reading."""

    package: str
    version: str = ""
    licence: str = ""
    """As the package itself says."""
    author: str = ""
    found: int = 0
    """Drawings in the package; `found` = `pictures` + the sum of `left_out`."""
    pictures: int = 0
    share: float = 0.0
    """Of all pictures; of those expected when the source is missing."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason -> drawings."""
    missing: str = ""
    """Why it could not be had."""


@dataclass
class Manifest:
    """What lies in the folder, where it comes from and what was left out."""

    side: int
    seed: int
    same_concept: float
    """Captions of a higher cosine are on the same side of the split."""
    pictures: int
    captions: int
    concepts: int
    """Groups of captions that the split keeps whole."""
    largest_concepts: list[int]
    """Captions in the largest of them; those beyond 1 % of all captions are training data."""
    split_pictures: dict[str, int]
    split_captions: dict[str, int]
    phrases_per_picture: float
    duplicates: int
    """Drawings whose picture, pixel for pixel, another drawing had given already."""
    duplicates_joining_captions: int
    """Pictures with more than one caption for that reason: their concepts are one."""
    sources: dict[str, SourceReport]
    words: dict[str, SourceReport]
    """The packages of words; their `pictures` are those they gave a phrase to."""

    def __str__(self) -> str:
        """A line a source: its pictures and their share, or why it is missing."""
        lines = [
            f"{name:<28} missing ({source.share:.1%} of the pictures expected): {source.missing}"
            if source.missing
            else f"{name:<28} {source.pictures:6,} pictures  {source.share:6.1%}  {source.licence}"
            for name, source in self.sources.items()
        ]
        lines += [f"{name:<28} missing: {words.missing}" for name, words in self.words.items() if words.missing]
        split = ", ".join(f"{count:,} {name}" for name, count in sorted(self.split_pictures.items()))
        total = f"{self.pictures:,} pictures, {self.captions:,} captions, {self.concepts:,} concepts ({split})"
        return "\n".join([*lines, total])


def write_manifest(folder: Path, manifest: Manifest) -> None:
    write_text(folder / MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; raises TrainingError."""
    path = folder / MANIFEST
    try:
        return TypeAdapter(Manifest).validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise TrainingError(f"There is no manifest at {path}. Make it with: python -m training data") from None
