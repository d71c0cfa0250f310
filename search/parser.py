"""One pass over a question as it is typed, piece by piece: what `grammar` says in rules. Text in, terms and conditions
out.

By hand rather than by a parser's grammar: what a character means depends on where its word starts, nearly every line of
words is a question, and an error names the piece that is wrong, with what to write instead.
"""

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Never

from errors import QueryError
from search.filters import ALIASES, FIELDS, LISTS, Condition, comma_separated
from search.term import MAX_WEIGHT, Term

PHRASE = "words"
"""The filter field that exact words in quotes are a condition on."""
NAMES = ("like", "text", "tag", *ALIASES)
"""What a piece may begin with beside the keys of FIELDS."""
WINDOW = 60
"""So many characters of the question go into `GrammarError.pointer`."""

# The minus sign and the full-width ones stand for what they look like. A dash that a keyboard put in the place of a
# hyphen is a sign only right before a word: `Paris – la nuit` is a title.
SIGN = re.compile(r"[+\-\u2212\uff0b\uff0d]|[\u2010-\u2015](?=[^\s\u2010-\u2015])")
_DASH = re.compile(r"[-\u2010-\u2015\u2212]{2,}(?!\S)")
_RATIO = re.compile(r"[0-9.]+([:：][0-9.]+)+([ap]m)?(?![^\s,;!?)])", re.IGNORECASE)
_NUMBER = r"(?=[.,]*[0-9])[0-9.,]+(?:e[+-]?[0-9]+)?|nan|inf|infinity"
WEIGHT = re.compile(rf"({_NUMBER})[:：]", re.IGNORECASE)
_OPERATOR = "=<>~:＝＜＞～：≤≥≦≧"
_COMPARED = str.maketrans({"≤": "<=", "≦": "<=", "≥": ">=", "≧": ">="})
_FIELD = re.compile(r"([!！]?)([^\W\d_][\w.]*)(\s*[:：]?(?:>=|<=|[=<>~＝＜＞～≤≥≦≧])\s*|[:：])")
_PAIRS = (("“„”‟", "“”‟"), ("«", "»"), ("»", "«"), ("「", "」"), ("『", "』"), ("＂", "＂"))
"""Characters that open quotes, and those that close them."""
OPENING = '"' + "".join(opening for opening, _ in _PAIRS)
_ALWAYS_OPENING = ('"', "“", "„")
QUOTED = re.compile(
    '"((?:[^"]|"")*)"|' + "|".join(f"[{opening}]([^{opening}{closing}]*)[{closing}]" for opening, closing in _PAIRS)
)
_VALUE = re.compile(rf"(?:[^\s{OPENING}]|{QUOTED.pattern})+")
SPECIAL = re.compile(rf"[\s,，{OPENING}{''.join(closing for _, closing in _PAIRS)}]|^[{_OPERATOR}]")
"""What a value in a list has to be quoted for."""
_WORD = re.compile(r"\S+")


