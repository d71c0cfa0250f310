"""Read drawings from Debian's openclipart-svg, with captions from titles, file names and subjects."""

import html
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from training.data.drawings import Drawing, SourceContents
from training.data.packages import licence_of
from training.data.svg import Unrenderable, local_name, parse
from training.data.words import clean_name

PLACE = Path("usr/share/openclipart/svg")
COLLECTIVE = 6
"""A title on more drawings than this names a collection; the file's name may say more."""
PER_CAPTION = 30
_COLLECTION = re.compile(
    r"part of the|clipart by|collection|theme|iconset|icons$|sibmission|various|gramastar|aiga|^bb |^gnome", re.I
)
_MAKER = re.compile(r"^(aiga|bb|gnome[-_](fs|dev)|gnome)[-_]")
_UNUSED = {
    "computer/icons/": "interface theme",
    "special/": "colour gradient or example",
    "recreation/games/cards/": "playing card",
}
"""Folders that are left out, and as what."""
_SUFFIX = re.compile(r"\s-\s?(rpg map elements|clothing|body part)$", re.I)
_NO_KEYWORDS = frozenset(
    ("", "hash", "unsorted", "icon", "icons", "signs and symbols", "miscellany", "clip art", "clipart")
)


def read_openclipart(package: Path, knows: Callable[[str], bool]) -> SourceContents:
    """Every drawing whose title or file name is English words; `knows` is the dictionary."""
    left_out, found = Counter[str](), []
    root = package / PLACE
    for path in sorted(root.rglob("*.svg")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            left_out["link to another drawing"] += 1
            continue
        if unused := next((what for place, what in _UNUSED.items() if name.startswith(place)), None):
            left_out[unused] += 1
            continue
        svg = path.read_text(encoding="utf-8", errors="replace")
        try:
            title, subjects = _described(parse(svg))
        except Unrenderable as reason:
            left_out[str(reason)] += 1
            continue
        found.append((name, title, subjects, svg))
    titles = Counter(title for _, title, _, _ in found)
    drawings, captions = [], Counter[str]()
    for name, title, subjects, svg in found:
        caption = _caption(title, Path(name).stem, titles[title], knows)
        caption = caption and _placed(caption, name)
        if caption is None:
            left_out["neither title nor file name is English words"] += 1
        elif captions[caption] >= PER_CAPTION:
            left_out[f"more than {PER_CAPTION} of one caption"] += 1
        else:
            captions[caption] += 1
            keywords = tuple(word for word in subjects if word not in _NO_KEYWORDS and _is_english(word, knows))
            drawings.append(Drawing("openclipart", name, caption, keywords, None, svg))
    return SourceContents(drawings, left_out, licence_of(package), "the contributors of the Open Clip Art Library")


def _described(root: ElementTree.Element) -> tuple[str, list[str]]:
    """Title and subjects of the drawing's own metadata (Dublin Core)."""
    title, subjects = "", []
    for work in root.iter():
        if local_name(work.tag) != "Work":
            continue
        for part in work:
            if local_name(part.tag) == "title" and not title:
                title = html.unescape(part.text or "").strip()
            if local_name(part.tag) == "subject":
                subjects += [clean_name(item.text or "") for item in part.iter() if local_name(item.tag) == "li"]
    return title, list(dict.fromkeys(subjects))


def _caption(title: str, stem: str, sharing: int, knows: Callable[[str], bool]) -> str | None:
    from_title, from_stem = clean_name(_SUFFIX.sub("", title)), clean_name(_MAKER.sub("", stem))
    collective = sharing > COLLECTIVE and not set(from_title.split()) & set(from_stem.split())
    choices = [from_stem] if collective or _COLLECTION.search(title) else [from_title, from_stem]
    return next((choice for choice in choices if _is_english(choice, knows)), None)


def _placed(caption: str, name: str) -> str:
    """A country's name beside its flag says "flag of"; beside its outline, "map of"."""
    for folder, thing in (("/flags/", "flag"), ("geography/", "map")):
        if folder in name and thing not in caption and "/semaphore/" not in name:
            return f"{thing} of {caption}"
    return caption


def _is_english(phrase: str, knows: Callable[[str], bool]) -> bool:
    words = [word for word in phrase.split() if not word.isdigit()]
    return (
        0 < len(words) <= 7
        and any(len(word) > 2 for word in words)
        and any(len(word) > 2 and word not in _SMALL and knows(word) for word in words)
        and sum(knows(word) or word in _SMALL for word in words) >= len(words) / 2
    )


_SMALL = frozenset("of the with and a an in on for to from at by without".split())
