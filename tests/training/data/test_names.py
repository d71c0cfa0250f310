"""How names become captions, and captions phrases: emojis, icon sets, clip art, the dictionary."""

from collections import Counter
from pathlib import Path

import pytest

from tests.training.data.tiny_sets import (
    BLUE,
    GREEN,
    RED,
    lay_emojibase,
    lay_iconify,
    lay_openclipart,
    lay_wordnet,
    svg,
)
from training.data.drawings import SourceContents
from training.data.emoji import Emojis, clean_code, clean_label, has_skin_tone, is_private
from training.data.iconify import read_iconify
from training.data.openclipart import PER_CAPTION, read_openclipart
from training.data.wordnet import WordNet, singulars
from training.data.words import MAX_KEYWORDS, clean_name, phrases_of, split_squashed

ENGLISH = frozenset("dove of peace drag dragon side on onside red apple dog big box flag a peas up".split())


@pytest.fixture
def emojis(tmp_path: Path) -> Emojis:
    return Emojis(lay_emojibase(tmp_path / "emojibase"))


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("hamburger-2", "hamburger"),
        ("redRoundButton", "red round button"),
        ("Baby_Tux (B and W)", "baby tux"),
        ("star_75pt28step", "star"),
        ("dog_05_drawn_with_strai_01", "dog drawn with strai"),
        ("2 dead frogs", "2 dead frogs"),
        ("Rubik's Cube", "rubik's cube"),
        ("L&amp;eacute;zard", "l eacute zard"),
        ("clock12", "clock"),
        ("3", "3"),
        ("007", ""),
        ("", ""),
    ],
)
def test_a_name_becomes_a_caption(name: str, caption: str) -> None:
    assert clean_name(name) == caption


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("doveofpeace", "dove of peace"),
        ("dragonside", "dragon side"),
        ("redapple2", "red apple"),
        ("apple", "apple"),
        ("cjkunifiedideograph", None),
        ("appleq", None),
    ],
)
def test_squashed_words_come_apart_into_the_fewest_and_longest(name: str, words: str | None) -> None:
    assert split_squashed(name, ENGLISH.__contains__) == words


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("flag: Peru", "flag of peru"),
        ("man: curly hair", "man with curly hair"),
        ("keycap: 1", "keycap 1"),
        ("family: man, woman, boy", "family man woman boy"),
        ("woman’s boot", "woman's boot"),
    ],
)
def test_an_emojis_label_becomes_a_caption(label: str, name: str) -> None:
    assert clean_label(label) == name


def test_codes_are_compared_without_variation_selectors() -> None:
    assert clean_code("1f3f3-fe0f-200d-1f308") == clean_code("1F3F3_200D_1F308") == "1F3F3-200D-1F308"
    assert has_skin_tone("1F44B-1F3FB")
    assert not has_skin_tone("1F44B")
    assert is_private("E0C1")
    assert not is_private("1F44B-200D-2642")


def test_an_emoji_is_found_by_any_of_its_names(emojis: Emojis) -> None:
    for name in ("dog-face", "dogface", "Dog Face", "doggo"):
        found = emojis.find(name)
        assert found is not None and found.code == "1F436"
    assert emojis.find("flag-bosnia-and-herzegovina") == emojis.by_code["1F1E7-1F1E6"]
    assert emojis.find("cat") is None
    assert emojis.find("-") is None


def test_keywords_are_words(emojis: Emojis) -> None:
    """Chat abbreviations and two-letter codes are not."""
    assert emojis.by_code["1F436"].keywords == ("dog", "pet")
    assert "1F1E6" not in emojis.by_code


def read_noto(tmp_path: Path, emojis: Emojis, prefix: str = "noto", **files: dict[str, object]) -> SourceContents:
    icons: dict[str, dict[str, object]] = {
        "dog-face": {"body": RED},
        "hand": {"body": RED},
        "hand-light-skin-tone": {"body": GREEN},
        "hand-medium-dark": {"body": GREEN},
        "flag-for-peru": {"body": BLUE},
        "bigbox": {"body": BLUE, "left": -2, "width": 20},
        "old": {"body": RED, "hidden": True},
        "x": {"body": RED},
    }
    return read_iconify(lay_iconify(tmp_path / prefix, prefix, icons, **files), emojis, ENGLISH.__contains__)


def test_an_icon_set_gives_its_drawings_with_emoji_names(tmp_path: Path, emojis: Emojis) -> None:
    shelf = read_noto(tmp_path, emojis, chars={"1f44b": "hand"})
    named = {drawing.name: (drawing.caption, drawing.code, drawing.keywords) for drawing in shelf.drawings}
    assert named == {
        "dog-face": ("dog face", "1F436", ("dog", "pet")),
        "hand": ("waving hand", "1F44B", ()),
        "flag-for-peru": ("flag of peru", "1F1F5-1F1EA", ("flag",)),
        "bigbox": ("bigbox", None, ()),
    }
    assert shelf.left_out == {"skin-tone variant": 2, "removed from its set": 1, "no words in its name": 1}
    assert (shelf.licence, shelf.author) == ("MIT", "A. Drawer")


def test_the_set_without_hyphens_is_read_word_by_word(tmp_path: Path, emojis: Emojis) -> None:
    assert {d.caption for d in read_noto(tmp_path, emojis, "fxemoji").drawings if d.code is None} == {"big box"}