class GrammarError(QueryError):
    """The question cannot be read; `position` is the first character of what is wrong, from 0."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position

    @property
    def pointer(self) -> str:
        """Two lines: the question around the place, and a caret below it."""
        start = max(0, self.position - WINDOW // 2)
        before, after = "…" if start else "", "…" if start + WINDOW < len(self.text) else ""
        line = before + printable(self.text[start : start + WINDOW]) + after
        place = len(before) + self.position - start
        return f"{line}\n{' ' * sum(_columns(c) for c in line[:place])}^"


@dataclass
class _Words:
    """A term of words that may go on."""

    weight: float
    position: int
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Lead:
    """The sign and weight in front of a piece, and where they begin."""

    position: int
    sign: int = 0
    weight: float | None = None

    @property
    def signed_weight(self) -> float:
        return (self.sign or 1) * (1.0 if self.weight is None else self.weight)


class Parser:
    """One pass over the line, a piece at a time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.terms: list[Term | _Words] = []
        self.conditions: list[Condition] = []
        self.run: _Words | None = None

    def read(self) -> tuple[tuple[Term, ...], tuple[Condition, ...]]:
        self._check_characters()
        while self._skip():
            self._piece(self._lead())
        return tuple(self._finished()), tuple(self.conditions)

    def _piece(self, lead: _Lead) -> None:
        if self._opens(self.at) or (self.text[self.at] in "!！" and self._opens(self.at + 1)):
            self._phrase(lead)
        elif (match := _FIELD.match(self.text, self.at)) and not self._is_word(match):
            self._field(lead, match)
        else:
            self._word(lead)

    def _opens(self, at: int) -> bool:
        """Whether quotes open there. Characters that close quotes in some languages only do where they close again."""
        return self.text[at : at + 1] in _ALWAYS_OPENING or QUOTED.match(self.text, at) is not None

    def _lead(self) -> _Lead:
        """The sign and the weight, if any."""
        begin, sign, weight = self.at, 0, None
        if _DASH.match(self.text, self.at):
            return _Lead(begin)
        if match := SIGN.match(self.text, self.at):
            sign = 1 if match[0] in "+＋" else -1
            self.at = match.end()
            if not self._skip():
                self._fail(
                    f"nothing follows the sign {match[0]!r} at character {begin + 1}; write a word behind it", begin
                )
            if SIGN.match(self.text, self.at):
                self._fail(f"two signs in a row at character {begin + 1}; write one of them", begin)
        if (match := WEIGHT.match(self.text, self.at)) and not _RATIO.match(self.text, self.at):
            start = self.at
            weight = to_float(match[1])
            where = f"the weight {match[1][:20]!r} at character {start + 1}"
            if not 0 < weight <= MAX_WEIGHT:  # NaN too
                self._fail(
                    f"{where} must be a number such as 2 or 0.5, above 0 and at most {MAX_WEIGHT}; a minus goes in "
                    "front of it",
                    start,
                )
            self.at = match.end()
            if not _WORD.match(self.text, self.at):
                self._fail(f"nothing follows {where}; write for example {match[1][:20]}:beach", start)
            if WEIGHT.match(self.text, self.at) or SIGN.match(self.text, self.at):
                self._fail(f"{where} is followed by another weight or sign; write for example -2:beach", start)
        return _Lead(begin, sign, weight)

    def _word(self, lead: _Lead) -> None:
        begin = self.at
        self.at = match.end() if (match := _WORD.match(self.text, begin)) else len(self.text)
        if self.run is None or lead.sign or lead.weight is not None:
            self.run = _Words(lead.signed_weight, lead.position)
            self.terms.append(self.run)
        self.run.words.append(self.text[begin : self.at])

    def _phrase(self, lead: _Lead) -> None:
        begin = self.at
        negated = self.text[begin] in "!！"
        phrase = self._quote(begin + negated)
        self._condition(lead, begin, PHRASE, "~", phrase, negated=negated)

    def _is_word(self, match: re.Match[str]) -> bool:
        """`wars: a`, `a = b`, `題名：猫`: a name that is none of ours, and white space or a full-width sign."""
        after = match.end() == len(self.text) or self.text[match.end()].isspace()
        spaced = after or match[3] != match[3].strip()
        return not _is_ours(_name(match[2])) and (spaced or not match[3].isascii())

    def _field(self, lead: _Lead, match: re.Match[str]) -> None:
        begin = self.at
        negated, name = match[1] != "", _name(match[2])
        operator = unicodedata.normalize("NFKC", match[3].translate(_COMPARED)).strip()
        operator = operator.removeprefix(":") or ":"
        if not _is_ours(name):
            self._fail(
                f"{printable(match[2][:40])!r} at character {begin + 1} is neither a weight nor a filter; filters are "
                f'tag, {", ".join(FIELDS)}. If it belongs to the words, write text:"..."',
                begin,
            )
        self.at = match.end()
        if not _WORD.match(self.text, self.at):
            self._fail(
                f"nothing follows {match[0].strip()!r} at character {begin + 1}; write it without a space, such as "
                f'{_EXAMPLES.get(name, f"{name}{operator}...")}, or text:"..." if it belongs to the words',
                begin,
            )
        if name in ("like", "text") and (operator != ":" or negated):
            self._fail(f"{match[0]!r} at character {begin + 1} must be {name}: or -{name}:", begin)
        name = "tags" if name == "tag" else ALIASES.get(name, name)
        if name in FIELDS and FIELDS[name].kind in LISTS:
            self._condition(lead, begin, name, "=" if operator == ":" else operator, self._list(), negated=negated)
            return
        quoted = self.text[self.at] in OPENING
        value = self._quote(self.at) if quoted else self._bare()
        if name == "text":
            self._term(lead, lambda: Term(text=value, weight=lead.signed_weight))
        elif name == "like":
            self._term(lead, lambda: example_at(value, lead.signed_weight, is_path=quoted))
        else:
            default = colon_of(name)
            self._condition(lead, begin, name, default if operator == ":" else operator, value, negated=negated)

    def _term(self, lead: _Lead, make: Callable[[], Term]) -> None:
        try:
            self.terms.append(make())
        except QueryError as error:
            self._fail(f"{error} (at character {lead.position + 1})", lead.position)

    def _condition(self, lead: _Lead, begin: int, name: str, operator: str, value: str, *, negated: bool) -> None:
        if lead.weight is not None:
            self._fail(
                f"the filter at character {begin + 1} has a weight, but a picture passes it or does not; "
                "take the weight away",
                lead.position,
            )
        if lead.sign < 0 and negated:
            self._fail(f"both - and ! turn the filter at character {begin + 1} round; write one of them", lead.position)
        try:
            value = value.strip()
            if FIELDS[name].kind in LISTS:
                value = comma_separated(Condition(name, operator, value).values)
            self.conditions.append(Condition(name, operator, value, negated or lead.sign < 0))
        except QueryError as error:
            self._fail(f"{error} (at character {begin + 1})", begin)

    def _quote(self, begin: int) -> str:
        """What stands in the quotes that open at `begin`; they must close before white space or the end."""
        match = QUOTED.match(self.text, begin)
        if match is None:
            self._fail(f"the quotes at character {begin + 1} do not close; write another quote or none", begin)
        self.at = at = match.end()
        if _WORD.match(self.text, at):
            self._fail(f"the quotes end before character {at + 1} and something follows; write a space there", at)
        return unquoted(match)

    def _list(self) -> str:
        """A value as it stands, with quotes around its parts."""
        match = _VALUE.match(self.text, self.at)
        end = match.end() if match else self.at
        if end < len(self.text) and not self.text[end].isspace():
            self._fail(f"the quotes at character {end + 1} do not close; write another quote or none", end)
        value = self.text[self.at : end]
        self.at = end
        parts, at = "", 0
        for quoted in QUOTED.finditer(value):
            parts += value[at : quoted.start()].replace("，", ",") + '"' + unquoted(quoted).replace('"', '""') + '"'
            at = quoted.end()
        return parts + value[at:].replace("，", ",")

    def _bare(self) -> str:
        """A value without quotes."""
        begin = self.at
        self.at = match.end() if (match := _WORD.match(self.text, begin)) else begin
        if (quote := self.text.find('"', begin, self.at)) >= 0:
            self._fail(f"the quotes at character {quote + 1} begin inside a value; write them around all of it", quote)
        return self.text[begin : self.at]

    def _skip(self) -> bool:
        """Past white space; whether anything is left."""
        match = _WORD.search(self.text, self.at)
        self.at = match.start() if match else len(self.text)
        return match is not None

    def _finished(self) -> Iterator[Term]:
        for term in self.terms:
            if isinstance(term, Term):
                yield term
                continue
            try:
                yield Term(text=" ".join(term.words), weight=term.weight)
            except QueryError as error:
                self._fail(f"{error} (at character {term.position + 1})", term.position)

    def _check_characters(self) -> None:
        for position, character in enumerate(self.text):
            kind = unicodedata.category(character)
            if kind == "Cs" or (kind == "Cc" and not character.isspace()):
                what = "half a character (a lone surrogate)" if kind == "Cs" else "a control character"
                self._fail(
                    f"character {position + 1} of the question is {what}, U+{ord(character):04X}; take it away",
                    position,
                )

    def _fail(self, message: str, position: int) -> Never:
        raise GrammarError(message, self.text, position) from None


