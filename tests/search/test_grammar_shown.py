"""What is read can be shown as a line, and the line is read as the same; no line raises anything but a sentence."""

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
