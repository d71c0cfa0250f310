"""Small networks on top of frozen towers: rows in, rows out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GATE = -4.0
"""A gate's logit at the start: σ(−4) = 0.018, nearly closed."""


class Linear(nn.Linear):
    """x -> W·x + b. `near_zero`: begins as 0, so that a sum with it begins as the rest."""

    def __init__(self, features: int, dim: int, *, near_zero: bool = False) -> None:
        super().__init__(features, dim)
        if near_zero:
            nn.init.zeros_(self.weight)
            nn.init.zeros_(self.bias)


class MLP(nn.Sequential):
    """x -> W₂·dropout(GELU(W₁·x + b₁)) + b₂. `near_zero` is about the last layer."""

    def __init__(self, features: int, hidden: int, dim: int, *, dropout: float = 0.0, near_zero: bool = False) -> None:
        super().__init__(
            nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), Linear(hidden, dim, near_zero=near_zero)
        )


class SkipConnection(nn.Module):
    """y = x + σ(g) ⊙ (W·x + b), g one gate a feature, all at −4: in the beginning nearly x itself, so few labels cannot
    spoil what the encoder knew. The input stays whole, as in quaterion-models' SkipConnectionHead.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.gate = nn.Parameter(torch.full((dim,), GATE))

    def forward(self, rows: Tensor) -> Tensor:
        changed: Tensor = torch.sigmoid(self.gate) * self.linear(rows)
        return rows + changed


class ConseResidual(nn.Module):
    """z = unit(g·c + A·x + MLP(x)), c the ConSE vector (arXiv 1312.5650), x the features; at first unit(c)."""

    def __init__(self, features: int, dim: int, *, hidden: int = 512, dropout: float = 0.3) -> None:
        super().__init__()
        self.weight_of_conse = nn.Parameter(torch.ones(()))
        self.straight = Linear(features, dim, near_zero=True)
        self.bent = MLP(features, hidden, dim, dropout=dropout, near_zero=True)

    def forward(self, conse: Tensor, features: Tensor) -> Tensor:
        """(n, dim), (n, features) -> (n, dim), unit rows."""
        return F.normalize(self.weight_of_conse * conse + self.straight(features) + self.bent(features), dim=1)
