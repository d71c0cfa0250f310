"""The relevance of one text term straight from Weaviate's distances: no vector has to be read for it. Pure.

One term's relevance (`scoring.score`) is linear in its cosines: the sum over its targets of share · (cosine - mean) /
spread. Weaviate's weighted sum of the cosines holds all of it; only an uncaptioned picture, whose caption vector is its
image vector, is judged by other levels, and its one cosine follows from the same sum.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.calibration import LibrarySpace
from search.index import Probe
from search.scoring import Asked

Array = NDArray[np.float64]


def applies(asked: Sequence[Asked]) -> bool:
    """Whether the question is one text that is wanted."""
    return len(asked) == 1 and not asked[0].example and asked[0].weight > 0


def relevance(
    term: Asked, probes: Sequence[Probe], values: Array, captioned: NDArray[np.bool_], space: LibrarySpace
) -> Array:
    """(n,) of n candidates; `values` (n,) are the weighted sums of the probes' cosines."""
    probed = {probe.target: probe.weight for probe in probes}
    levels = {name: space.level(name, term.vectors[name]) for name in probed}
    name = next(iter(probed))
    scale = term.targets[name] / levels[name][1] / probed[name]
    told = scale * values - sum(term.targets[name] * mean / spread for name, (mean, spread) in levels.items())
    if "caption" not in probed:
        return np.asarray(told)
    mean, spread = space.level("image", term.vectors["image"])
    return np.where(captioned, told, (values / sum(probed.values()) - mean) / spread)
