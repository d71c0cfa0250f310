"""Read and write the pairs: pictures/<ab>/<sha256>.png and a line of pairs.jsonl each."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from errors import TrainingError

PAIRS = "pairs.jsonl"
Split = Literal["train", "dev", "test"]


class NoPairs(TrainingError):
    """The folder holds no pairs, or not these."""


@dataclass(frozen=True)
class PicturePair:
    """One picture and the words that fit it."""

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
        """The first phrase."""
        return self.phrases[0]


def picture_path(folder: Path, sha256: str) -> Path:
    """Where the picture of these bytes lies."""
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
    """The content of pairs.jsonl."""
    return "".join(
        json.dumps({key: value for key, value in asdict(pair).items() if key != "path"}, ensure_ascii=False) + "\n"
        for pair in pairs
    )
