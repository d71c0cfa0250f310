"""Find the files that speak of one picture, and read XMP and Google Takeout's JSON into what it says of itself.

What they say counts as if it stood in the picture: docs/metadata.md has the order. Captions in text files and
metadata files are `ingest.captions`' business.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar
from xml.parsers.expat import ExpatError

from ingest.takeout import Takeout, TakeoutNames, picture_named, read_takeout
from pictures.dates import date_of_name, read_date
from pictures.describe import Description, xmp_position
from pictures.open import EXTENSIONS
from pictures.text import clean_caption, clean_tags, clean_title
from pictures.xmp import MAX_BYTES, Xmp, read_xmp
from schema.names import escaped, folded

MAX_JSON_BYTES = 1024 * 1024
MAX_NAMED = 20
"""Sidecars that a warning names one by one; the rest is counted."""
READ = (".txt", ".xmp", ".json")
UNREAD = (".aae", ".thm", ".pp3", ".dop", ".on1", ".cos", ".arp", ".nksc")
"""Sidecars of edits (Apple, RawTherapee, DxO, …) and small pictures: they say nothing that is searched for."""
_VIDEOS = (".mp4", ".mov", ".m4v", ".3gp", ".avi", ".mkv", ".webm", ".mts", ".wmv", ".mpg", ".mp")
_ZONES = timedelta(hours=14)
_Facts = TypeVar("_Facts", bound=Description)


class FolderSidecars:
    """The sidecars among the files of one folder."""

    def __init__(self, names: Iterable[str], left_out: Callable[[str], bool] = lambda name: False) -> None:
        """`names`: of regular files; `left_out`: whether a rule says that it is not to be read."""
        names = list(names)
        self.names = frozenset(n for n in names if n.lower().endswith((*READ, *UNREAD)) and not left_out(n))
        self._unused = set(self.names)
        self._exact = {name for name in self.names if name.lower().endswith((".txt", ".xmp"))}
        self._takeout = TakeoutNames(self.names)
        self._folded: dict[str, list[str]] = {}
        if self._exact:
            pictures = [name for name in names if os.path.splitext(name)[1].lower() in EXTENSIONS]  # noqa: PTH122
            owned = {own for name in pictures for kind in (".txt", ".xmp") for own in _names(name, kind)}
            for name in sorted(self._exact - owned):
                self._folded.setdefault(folded(name), []).append(name)

    def of(self, picture: str) -> tuple[str | None, tuple[str, ...]]:
        """Its text file (`cat.jpg.txt`, else `cat.txt`), and its XMP file and Takeout JSON.

        The very name comes before one in other case, which counts only where it is no other picture's very name.
        """
        if not self.names:
            return None, ()
        text, xmp, takeout = self._named(picture, ".txt"), self._named(picture, ".xmp"), self._takeout.of(picture)
        self._unused -= {text, xmp, takeout}
        return text, tuple(name for name in (xmp, takeout) if name is not None)

    def left(self) -> tuple[Counter[str], Counter[str]]:
        """Extension, in lower case -> how many files are nobody's: sidecars that are not read or whose picture is not
        here, and text files and JSON that speak of no picture."""
        sidecars, others = Counter[str](), Counter[str]()
        for name in self._unused:
            kind = os.path.splitext(name)[1].lower()  # noqa: PTH122  a Path for each file is six times as slow
            about = os.path.splitext(picture_named(name))[1].lower() if kind == ".json" else ""  # noqa: PTH122
            speaks = kind in (".xmp", *UNREAD) or about in EXTENSIONS or about in _VIDEOS
            (sidecars if speaks else others)[kind] += 1
        return sidecars, others

    def _named(self, picture: str, kind: str) -> str | None:
        if found := next((name for name in _names(picture, kind) if name in self._exact), None):
            return found
        return next((name for own in _names(picture, kind) for name in self._folded.get(folded(own), ())), None)


class SidecarReader:
    """Reads sidecars and remembers which could not be read. Safe in threads."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def facts(self, facts: _Facts, path: Path, sidecars: Iterable[Path]) -> tuple[_Facts, bool]:
        """The facts with what the sidecars and the name of the file add, and whether the disk let all of them be read;
        if not, another run may. One whose content makes no sense is as good as read. Never raises."""
        xmp, takeout, readable = Xmp(), Takeout(), True
        for sidecar in sidecars:
            try:
                if sidecar.suffix.lower() == ".xmp":
                    xmp = read_xmp(read_small(sidecar, MAX_BYTES))
                else:
                    takeout = read_takeout(read_small(sidecar, MAX_JSON_BYTES))
            except (OSError, ValueError, ExpatError) as error:
                readable = readable and not isinstance(error, OSError)
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                self._problems.append(f"{escaped(sidecar)} ({reason})")
        return _placed(_worded(_dated(facts, xmp, takeout, path.stem), xmp, takeout), xmp, takeout), readable

    def warnings(self) -> list[str]:
        if not self._problems:
            return []
        named = "; ".join(self._problems[:MAX_NAMED])
        more = f"; and {len(self._problems) - MAX_NAMED} more" if len(self._problems) > MAX_NAMED else ""
        return [f"Sidecars that could not be read: {named}{more}. Correct or remove them and run again."]


