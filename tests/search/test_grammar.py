"""The question as it is typed: what each line means, that it survives being shown, and what is refused, and where.
No database."""

import uuid

import pytest

from errors import QueryError
from search.filters import Condition
from search.grammar import GrammarError, parse
from search.query import Term

ITEM = uuid.UUID("5dd2ae12-02e2-514c-a4fe-306192e392d5")


def words(*terms: tuple[str, float]) -> tuple[Term, ...]:
    return tuple(Term(text=text, weight=weight) for text, weight in terms)


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("", ()),
        ("  \n\t ", ()),
        ("red bicycle", words(("red bicycle", 1))),
        ("  red   bicycle\nat night ", words(("red bicycle at night", 1))),
        ("beach + sunset", words(("beach", 1), ("sunset", 1))),
        ("+beach +sunset", words(("beach", 1), ("sunset", 1))),
        ("beach -people", words(("beach", 1), ("people", -1))),
        ("beach + sunset - old people", words(("beach", 1), ("sunset", 1), ("old people", -1))),
        ("beach \u2212 people", words(("beach", 1), ("people", -1))),
        ("–dog", words(("dog", -1))),
        ("cat −dog ‐fox —hen", words(("cat", 1), ("dog", -1), ("fox", -1), ("hen", -1))),
        ("beach ＋sunset －people", words(("beach", 1), ("sunset", 1), ("people", -1))),
        ("2：beach 0.5：sunset", words(("beach", 2), ("sunset", 0.5))),
        ("-people", words(("people", -1))),
        ("2:beach", words(("beach", 2))),
        ("2:red beach 0.5:sunset - 1.5:old people", words(("red beach", 2), ("sunset", 0.5), ("old people", -1.5))),
        (".5:a + 1e-2:b 3.:c", words(("a", 0.5), ("b", 0.01), ("c", 3))),
        ("1000:beach", words(("beach", 1000))),
        ("日没 -人", words(("日没", 1), ("人", -1))),
        ('text:"rock + roll" - text:"-x 2:y"', words(("rock + roll", 1), ("-x 2:y", -1))),
        ('text:"say ""cheese"""', words(('say "cheese"', 1))),
        ("2:3 cats", words(("2:3 cats", 1))),
        ('2:text:"3 cats"', words(("3 cats", 2))),
    ],
)
def test_terms_their_weights_and_their_signs(line: str, terms: tuple[Term, ...]) -> None:
    assert parse(line) == (terms, ())


@pytest.mark.parametrize(
    "line",
    [
        "t-shirt",
        "a black-and-white photo",
        "C++ and C#",
        "dogs -- and cats",
        "--- a b",
        "16:9 photo at 12:30, or 3:15pm",
        "star wars: a new hope",
        "a = b",
        'a 6" print',
        "rock 'n' roll",
        "what? why!",
        "::",
        ":-)",
        "ein rotes Fahrrad, daneben ein Hund",
        "the cat's e-mail @home #1 (50% off) & more; 1/2",
        "I <3 you",
        "Paris – la nuit",
        "cats — and dogs –– 1990–2000",
        "16：9 at 12：30",
        "題名：猫",
        "２：３",
        "5 ≥ 3, x≥y",
    ],
)
def test_a_plain_sentence_is_one_term_of_its_words(line: str) -> None:
    assert parse(line) == ((Term(text=line),), ())


def test_pictures_are_named_by_uuid_or_path() -> None:
    line = f'like:{ITEM} -like:a/cat.jpg 2:like:"C:\\my photos\\a b.jpg" -0.5:like:cat.jpg like:"cat"'
    assert parse(line)[0] == (
        Term(item=ITEM),
        Term(path="a/cat.jpg", weight=-1),
        Term(path="C:\\my photos\\a b.jpg", weight=2),
        Term(path="cat.jpg", weight=-0.5),
        Term(path="cat"),
    )


