"""Count what was made of which source."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from errors import TrainingError
from training.atomic import write_text

MANIFEST = "manifest.json"


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


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Into `folder`, whole or not at all."""
    write_text(folder / MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; raises TrainingError."""
    path = folder / MANIFEST
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        sources, words = (
            {name: SourceReport(**report) for name, report in fields.pop(key).items()} for key in ("sources", "words")
        )
        return Manifest(**fields, sources=sources, words=words)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise TrainingError(f"There is no manifest at {path}. Make it with: python -m training data") from None
