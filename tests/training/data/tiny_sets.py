"""Packages of a few files, laid where the real ones would lie: nothing is downloaded."""

import json
from pathlib import Path

RED = '<rect width="16" height="16" fill="#e00"/>'
GREEN = '<circle cx="8" cy="8" r="7" fill="#0a0"/>'
BLUE = '<path fill="#00e" d="M0 0h16L8 16z"/>'
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{}" height="{}">{}</svg>'
)
NOUNS = {
    "dog": (5, "a domesticated animal"),
    "fox": (5, "a wild animal"),
    "apple": (13, "a red fruit"),
    "red apple": (13, 'an apple that is red; "she ate a red apple"'),
    "box": (6, "a container"),
    "city": (15, "a large town"),
}
"""Lemma -> number of its lexicographer file, gloss."""


def svg(body: str, width: str = "16", height: str = "16") -> str:
    return SVG.format(width, height, body)


def lay_iconify(folder: Path, prefix: str, icons: dict[str, dict[str, object]], **files: dict[str, object]) -> Path:
    """`files`: chars, metadata."""
    folder.mkdir(parents=True)
    info = {"prefix": prefix, "author": {"name": "A. Drawer"}, "license": {"title": "MIT licence", "spdx": "MIT"}}
    content = {"icons": {"prefix": prefix, "icons": icons, "width": 16, "height": 16}, "info": info, **files}
    for name, value in content.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def lay_emojibase(folder: Path) -> Path:
    """Dog face, red apple, waving hand (with a tone), the flag of Peru, and a lone letter."""
    entries = [
        {"label": "dog face", "hexcode": "1F436", "tags": ["dog", "pet", "g2g", "yo"]},
        {"label": "red apple", "hexcode": "1F34E", "tags": ["fruit"]},
        {"label": "waving hand", "hexcode": "1F44B", "tags": [], "skins": [{"hexcode": "1F44B-1F3FB"}]},
        {"label": "flag: Peru", "hexcode": "1F1F5-1F1EA", "tags": ["PE", "flag"]},
        {"label": "flag: Bosnia & Herzegovina", "hexcode": "1F1E7-1F1E6", "tags": []},
        {"label": "regional indicator A", "hexcode": "1F1E6"},
    ]
    (folder / "en" / "shortcodes").mkdir(parents=True)
    (folder / "en" / "data.json").write_text(json.dumps(entries))
    (folder / "en" / "shortcodes" / "cldr.json").write_text(json.dumps({"1F436": ["doggo", "dog_face"]}))
    (folder / "package.json").write_text(json.dumps({"name": "emojibase-data", "license": "MIT"}))
    return folder


def lay_wordnet(folder: Path) -> Path:
    place = folder / "usr" / "share" / "wordnet"
    place.mkdir(parents=True)
    licence = "  1 This software and database is being provided to you\n"
    data, index = licence, licence
    for number, (lemma, (file, gloss)) in enumerate(sorted(NOUNS.items())):
        offset, word = f"{1000 + number:08}", lemma.replace(" ", "_")
        data += f"{offset} {file:02} n 01 {word} 0 000 | {gloss}\n"
        index += f"{word} n 1 1 @ 1 0 {offset}\n"
    (place / "data.noun").write_text(data)
    (place / "index.noun").write_text(index)
    for kind in ("verb", "adj", "adv"):
        (place / f"index.{kind}").write_text(licence + {"adj": "big a 1 0 1 0 00001740\n"}.get(kind, ""))
    copyright_file = folder / "usr" / "share" / "doc" / "wordnet-base" / "copyright"
    copyright_file.parent.mkdir(parents=True)
    copyright_file.write_text("Format: x\n\nFiles: *\nLicense: WordNet3.0\n")
    return folder


def lay_openclipart(folder: Path, drawings: dict[str, tuple[str, str]]) -> Path:
    """`drawings`: path -> title, body."""
    root = folder / "usr" / "share" / "openclipart" / "svg"
    for name, (title, body) in drawings.items():
        described = (
            '<metadata><rdf:RDF xmlns:rdf="r" xmlns:cc="c" xmlns:dc="d"><cc:Work>'
            f"<dc:title>{title}</dc:title><dc:subject><rdf:Bag><rdf:li>dog</rdf:li><rdf:li>hash</rdf:li></rdf:Bag>"
            "</dc:subject><dc:creator><cc:Agent><dc:title>An Author</dc:title></cc:Agent></dc:creator>"
            "</cc:Work></rdf:RDF></metadata>"
        )
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(svg(described + body))
    copyright_file = folder / "usr" / "share" / "doc" / "openclipart-svg" / "copyright"
    copyright_file.parent.mkdir(parents=True)
    copyright_file.write_text("creative commons Public Domain Dedication\n")
    return folder


def lay_all(cache: Path, icons: int = 0) -> Path:
    """Two icon sets (one shares a picture with the other), openclipart and both packages of words; `icons` more."""
    npm, debian = cache / "training" / "packages" / "npm", cache / "training" / "packages" / "debian"
    lay_emojibase(npm / "emojibase-data@17.0.0")
    lay_wordnet(debian / "wordnet-base@1%3a3.0-37")
    more = {
        f"thing-{n}-of-many": {"body": f'<rect width="{1 + n % 16}" height="{1 + n // 16}"/>'} for n in range(icons)
    }
    noto = {"dog-face": {"body": RED}, "fox": {"body": BLUE}, "gone": {"body": RED, "hidden": True}, **more}
    lay_iconify(npm / "iconify-json+noto@1.2.9", "noto", noto, chars={"1f436": "dog-face"})
    flat = {"big-box": {"body": RED}, "white": {"body": '<rect width="16" height="16" fill="#fff"/>'}}
    lay_iconify(npm / "iconify-json+flat-color-icons@1.2.3", "flat-color-icons", flat)
    lay_openclipart(debian / "openclipart-svg@1", {"food/apple_01.svg": ("Red Apple", GREEN)})
    return cache


TINY_SOURCES = ("noto", "flat-color-icons", "openclipart")