@pytest.mark.parametrize(
    ("line", "conditions"),
    [
        ("tag:cat", ["tags=cat"]),
        ("Tag:cat TAG=dog", ["tags=cat", "tags=dog"]),
        ("-tag:screenshot - tag:raw !tag:x", ["!tags=screenshot", "!tags=raw", "!tags=x"]),
        ("tag:cat,dog", ["tags=cat,dog"]),
        ('tag:"red bicycle"', ["tags=red bicycle"]),
        ('tag:"Paris, France"', ['tags="Paris, France"']),
        ('tags.all:"red bicycle",night', ["tags.all=red bicycle,night"]),
        ("tags.none=raw", ["tags.none=raw"]),
        ("folder:/x year:2024 taken>=2020", ["folder=/x", "year=2024", "taken>=2020"]),
        ("taken >= 2020 width > 5", ["taken>=2020", "width>5"]),
        ("width:>1000 -path:holiday", ["width>1000", "!path~holiday"]),
        ('camera:"Canon EOS 5D" !folder="/a b"', ["camera~Canon EOS 5D", "!folder=/a b"]),
        ("camera=X100 camera:iphone", ["camera=X100", "camera~iphone"]),
        ("year：2024", ["year=2024"]),
        ("ｙｅａｒ：２０２４\u3000taken≥2020‑05 ！tag：猫，犬", ["year=2024", "taken>=2020-05", "!tags=猫,犬"]),
        ("near:−33.8,151.2,5 width＞1000", ["near=-33.8,151.2,5", "width>1000"]),
        ('–tag:raw −tag:x —"red car"', ["!tags=raw", "!tags=x", "!words~red car"]),
        (
            "”red car” «blue car» »old car« 「赤い車」 ＂tin＂",
            [f"words~{w}" for w in ("red car", "blue car", "old car", "赤い車", "tin")],
        ),
        ("tag:«old car»,“new, car” orientation:Landscape", ['tags=old car,"new, car"', "orientation=landscape"]),
        ("folder://photos//2024/", ["folder=/photos/2024"]),
        ('"red car"', ["words~red car"]),
        ('-"red car" !"blue car"', ["!words~red car", "!words~blue car"]),
        ("“red car” tag:“old car”", ["words~red car", "tags=old car"]),
        ("color:red colour:blue,green", ["colour=red", "colour=blue,green"]),
        ("near:48.85,2.35,10 bytes>5MB", ["near=48.85,2.35,10", "bytes>5MB"]),
    ],
)
def test_filters_stand_in_the_line(line: str, conditions: list[str]) -> None:
    assert parse(line) == ((), tuple(map(Condition.parse, conditions)))


def test_pictures_and_filters_do_not_part_the_words() -> None:
    line = f'red -tag:cat bicycle like:{ITEM} at night "left"'
    assert parse(line) == (
        (Term(text="red bicycle at night"), Term(item=ITEM)),
        (Condition.parse("!tags=cat"), Condition.parse("words~left")),
    )


