"""The heads: what they begin as, and their formulas by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from training.heads import MLP, ConseResidual, Linear, SkipConnection


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


def test_a_head_that_begins_near_zero_can_still_learn(rows: torch.Tensor) -> None:
    """0 in the last layer only: its own gradient is not 0."""
    for head in (Linear(6, 3, near_zero=True), MLP(6, 8, 3, near_zero=True)):
        assert not head(rows).any()
        head(rows).sum().backward()
        last = head if isinstance(head, Linear) else head[-1]
        assert last.weight.grad is not None and last.weight.grad.any()


def test_the_mlp_by_hand() -> None:
    """W₁ = 1, b₁ = 0, W₂ = 2, b₂ = 1: 2·GELU(1) + 1, GELU(1) = Φ(1)."""
    head = MLP(1, 1, 1)
    with torch.no_grad():
        for layer, (weight, bias) in ((head[0], (1.0, 0.0)), (head[3], (2.0, 1.0))):
            layer.weight.fill_(weight)
            layer.bias.fill_(bias)
    cumulative = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert head(torch.ones(1, 1)).item() == pytest.approx(2 * cumulative + 1)


def test_dropout_is_for_training(rows: torch.Tensor) -> None:
    head = MLP(6, 64, 3, dropout=0.5)
    assert not torch.equal(head(rows), head(rows))
    head.eval()
    assert torch.equal(head(rows), head(rows))


def test_the_skip_connection_begins_nearly_as_its_input() -> None:
    torch.manual_seed(0)
    rows = F.normalize(torch.randn(200, 384), dim=1)
    changed = SkipConnection(384)(rows)
    assert F.cosine_similarity(rows, changed).min() > 0.999
    assert not torch.equal(rows, changed)


def test_the_skip_connection_by_hand() -> None:
    """Gates 0 (half open) and −4: x + σ(g)·(W·x + b), each feature with its own."""
    head = SkipConnection(2)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, 10.0]))
        head.gate[0] = 0
    closed = 1 / (1 + math.exp(4))
    assert head(torch.tensor([[1.0, 2.0]])).tolist() == [pytest.approx([1 + 0.5 * 2, 2 + closed * 11])]


def test_the_conse_residual_begins_as_conse(rows: torch.Tensor) -> None:
    conse = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    head = ConseResidual(6, 4)
    assert torch.equal(head(conse, rows), F.normalize(conse, dim=1))


def test_the_conse_residual_by_hand(rows: torch.Tensor) -> None:
    conse = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    head = ConseResidual(6, 4, hidden=7).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    for row, c, z in zip(rows, conse, head(conse, rows), strict=True):
        straight = head.straight.weight @ row + head.straight.bias
        bent = head.bent[3].weight @ F.gelu(head.bent[0].weight @ row + head.bent[0].bias) + head.bent[3].bias
        whole = head.weight_of_conse * c + straight + bent
        assert torch.allclose(z, whole / whole.norm(), atol=1e-5)
        assert z.norm().item() == pytest.approx(1)


def test_every_part_of_the_conse_residual_learns(rows: torch.Tensor) -> None:
    """After one step from ConSE, when the last layers are no longer 0."""
    torch.manual_seed(0)
    head = ConseResidual(6, 4, dropout=0)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    conse, wanted = torch.randn(5, 4), torch.randn(5, 4)
    for _ in range(2):
        optimizer.zero_grad()
        (head(conse, rows) * wanted).sum().backward()
        optimizer.step()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in head.parameters())
