"""Find and read the JSON files that Google Takeout lays beside pictures: when and where, what was written, who is seen.

Google documents neither their names nor their content; both follow what those who convert such exports have found.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

from pictures.dates import plausible
from pictures.describe import on_earth
from pictures.text import clean_caption
from schema.names import composed

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


@dataclass(frozen=True)
class Takeout:
    taken: datetime | None = None
    """In UTC; Google does not say what the clock showed."""
    position: tuple[float, float] | None = None
    """As shown in Google Photos, where a person may have set it."""
    camera_position: tuple[float, float] | None = None
    caption: str = ""
    tags: tuple[str, ...] = ()
    """The people in it, and FAVORITE."""


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
        caption=clean_caption(description) if isinstance(description, str) else "",
        tags=tuple(tags),
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
