"""Train a model: the one loop. Batches, loss and validation are arguments."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sized
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from errors import NotFinite, TrainingError
from training.plan import History, Metrics, Plan, best_of, out_of_patience
from training.run_state import RunState, alone_in, memory_said, to_device

__all__ = ["History", "Plan", "train"]

Batch = TypeVar("Batch")


def train(
    model: nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    loss: Callable[[nn.Module, Batch], Tensor],
    plan: Plan,
    folder: Path,
    *,
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None,
    on_epoch: Callable[[int, nn.Module, Mapping[str, float]], None] | None = None,
) -> History:
    """Train `model` in place, and leave it in evaluation mode with the weights of the last epoch.

    `batches(epoch)`, from 1, must be the same whenever it is asked for the same epoch; tensors in them are moved to the
    device. Learnt parameters of the loss belong to the model. `folder` receives a checkpoint before training and one an
    epoch (see `checkpoints`), metrics.jsonl and best.json. With the same plan it goes on from the last whole epoch, on
    CPU bit for bit as if it had never ended: an epoch's random numbers depend on the seed and the epoch alone.
    `on_epoch` runs before the epoch counts as done, so it may run twice for one, never not at all.

    Raises NotFinite, OtherCheckpoint, CannotWrite or TrainingError; the checkpoints before are whole.
    """
    with alone_in(folder), memory_said(plan.device):
        first = batches(1)
        steps = len(first) if isinstance(first, Sized) else sum(1 for _ in first)
        if not steps:
            raise TrainingError("There is not one batch to train on: fewer samples than a batch needs.")
        run = RunState(model, plan, steps)
        history = run.take_up(folder)
        while len(history) <= plan.epochs and not out_of_patience(history, plan):
            epoch = len(history)
            torch.manual_seed(plan.seed * 1_000_003 + epoch)
            metrics = _one_epoch(run, batches(epoch), loss, plan, epoch) if epoch else {"epoch": 0}
            model.eval()
            with torch.no_grad():
                metrics |= {name: float(value) for name, value in (validate(model) if validate else {}).items()}
                if on_epoch:
                    on_epoch(epoch, model, metrics)
            if plan.watch not in {"loss", *metrics}:
                raise TrainingError(f"The plan watches {plan.watch!r}; validation gives {', '.join(metrics)}.")
            history.append(metrics)
            run.save(folder, history)
        model.eval()
        return History(history[0], history[1:], best_of(history, plan), folder)


def _one_epoch(
    run: RunState, batches: Iterable[Batch], loss: Callable[[nn.Module, Batch], Tensor], plan: Plan, epoch: int
) -> Metrics:
    started, losses, rate = time.monotonic(), [], 0.0
    run.model.train()
    bar = tqdm(batches, f"epoch {epoch}/{plan.epochs}", run.steps, leave=False, disable=None)
    for step, batch in enumerate(bar, 1):
        with torch.autocast(run.device.type, run.precision, enabled=run.precision is not None):
            value = loss(run.model, to_device(batch, run.device))
        run.optimizer.zero_grad()
        run.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
        run.scaler.unscale_(run.optimizer)
        norm = nn.utils.clip_grad_norm_(run.trained, plan.clip_norm)
        losses.append(value.item())
        rate = float(run.scheduler.get_last_lr()[0])
        if not (math.isfinite(losses[-1]) and (run.scaler.is_enabled() or norm.isfinite())):
            raise NotFinite(
                f"The loss is {losses[-1]} and its gradient's norm {norm.item()} at step {step} of epoch {epoch} "
                f"(learning rate {rate:.2g}). Epoch {epoch - 1} is whole; lower the learning rate, or look at the data."
            )
        run.step()
        bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
    mean = math.fsum(losses) / len(losses)
    return {"epoch": epoch, "loss": mean, "learning_rate": rate, "seconds": time.monotonic() - started}
