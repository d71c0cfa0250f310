"""A simulated user: likes what has a hidden tag, dislikes what has not, and looks at the next twelve.

It goes as a session of the app goes: the first pictures are a spread of the library, and go on being one until
something is liked; then the profile asks, with the targets learned from the likes; nothing seen comes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from encoder.protocol import Embeddings
from evaluation.recommendation import asked_with, learned
from evaluation.recommendation_folder import Gathered
from search.preference import Profile
from search.ranking import side_by_side, spread_out
from search.scoring import score

SHOWN = 12
ROUNDS = 5
ENOUGH = 0.8
USERS = 2
"""With each hidden preference; they differ in what part of the library their first pictures come from."""
WIDE = SHOWN * (ROUNDS + 2)
"""Pictures of a preference that can fill every round."""
NARROW = 2 * SHOWN
BUT = (0.15, 0.6)
"""Which share of a tag's pictures another tag takes away in "A, not B"."""


@dataclass(frozen=True)
class Curve:
    preferences: tuple[str, ...]
    users: int
    liked: tuple[float, ...]
    """By round, from 0, the first pictures: the mean share that is liked, of the twelve or of what is left to like."""
    reached: tuple[float, ...]
    """By round, from 0: the share of users who have seen ENOUGH liked of twelve in that round or, from the first, in an
    earlier one."""

    def to_json(self) -> dict[str, Any]:
        return {
            "preferences": list(self.preferences),
            "users": self.users,
            "liked": [round(value, 4) for value in self.liked],
            "reached": [round(value, 4) for value in self.reached],
        }


def preferences(
    tags: Mapping[str, Sequence[int]], pictures: int, least: int, most: int | None
) -> dict[str, frozenset[int]]:
    """Hidden preferences of `least` pictures and more, below `most`, of at most half of the library: each tag; each
    "A, not B" where B takes away a part of A."""
    bearing = {tag: frozenset(rows) for tag, rows in sorted(tags.items())}
    found = dict(bearing)
    for a, b in ((a, b) for pair in combinations(bearing, 2) for a, b in (pair, pair[::-1])):
        if BUT[0] <= len(bearing[a] & bearing[b]) / len(bearing[a]) <= BUT[1]:
            found[f"{a}, not {b}"] = bearing[a] - bearing[b]
    end = min(pictures // 2, most - 1 if most else pictures)
    return {name: rows for name, rows in found.items() if least <= len(rows) <= end}


def simulate(
    gathered: Gathered,
    hidden: Mapping[str, frozenset[int]],
    strategy: str | None,
    *,
    random_start: bool = False,
    dislikes: bool = True,
    seed: int = 0,
) -> Curve:
    """`random_start`: the first pictures are random ones. Without `dislikes` the user only likes."""
    whole = side_by_side(gathered.vectors)
    shares = np.array(
        [
            _session(gathered, whole, liked, strategy, random_start, dislikes, seed + user)
            for _, liked in sorted(hidden.items())
            for user in range(USERS)
        ]
    )
    reached = np.maximum.accumulate(shares >= ENOUGH - 1e-9, axis=1).mean(axis=0)
    return Curve(tuple(sorted(hidden)), len(shares), tuple(shares.mean(axis=0).tolist()), tuple(reached.tolist()))


def _session(
    gathered: Gathered,
    whole: Embeddings,
    liked: frozenset[int],
    strategy: str | None,
    random_start: bool,
    dislikes: bool,
    seed: int,
) -> list[float]:
    n, rng = len(whole), np.random.default_rng(seed)
    keys = gathered.pictured.uuids
    rows = {key: row for row, key in enumerate(keys)}
    profile, seen = Profile(encoder="", strategy=strategy), list[int]()
    shares = []
    for _ in range(ROUNDS + 1):
        left = len(liked - set(seen))
        if profile.likes:
            shown = _asked(gathered, profile, rows, seen)
        elif random_start:
            shown = rng.choice(np.setdiff1d(np.arange(n), seen), SHOWN, replace=False).tolist()
        else:
            shown = spread_out(whole, SHOWN, seed, shown=seen)
        hits = [row for row in shown if row in liked]
        shares.append(len(hits) / min(SHOWN, left) if left else 1.0)
        for row in shown:
            if row in liked:
                profile = profile.liking(keys[row])
            elif dislikes:
                profile = profile.disliking(keys[row])
        seen += shown
    return shares


def _asked(gathered: Gathered, profile: Profile, rows: Mapping[Any, int], seen: Sequence[int]) -> list[int]:
    query = profile.query()
    weighted = {rows[term.item]: term.weight for term in query.terms}
    targets = learned(gathered, [row for row, weight in weighted.items() if weight > 0])
    asked = asked_with(gathered.vectors, weighted, targets)
    relevance = score(asked, gathered.vectors, gathered.captioned, gathered.space, query.strategy).relevance
    relevance[list(seen)] = -np.inf
    return [int(row) for row in np.argsort(-relevance, kind="stable")[:SHOWN]]
