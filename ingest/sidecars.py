"""Find the sidecars of one picture, and read XMP and Google Takeout's JSON into its facts.

They count as if they stood in the picture: docs/metadata.md has the order. Captions in text files and
metadata files are `ingest.captions`' business. Google documents neither the names nor the content of Takeout's JSON;
both follow what those who convert such exports have found.
"""

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PurePath
from typing import Any, TypeVar
from xml.parsers.expat import ExpatError

from pictures.dates import date_of_name, plausible, read_date
from pictures.describe import Description, Words, on_earth, xmp_position
from pictures.open import EXTENSIONS
from pictures.text import clean_caption, clean_tags, clean_title
from pictures.xmp import MAX_BYTES, Xmp, read_xmp
from schema.names import composed, escaped, folded, some_of

MAX_JSON_BYTES = 1024 * 1024
READ = (".txt", ".xmp", ".json")
UNREAD = (".aae", ".thm", ".pp3", ".dop", ".on1", ".cos", ".arp", ".nksc")
"""Sidecars of edits (Apple, RawTherapee, DxO, …) and small pictures: they say nothing that is searched for."""
_VIDEOS = (".mp4", ".mov", ".m4v", ".3gp", ".avi", ".mkv", ".webm", ".mts", ".wmv", ".mpg", ".mp")
_ZONES = timedelta(hours=14)
FAVORITE = "favorite"
"""The tag of a picture that was starred in Google Photos."""
_LONG = "supplemental-metadata"
_CUT = 46
"""Letters of a name before `.json`; what is longer is cut: first `supplemental-metadata`, then the picture's name."""
_COUNTER = re.compile(r"\((\d{1,5})\)$")
_EDITED = re.compile(
    "-(edited|effects|smile|mix|bearbeitet|modifié|modifiée|ha editado|editado|editada|editat|modificato|modificata"
    "|bewerkt|edytowane|redigerad|redigeret|redigert|muokattu|upraveno|изменено|编辑|已修改|編集済み)$",
    re.IGNORECASE,
)
"""What Google adds to the name of a picture that was edited; it shares the file of the original."""
_Facts = TypeVar("_Facts", bound=Description)


@dataclass(frozen=True)
class Takeout(Words):
    """Its tags are the people in it, and FAVORITE."""

    taken: datetime | None = None
    """In UTC; Google does not say what the clock showed."""
    position: tuple[float, float] | None = None
    """As shown in Google Photos, where a person may have set it."""
    camera_position: tuple[float, float] | None = None


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
        named = some_of(sorted(set(self._problems)))  # threads meet them in any order, and some twice
        return [f"Sidecars that could not be read: {named}. Correct or remove them and run again."]


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
    of_xmp = Words.of("sidecar", clean_caption(xmp.description), clean_tags(xmp.subjects))
    title = Words.of("sidecar", clean_title(xmp.title))
    words = of_xmp.before(Words.of("sidecar", takeout.caption)).before(facts).before(title)
    tags = clean_tags((*words.tags, *takeout.tags))  # people are named in addition
    return replace(facts, **vars(words.before(takeout)) | {"tags": tags})


def _names(picture: str, kind: str) -> tuple[str, str]:
    return f"{picture}{kind}", f"{os.path.splitext(picture)[0]}{kind}"  # noqa: PTH122


class TakeoutNames:
    """The JSON files of one folder; asked for a picture's name, it knows which of them is its own."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_picture: dict[tuple[str, str], str] = {}
        self._by_stem: dict[tuple[str, str], str] = {}
        for name in names:
            if name.lower().endswith(".json"):
                picture, counter = _picture_of(name)
                self._by_picture.setdefault((picture, counter), name)
                self._by_stem.setdefault((PurePath(picture).stem, counter), name)

    def of(self, picture: str) -> str | None:
        """`cat.jpg` -> `cat.jpg.json`, `cat.jpg.supplemental-metadata.json`, `cat.jpg.suppl.json`; `cat(1).jpg` ->
        `cat.jpg(1).json`; `cat-edited.jpg` -> that of `cat.jpg`, whatever that picture's format is."""
        if not self._by_picture:
            return None
        if found := self._own(picture):
            return found
        path = PurePath(composed(picture))
        stem, counter = _split(path.stem)
        if not (edited := _EDITED.search(stem)):
            return None
        original = stem[: edited.start()]
        numbered = f"{original}({counter})" if counter else original
        return self._own(numbered + path.suffix) or self._by_stem.get((original, counter))

    def _own(self, picture: str) -> str | None:
        picture = composed(picture)
        if found := self._by_picture.get((picture, "")):
            return found
        path = PurePath(picture)
        stem, counter = _split(path.stem)
        plain = stem + path.suffix
        if counter and (found := self._by_picture.get((plain, counter))):
            return found
        # Which unit Google counts a name's letters in is not known; a name that was cut is that long in bytes at least.
        cuts = (plain[:length] for length in range(len(plain) - 1, _CUT // 4, -1))
        keys = ((cut, counter) for cut in cuts if len(cut.encode()) >= _CUT - 1)
        return next((self._by_picture[key] for key in keys if key in self._by_picture), None)


def picture_named(name: str) -> str:
    """The name of the picture, or video, that a JSON file speaks of, without a counter; as far as it was not cut."""
    return _picture_of(name)[0]


def read_takeout(data: bytes) -> Takeout:
    """Raises ValueError for what is no JSON of Takeout's, also where it is nested too deep."""
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(found, dict) or not {"photoTakenTime", "geoData", "creationTime"} & found.keys():
        raise ValueError("it is JSON, and not of Google Takeout's shape: it has no photoTakenTime")
    people = found.get("people")
    tags = [person["name"] for person in people if _is_named(person)] if isinstance(people, list) else []
    if found.get("favorited") is True:
        tags.append(FAVORITE)
    description = found.get("description")
    return Takeout(
        taken=_moment(found.get("photoTakenTime")),
        position=_position(found.get("geoData")),
        camera_position=_position(found.get("geoDataExif")),
        **vars(Words.of("sidecar", clean_caption(description) if isinstance(description, str) else "", tuple(tags))),
    )


def _split(stem: str) -> tuple[str, str]:
    """`cat(1)` -> cat, 1"""
    found = _COUNTER.search(stem)
    return (stem[: found.start()], found[1]) if found else (stem, "")


def _picture_of(name: str) -> tuple[str, str]:
    base, counter = _split(composed(name)[: -len(".json")])
    head, dot, tail = base.rpartition(".")
    if dot and _LONG.startswith(tail.lower()) and "." in head:
        base = head
    return base, counter


def _is_named(person: Any) -> bool:
    return isinstance(person, dict) and isinstance(person.get("name"), str)


def _moment(value: Any) -> datetime | None:
    """Seconds since 1970, as text; 0 is what stands there when Google does not know."""
    seconds = str(value.get("timestamp", "")) if isinstance(value, Mapping) else ""
    if not re.fullmatch(r"-?\d{1,10}", seconds) or not int(seconds):
        return None
    return plausible(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds)))


def _position(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, Mapping):
        return None
    try:
        return on_earth(float(value["latitude"]), float(value["longitude"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
