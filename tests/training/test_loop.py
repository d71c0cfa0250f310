"""The loop: it learns, and it keeps what it learnt."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from settings import PROJECT
from tests.training.tiny_run import PLAN, STEPS, TinyModel, assert_same_bits, batches, loss, run, validate, weights_of
from training import checkpoints, run_state
from training.loop import Plan, train
from training.plan import best_of, out_of_patience, share_of_rate
from training.run_state import RunState, to_device

# What it does


def test_the_loss_falls(tmp_path: Path) -> None:
    history = run(tmp_path, epochs=15)[1]
    assert history.epochs[-1]["loss"] < 0.8 * history.epochs[0]["loss"]


def test_what_a_run_leaves_in_its_folder(tmp_path: Path) -> None:
    model, history = run(tmp_path, epochs=2)
    whole = {"epoch-0000.json", "epoch-0000.safetensors", "epoch-0001.json", "epoch-0001.safetensors"}
    newest = {"epoch-0002.json", "epoch-0002.safetensors", "epoch-0002.resume.safetensors"}
    others = {"metrics.jsonl", "best.json", "training.lock"}
    assert {path.name for path in tmp_path.iterdir()} == whole | newest | others
    assert_same_bits(weights_of(tmp_path), model.state_dict())
    assert not model.training
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [history.start, *history.epochs]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert lines[0].keys() == {"epoch", "spread"}
    assert lines[2].keys() == {"epoch", "spread", "loss", "learning_rate", "seconds"}
    best = max(range(3), key=lambda epoch: lines[epoch]["spread"])
    assert history.best_epoch == best
    wanted = {"epoch": best, "watch": "spread", "value": lines[best]["spread"]}
    assert json.loads((tmp_path / "best.json").read_text()) == wanted


def test_the_checkpoint_of_epoch_0_is_the_start(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    assert_same_bits(weights_of(tmp_path, 0), TinyModel().state_dict())


def test_the_same_plan_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    models = [run(tmp_path / str(at), epochs=2, seed=seed)[0] for at, seed in enumerate((1, 1, 2))]
    assert_same_bits(models[0].state_dict(), models[1].state_dict())
    assert not torch.equal(models[0].tower[1].weight, models[2].tower[1].weight)


def test_each_epoch_has_random_numbers_of_its_own(tmp_path: Path) -> None:
    drawn: list[float] = []

    def note(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        drawn.append(torch.rand(()).item())
        return loss(model, batch)

    for seed in (0, 1, 2):
        train(TinyModel(), batches, note, Plan(3, 0.01, seed), tmp_path / str(seed))
    assert len(set(drawn)) == len(drawn) == 9 * STEPS


def test_one_step_is_adamw_by_hand(tmp_path: Path) -> None:
    """AdamW's first step moves by the learning rate against the gradient's sign, after decay of the matrix alone."""
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(2.0)
        model.bias.fill_(3.0)
    plan = Plan(1, learning_rate=0.1, weight_decay=0.5, warmup_share=0)
    train(model, lambda _: [torch.ones(1, 1)], lambda m, b: m(b).sum(), plan, tmp_path)
    assert model.weight.item() == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1)
    assert model.bias.item() == pytest.approx(3 - 0.1)


def test_biases_gates_and_temperatures_do_not_decay() -> None:
    model = TinyModel()
    groups = RunState(model, PLAN, 1).optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [PLAN.weight_decay, 0]
    decaying = {id(parameter) for parameter in groups[0]["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in decaying}
    assert names == {"tower.1.weight", "tower.5.weight"}


def test_frozen_parameters_stay_as_they_are(tmp_path: Path) -> None:
    model = TinyModel()
    model.tower[1].requires_grad_(False)
    train(model, batches, loss, replace(PLAN, epochs=1, watch="loss"), tmp_path)
    assert torch.equal(model.tower[1].weight, TinyModel().tower[1].weight)
    assert not torch.equal(model.tower[5].weight, TinyModel().tower[5].weight)


def test_the_gradient_is_clipped_to_its_norm(tmp_path: Path) -> None:
    """With AdamW two huge gradients move as two small ones do, so the first moments tell: (1 − β₁)·g/‖g‖·clip."""
    model = nn.Linear(2, 1, bias=False)
    batch = torch.tensor([[3e4, 4e4]])
    train(model, lambda _: [batch], lambda m, b: m(b).sum(), Plan(1, 0.1, clip_norm=0.5), tmp_path)
    moment = checkpoints.load(tmp_path).resume["optimizer.0.exp_avg"]
    assert moment.flatten().tolist() == pytest.approx([0.1 * 0.5 * 0.6, 0.1 * 0.5 * 0.8], rel=1e-4)


def test_a_scaled_gradient_is_clipped_after_it_is_scaled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float16 the gradient comes 65,536 times as long; clipped as it comes, next to nothing of it would be left."""
    monkeypatch.setattr(run_state, "_precision", lambda device: torch.float16)
    model, plan = nn.Linear(2, 1, bias=False), Plan(1, 0.1, clip_norm=0.005, mixed_precision=True)
    train(model, lambda _: [torch.tensor([[0.3, 0.4]])], lambda m, b: 0.1 * m(b).float().sum(), plan, tmp_path)
    moment = checkpoints.load(tmp_path).resume["optimizer.0.exp_avg"]
    assert moment.flatten().tolist() == pytest.approx([0.1 * 0.005 * 0.6, 0.1 * 0.005 * 0.8], rel=1e-2)


