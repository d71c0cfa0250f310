"""Each loss against a value worked out by hand and a slow loop over its formula."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss
from torch import Tensor

from training import losses
from training.losses import Temperature

Vector = Sequence[float]
ATOL = 1e-5


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def draw(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def cos(a: Vector, b: Vector) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths


def gap(a: Vector, b: Vector) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def minus_log_share(logits: Sequence[float], of: int) -> float:
    return -math.log(math.exp(logits[of]) / sum(math.exp(logit) for logit in logits))


# InfoNCE


def slow_info_nce(anchors: list[Vector], positives: list[Vector], scale: float, targets: list[Vector]) -> float:
    def one_way(first: list[Vector], second: list[Vector], weights: list[Vector]) -> float:
        total, counted = 0.0, 0
        for row, weight in zip(first, weights, strict=True):
            if not sum(weight):
                continue
            logits = [scale * cos(row, other) for other in second]
            counted += 1
            total += sum(w / sum(weight) * minus_log_share(logits, k) for k, w in enumerate(weight))
        return total / counted

    transposed = [list(column) for column in zip(*targets, strict=True)]
    return (one_way(anchors, positives, targets) + one_way(positives, anchors, transposed)) / 2


def test_info_nce_by_hand() -> None:
    """Two pairs at right angles, scale ln 3: logits (ln 3, 0), so the right one has 3/4 of the softmax, both ways."""
    axes = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    assert losses.info_nce(axes, axes, math.log(3)).item() == pytest.approx(-math.log(3 / 4), abs=ATOL)


def test_info_nce_with_soft_targets_by_hand() -> None:
    """As above, with a third of the first anchor's weight on the second positive: rows −⅔·ln ¾ − ⅓·ln ¼ and −ln ¾;
    columns: the first −ln ¾, the second has weights ⅓ and 1, so ¼ and ¾ of its sum."""
    axes = torch.eye(2)
    targets = torch.tensor([[2.0, 1.0], [0.0, 1.0]]) / torch.tensor([[3.0], [1.0]])
    right, wrong = -math.log(3 / 4), -math.log(1 / 4)
    rows = (2 / 3 * right + 1 / 3 * wrong + right) / 2
    columns = (right + 3 / 4 * right + 1 / 4 * wrong) / 2
    assert losses.info_nce(axes, axes, math.log(3), targets).item() == pytest.approx((rows + columns) / 2, abs=ATOL)


def test_info_nce_equals_the_slow_loop(generator: torch.Generator) -> None:
    anchors, positives = draw(generator, 7, 4), draw(generator, 7, 4)
    targets = torch.rand(7, 7, generator=generator, dtype=torch.float64).round(decimals=1)
    targets[2] = 0  # an anchor without any positive counts for nothing
    hard = losses.info_nce(anchors, positives, 5.0)
    assert hard.item() == pytest.approx(slow_info_nce(anchors.tolist(), positives.tolist(), 5, torch.eye(7).tolist()))
    soft = losses.info_nce(anchors, positives, 5.0, targets)
    assert soft.item() == pytest.approx(slow_info_nce(anchors.tolist(), positives.tolist(), 5, targets.tolist()))


def test_info_nce_ignores_what_is_no_negative(generator: torch.Generator) -> None:
    """Ignoring a pair (0, 1) in both directions equals a softmax without that candidate; nothing else changes."""
    anchors, positives = draw(generator, 3, 4), draw(generator, 3, 4)
    ignore = torch.zeros(3, 3, dtype=torch.bool)
    ignore[0, 1] = True
    a, p = anchors.tolist(), positives.tolist()
    rows = [
        minus_log_share([5 * cos(a[0], p[0]), 5 * cos(a[0], p[2])], 0),
        minus_log_share([5 * cos(a[1], row) for row in p], 1),
        minus_log_share([5 * cos(a[2], row) for row in p], 2),
    ]
    columns = [
        minus_log_share([5 * cos(p[0], row) for row in a], 0),
        minus_log_share([5 * cos(p[1], a[1]), 5 * cos(p[1], a[2])], 0),
        minus_log_share([5 * cos(p[2], row) for row in a], 2),
    ]
    loss = losses.info_nce(anchors, positives, 5.0, ignore=ignore)
    assert loss.item() == pytest.approx((sum(rows) / 3 + sum(columns) / 3) / 2)
    anchors.requires_grad_()
    losses.info_nce(anchors, positives, 5.0, ignore=ignore).backward()
    assert anchors.grad is not None and anchors.grad.isfinite().all()


@pytest.mark.parametrize("masked", [False, True], ids=["all of them", "one of its own concept"])
def test_further_negatives_count_for_anchors_only(generator: torch.Generator, masked: bool) -> None:
    anchors, positives, more = draw(generator, 3, 4), draw(generator, 3, 4), draw(generator, 2, 4)
    ignore = torch.zeros(3, 5, dtype=torch.bool)
    ignore[1, 3] = masked
    a, p, m = anchors.tolist(), positives.tolist(), more.tolist()
    rows = []
    for i in range(3):
        others = [row for k, row in enumerate(m) if not ignore[i, 3 + k]]
        rows.append(minus_log_share([5 * cos(a[i], row) for row in p + others], i))
    columns = [minus_log_share([5 * cos(p[j], row) for row in a], j) for j in range(3)]
    loss = losses.info_nce(anchors, positives, 5.0, ignore=ignore, negatives=more)
    assert loss.item() == pytest.approx((sum(rows) / 3 + sum(columns) / 3) / 2)
    if not masked:
        narrow = losses.info_nce(anchors, positives, 5.0, ignore=ignore[:, :3], negatives=more)
        assert narrow.item() == pytest.approx(loss.item())


# SigLIP


def test_siglip_by_hand() -> None:
    """Axes, scale 2, bias −1: the same have logit 1, others −1; z·logit is 1 everywhere: n² terms log(1 + e⁻¹) / n."""
    axes = torch.eye(3)
    assert losses.siglip(axes, axes, 2.0, -1.0).item() == pytest.approx(3 * math.log(1 + math.exp(-1)), abs=ATOL)


def test_siglip_equals_the_slow_loop(generator: torch.Generator) -> None:
    anchors, positives = draw(generator, 5, 4), draw(generator, 5, 4)
    same = torch.rand(5, 5, generator=generator) < 0.3
    total = 0.0
    for i, a in enumerate(anchors.tolist()):
        for j, p in enumerate(positives.tolist()):
            z = 1 if same[i, j] else -1
            total -= math.log(1 / (1 + math.exp(-z * (10 * cos(a, p) - 3))))
    assert losses.siglip(anchors, positives, 10.0, -3.0, same).item() == pytest.approx(total / 5)


# Margin, cosine, triplet


def test_margin_contrastive_by_hand() -> None:
    """Distances 5 (same), 1 (different, margin 3), 4 (different, beyond it): (25 + (3 − 1)² + 0) / 3."""
    first = torch.tensor([[3.0, 4.0], [1.0, 0.0], [4.0, 0.0]])
    different = torch.tensor([0, 1, 1])
    assert losses.margin_contrastive(first, torch.zeros(3, 2), different, 3.0).item() == pytest.approx(29 / 3)


def test_margin_contrastive_equals_the_slow_loop(generator: torch.Generator) -> None:
    first, second = draw(generator, 20, 3), draw(generator, 20, 3)
    different = torch.arange(20) % 2
    expected = 0.0
    for a, b, y in zip(first.tolist(), second.tolist(), different.tolist(), strict=True):
        expected += (1 - y) * gap(a, b) ** 2 + y * max(0, 2 - gap(a, b)) ** 2
    assert losses.margin_contrastive(first, second, different, 2.0).item() == pytest.approx(expected / 20)


def test_margin_contrastive_of_equal_rows_has_a_finite_gradient() -> None:
    """A different pair at distance 0: the root's slope is infinite there."""
    first = torch.ones(1, 3, requires_grad=True)
    losses.margin_contrastive(first, torch.ones(1, 3), torch.ones(1), 1.0).backward()
    assert first.grad is not None and first.grad.isfinite().all()


