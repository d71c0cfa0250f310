"""A run's plan and history, and when it ends."""

import math
from dataclasses import dataclass
from pathlib import Path

Metrics = dict[str, float]


@dataclass(frozen=True)
class Plan:
    epochs: int
    learning_rate: float
    """The highest: reached after the warm-up, then down to 0 along a cosine (arXiv 1608.03983, one cycle)."""
    seed: int = 0
    weight_decay: float = 0.05
    """Of matrices; biases, gates, norms and temperatures have none."""
    warmup_share: float = 0.1
    clip_norm: float = 1.0
    patience: int | None = None
    """Epochs without a better `watch` after which it ends."""
    watch: str = "loss"
    """A key of what `validate` returns, or "loss": the training loss."""
    higher_is_better: bool = False
    device: str = "cpu"
    mixed_precision: bool = False
    """bfloat16, or float16 where there is none, on CUDA; elsewhere nothing changes."""


@dataclass(frozen=True)
class History:
    start: Metrics
    """What `validate` said before training."""
    epochs: list[Metrics]
    """One each epoch, as in metrics.jsonl: epoch, loss, learning_rate, seconds, and what `validate` said."""
    best_epoch: int
    """0 when the start was never bettered."""
    folder: Path


def best_of(history: list[Metrics], plan: Plan) -> int:
    """The epoch with the best of what is watched, the first of equals; 0 where nothing could be watched."""
    sign = -1 if plan.higher_is_better else 1
    watched = [(sign * metrics[plan.watch], epoch) for epoch, metrics in enumerate(history) if plan.watch in metrics]
    return min((pair for pair in watched if math.isfinite(pair[0])), default=(0.0, 0))[1]


def share_of_rate(step: int, total: int, warmup: int) -> float:
    """Of the highest learning rate at `step`, from 0: linear up over `warmup` steps, then a half cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


def out_of_patience(history: list[Metrics], plan: Plan) -> bool:
    """Whether the last `patience` epochs brought nothing better than the best before."""
    return plan.patience is not None and len(history) - 1 - best_of(history, plan) >= max(1, plan.patience)
