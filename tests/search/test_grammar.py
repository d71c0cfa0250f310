"""The question as it is typed: what each line means, that it survives being shown, and what is refused, and where.
No database."""

import random
import time
import uuid
from dataclasses import replace

import pytest
from PIL import Image

from errors import QueryError
from search.filters import FIELDS, LISTS, Condition
from search.grammar import GrammarError, example, parse, show, show_example
from search.query import Query, Term

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


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        ((), ""),
        (words(("red bicycle", 1)), "red bicycle"),
        (words(("beach", 1), ("sunset", 0.5), ("people", -2)), "beach + 0.5:sunset - 2:people"),
        (words(("people", -1)), "-people"),
        (words(("rock + roll", 1)), 'text:"rock + roll"'),
        (words(("16:9", 1), ("cats", 2)), "16:9 + 2:cats"),
        (words(("3 cats", 2)), '2:text:"3 cats"'),
        (words(("-- a", 1), ("-- b", 1)), '-- a + text:"-- b"'),
        (words(("9:16", 2)), '2:text:"9:16"'),
        (words(("two  blanks", 1), (" edge", 1)), 'text:"two  blanks" + text:" edge"'),
        (words(('say "cheese"', 1)), 'text:"say ""cheese"""'),
        ((Term(item=ITEM, weight=-0.25), Term(text="cat")), f"-0.25:like:{ITEM} cat"),
        ((Term(path="a b.jpg"), Term(path="a.jpg"), Term(path="cat")), 'like:"a b.jpg" like:a.jpg like:"cat"'),
        ((Term(path=str(ITEM)),), f'like:"{ITEM}"'),
        ((Term(image=Image.new("RGB", (1, 1))), Term(text="red")), "red"),
        (words(("a", 1 / 3), ("b", 1e-7), ("c", 123.456)), "0.3333333333333333:a + 1e-07:b + 123.456:c"),
    ],
)
def test_what_is_shown_is_read_as_it_was(terms: tuple[Term, ...], line: str) -> None:
    assert show(terms) == line
    assert parse(line) == (tuple(term for term in terms if term.image is None), ())


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ("tags=cat", "tag:cat"),
        ("!tags.any=red bicycle,night", '-tags.any:"red bicycle",night'),
        ('tags="Paris, France"', 'tag:"Paris, France"'),
        ("words~red car", '"red car"'),
        ('!words~6" print', '-"6"" print"'),
        ("folder=/photos/a b", 'folder:"/photos/a b"'),
        ("folder=>x", 'folder:">x"'),
        ("path~~/=>?*", 'path~"~/=>?*"'),
        ("path~two\nlines", 'path~"two\nlines"'),
        ("camera=“X”", 'camera="“X”"'),
        ("camera~iphone", "camera~iphone"),
        ("folder=/a/「b」", 'folder:"/a/「b」"'),
        ("tags=a，b", 'tag:"a，b"'),
        ("taken>=2020-05", "taken>=2020-05"),
        ("!year=2024", "-year:2024"),
    ],
)
def test_a_condition_is_shown_as_it_is_typed(condition: str, line: str) -> None:
    assert show((), [Condition.parse(condition)]) == line
    assert parse(line) == ((), (Condition.parse(condition),))


def test_whatever_a_condition_holds_it_survives_being_shown() -> None:
    """Lists may be quoted otherwise; their values are the same."""
    rng = random.Random(10)
    read = 0
    for _ in range(60_000):
        value = "".join(rng.choices('ab1 .,"\n\r=~>:/-+“”*?2é–−：＝«」，！', k=rng.randint(1, 7)))
        try:
            condition = Condition(rng.choice(tuple(FIELDS)), rng.choice("=~>"), value.strip(), rng.random() < 0.5)
        except QueryError:
            continue
        read += 1
        [shown] = parse(show((), [condition]))[1]
        if condition.row.kind in LISTS:
            assert shown.values == condition.values, condition
            condition = replace(condition, value=shown.value)
        assert shown == condition
    assert read > 5000


def test_every_filter_can_be_typed() -> None:
    """With `:`, which stands for the operator that the field has in the first place."""
    values = {"taken": "2024", "added": "2024", "orientation": "square", "near": "1,2,3", "colour": "red"}
    for name in FIELDS:
        [condition] = parse(f"{name}:{values.get(name, 'yes' if name in ('captioned', 'location') else '7')}")[1]
        assert condition.field == name