def test_cosine_mse_by_hand() -> None:
    """Cosines 1, 0 and −1 where 1, 1 and 0 are wanted: (0 + 1 + 1) / 3."""
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    second = torch.tensor([[9.0, 0.0], [0.0, 2.0], [-1.0, 0.0]])
    assert losses.cosine_mse(first, second, torch.tensor([1, 1, 0])).item() == pytest.approx(2 / 3)


def test_cosine_mse_equals_the_slow_loop(generator: torch.Generator) -> None:
    first, second, score = draw(generator, 9, 4), draw(generator, 9, 4), draw(generator, 9).tanh()
    rows = zip(first.tolist(), second.tolist(), score.tolist(), strict=True)
    expected = sum((cos(a, b) - s) ** 2 for a, b, s in rows) / 9
    assert losses.cosine_mse(first, second, score).item() == pytest.approx(expected)


def slow_sup_con(rows: list[Vector], labels: list[int], temperature: float) -> float:
    total = []
    for i, row in enumerate(rows):
        others = [k for k in range(len(rows)) if k != i]
        logits = [cos(row, rows[k]) / temperature for k in others]
        same = [at for at, k in enumerate(others) if labels[k] == labels[i]]
        if same:
            total.append(sum(minus_log_share(logits, at) for at in same) / len(same))
    return sum(total) / len(total)


