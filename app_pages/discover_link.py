"""A session as an address holds it, and back: what is liked and disliked, the words, the settings.

Not part of it: what was seen already, the name it is kept under, and more pictures than one question takes (MAX_TERMS).
Knows no widget and no database.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

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
    linked = within(profile, MAX_TERMS)
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


def within(profile: Profile, most: int) -> Profile:
    """With at most so many judged pictures: of the liked ones and of the disliked ones those that count most, of equal
    ones the latest. Neither kind takes more than half where both have so many. Their order stays."""
    likes, dislikes = len(profile.likes), len(profile.dislikes)
    if likes + dislikes <= most:
        return profile
    liked = min(likes, max(most - dislikes, most // 2))
    return replace(profile, likes=_strongest(profile.likes, liked), dislikes=_strongest(profile.dislikes, most - liked))


def room(profile: Profile) -> int:
    """How many judged pictures one question takes beside the words. Raises QueryError for words that cannot be read."""
    return MAX_TERMS - (len(parse(profile.words)[0]) if profile.words.strip() else 0)


def _strongest(weights: Mapping[uuid.UUID, float], most: int) -> dict[uuid.UUID, float]:
    ordered = sorted((weight, place, one) for place, (one, weight) in enumerate(weights.items()))
    kept = {one for _, _, one in ordered[max(len(ordered) - most, 0) :]}
    return {one: weight for one, weight in weights.items() if one in kept}


def _one_line(lines: Sequence[str]) -> str:
    """Several lines of an address as one."""
    if len(lines) < 2:
        return lines[0] if lines else ""
    read = [parse(line) for line in lines]
    return show([term for terms, _ in read for term in terms], [one for _, conditions in read for one in conditions])
