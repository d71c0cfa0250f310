"""A run of seconds with all that must survive an end: dropout, batch norm, a temperature, augmentation.

    python -m tests.training.tiny_run FOLDER [--die STEP | --die-writing COUNT]

`--die` ends the process by SIGKILL in the STEP-th loss it computes, `--die-writing` in the middle of its COUNT-th file.
"""

import argparse
import os
import signal
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoints, losses
from training.augment import Augmentation
from training.loop import History, Plan, train
from training.losses import Temperature

PLAN = Plan(epochs=6, learning_rate=0.01, seed=3, clip_norm=0.5, watch="spread", higher_is_better=True)
STEPS = 4
VIEWS = Augmentation(crop=(0.5, 1), flip=0.5, rotation=20, brightness=(0.7, 1.3))
Batch = tuple[Tensor, Tensor]


class TinyModel(nn.Module):
    def __init__(self, seed: int = 0, width: int = 16) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.tower = nn.Sequential(
            nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.3), nn.Linear(width, 8)
        )
        self.temperature = Temperature()

    def forward(self, pictures: Tensor) -> Tensor:
        rows: Tensor = self.tower(pictures)
        return rows


def batches(epoch: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(epoch)
    drawn = []
    for step in range(STEPS):
        indices = torch.randint(0, 1000, (12,), generator=generator)
        pictures = torch.stack([torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(int(i))) for i in indices])
        views = [VIEWS.batch(pictures, (PLAN.seed, epoch, step, view), indices.numpy()) for view in range(2)]
        drawn.append((views[0], views[1]))
    return drawn


def loss(model: nn.Module, batch: Batch) -> Tensor:
    assert isinstance(model, TinyModel)
    return losses.info_nce(model(batch[0]), model(batch[1]), model.temperature())


def validate(model: nn.Module) -> dict[str, float]:
    rows = model(torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(99)))
    return {"spread": rows.std().item()}


def run(folder: Path, **changes: object) -> tuple[TinyModel, History]:
    model = TinyModel()
    history = train(model, batches, loss, replace(PLAN, **changes), folder, validate=validate)
    return model, history


def weights_of(folder: Path, epoch: int | None = None) -> dict[str, Tensor]:
    return checkpoints.load(folder, epoch).tensors


def assert_same_bits(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different


def _die_at_step(count: int) -> None:
    steps = iter(range(1, 10**6))
    compute = losses.info_nce

    def mortal(*arguments: Tensor, **options: Tensor) -> Tensor:
        if next(steps) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return compute(*arguments, **options)

    losses.info_nce = mortal


def _die_writing(count: int) -> None:
    files = iter(range(1, 10**6))
    write = checkpoints.save_file

    def mortal(tensors: dict[str, Tensor], path: Path) -> None:
        write(tensors, path)
        if next(files) == count:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.save_file = mortal


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--die", type=int, default=0)
    parser.add_argument("--die-writing", type=int, default=0)
    wishes = parser.parse_args()
    torch.set_num_threads(1)
    _die_at_step(wishes.die)
    _die_writing(wishes.die_writing)
    run(wishes.folder)
