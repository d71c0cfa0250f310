"""A folder of pictures with captions -> what can be judged by it. Reads files.

Captions are found as `python -m ingest` finds them: metadata file, sidecar, else what the picture says itself.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from errors import EvaluationError, PictureError
from host import streams
from ingest.captions import FolderWords, Words
from ingest.files import Census, PictureFile, Skipped, check_root, find_images
from ingest.sidecars import SidecarReader
from pictures.open import Limits, Opened, open_image
from schema.names import escaped

FEWEST = 3
_NEVER_OPENED = ("symlink", "special_file")
_SIDE = 32
"""Of the decode that only asks whether the picture can be read and what it says of itself."""
_WORKERS = 4
Item = TypeVar("Item")
Output = TypeVar("Output")


@dataclass(frozen=True)
class CaptionedPicture:
    """One picture, by its bytes, with every caption that it has in the folder."""

    path: Path
    sha256: str
    captions: tuple[str, ...]
    """At least one; several when its bytes lie in several places with different captions."""
    copies: tuple[Path, ...] = ()
    """Further places of the same bytes."""


@dataclass(frozen=True)
class Unread:
    """What could not be used, and why."""

    path: str
    message: str


@dataclass(frozen=True)
class CaptionedFolder:
    folder: Path
    pictures: tuple[CaptionedPicture, ...]
    uncaptioned: tuple[Path, ...]
    """Different pictures without a caption: not judged."""
    unread: tuple[Unread, ...]
    skipped: tuple[Unread, ...]
    """Links and special files, which are never followed or opened."""
    warnings: tuple[str, ...]
    """Sentences about metadata files and sidecars."""
    left_out: str
    """What else lies there, in one line; "" for nothing."""

    @property
    def captions(self) -> tuple[str, ...]:
        """Each distinct caption once, in the order of the pictures. Upper and lower case are one, as first written."""
        distinct: dict[str, str] = {}
        for picture in self.pictures:
            for caption in picture.captions:
                distinct.setdefault(caption.casefold(), caption)
        return tuple(distinct.values())

    @property
    def copies(self) -> int:
        return sum(len(picture.copies) for picture in self.pictures)


def read_captioned(
    folder: Path, limits: Limits, on_progress: Callable[[int], object] = lambda count: None
) -> CaptionedFolder:
    """Every picture below the folder that can be opened and has a caption. `on_progress` is told of each one.

    Raises RootError for what is no folder, EvaluationError for one that cannot be judged by: no pictures, no captions,
    fewer than three captioned pictures, one caption for all of them.
    """
    root = check_root(folder)
    census, words, sidecars = Census(), FolderWords(root), SidecarReader()
    unread: list[Unread] = []
    skipped: list[Unread] = []
    by_hash: dict[str, CaptionedPicture] = {}

    def found() -> Iterator[tuple[PictureFile, Words]]:
        for entry in find_images(root, census):
            if isinstance(entry, Skipped):
                (skipped if entry.reason in _NEVER_OPENED else unread).append(Unread(entry.path, entry.message))
            else:
                yield entry, words.of(entry)

    def opened(pair: tuple[PictureFile, Words]) -> tuple[Path, Words, Opened | PictureError]:
        try:
            picture = open_image(pair[0].path, limits, _SIDE)
        except PictureError as error:
            return pair[0].path, pair[1], error
        facts, _ = sidecars.facts(picture.facts, pair[0].path, pair[0].facts_from)
        return pair[0].path, pair[1], replace(picture, facts=facts)

    for path, told, picture in ahead(opened, found()):
        on_progress(1)
        if isinstance(picture, PictureError):
            unread.append(Unread(escaped(path), str(picture)))
        else:
            caption = told.caption or picture.facts.caption
            by_hash[picture.sha256] = _joined(by_hash.get(picture.sha256), path, picture.sha256, caption)
    read = CaptionedFolder(
        folder=root,
        pictures=tuple(picture for picture in by_hash.values() if picture.captions),
        uncaptioned=tuple(picture.path for picture in by_hash.values() if not picture.captions),
        unread=tuple(unread),
        skipped=tuple(skipped),
        warnings=(*words.unused(), *sidecars.warnings()),
        left_out=str(census),
    )
    _check(read)
    return read


def ahead(work: Callable[[Item], Output], items: Iterator[Item], workers: int = _WORKERS) -> Iterator[Output]:
    """`work` of each item in order, on threads that are a few items ahead and stop with the one who asks."""
    with ThreadPoolExecutor(workers) as pool:
        yield from streams.ahead(pool, work, items, 2 * workers)


def _joined(known: CaptionedPicture | None, path: Path, sha256: str, caption: str) -> CaptionedPicture:
    if known is None:
        return CaptionedPicture(path, sha256, (caption,) if caption else ())
    new = caption and caption.casefold() not in {text.casefold() for text in known.captions}
    captions = (*known.captions, caption) if new else known.captions
    return CaptionedPicture(known.path, sha256, captions, (*known.copies, path))


def _check(read: CaptionedFolder) -> None:
    shown, count = escaped(read.folder), len(read.pictures)
    why = (
        f" ({len(read.unread)} could not be read, first {read.unread[0].path}: {read.unread[0].message})"
        if read.unread
        else ""
    )
    if not count and not read.uncaptioned:
        raise EvaluationError(f"There is no picture to judge by in {shown}{why}. Give a folder of captioned pictures.")
    if not count:
        raise EvaluationError(
            f"None of the {len(read.uncaptioned)} pictures in {shown} has a caption{why}. Write them to a metadata.csv "
            "with the columns file_name and text, or to NAME.txt beside each picture."
        )
    if count < FEWEST:
        raise EvaluationError(
            f"Only {count} different pictures with captions are in {shown}{why}; at least {FEWEST} are needed, and "
            "a few hundred to tell encoders apart."
        )
    if len(read.captions) == 1:
        raise EvaluationError(
            f"All {count} pictures in {shown} have the same caption, {read.captions[0][:80]!r}, so nothing can be told "
            "apart by it. Give each picture words of its own."
        )