@pytest.mark.parametrize(
    ("line", "position", "sentence"),
    [
        ("beach x:sunset", 6, "'x' at character 7 is neither a weight nor a filter"),
        ("folders:/x", 0, "'folders' at character 1 is neither a weight nor a filter; filters are tag, folder,"),
        ("a colr=red", 2, "'colr' at character 3 is neither a weight nor a filter"),
        ("see http://x.org", 4, "'http' at character 5 is neither"),
        ("beach 2:", 6, "nothing follows the weight '2' at character 7; write for example 2:beach"),
        ("2: beach", 0, "nothing follows the weight '2' at character 1"),
        ("a 0:beach", 2, "the weight '0' at character 3 must be a number such as 2 or 0.5, above 0 and at most 1000"),
        ("NaN:beach", 0, "the weight 'NaN' at character 1 must be a number"),
        ("inf:beach", 0, "the weight 'inf' at character 1 must be a number"),
        ("1e9:beach", 0, "the weight '1e9' at character 1 must be a number such as 2 or 0.5, above 0 and at most 1000"),
        ("1000.5:beach", 0, "the weight '1000.5' at character 1"),
        ("1,5:beach", 0, "the weight '1,5' at character 1 must be a number such as 2 or 0.5"),
        ("1.2.3:beach", 0, "the weight '1.2.3' at character 1 must be"),
        ("2:3:beach", 0, "the weight '2' at character 1 is followed by another weight or sign"),
        ("2:-beach", 0, "the weight '2' at character 1 is followed by another weight or sign; write for example -2:"),
        ("2:tag:cat", 0, "the filter at character 3 has a weight"),
        ('2:"red car"', 0, "the filter at character 3 has a weight"),
        ("beach -", 6, "nothing follows the sign '-' at character 7"),
        ("+", 0, "nothing follows the sign '+' at character 1"),
        ("beach - - people", 6, "two signs in a row at character 7"),
        ("--people", 0, "two signs in a row at character 1"),
        ("a +-b", 2, "two signs in a row at character 3"),
        ("-!tag:cat", 0, "both - and ! turn the filter at character 2 round"),
        ("like:", 0, "nothing follows 'like:' at character 1; write it without a space, such as like:<uuid>"),
        ("a like: b", 2, "nothing follows 'like:' at character 3"),
        (
            "like:nonsense",
            0,
            "'nonsense' is not the uuid of a picture, nor a path; copy it from a hit (at character 1)",
        ),
        ("like=a.jpg", 0, "'like=' at character 1 must be like: or -like:"),
        ('like:"  "', 0, "are empty"),
        ("tag:", 0, "nothing follows 'tag:' at character 1; write it without a space, such as tag:cat"),
        ("tag: cat", 0, "nothing follows 'tag:' at character 1"),
        ("a tag:,", 2, "names no tag; write for example tags.any=cat,dog (at character 3)"),
        ("width >", 0, "nothing follows 'width >' at character 1"),
        ("text:", 0, "nothing follows 'text:' at character 1"),
        ('text:" "', 0, "are empty"),
        ("a year:soon", 2, "'year' is compared with a whole number, got 'soon' (at character 3)"),
        ("path=x", 0, "'path' takes ~, got '='"),
        ("colour:mauve", 0, "'mauve' is no colour"),
        ('a "open', 2, "the quotes at character 3 do not close; write another quote or none"),
        ('"', 0, "the quotes at character 1 do not close"),
        ('tag:"open', 4, "the quotes at character 5 do not close"),
        ("“open", 0, "the quotes at character 1 do not close"),
        ('camera:Can"on"', 10, "the quotes at character 11 begin inside a value"),
        ('"red"car', 5, "the quotes end before character 6 and something follows; write a space there"),
        ('"?!"', 0, "holds no word"),
        ('""', 0, "has no value"),
        ("a\x00b", 1, "character 2 of the question is a control character, U+0000; take it away"),
        ("a\x1b[2J", 1, "character 2 of the question is a control character, U+001B"),
        ("ab\ud800", 2, "character 3 of the question is half a character (a lone surrogate), U+D800; take it away"),
        ("a - " + "x" * 10_000, 2, "10000 characters; at most 2000 are allowed (at character 3)"),
        ("two words " * 1000, 0, "9999 characters; at most 2000 are allowed (at character 1)"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_that_points_at_the_character(
    line: str, position: int, sentence: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(line)
    assert sentence in str(caught.value)
    assert caught.value.position == position
    assert isinstance(caught.value, QueryError)
    str(caught.value).encode()
    assert "\n" not in str(caught.value)


def pointer(line: str) -> str:
    with pytest.raises(GrammarError) as caught:
        parse(line)
    return caught.value.pointer


def test_the_caret_stands_below_the_character() -> None:
    assert pointer("beach x:sunset") == "beach x:sunset\n      ^"
    assert pointer("日本 x:y") == "日本 x:y\n     ^"  # a wide character takes two columns
    assert pointer("e\u0301 x:y") == "e\u0301 x:y\n  ^"  # a combining one none
    assert pointer("a\x1b[2J") == "a?[2J\n ^"


def test_of_a_long_question_only_the_place_is_shown() -> None:
    line, caret = pointer("word " * 50 + "x:sunset" + " word" * 50).splitlines()
    assert line.startswith("…") and line.endswith("…")
    assert len(line) == 62
    assert line[caret.index("^") :].startswith("x:sunset word")