def test_sup_con_by_hand() -> None:
    """Two equal rows of one label and one at a right angle, τ = 1/ln 3: 3/4 of the softmax is the other of its label;
    the third is alone and left out."""
    rows = torch.tensor([[1.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    loss = losses.sup_con(rows, torch.tensor([5, 5, 6]), 1 / math.log(3))
    assert loss.item() == pytest.approx(-math.log(3 / 4), abs=ATOL)


@pytest.mark.parametrize("seed", range(5))
def test_sup_con_equals_the_slow_loop(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows, labels = draw(generator, 11, 3), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 1])
    assert losses.sup_con(rows, labels, 0.2).item() == pytest.approx(slow_sup_con(rows.tolist(), labels.tolist(), 0.2))


def test_nt_xent_by_hand() -> None:
    """Two pictures at right angles, both views equal, τ = 1/ln 3: the other view has 3 of 3 + 1 + 1."""
    axes = torch.eye(2)
    assert losses.nt_xent(axes, 2 * axes, 1 / math.log(3)).item() == pytest.approx(-math.log(3 / 5), abs=ATOL)


def test_nt_xent_equals_the_slow_loop_and_the_library(generator: torch.Generator) -> None:
    """The slow loop is SupCon's where each label has two rows; pytorch-metric-learning's is the same in few rows."""
    first, second = draw(generator, 6, 4), draw(generator, 6, 4)
    views, labels = torch.cat([first, second]), torch.arange(6).repeat(2)
    loss = losses.nt_xent(first, second, 0.3).item()
    assert loss == pytest.approx(slow_sup_con(views.tolist(), labels.tolist(), 0.3))
    assert loss == pytest.approx(NTXentLoss(0.3)(views, labels).item())


# All of them

PAIRWISE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "info_nce": lambda a, b: losses.info_nce(a, b, 7.0),
    "info_nce, soft": lambda a, b: losses.info_nce(a, b, 7.0, torch.full((len(a), len(a)), 0.2, dtype=a.dtype)),
    "siglip": lambda a, b: losses.siglip(a, b, 7.0, -2.0),
    "margin_contrastive": lambda a, b: losses.margin_contrastive(a, b, torch.arange(len(a)) % 2, 2.0),
    "cosine_mse": lambda a, b: losses.cosine_mse(a, b, torch.linspace(-1, 1, len(a))),
    "sup_con": lambda a, b: losses.sup_con(torch.cat([a, b]), torch.arange(len(a)).repeat(2), 0.3),
    "nt_xent": lambda a, b: losses.nt_xent(a, b, 0.3),
}
CONTRASTIVE = ["info_nce", "sup_con", "nt_xent"]


@pytest.mark.parametrize("name", PAIRWISE)
def test_gradients_are_those_of_finite_differences(name: str, generator: torch.Generator) -> None:
    anchors, positives = draw(generator, 4, 3).requires_grad_(), draw(generator, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(PAIRWISE[name], (anchors, positives))


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_batch_of_one_has_a_finite_loss_and_gradient(name: str, generator: torch.Generator) -> None:
    anchors = draw(generator, 1, 3).requires_grad_()
    loss = PAIRWISE[name](anchors, draw(generator, 1, 3))
    loss.backward()
    assert loss.shape == () and loss.isfinite()
    assert anchors.grad is not None and anchors.grad.isfinite().all()
    if name in CONTRASTIVE:
        assert loss.item() == 0 and not anchors.grad.any(), "one pair alone has no negatives"


@pytest.mark.parametrize("labels", [[3, 3, 3, 3], [0, 1, 2, 3]], ids=["all of one label", "no two of a label"])
def test_nothing_to_contrast_is_zero_with_gradient_zero(labels: list[int], generator: torch.Generator) -> None:
    rows = draw(generator, 4, 3).requires_grad_()
    value = losses.sup_con(rows, torch.tensor(labels), 0.5)
    value.backward()
    assert value.item() == 0 and rows.grad is not None and not rows.grad.any()


@pytest.mark.parametrize("name", PAIRWISE)
def test_half_precision_loses_nothing_in_the_products(name: str, generator: torch.Generator) -> None:
    """Under mixed precision the loss of the same rows is float32's, to float32's rounding."""
    anchors = draw(generator, 6, 8).to(torch.bfloat16)
    positives = draw(generator, 6, 8).to(torch.bfloat16)
    full = PAIRWISE[name](anchors.float(), positives.float())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = PAIRWISE[name](anchors, positives)
    assert mixed.dtype == torch.float32 and mixed.item() == pytest.approx(full.item(), rel=1e-5)


def test_info_nce_learns_the_scale_up_to_the_clamp() -> None:
    """Perfectly aligned pairs ask for ever more scale; it stays at 100, and comes back when asked for less."""
    assert Temperature()().item() == pytest.approx(20)
    temperature = Temperature(initial=2.0)
    optimizer = torch.optim.SGD(temperature.parameters(), lr=1e9)
    rows = torch.eye(4)
    losses.info_nce(rows, rows, temperature()).backward()
    optimizer.step()
    assert temperature().item() == pytest.approx(100)
    optimizer.zero_grad()
    losses.info_nce(rows, -rows, temperature()).backward()
    assert temperature.log_scale.grad is not None and temperature.log_scale.grad > 0
