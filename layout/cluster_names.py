"""Which words stand for a cluster: those that it uses more than the others do. Knows no vector."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WORDS = 3
LEAST = 0.02
"""The share of a cluster's texts that must hold a word."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = frozenset(
    "the and with for from that this are was has have its his her their them there into onto over under near next "
    "one two some other behind front side very photo photograph picture image drawing img jpg png".split()
)


def name_clusters(cluster: NDArray[np.uint8], texts: Sequence[str]) -> list[str]:
    """A name for every cluster from 0 up: its number and up to three words.

    A word's weight is p·log(p / q), the term it adds to the relative entropy, where p is the share of the cluster's
    texts that hold it and q the share of all texts: frequent here, and rare elsewhere. It must be in at least two of
    the cluster's texts and in a fiftieth of them.

    >>> name_clusters(np.array([0, 0, 1, 1], np.uint8), ["red cat", "a cat", "sea", "blue sea"])
    ['1 · cat', '2 · sea']
    """
    count = int(cluster.max()) + 1 if len(cluster) else 0
    counts: list[Counter[str]] = [Counter() for _ in range(count)]
    for number, text in zip(cluster, texts, strict=True):
        counts[number].update(set(_WORD.findall(text.lower())) - _COMMON)
    sizes = np.bincount(cluster, minlength=count)
    everywhere, whole = sum(counts, Counter()), max(len(texts), 1)
    names = []
    for number, words in enumerate(counts):
        inside = max(int(sizes[number]), 1)
        weights = {
            word: held / inside * math.log(held / inside / (everywhere[word] / whole))
            for word, held in words.items()
            if held >= 2 and held >= inside * LEAST
        }
        best = sorted((w for w in weights if weights[w] > 0), key=lambda w: (-weights[w], w))[:WORDS]
        names.append(f"{number + 1} · {', '.join(best)}" if best else str(number + 1))
    return names
