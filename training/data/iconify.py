"""Read drawings with captions from an @iconify-json package; the sets differ in how they name things.

Format: https://iconify.design/docs/types/iconify-json.html
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.data.drawings import Drawing, SourceContents
from training.data.emoji import Emojis, clean_code, has_skin_tone, is_private
from training.data.words import clean_name, split_squashed

_TONE = re.compile(r"-(medium-light|medium-dark|light|medium|dark)(-skin-tone.*)?$")
INTERFACE = frozenset(
    (
        "InterfaceEssential", "ProgramingAppsWebsites", "Programming", "ComputerCoding", "ArrowsDiagrams", "Content",
        "Logos", "Wayfinding", "FilesFolders", "ArtificialIntelligence", "SocialMediasRewardsRating", "MapsNavigation",
        "WindowProgramming", "InternetNetworksServers", "DatabaseNetwork", "MessagesChatSmileys", "EmailMessages",
        "Mail", "Emails", "MailChatSmiley", "ComputerDevicesProgramming",
    )
)  # fmt: skip
"""Categories of buttons, logos and arrows: their names say what a program does, not what is to be seen."""


def read_iconify(package: Path, emojis: Emojis, knows: Callable[[str], bool]) -> SourceContents:
    """Every visible icon without skin-tone variants; a set drawn in two styles counts once."""
    icons = _load(package, "icons.json")
    info = _load(package, "info.json")
    chars = {name: clean_code(code) for code, name in _load(package, "chars.json").items()}
    metadata = _load(package, "metadata.json")
    kinds = {name: kind for kind, names in metadata.get("categories", {}).items() for name in names}
    styles = [suffix for suffix in metadata.get("suffixes", {}) if suffix]
    prefix, bodies = icons["prefix"], icons["icons"]
    drawings, left_out = [], Counter[str]()
    for name, icon in sorted(bodies.items()):
        code = chars.get(name)
        if icon.get("hidden"):
            left_out["removed from its set"] += 1
        elif (code and has_skin_tone(code)) or _is_tone(name, bodies):
            left_out["skin-tone variant"] += 1
        elif any(name.endswith(f"-{style}") and name.removesuffix(f"-{style}") in bodies for style in styles):
            left_out["the same drawing in a second style"] += 1
        elif kinds.get(name) in INTERFACE:
            left_out["interface symbol"] += 1
        else:
            plain = next((name.removesuffix(f"-{s}") for s in styles if name.endswith(f"-{s}")), name)
            emoji = emojis.by_code.get(code) if code and not is_private(code) else None
            if emoji is None and prefix in EMOJI_SETS:
                emoji = next(filter(None, map(emojis.find, _forms(plain))), None)
            caption = emoji.name if emoji else clean_name(plain).replace("flag for ", "flag of ")
            if emoji is None and prefix == SQUASHED and not knows(caption):
                caption = split_squashed(plain, knows) or ""
            if not re.search(r"[a-z]{2}", caption):
                left_out["no words in its name"] += 1
                continue
            keywords = emoji.keywords if emoji else ()
            drawings.append(Drawing(prefix, name, caption, keywords, emoji.code if emoji else None, _svg(icon, icons)))
    licence, author = info["license"], info.get("author", {})
    credit = ", ".join(filter(None, (author.get("name"), author.get("url"))))
    return SourceContents(drawings, left_out, licence.get("spdx") or licence["title"], credit)


EMOJI_SETS = frozenset(
    ("noto", "twemoji", "openmoji", "fluent-emoji", "fluent-emoji-flat", "fxemoji", "emojione", "streamline-emojis")
)


SQUASHED = "fxemoji"
"""The set that writes names without hyphens."""


def _forms(name: str) -> tuple[str, ...]:
    """How emojibase may call it."""
    bare = re.sub(r"-\d+$", "", name)
    land = name.removeprefix("flag-for-")
    return name, bare, f"flag-{land}", land, f"{bare}-blood-type", bare.removeprefix("person-")


def _is_tone(name: str, bodies: dict[str, Any]) -> bool:
    if "skin-tone" in name:
        return True
    base = _TONE.sub("", name)
    return base != name and (base in bodies or (f"{base}-dark" in bodies and f"{base}-light" in bodies))


def _svg(icon: dict[str, Any], icons: dict[str, Any]) -> str:
    left, top = icon.get("left", icons.get("left", 0)), icon.get("top", icons.get("top", 0))
    width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#000" '
        f'width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
    )


def _load(package: Path, name: str) -> dict[str, Any]:
    path = package / name
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content