def test_the_line_json_and_back() -> None:
    """Box -> query -> JSON -> query -> box."""
    line = f'2:beach + sunset - people -like:{ITEM} 0.5:like:"a b.jpg" -tag:screenshot "red car" taken>=2020'
    terms, conditions = parse(line)
    query = Query.from_json(Query(terms, filters=conditions).to_json())
    assert (query.terms, query.filters) == (terms, conditions)
    assert show(query.terms, query.filters) == line


PIECES = (
    *(
        "beach",
        "red bicycle",
        "2:",
        "0.5:",
        "-",
        "+",
        " ",
        "  ",
        "\n",
        '"',
        '""',
        "tag:",
        "like:",
        "text:",
        "!",
        "16:9",
    ),
    *(str(ITEM), "a/b c.jpg", "folder:/x", "taken>=2020", "year:", "x:", "NaN:", "1e9:", "0:", "::", "--", "t-shirt"),
    *(
        ",",
        ".",
        "“",
        "”",
        "„",
        "=",
        "~",
        ">",
        "\\",
        "'",
        "\x00",
        "\ud800",
        "\u2212",
        "é",
        "人",
        "🚲",
        "\u00a0",
        "words~",
    ),
)


def test_no_line_at_all_raises_anything_but_a_sentence_and_what_is_read_survives_being_shown() -> None:
    """Twenty thousand lines of pieces that mean something, glued together at random."""
    rng = random.Random(7)
    read = 0
    for _ in range(20_000):
        line = "".join(rng.choices(PIECES, k=rng.randint(1, 9)))
        try:
            terms, conditions = parse(line)
        except QueryError as error:
            assert isinstance(error, GrammarError), line
            assert 0 <= error.position <= len(line)
            error.pointer.encode()
            str(error).encode()
            continue
        read += bool(terms or conditions)
        shown = show(terms, conditions)
        assert parse(shown) == (terms, conditions), (line, shown)
    assert read > 1000


def test_whatever_words_a_term_has_it_survives_being_shown() -> None:
    rng = random.Random(8)
    letters = "ab2.:-+ \"'“”!=~>\n\t,日"
    for _ in range(5_000):
        text = "".join(rng.choices(letters, k=rng.randint(1, 8)))
        if not text.strip():
            continue
        terms = (Term(text="x"), Term(text=text, weight=rng.choice([1.0, -1.0, 2.5])), Term(path=text))
        assert parse(show(terms)) == (terms, ()), text
        assert example(show_example(Term(path=text, weight=0.5))) == Term(path=text, weight=0.5)


@pytest.mark.parametrize(
    "line",
    [
        *("-" * 300_000 + "a", '"' * 300_001, "2:" * 100_000, "a" * 300_000, "a." * 150_000, "1" * 300_000),
        *("a " * 150_000 + "x:y", "1:" * 100_000 + "1x", "width" + " " * 300_000 + "x:y", 'tags="a"' * 50_000 + '"'),
    ],
)
def test_a_megabyte_of_nonsense_is_refused_at_once_and_in_few_words(line: str) -> None:
    """No backtracking: each takes a fraction of a second."""
    started = time.process_time()
    with pytest.raises(GrammarError) as caught:
        parse(line)
    assert time.process_time() - started < 3
    assert len(str(caught.value)) < 600
    assert len(caught.value.pointer) < 200


def test_an_example_has_a_weight_or_none() -> None:
    assert example(str(ITEM)) == Term(item=ITEM)
    assert example(f"2:{ITEM}", -1) == Term(item=ITEM, weight=-2)
    assert example("0.5:a b/c.jpg") == Term(path="a b/c.jpg", weight=0.5)
    assert example('"2:x"') == Term(path="2:x")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense", "'nonsense' is not the uuid of a picture, nor a path; copy it from a hit"),
        ("", "'' is not the uuid"),
        (str(ITEM)[:-1], "is not the uuid"),
        (f"0:{ITEM}", "must be a number other than 0, from -1000 to 1000, got 0.0"),
        (f"nan:{ITEM}", "must be a number other than 0"),
        (f"1e9:{ITEM}", "got 1000000000.0"),
        (f"-2:{ITEM}", "is not the uuid"),
    ],
)
def test_an_example_that_cannot_be_read_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(QueryError) as caught:
        example(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"), [("see ”", "see ”"), ("» beach", "» beach"), ("a « b", "a « b"), ("「sea", "「sea")]
)
def test_a_quote_that_closes_elsewhere_is_a_word_where_nothing_closes(line: str, words: str) -> None:
    assert parse(line) == ((Term(text=words),), ())
