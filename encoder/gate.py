"""Decide whether two ways of computing an encoder give the same vectors, for everything that a library is used for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from encoder.protocol import Embeddings

LEAST_MEAN = 0.995
LEAST_COSINE = 0.98
LEAST_OVERLAP = 0.95
MOST_RANKING = 0.005
"""By how much R@10 and MRR may differ on the development sets."""
NEAREST = 10


@dataclass(frozen=True)
class Agreement:
    """Of vectors with the exact ones of the same pictures."""

    mean: float
    """Of the cosines."""
    least: float
    overlap: float
    """The mean share of a picture's ten nearest that are the same."""

    @property
    def fault(self) -> str:
        """Which bar is missed; "" for none."""
        bars = (
            ("mean cosine", self.mean, LEAST_MEAN),
            ("least cosine", self.least, LEAST_COSINE),
            ("nearest ten in common", self.overlap, LEAST_OVERLAP),
        )
        return ", ".join(f"{name} {got:.4f} below {bar}" for name, got, bar in bars if not got >= bar)

    def __str__(self) -> str:
        return f"cosine {self.mean:.4f}, least {self.least:.4f}, nearest ten in common {self.overlap:.3f}"


def agree(exact: Embeddings, other: Embeddings) -> Agreement:
    """(n, dim) and (n, dim), unit rows in one order; n above NEAREST."""
    cosines = (exact * other).sum(axis=1)
    shared = [len(set(a) & set(b)) / NEAREST for a, b in zip(_nearest(exact), _nearest(other), strict=True)]
    return Agreement(float(cosines.mean()), float(cosines.min()), float(np.mean(shared)))


def fault_of(exact: Mapping[str, Embeddings], other: Mapping[str, Embeddings]) -> str:
    """Which vector misses which bar; "" where all agree."""
    found = {name: agree(exact[name], other[name]).fault for name in exact}
    return "; ".join(f"{name}: {fault}" for name, fault in found.items() if fault)


def ranking_fault(exact: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Which figure of a development set moves too far; "" for none."""
    moved = ((name, other[name] - exact[name]) for name in ("R@10", "MRR"))
    return ", ".join(f"{name} moves by {by:+.4f}" for name, by in moved if not abs(by) <= MOST_RANKING)


def _nearest(rows: Embeddings) -> list[list[int]]:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    nearest: list[list[int]] = np.argsort(-cosines, axis=1, kind="stable")[:, :NEAREST].tolist()
    return nearest