_EXAMPLES = {
    "like": "like:<uuid> or like:/photos/cat.jpg",
    "tag": "tag:cat",
    "text": 'text:"rock + roll"',
    "folder": "folder:/photos",
    "taken": "taken>=2020",
    "near": "near:48.85,2.35,10",
}


def example_at(place: str, weight: float, *, is_path: bool = False) -> Term:
    if is_path:
        return Term(path=place, weight=weight)
    try:
        item = uuid.UUID(place)
    except ValueError:
        if not re.search(r"[/\\.]", place):
            raise QueryError(
                f"{printable(place[:80])!r} is not the uuid of a picture, nor a path; copy it from a hit"
            ) from None
        return Term(path=place, weight=weight)
    return Term(item=item, weight=weight)


def printable(text: str) -> str:
    """What a person may be shown: without line breaks, half characters and what would steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def colon_of(field: str) -> str:
    """The operator that a colon stands for: "contains" where there is one."""
    return "~" if "~" in FIELDS[field].operators else "="


def _is_ours(name: str) -> bool:
    return name in NAMES or name in FIELDS


def _name(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def unquoted(match: re.Match[str]) -> str:
    """The inside of what `QUOTED` matched."""
    return next(inside for inside in match.groups() if inside is not None).replace('""', '"')


def to_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _columns(character: str) -> int:
    """How wide it is in a terminal."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
