"""Judge the first pictures for somebody of whom nothing is known, and what a simulated user sees after them.

The user likes what has a hidden tag, dislikes what has not, and looks at the next twelve, as in the app: the first
pictures spread over the library until something is liked; then the profile asks, with the targets learned from the
likes. Nothing seen comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from encoder.protocol import Embeddings
from evaluation.library import Gathered
from evaluation.tables import grid
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
    whole, keys = side_by_side(gathered.vectors), gathered.pictured.uuids
    rows = {key: row for row, key in enumerate(keys)}

    def asked(profile: Profile, seen: Sequence[int]) -> list[int]:
        query = profile.query()
        weighted = {rows[term.item]: term.weight for term in query.terms if term.item}
        targets = gathered.learned([row for row, weight in weighted.items() if weight > 0])
        relevance = gathered.relevance(weighted, targets, query.strategy)
        relevance[list(seen)] = -np.inf
        return [int(row) for row in np.argsort(-relevance, kind="stable")[:SHOWN]]

    def session(liked: frozenset[int], seed: int) -> list[float]:
        """By round, the share that is liked of what is shown."""
        rng, profile, seen = np.random.default_rng(seed), Profile(encoder="", strategy=strategy), list[int]()
        shares = []
        for _ in range(ROUNDS + 1):
            left = len(liked - set(seen))
            if profile.likes:
                shown = asked(profile, seen)
            elif random_start:
                shown = rng.choice(np.setdiff1d(np.arange(len(whole)), seen), SHOWN, replace=False).tolist()
            else:
                shown = spread_out(whole, SHOWN, seed, shown=seen)
            shares.append(len(liked.intersection(shown)) / min(SHOWN, left) if left else 1.0)
            for row in shown:
                if row in liked:
                    profile = profile.liking(keys[row])
                elif dislikes:
                    profile = profile.disliking(keys[row])
            seen += shown
        return shares

    shares = np.array([session(liked, seed + user) for _, liked in sorted(hidden.items()) for user in range(USERS)])
    reached = np.maximum.accumulate(shares >= ENOUGH - 1e-9, axis=1).mean(axis=0)
    return Curve(tuple(sorted(hidden)), len(shares), tuple(shares.mean(axis=0).tolist()), tuple(reached.tolist()))


def curves_text(title: str, curves: Mapping[str, Curve]) -> str:
    first = next(iter(curves.values()))
    sizes = f"{WIDE} pictures and more" if title == "wide" else f"{NARROW} to {WIDE - 1} pictures"
    rounds = [str(number) for number in range(ROUNDS + 1)]
    liked = grid(["liked, by round", *rounds], {way: curve.liked for way, curve in curves.items()}, ".2f")
    reached = grid([f"have seen {ENOUGH:.0%}", *rounds], {way: curve.reached for way, curve in curves.items()}, ".2f")
    counts = f"{len(first.preferences)} preferences, {first.users} users"
    return (
        f"Simulated users with a {title} preference ({sizes}; {counts})\n"
        f"Share of the {SHOWN} shown that is liked (of what is left to like, where that is less)\n{liked}\n\n"
        f"Share of users to whom a page with {ENOUGH:.0%} liked was shown by that round\n{reached}"
    )


def spread_text(spread: Mapping[str, Mapping[str, float]]) -> str:
    rows = {way: [found[name] for name in ("met", "near", "farthest")] for way, found in spread.items()}
    return (
        f"The first {SHOWN} pictures, mean of {DRAWS} draws\n"
        f"{grid(['first pictures', 'groups met', 'nearest', 'nearest, 5th percentile'], rows)}\n"
        "Groups met: tags and folders of which one is shown. Nearest: the cosine (image) of a picture of the\n"
        "library to the nearest that is shown."
    )
