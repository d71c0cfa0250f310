"""Choose between the start and the tuned weights.

Wortsman et al., Robust fine-tuning of zero-shot models (WiSE-FT), 2021 (arXiv 2109.01903): on the straight line from
the start to the tuned weights lie models that keep what the start knew outside the domain and have most of the gain.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from errors import TrainingError

ALPHAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Choice:
    alpha: float
    grid: tuple[tuple[float, Mapping[str, float]], ...]
    """Each alpha in ascending order with the figures measured there."""


def mix(start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """(1 − alpha) · start + alpha · tuned, tensor by tensor. 0 and 1 are exactly the start and the tuned.

    Raises TrainingError when the two are not of one model.
    """
    if not 0 <= alpha <= 1:
        raise TrainingError(f"The mix of start and tuned weights is {alpha}; it lies between 0 and 1.")
    if start.keys() != tuned.keys():
        odd = sorted(start.keys() ^ tuned.keys())
        raise TrainingError(f"Start and tuned weights are of two models: only one of them has {odd[0]!r}.")
    for name, tensor in start.items():
        if tensor.shape != tuned[name].shape:
            shapes = f"{tuple(tensor.shape)} at the start, {tuple(tuned[name].shape)} tuned"
            raise TrainingError(f"Start and tuned weights are of two models: {name!r} is {shapes}.")
    if alpha in (0, 1):
        return {name: tensor.clone() for name, tensor in (start, tuned)[int(alpha)].items()}
    return {name: (1 - alpha) * tensor + alpha * tuned[name] for name, tensor in start.items()}


def choose(
    judge: Callable[[float], Mapping[str, float]], watched: Sequence[str], alphas: Sequence[float] = ALPHAS
) -> Choice:
    """The alpha with the highest `watched[0]`, among equals the highest `watched[1]`, and so on; then the smallest.

    `judge(alpha)` gives the validation's figures. The smallest, because it is nearest to the start.
    """
    grid = tuple((alpha, dict(judge(alpha))) for alpha in sorted(alphas))
    if not all(math.isfinite(figures[name]) for _, figures in grid for name in watched):
        raise TrainingError(f"{' or '.join(watched)} is no number on the line from the start to the tuned weights.")
    # Rounded: the same hits summed in another order must be equal, or the larger alpha would win by a hair of 1e-16.
    best = max(grid, key=lambda point: (*(round(point[1][name], 9) for name in watched), -point[0]))
    return Choice(best[0], grid)
