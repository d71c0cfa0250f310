"""The loop goes on bit for bit, and what it cannot do is reported."""

import json
import math
import os
import random
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from errors import CannotWrite, NotFinite, OtherCheckpoint, TrainingError
from settings import PROJECT
from tests.training.tiny_run import PLAN, STEPS, TinyModel, assert_same_bits, batches, loss, run, validate, weights_of
from training import checkpoints
from training.loop import Plan, train


def without_seconds(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def killed(folder: Path, *options: str) -> None:
    """Run the tiny run in a process of its own that ends itself by SIGKILL."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "tests.training.tiny_run", str(folder), *options]
    result = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr


# Going on


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    torch.set_num_threads(1)
    run(folder)
    return folder


def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path, uninterrupted: Path) -> None:
    """Killed at a random step after three epochs, then in the middle of writing weights, then of writing the
    optimizer: every checkpoint, the optimizer and the metrics equal those of a run that nobody ended."""
    killed(tmp_path, "--die", str(random.Random(5).randint(3 * STEPS + 1, 4 * STEPS)))
    assert checkpoints.epochs(tmp_path) == [0, 1, 2, 3]
    killed(tmp_path, "--die-writing", "1")
    assert checkpoints.epochs(tmp_path) == [0, 1, 2, 3]
    assert list(tmp_path.glob("*.part")) or list(tmp_path.glob(".*.part"))
    killed(tmp_path, "--die-writing", "4")
    assert checkpoints.epochs(tmp_path) == [0, 1, 2, 3, 4]
    run(tmp_path)
    for epoch in range(7):
        assert_same_bits(weights_of(tmp_path, epoch), weights_of(uninterrupted, epoch))
    assert_same_bits(checkpoints.load(tmp_path).resume, checkpoints.load(uninterrupted).resume)
    assert without_seconds(tmp_path) == without_seconds(uninterrupted)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in uninterrupted.iterdir())


def test_ctrl_c_passes_and_the_run_goes_on_bit_for_bit(tmp_path: Path, uninterrupted: Path) -> None:
    count = iter(range(1, 1000))

    def interrupted(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        if next(count) == 2 * STEPS + 2:
            raise KeyboardInterrupt
        return loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(TinyModel(), batches, interrupted, PLAN, tmp_path, validate=validate)
    assert checkpoints.epochs(tmp_path) == [0, 1, 2]
    model = run(tmp_path)[0]
    assert_same_bits(weights_of(tmp_path), weights_of(uninterrupted))
    assert_same_bits(model.state_dict(), weights_of(uninterrupted))


def test_what_is_random_between_the_epochs_changes_nothing(tmp_path: Path, uninterrupted: Path) -> None:
    def restless(model: nn.Module) -> dict[str, float]:
        torch.rand(17)
        return validate(model)

    train(TinyModel(), batches, loss, PLAN, tmp_path, validate=restless)
    assert_same_bits(weights_of(tmp_path), weights_of(uninterrupted))


def test_a_finished_run_is_given_back(tmp_path: Path) -> None:
    first, history = run(tmp_path, epochs=2)
    written = (tmp_path / "epoch-0002.safetensors").stat().st_mtime_ns
    second, again = run(tmp_path, epochs=2)
    assert again == history
    assert_same_bits(first.state_dict(), second.state_dict())
    assert (tmp_path / "epoch-0002.safetensors").stat().st_mtime_ns == written


def test_lost_metrics_are_made_from_the_checkpoints(tmp_path: Path) -> None:
    run(tmp_path, epochs=2)
    lines = (tmp_path / "metrics.jsonl").read_text()
    (tmp_path / "metrics.jsonl").write_text(lines + lines)
    (tmp_path / "best.json").unlink()
    run(tmp_path, epochs=2)
    assert (tmp_path / "metrics.jsonl").read_text() == lines
    assert (tmp_path / "best.json").exists()


# What it cannot do


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
def test_a_loss_that_is_not_finite_ends_with_a_sentence(tmp_path: Path, value: float) -> None:
    """In the third step of the second epoch; the first epoch stays whole, and the run can go on from it."""
    count = iter(range(1, 1000))

    def spoiled(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return loss(model, batch) + (value if next(count) == STEPS + 3 else 0)  # the gradient stays finite

    with pytest.raises(NotFinite, match=rf"loss is {value} .* at step 3 of epoch 2 .*Epoch 1 is whole; lower"):
        train(TinyModel(), batches, spoiled, PLAN, tmp_path, validate=validate)
    assert checkpoints.epochs(tmp_path) == [0, 1]
    assert all(tensor.isfinite().all() for tensor in weights_of(tmp_path).values())
    assert len(run(tmp_path)[1].epochs) == PLAN.epochs


def test_a_gradient_that_is_not_finite_ends_with_a_sentence(tmp_path: Path) -> None:
    """√ at 0 has a finite value and an infinite slope: without a look at the gradient the weights would be NaN."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    with pytest.raises(NotFinite, match=r"its gradient's norm (inf|nan) at step 1 of epoch 1"):
        train(model, lambda _: [torch.ones(1, 1)], lambda m, b: m(b).sqrt().sum(), Plan(1, 0.1), tmp_path)
    assert weights_of(tmp_path)["weight"].item() == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 7}, "epochs = 2, this one has 7"),
        ({"learning_rate": 0.5}, "learning_rate = 0.01, this one has 0.5"),
        ({"clip_norm": 1.0}, "clip_norm = 0.5, this one has 1.0"),
    ],
)
def test_another_plan_is_refused_with_both_values(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    run(tmp_path, epochs=2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OtherCheckpoint, match=re.escape(said)):
        run(tmp_path, **({"epochs": 2} | changes))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_other_data_is_refused_by_its_number_of_batches(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(OtherCheckpoint, match="steps = 4, this one has 3"):
        train(TinyModel(), lambda epoch: batches(epoch)[:3], loss, replace(PLAN, epochs=1), tmp_path)


def test_another_model_is_refused_with_both_shapes(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(OtherCheckpoint, match=r"'tower.1.weight' are \(24, 64\) in the model and \(16, 64\) in "):
        train(TinyModel(width=24), batches, loss, replace(PLAN, epochs=1), tmp_path)


def test_a_run_without_its_optimizer_does_not_go_on_as_if_nothing_were(tmp_path: Path) -> None:
    run(tmp_path, epochs=2)
    (tmp_path / "epoch-0002.resume.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"has the weights of epoch 2, and not its resume\.safetensors"):
        run(tmp_path, epochs=2)


def test_an_epoch_that_is_missing_among_the_others_is_named(tmp_path: Path) -> None:
    run(tmp_path, epochs=3)
    (tmp_path / "epoch-0001.json").unlink()
    with pytest.raises(TrainingError, match="has epoch 3, and not 1 before it"):
        run(tmp_path, epochs=3)


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_said(tmp_path: Path, device: str) -> None:
    with pytest.raises(TrainingError, match=f"The device '{device}' cannot be used: .* Use cpu"):
        run(tmp_path, device=device)


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    def greedy(model: nn.Module, batch: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(TrainingError, match=r"cpu has too little memory: CUDA out of memory. Make batches smaller"):
        train(TinyModel(), batches, greedy, PLAN, tmp_path, validate=validate)


def test_a_metric_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"watches 'R@10'; validation gives epoch, spread"):
        run(tmp_path, watch="R@10")
    assert checkpoints.epochs(tmp_path) == [], "it is reported before anything is trained"


def test_nothing_to_train_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not one batch"):
        train(TinyModel(), lambda _: [], loss, PLAN, tmp_path)
    with pytest.raises(TrainingError, match="no parameter that requires a gradient"):
        train(TinyModel().requires_grad_(False), batches, loss, PLAN, tmp_path)


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    def train_there_too(model: nn.Module) -> dict[str, float]:
        run(tmp_path)
        return {}

    with pytest.raises(TrainingError, match="Another process trains in"):
        train(TinyModel(), batches, loss, PLAN, tmp_path, validate=train_there_too)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"Not a directory|File exists"):
        run(tmp_path / "file" / "run")
