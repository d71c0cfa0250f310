"""Everything of a run that changes from step to step, and how it is kept and taken up again."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils._pytree import tree_map

from errors import CannotWrite, OtherCheckpoint, TrainingError
from training import checkpoints
from training.atomic import write_text
from training.plan import Metrics, Plan, best_of, share_of_rate

log = logging.getLogger(__name__)
AGAIN = "Delete that folder to begin again, or use another."


class RunState:
    def __init__(self, model: nn.Module, plan: Plan, steps: int) -> None:
        """`steps` of one epoch, by which the learning rate is laid out."""
        self.model, self.plan, self.steps = model, plan, steps
        try:
            self.device = torch.device(plan.device)
            model.to(self.device)
        except (RuntimeError, AssertionError) as error:  # which of them depends on how torch was built
            reason = str(error).splitlines()[0]
            raise TrainingError(f"The device {plan.device!r} cannot be used: {reason}. Use cpu.") from error
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.trained:
            raise TrainingError("The model has no parameter that requires a gradient; nothing would be trained.")
        matrices, others = ([p for p in self.trained if (p.ndim > 1) is matrix] for matrix in (True, False))
        groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay)
        total, warmup = plan.epochs * steps, round(plan.epochs * steps * plan.warmup_share)
        self.scheduler = LambdaLR(self.optimizer, lambda step: share_of_rate(step, total, warmup))
        self.precision = _precision(self.device) if plan.mixed_precision else None
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision is torch.float16)

    def step(self) -> None:
        """One update of the weights and the learning rate; none where float16 overflowed, which lowers its scale."""
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:
            self.scheduler.step()

    def save(self, folder: Path, history: list[Metrics]) -> None:
        """The newest epoch of `history` as a checkpoint; metrics.jsonl and best.json are made from `history` anew."""
        optimizer = self.optimizer.state_dict()
        resume = {
            f"optimizer.{index}.{name}": tensor
            for index, values in optimizer["state"].items()
            for name, tensor in values.items()
        }
        state = {
            "metrics": history[-1],
            "plan": self._terms(),
            "optimizer": optimizer["param_groups"],
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        checkpoints.save(folder, len(history) - 1, self.model.state_dict(), state, resume)
        self._write_metrics(folder, history)

    def take_up(self, folder: Path) -> list[Metrics]:
        """Go on from the newest whole epoch in `folder`: the metrics of it and those before; none, nothing happens."""
        done = checkpoints.epochs(folder)
        if not done:
            return []
        missing = sorted(set(range(done[-1])) - set(done))
        if missing:
            raise TrainingError(f"{folder} has epoch {done[-1]}, and not {missing[0]} before it. {AGAIN}")
        checkpoint = checkpoints.load(folder)
        found = checkpoint.state["plan"]
        for name, wanted in self._terms().items():
            if found.get(name) != wanted:
                raise OtherCheckpoint(
                    f"{folder} holds a run with {name} = {found.get(name)!r}, this one has {wanted!r}. {AGAIN}"
                )
        checkpoints.restore(self.model, checkpoint)
        tensors, state = checkpoint.resume, checkpoint.state
        if checkpoint.epoch and not tensors:
            raise TrainingError(
                f"{folder} has the weights of epoch {checkpoint.epoch}, and not its resume.safetensors: training "
                f"cannot go on from there. {AGAIN}"
            )
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({"state": moments, "param_groups": state["optimizer"]})
        self.scheduler.load_state_dict(state["scheduler"])
        self.scaler.load_state_dict(state["scaler"])
        history = [checkpoints.read_state(folder, epoch)["metrics"] for epoch in done]
        self._write_metrics(folder, history)
        log.info("%s: going on after epoch %d of %d", folder, done[-1], self.plan.epochs)
        return history

    def _terms(self) -> dict[str, Any]:
        """What two runs must share to be one run; on which device does not matter."""
        return {name: value for name, value in asdict(self.plan).items() if name != "device"} | {"steps": self.steps}

    def _write_metrics(self, folder: Path, history: list[Metrics]) -> None:
        write_text(folder / "metrics.jsonl", "".join(json.dumps(metrics) + "\n" for metrics in history))
        best = best_of(history, self.plan)
        value = history[best].get(self.plan.watch)
        write_text(folder / "best.json", json.dumps({"epoch": best, "watch": self.plan.watch, "value": value}) + "\n")


def to_device(batch: Any, device: torch.device) -> Any:
    """The tensors of a batch, in tuples, lists and dicts too, moved; everything else as it is."""
    return tree_map(lambda leaf: leaf.to(device, non_blocking=True) if isinstance(leaf, Tensor) else leaf, batch)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Two runs in one folder would mix their checkpoints. Raises TrainingError when another is at work there."""
    lock = FileLock(folder / "training.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TrainingError(f"Another process trains in {folder}. Wait for it, or name another folder.") from error
    except OSError as error:
        raise CannotWrite(f"The folder {folder} cannot be written to: {error.strerror}. Name another.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def memory_said(device: str) -> Iterator[None]:
    """Raises TrainingError where torch finds no memory on the device."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).split(". ")[0]
        raise TrainingError(
            f"{device} has too little memory: {reason}. Make batches smaller, or train fewer layers."
        ) from error


def _precision(device: torch.device) -> torch.dtype | None:
    if device.type != "cuda":
        log.info("precision=float32 (mixed precision is for CUDA; this is %s)", device.type)
        return None
    chosen = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    log.info("precision=%s (mixed)", str(chosen).removeprefix("torch."))
    return chosen