def read_small(path: Path, limit: int) -> bytes:
    """The bytes of a regular file. Raises ValueError for one of more than `limit` bytes, OSError for a link."""
    # As in pictures.open: what is a pipe by now must not be waited for, and a link not be followed.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it has more than {limit // 1024} kB")
    return data


def _dated(facts: _Facts, xmp: Xmp, takeout: Takeout, stem: str) -> _Facts:
    if original := read_date(xmp.original):
        return facts.at(original, "sidecar")
    if facts.taken_source not in ("", "edited"):
        return _with_moment(facts, takeout.taken)
    for date, source in (
        (read_date(xmp.created), "sidecar"),
        (takeout.taken, "sidecar"),
        (date_of_name(stem), "file_name"),
    ):
        if date is not None:
            return facts.at(date, source)
    return facts


def _with_moment(facts: _Facts, taken: datetime | None) -> _Facts:
    """Google knows the moment, the camera what the clock showed. Apart by more than any zone, a person has corrected
    the date in Google Photos."""
    if taken is None or facts.taken_local is None or facts.taken_at is None:
        return facts
    ahead = facts.taken_local - taken.replace(tzinfo=None)
    if abs(ahead) > _ZONES:
        return facts.at(taken, "sidecar") if facts.taken_source == "exif" else facts
    quarters = round(ahead / timedelta(minutes=15))
    offset = timedelta(minutes=15 * quarters)
    unknown = facts.taken_at.replace(tzinfo=None) == facts.taken_local
    if unknown and quarters and abs(ahead - offset) <= timedelta(seconds=2):
        return facts.at(facts.taken_local.replace(tzinfo=timezone(offset)), facts.taken_source)
    return facts


def _placed(facts: _Facts, xmp: Xmp, takeout: Takeout) -> _Facts:
    own = None if facts.latitude is None or facts.longitude is None else (facts.latitude, facts.longitude)
    position = xmp_position(xmp) or takeout.position or own or takeout.camera_position
    return facts if position is None else replace(facts, latitude=position[0], longitude=position[1])


def _worded(facts: _Facts, xmp: Xmp, takeout: Takeout) -> _Facts:
    caption = clean_caption(xmp.description) or takeout.caption or (not facts.caption and clean_title(xmp.title))
    if caption:
        facts = replace(facts, caption=caption, caption_source="sidecar")
    tags = clean_tags(xmp.subjects)
    if tags:
        facts = replace(facts, tags=tags, tags_source="sidecar")
    if takeout.tags:
        tags = clean_tags((*facts.tags, *takeout.tags))
        facts = replace(facts, tags=tags, tags_source=facts.tags_source or "sidecar")
    return facts


def _names(picture: str, kind: str) -> tuple[str, str]:
    return f"{picture}{kind}", f"{os.path.splitext(picture)[0]}{kind}"  # noqa: PTH122
