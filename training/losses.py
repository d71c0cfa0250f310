"""The losses: tensors in, scalar out.

Conventions, once: similarity is the cosine (rows are brought to unit length here) unless a loss says distance, which is
the Euclidean distance of the rows as they come. scale = 1 / temperature. Products are taken in float32 also under
mixed precision. A batch with nothing to contrast (one sample, no positive, no negative) gives 0 with gradient 0.
Which y means "the same" differs between libraries: 0 here, as in the paper; 1 in sentence-transformers, whose loss is
also halved; pytorch-metric-learning's contrastive loss is not squared. Its losses are used where they are the paper's.
"""

import math

import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor, nn

Scale = float | Tensor


class Temperature(nn.Module):
    """The learnable scale 1/τ, kept as its logarithm: CLIP (arXiv 2103.00020), section 2.5: never above `highest`.

    SigLIP (arXiv 2303.15343) begins at 10, with a bias of −10.
    """

    def __init__(self, initial: float = 20.0, highest: float = 100.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(initial)))
        self.highest = highest

    def forward(self) -> Tensor:
        # Held at the parameter itself: a clamp in the graph would have no gradient above, and never come back.
        with torch.no_grad():
            self.log_scale.clamp_(max=math.log(self.highest))
        return self.log_scale.exp()


def info_nce(
    anchors: Tensor,
    positives: Tensor,
    scale: Scale,
    targets: Tensor | None = None,
    *,
    ignore: Tensor | None = None,
    negatives: Tensor | None = None,
) -> Tensor:
    """Symmetric InfoNCE: ½·(mean_i CE(s·a_i·P, T_i) + mean_j CE(s·p_j·A, Tᵀ_j)), CE(z, t) = −Σ_k t_k·log softmax(z)_k.

    InfoNCE: arXiv 1807.03748; symmetric over a batch: CLIP, arXiv 2103.00020.
    anchors, positives: (n, d). targets (n, n): how much each positive belongs to each anchor; rows, and columns for the
    other direction, are brought to sum 1, and one of zeros counts for nothing. None is the identity.
    ignore (n, n), or (n, n + m) with negatives: True leaves that column out of the row's softmax, and the row out of
    the column's; where targets are above 0 it must be False. negatives (m, d): more candidates for the anchors only.
    """
    with _full_precision(anchors):
        logits = scale * _cosine(anchors, positives)  # (n, n)
        wide = logits if negatives is None else torch.cat([logits, scale * _cosine(anchors, negatives)], dim=1)
        if targets is None:
            targets = torch.eye(len(logits), device=logits.device)
        targets, count = targets.to(logits.dtype), len(logits)
        if ignore is not None:
            logits = logits.masked_fill(ignore[:, :count], -torch.inf)
            if ignore.shape[1] == count:  # negatives of nobody's concept
                ignore = F.pad(ignore, (0, wide.shape[1] - count))
            wide = wide.masked_fill(ignore, -torch.inf)
        rows = _cross_entropy(wide, F.pad(targets, (0, wide.shape[1] - count)))
        return (rows + _cross_entropy(logits.T, targets.T)) / 2


def siglip(anchors: Tensor, positives: Tensor, scale: Scale, bias: Scale, same: Tensor | None = None) -> Tensor:
    """−1/n · Σ_ij log σ(z_ij · (s·a_i·p_j + b)), z = 1 for the same, −1 for others. SigLIP, arXiv 2303.15343.

    anchors, positives: (n, d). same (n, n): True for pairs that belong together; None is the diagonal.
    """
    with _full_precision(anchors):
        logits = scale * _cosine(anchors, positives) + bias  # (n, n)
        if same is None:
            same = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        likelihoods: Tensor = F.logsigmoid(torch.where(same.bool(), logits, -logits))
        return -likelihoods.sum() / len(logits)


def margin_contrastive(first: Tensor, second: Tensor, different: Tensor, margin: float) -> Tensor:
    """Mean of (1−y)·D² + y·max(0, m−D)², D the Euclidean distance, y = 0 for the same and 1 for others.

    Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006, without its ½.
    first, second: (n, d), as they come; different: (n,), y.
    """
    with _full_precision(first):
        distances: Tensor = torch.linalg.vector_norm(_full(first) - _full(second), dim=1)  # (n,); slope 0 at 0
        y = different.to(distances.dtype)
        return ((1 - y) * distances.square() + y * (margin - distances).clamp(min=0).square()).mean()


def cosine_mse(first: Tensor, second: Tensor, score: Tensor) -> Tensor:
    """Mean of (cos(first, second) − score)². Sentence-BERT's regression objective, arXiv 1908.10084, section 3.

    first, second: (n, d); score: (n,), in −1…1.
    """
    with _full_precision(first):
        cosine = (_unit(first) * _unit(second)).sum(dim=1)  # (n,)
        return (cosine - score.to(cosine.dtype)).square().mean()


def sup_con(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Mean over anchors i of −1/|P(i)| · Σ_{p∈P(i)} log(exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ)).

    Supervised Contrastive Learning, arXiv 2004.11362, equation 2. P(i): the others of the label; anchors that have none
    are left out of the mean. A batch of one label alone gives 0.
    """
    with _full_precision(embeddings):
        loss: Tensor = SupConLoss(temperature)(_full(embeddings), labels)
        return loss


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean over the 2n views i of −log(exp(z_i·z_j/τ) / Σ_{k≠i} exp(z_i·z_k/τ)), j the other view of the same picture.

    SimCLR, arXiv 2002.05709, equation 1. first, second: (n, d), two views of n pictures. As one cross-entropy:
    pytorch-metric-learning's NTXentLoss holds a (2n, 2n·(2n−2)) matrix, 4.3 GB for 512 pictures.
    """
    with _full_precision(first):
        views = torch.cat([first, second])  # (2n, d)
        itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
        logits = (_cosine(views, views) / temperature).masked_fill(itself, -torch.inf)
        other = torch.arange(len(views), device=views.device).roll(len(first))
        return F.cross_entropy(logits, other)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the rows whose targets are not all 0."""
    sums = targets.sum(dim=1)  # (rows,)
    logs = F.log_softmax(logits, dim=1)
    losses = -torch.where(targets > 0, targets * logs, 0).sum(dim=1) / sums.clamp(min=torch.finfo(logs.dtype).tiny)
    return losses.sum() / (sums > 0).sum().clamp(min=1)


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    """(n, d), (m, d) -> (n, m)."""
    return _unit(first) @ _unit(second).T


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(_full(rows), dim=1)


def _full(rows: Tensor) -> Tensor:
    return rows if rows.dtype == torch.float64 else rows.float()


def _full_precision(rows: Tensor) -> torch.autocast:
    return torch.autocast(rows.device.type, enabled=False)