def test_an_icon_is_a_whole_svg_with_the_sizes_of_its_set_or_its_own(tmp_path: Path, emojis: Emojis) -> None:
    drawings = {drawing.name: drawing.svg for drawing in read_noto(tmp_path, emojis).drawings}
    assert 'width="16" height="16" viewBox="0 0 16 16">' + RED + "</svg>" in drawings["dog-face"]
    assert 'width="20" height="16" viewBox="-2 0 20 16">' in drawings["bigbox"]
    assert 'color="#000"' in drawings["dog-face"]


def test_a_second_style_and_interface_symbols_are_left_out(tmp_path: Path, emojis: Emojis) -> None:
    icons = {name: {"body": RED} for name in ("box", "box-flat", "city-flat", "arrow-up")}
    metadata = {"suffixes": {"": "Duo", "flat": "Flat"}, "categories": {"InterfaceEssential": ["arrow-up"]}}
    package = lay_iconify(tmp_path / "s", "streamline-color", icons, metadata=metadata)
    shelf = read_iconify(package, emojis, ENGLISH.__contains__)
    assert [(drawing.name, drawing.caption) for drawing in shelf.drawings] == [("box", "box"), ("city-flat", "city")]
    assert shelf.left_out == {"the same drawing in a second style": 1, "interface symbol": 1}


def read_clips(tmp_path: Path, drawings: dict[str, tuple[str, str]]) -> SourceContents:
    knows = WordNet(lay_wordnet(tmp_path / "wordnet")).knows
    return read_openclipart(lay_openclipart(tmp_path / "clips", drawings), knows)


def test_clip_art_is_named_by_its_title_else_by_its_file(tmp_path: Path) -> None:
    shelf = read_clips(
        tmp_path,
        {
            "animals/dog_01.svg": ("A Big Dog!", RED),
            "animals/fox_somebody_02.svg": ("Clipart by Somebody - cat", RED),
            "signs/flags/city.svg": ("city", RED),
            "geography/city-map.svg": ("", RED),
            "animals/volpe.svg": ("Volpe", RED),
        },
    )
    assert {drawing.name: drawing.caption for drawing in shelf.drawings} == {
        "animals/dog_01.svg": "a big dog",
        "animals/fox_somebody_02.svg": "fox somebody",
        "signs/flags/city.svg": "flag of city",
        "geography/city-map.svg": "city map",
    }
    assert shelf.drawings[0].keywords == ("dog",)
    assert shelf.left_out == {"neither title nor file name is English words": 1}
    assert shelf.licence == "public domain"


def test_a_title_shared_by_many_is_a_collections(tmp_path: Path) -> None:
    names = {f"a/{animal}_{n}.svg": ("Box", RED) for n in range(4) for animal in ("dog", "fox")}
    assert Counter(d.caption for d in read_clips(tmp_path, names).drawings) == {"dog": 4, "fox": 4}


def test_no_more_than_thirty_of_one_caption(tmp_path: Path) -> None:
    shelf = read_clips(tmp_path, {f"a/dog_{n:02}.svg": ("dog", RED) for n in range(PER_CAPTION + 3)})
    assert len(shelf.drawings) == PER_CAPTION
    assert shelf.left_out == {f"more than {PER_CAPTION} of one caption": 3}


def test_what_is_left_out_of_clip_art_is_counted(tmp_path: Path) -> None:
    drawings = {
        "computer/icons/dog.svg": ("dog", RED),
        "special/dog.svg": ("dog", RED),
        "recreation/games/cards/dog.svg": ("dog", RED),
        "a/dog.svg": ("dog", '<image href="dog.png"/>'),
        "b/dog.svg": ("dog", "<broken"),
    }
    package = lay_openclipart(tmp_path / "clips", drawings)
    root = package / "usr" / "share" / "openclipart" / "svg"
    (root / "c.svg").symlink_to("a/dog.svg")
    (root / "d.svg").write_bytes(svg("<desc>\xff</desc>").encode("latin-1") + b"\xff")
    shelf = read_openclipart(package, lambda word: word == "dog")
    assert shelf.drawings == []
    assert shelf.left_out == {
        "interface theme": 1,
        "colour gradient or example": 1,
        "playing card": 1,
        "holds <image>": 1,
        "is not well-formed XML": 2,
        "link to another drawing": 1,
    }


def test_the_dictionary_knows_nouns_their_plurals_and_their_meaning(tmp_path: Path) -> None:
    words = WordNet(lay_wordnet(tmp_path))
    assert [words.knows(word) for word in ("dogs", "Foxes", "cities", "big", "doggy")] == [
        True,
        True,
        True,
        True,
        False,
    ]
    assert words.gloss_of("Cities") == "a large town"
    assert words.gloss_of("red apple") == "an apple that is red"
    assert words.gloss_of("big") is None
    assert {noun.kind for noun in words.nouns.values()} == {"animal", "food", "artifact", "location"}
    assert singulars("gas") == ("gas",)


def test_five_phrases_or_more_and_the_caption_first() -> None:
    phrases = phrases_of("fox", [], [], {"fox": "a wild animal"}.get)
    assert phrases == [
        "fox", "a wild animal", "a drawing of fox", "an icon of fox", "a picture of fox", "fox illustration",
    ]  # fmt: skip
    assert len(phrases_of("what", [], [], {}.get)) == 5


def test_keywords_stay_phrases_of_their_own_each_once() -> None:
    phrases = phrases_of("fox", ["red fox", "fox"], ["animal", "red fox", *(f"word {n}" for n in range(99))], {}.get)
    assert phrases[:3] == ["fox", "red fox", "animal"]
    assert len(phrases) == len(set(phrases)) == 1 + MAX_KEYWORDS + 4


def test_a_gloss_that_is_no_short_phrase_is_left_out() -> None:
    assert len(phrases_of("fox", [], [], {"fox": "word " * 15}.get)) == 5
