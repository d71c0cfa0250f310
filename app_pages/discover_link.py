"""A session as an address holds it, and back: what is liked and disliked, the words, the settings. Plain strings.

Not part of it: what was seen already, the name it is kept under, and more pictures than one question takes (MAX_TERMS).
Knows no widget and no database.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.command import parse_targets
from search.errors import QueryError
from search.grammar import example, parse, show
from search.preference import Profile
from search.query import AUTO, MAX_TERMS

NAMES = ("q", "like", "dislike", "target", "strategy", "diversity")
Params = Mapping[str, Sequence[str]]


def params_of(profile: Profile) -> dict[str, list[str]]:
    """Only what differs from an empty session."""
    linked = within(profile, MAX_TERMS)
    params = {
        "q": [linked.words.strip()] if linked.words.strip() else [],
        "like": [_weighed(one, weight) for one, weight in linked.likes.items()],
        "dislike": [_weighed(one, weight) for one, weight in linked.dislikes.items()],
        "target": [f"{name}={weight:g}" for name, weight in linked.targets.items() if weight]
        if isinstance(linked.targets, Mapping)
        else [],
        "strategy": [linked.strategy] if linked.strategy else [],
        "diversity": [f"{linked.diversity:g}"] if linked.diversity else [],
    }
    return {name: values for name, values in params.items() if values}


def profile_of(params: Params, encoder: str) -> Profile:
    """Raises QueryError, with the value that is wrong. A picture that is named by its path becomes words."""
    words = list(params.get("q", ()))
    weights: dict[str, dict[uuid.UUID, float]] = {"like": {}, "dislike": {}}
    for name, judged in weights.items():
        for text in params.get(name, ()):
            term = example(text, 1 if name == "like" else -1)
            if term.item is None:
                words.append(show((term,)))
            else:
                judged[term.item] = abs(term.weight)
    targets = list(params.get("target", ()))
    return Profile(
        encoder=encoder,
        likes=weights["like"],
        dislikes=weights["dislike"],
        words=_one_line(words),
        targets=AUTO if not targets or targets == [AUTO] else parse_targets(targets),
        strategy=_last(params, "strategy") or None,
        diversity=_number(_last(params, "diversity")),
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


def _weighed(one: uuid.UUID, weight: float) -> str:
    return str(one) if weight == 1 else f"{weight:g}:{one}"


def _one_line(words: Sequence[str]) -> str:
    """Several boxes of an address as one."""
    if len(words) < 2:
        return words[0] if words else ""
    read = [parse(text) for text in words]
    return show([term for terms, _ in read for term in terms], [one for _, conditions in read for one in conditions])


def _last(params: Params, name: str) -> str:
    return next(reversed(params.get(name, ("",))), "")


def _number(text: str) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError:
        raise QueryError(f"diversity must be 0 to 1, got {text[:40]!r}") from None
