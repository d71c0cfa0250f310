"""The question as it is typed in one line -> terms and conditions, and back.

    question  = { [sign] [weight] piece }             pieces stand apart by white space
    sign      = "+" | "-"                             only at a word's start: `t-shirt` and `C++` are words; a dash in
                                                      the place of "-" only right before a word: `–dog`
    weight    = number ":"                            `2:beach`, `0.5:sunset`; 0 < number <= 1000
    piece     = words | picture | filter
    words     = word { word }                         `red bicycle` is one term
              | "text:" value                         these words as they stand: `text:"rock + roll"`
    picture   = "like:" ( uuid | path )               a picture of the library; `like:"a path in quotes"`
    filter    = '"' exact words '"'                   stand so in caption, tags or file name
              | "tag:" value                          same as `tags:`; `tag:cat,dog` is either of them
              | ["!"] field operator value            `folder:/photos`, `taken>=2020`, `width:>1000`, see `filters`
    operator  = ":" | "=" | ">=" | "<=" | ">" | "<" | "~"
                                                      white space around all of them but ":" does not count
    value     = no white space, or in double quotes; a double quote inside is written twice; “these”, «these» and
                「these」 are quotes too, and full-width signs mean what they look like: `year：2024`

A sign or a weight begins a new term of words, which goes on to the next sign or weight: `beach - old people` is beach,
without "old people". Pictures and filters stand beside the words and take only the sign right before them:
`red -tag:cat bicycle` asks for "red bicycle" without the tag cat. A filter has no weight; a minus negates it. Terms
with a minus alone are a question too: what is least like them comes first.

Words stay words where nothing could be meant but words: `16:9`, `12:30`, ` -- `, `star wars: a new hope`, `6" print`.
What could be meant as more and cannot be read is refused, never taken for words.
"""

from collections.abc import Sequence
from functools import lru_cache

from errors import QueryError
from search.filters import LISTS, Condition
from search.parser import (
    OPENING,
    PHRASE,
    QUOTED,
    SPECIAL,
    WEIGHT,
    GrammarError,
    Parser,
    colon_of,
    example_at,
    to_float,
    unquoted,
)
from search.term import Term

__all__ = ["GrammarError", "Line", "example", "parse", "show", "show_example"]

Line = tuple[tuple[Term, ...], tuple[Condition, ...]]


@lru_cache(256)
def parse(text: str) -> Line:
    """Raises GrammarError, which points at the character."""
    return Parser(text).read()


def show(terms: Sequence[Term], conditions: Sequence[Condition] = ()) -> str:
    """The line that `parse` reads as these; pictures that were uploaded have none and are left out."""
    shown: list[str] = []
    words = False
    for term in terms:
        if term.image is not None:
            continue
        sign = "-" if term.weight < 0 else ""
        weight = "" if abs(term.weight) == 1 else f"{_number(abs(term.weight))}:"
        if term.text is None:
            shown.append(f"{sign}{weight}like:{_place(term)}")
            continue
        lead = f"{sign or '+'} {weight}" if words else f"{sign}{weight}"
        plain = lead + term.text
        # A quote that nothing closes within the words may be closed by what follows them.
        bare = _reads_as(plain, term) and not set(OPENING) & set(term.text)
        shown.append(plain if bare else f"{lead}text:{_quoted(term.text)}")
        words = True
    return " ".join([*shown, *(_shown(condition) for condition in conditions)])


def example(text: str, sign: int = 1) -> Term:
    """`uuid`, `path`, `"path"`, each behind `weight:` or not: how an option or an address names a liked picture.

    Raises QueryError. A path without quotes has a `/`, a backslash or a dot: a uuid that was cut short is no path.
    """
    match = WEIGHT.match(text)
    weight, place = (to_float(match[1]), text[match.end() :]) if match else (1.0, text)
    if quoted := QUOTED.fullmatch(place):
        return example_at(unquoted(quoted), sign * weight, is_path=True)
    return example_at(place, sign * weight)


def show_example(term: Term) -> str:
    """What `example` reads as this picture of the library, except the sign."""
    size = abs(term.weight)
    weight = "" if size == 1 else f"{_number(size)}:"
    if term.path is None:
        return f"{weight}{term.item}"
    try:
        if term.path == term.path.strip() and example(weight + term.path) == Term(path=term.path, weight=size):
            return weight + term.path
    except QueryError:
        pass
    return weight + _quoted(term.path)


def _place(term: Term) -> str:
    """Behind `like:`."""
    if term.path is None:
        return str(term.item)
    bare = f"like:{term.path}"
    return term.path if _reads_as(bare, Term(path=term.path)) else _quoted(term.path)


def _shown(condition: Condition) -> str:
    sign, name, operator, value = "-" * condition.negated, condition.field, condition.operator, condition.value
    if name == PHRASE:
        return f"{sign}{_quoted(value)}"
    if condition.row.kind in LISTS:
        name = "tag" if name == "tags" else name
        value = ",".join(_quoted(part) if SPECIAL.search(part) else part for part in condition.values)
    elif SPECIAL.search(value.replace(",", "")):
        value = _quoted(value)
    return f"{sign}{name}{':' if operator == '=' == colon_of(condition.field) else operator}{value}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _number(weight: float) -> str:
    """The shortest that is read as the same number."""
    return repr(float(weight)).removesuffix(".0")


def _reads_as(text: str, term: Term) -> bool:
    try:
        return parse(text) == ((term,), ())
    except QueryError:
        return False
