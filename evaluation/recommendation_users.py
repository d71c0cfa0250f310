"""Judge the first pictures for somebody of whom nothing is known, and what a simulated user sees after them.

The user likes what has a hidden tag, dislikes what has not, and looks at the next twelve, as in the app: the first
pictures spread over the library until something is liked; then the profile asks, with the targets learned from the
likes. Nothing seen comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from encoder.protocol import Embeddings
from evaluation.recommendation import learned
from evaluation.tagged import Gathered
from search.preference import Profile
from search.ranking import side_by_side, spread_out

SHOWN = 12
DRAWS = 20
PART = 0.8
"""Of the library, drawn for each spread, so that there is something to take a mean of."""
LEAST = 10
"""Pictures of a group that should be met."""

ROUNDS = 5
ENOUGH = 0.8
USERS = 2
"""With each hidden preference; they differ in what part of the library their first pictures come from."""
WIDE = SHOWN * (ROUNDS + 2)
"""Pictures of a preference that can fill every round."""
NARROW = 2 * SHOWN
BUT = (0.15, 0.6)
"""Which share of a tag's pictures another tag takes away in "A, not B"."""


def farthest_point(rows: Embeddings, k: int, rng: np.random.Generator) -> list[int]:
    """First the row most like all others, then each time the one that is farthest from those taken. Gonzalez,
    Clustering to minimize the maximum intercluster distance, 1985."""
    order = [int((rows @ rows.mean(axis=0)).argmax())]
    nearest = rows @ rows[order[0]]
    while len(order) < k:
        nearest[order] = np.inf
        order.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, rows @ rows[order[-1]])
    return order


Way = Callable[[Embeddings, int, np.random.Generator], list[int]]
RANDOM = "random"
WAYS: Mapping[str, Way] = {
    RANDOM: lambda rows, k, rng: rng.choice(len(rows), k, replace=False).tolist(),
    "farthest point": farthest_point,
    "k-medoids": lambda rows, k, rng: spread_out(rows, k),
}


def judge_spread(
    vectors: Mapping[str, Embeddings], groups: Mapping[str, Sequence[int]], seed: int = 0
) -> dict[str, dict[str, float]]:
    """Way -> `met`: the share of the groups of LEAST pictures and more of which one is among SHOWN; `near`: the mean
    over the library of the cosine, of image vectors, to the nearest that is shown; `farthest`: its 5th percentile."""
    n = len(vectors["image"])
    usable = [frozenset(rows) for rows in groups.values() if LEAST <= len(rows) <= n / 2]
    spaces = {"image": vectors["image"], "all targets": side_by_side(vectors)}
    return {
        name if name == RANDOM else f"{name}, {of}": _figures(
            rows, way, vectors["image"], usable, np.random.default_rng(seed)
        )
        for name, way in WAYS.items()
        for of, rows in spaces.items()
        if name != RANDOM or of == "image"
    }


def _figures(
    rows: Embeddings, way: Way, image: Embeddings, groups: Sequence[frozenset[int]], rng: np.random.Generator
) -> dict[str, float]:
    found = []
    for _ in range(DRAWS):
        part = rng.choice(len(rows), max(1, int(PART * len(rows))), replace=False)
        shown = part[way(rows[part], min(SHOWN, len(part)), rng)]
        cosines = (image @ image[shown].T).max(axis=1)
        met = np.mean([not group.isdisjoint(shown.tolist()) for group in groups]) if groups else 0.0
        found.append([float(value) for value in (met, cosines.mean(), np.percentile(cosines, 5))])
    return dict(zip(("met", "near", "farthest"), np.mean(found, axis=0).tolist(), strict=True))


@dataclass(frozen=True)
class Curve:
    preferences: tuple[str, ...]
    users: int
    liked: tuple[float, ...]
    """By round, from 0, the first pictures: the mean share that is liked, of the twelve or of what is left to like."""
    reached: tuple[float, ...]
    """By round, from 0: the share of users who have seen ENOUGH liked of twelve in that round or, from the first, in an
    earlier one."""


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
    relevance = gathered.relevance(weighted, targets, query.strategy)
    relevance[list(seen)] = -np.inf
    return [int(row) for row in np.argsort(-relevance, kind="stable")[:SHOWN]]