def test_the_learning_rate_warms_up_and_falls_along_a_cosine(tmp_path: Path) -> None:
    """Ten steps, two of warm-up: ½, 1, then ½(1 + cos(π·k/8))."""
    shares = [share_of_rate(step, 10, 2) for step in range(10)]
    assert shares[:3] == [0.5, 1.0, 1.0]
    assert shares[6] == pytest.approx(0.5)
    assert shares[9] == pytest.approx(0.5 * (1 + math.cos(math.pi * 7 / 8)))
    assert share_of_rate(10, 10, 2) == 0 == share_of_rate(50, 10, 2)
    assert share_of_rate(0, 1, 1) == 1
    history = run(tmp_path, epochs=5, warmup_share=0.1)[1]
    rates = [epoch["learning_rate"] for epoch in history.epochs]
    assert rates == pytest.approx([0.01 * share_of_rate(epoch * STEPS + 3, 5 * STEPS, 2) for epoch in range(5)])


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    values = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    plan = replace(PLAN, patience=2, watch="score")
    history = train(TinyModel(), batches, loss, plan, tmp_path, validate=lambda _: {"score": next(values)})
    assert (len(history.epochs), history.best_epoch) == (3, 1)
    again = train(TinyModel(), batches, loss, plan, tmp_path, validate=lambda _: {"score": 10.0})
    assert again == history, "a run that ended is not begun again"


def test_patience_and_best_by_hand() -> None:
    plan = Plan(9, 1, watch="x", patience=2)
    history = [{"x": value} for value in (math.nan, 5.0, 3.0, 3.0)]
    assert best_of(history, plan) == 2, "the first of equals; what is not a number is never best"
    assert best_of(history, replace(plan, higher_is_better=True)) == 1
    assert not out_of_patience(history, plan)
    assert out_of_patience([*history, {"x": 4.0}], plan)
    assert not out_of_patience([*history, {"x": 4.0}], replace(plan, patience=None))
    assert best_of([{"epoch": 0.0}], plan) == 0


def test_on_epoch_is_told_of_the_start_and_of_each_epoch(tmp_path: Path) -> None:
    told: list[tuple[int, bool, bool]] = []

    def note(epoch: int, model: nn.Module, metrics: object) -> None:
        told.append((epoch, model.training, torch.is_grad_enabled()))

    train(TinyModel(), batches, loss, replace(PLAN, epochs=2), tmp_path, validate=validate, on_epoch=note)
    assert told == [(epoch, False, False) for epoch in (0, 1, 2)]


def test_batches_without_a_length_are_counted(tmp_path: Path) -> None:
    model = TinyModel()
    history = train(model, lambda epoch: iter(batches(epoch)), loss, PLAN, tmp_path / "a", validate=validate)
    sized, wanted = run(tmp_path / "b")
    assert_same_bits(model.state_dict(), sized.state_dict())
    assert [e["learning_rate"] for e in history.epochs] == [e["learning_rate"] for e in wanted.epochs]


def test_mixed_precision_changes_nothing_where_there_is_no_cuda(tmp_path: Path) -> None:
    plain, mixed = run(tmp_path / "a", epochs=1)[0], run(tmp_path / "b", epochs=1, mixed_precision=True)[0]
    assert_same_bits(plain.state_dict(), mixed.state_dict())


def test_float16_is_scaled_and_what_overflows_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU without bfloat16: the very first gradients are beyond float16 at the first scale, 65,536. Going on
    from the second epoch gives the same bits, so the scale is kept."""
    monkeypatch.setattr(run_state, "_precision", lambda device: torch.float16)

    def steep(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        scaled: Tensor = 100 * model(batch[0]).square().mean()
        return scaled

    half = replace(PLAN, watch="loss", mixed_precision=True)
    models = [TinyModel(), TinyModel()]
    histories = [train(models[0], batches, steep, half, tmp_path / "whole")]

    def stop(epoch: int, model: nn.Module, metrics: object) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(models[1], batches, steep, half, tmp_path / "parts", on_epoch=stop)
    assert checkpoints.read_state(tmp_path / "parts", 0)["scaler"]["scale"] == 2**16
    assert checkpoints.read_state(tmp_path / "parts", 2)["scaler"]["scale"] < 2**16
    histories.append(train(models[1], batches, steep, half, tmp_path / "parts"))
    assert_same_bits(models[0].state_dict(), models[1].state_dict())
    assert histories[0].epochs[-1]["loss"] < histories[0].epochs[0]["loss"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("half", [True, False], ids=["bfloat16", "float16"])
def test_the_same_code_trains_on_cuda(tmp_path: Path, half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: half)
    model, history = run(tmp_path / "a", device="cuda", mixed_precision=True, epochs=15)
    assert history.epochs[-1]["loss"] < 0.8 * history.epochs[0]["loss"]
    again = run(tmp_path / "a", device="cuda", mixed_precision=True, epochs=15)[0]
    assert_same_bits(model.state_dict(), again.state_dict())


class Named(NamedTuple):
    rows: Tensor
    words: str


def test_tensors_are_moved_wherever_they_stand() -> None:
    meta = torch.device("meta")
    tensor = torch.zeros(2)
    moved = to_device({"a": tensor, "b": [tensor, ("x", tensor)], "c": 3, "d": Named(tensor, "y")}, meta)
    assert moved["a"].device == moved["b"][0].device == moved["b"][1][1].device == moved["d"].rows.device == meta
    assert moved["b"][1][0] == "x" and moved["c"] == 3 and moved["d"].words == "y"


def test_the_loop_can_be_read_aloud() -> None:
    assert len((PROJECT / "training" / "loop.py").read_text().splitlines()) <= 120
