"""A session as an address holds it, and back: what is liked and disliked, the words, the settings.

Not part of it: what was seen already, the name it is kept under, and more pictures than one question takes (MAX_TERMS).
Knows no widget and no database.
"""

from collections.abc import Mapping, Sequence

from app_pages.question import Question
from search.grammar import parse, show, show_example
from search.preference import Profile
from search.query import AUTO, MAX_TERMS, Term

PARTS = ("words", "likes", "dislikes", "targets", "strategy", "diversity")
"""Of a `Question`."""


def part_of(question: Question) -> Question:
    """What of an address is the session's."""
    return Question(**{name: getattr(question, name) for name in PARTS})


def question_of(profile: Profile) -> Question:
    """Empty for an empty session."""
    linked = profile.within(MAX_TERMS)
    words = linked.words.strip()
    question = Question(
        words=(words,) if words else (),
        likes=tuple(show_example(Term(item=one, weight=weight)) for one, weight in linked.likes.items()),
        dislikes=tuple(show_example(Term(item=one, weight=-weight)) for one, weight in linked.dislikes.items()),
        strategy=linked.strategy or "",
        diversity=f"{linked.diversity:g}" if linked.diversity else "",
    )
    return question.weighing(linked.targets) if isinstance(linked.targets, Mapping) else question


def profile_of(question: Question, encoder: str) -> Profile:
    """Raises QueryError, with the value that is wrong. A picture that is named by its path becomes words."""
    query = part_of(question).query()
    typed = len(part_of(question).typed()[0])
    examples = query.terms[typed:]
    named = [term for term in examples if term.item is None]
    return Profile(
        encoder=encoder,
        likes={term.item: term.weight for term in examples if term.item is not None and term.weight > 0},
        dislikes={term.item: -term.weight for term in examples if term.item is not None and term.weight < 0},
        words=_one_line([*question.words, *(show((term,)) for term in named)]),
        targets=AUTO if query.targets is None else query.targets,
        strategy=query.strategy,
        diversity=query.diversity,
    )


def _one_line(lines: Sequence[str]) -> str:
    """Several lines of an address as one."""
    if len(lines) < 2:
        return lines[0] if lines else ""
    read = [parse(line) for line in lines]
    return show([term for terms, _ in read for term in terms], [one for _, conditions in read for one in conditions])
