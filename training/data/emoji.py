"""Read the name and the keywords of each emoji from npm's emojibase-data."""

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

SKIN_TONES = frozenset(("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"))


@dataclass(frozen=True)
class Emoji:
    code: str
    name: str
    keywords: tuple[str, ...]


class Emojis:
    """All emojis of Unicode, by code and by the names that icon sets give them."""

    def __init__(self, package: Path) -> None:
        entries = json.loads((package / "en" / "data.json").read_text(encoding="utf-8"))
        self.by_code: dict[str, Emoji] = {}
        for entry in entries:
            code = clean_code(entry["hexcode"])
            if not is_private(code) and "regional indicator" not in entry["label"]:
                tags = tuple(
                    tag.lower() for tag in entry.get("tags", ()) if re.fullmatch(r"[^\W\d_]{2}(?:[^\W\d_]|[' -])+", tag)
                )
                self.by_code[code] = Emoji(code, clean_label(entry["label"]), tags)
        self._by_name: dict[str, str] = {}
        for code, emoji in self.by_code.items():
            self.learn(emoji.name, code)
        for entry in entries:
            self.learn(entry["label"], clean_code(entry["hexcode"]))
        for shortcodes in sorted((package / "en" / "shortcodes").glob("*.json")):
            for code, names in json.loads(shortcodes.read_text(encoding="utf-8")).items():
                for name in [names] if isinstance(names, str) else names:
                    self.learn(name, clean_code(code))
        for code in self.by_code:
            if "-" not in code:
                self.learn(unicodedata.name(chr(int(code, 16)), ""), code)

    def learn(self, name: str, code: str) -> None:
        """A further name of an emoji; the first owner of a name keeps it."""
        if code in self.by_code and squashed(name):
            self._by_name.setdefault(squashed(name), code)

    def find(self, name: str) -> Emoji | None:
        """The emoji of that name, however it is written: `dove-of-peace`, `doveofpeace`."""
        code = self._by_name.get(squashed(name))
        return self.by_code[code] if code else None


def clean_code(code: str) -> str:
    """`1f636-200d-1f32b-fe0f` -> `1F636-200D-1F32B`."""
    return "-".join(part for part in code.upper().replace("_", "-").split("-") if part != "FE0F")


def has_skin_tone(code: str) -> bool:
    """Whether the sequence names a skin tone (a lone tone swatch does, too)."""
    return not SKIN_TONES.isdisjoint(code.split("-"))


def is_private(code: str) -> bool:
    """Code points that sets define for themselves: they mean nothing outside their set."""
    return any(0xE000 <= int(part, 16) <= 0xF8FF or int(part, 16) >= 0xF0000 for part in code.split("-"))


def clean_label(label: str) -> str:
    """`flag: Peru` -> `flag of peru`, `man: curly hair` -> `man with curly hair`, `keycap: 1` -> `keycap 1`."""
    head, colon, rest = label.lower().replace("’", "'").replace("“", "").replace("”", "").partition(": ")
    if not colon:
        return head
    joint = " of " if head == "flag" else " with " if re.search(r"hair|beard|bald", rest) else " "
    return f"{head}{joint}{rest}".replace(",", "")


def squashed(name: str) -> str:
    """Letters and digits only, in lower case, without accents and without "and"."""
    plain = re.sub(r"[-_ ]+", " ", unicodedata.normalize("NFKD", name.lower()))
    return re.sub(r"\band\b|[^a-z0-9#*+]", "", plain)
