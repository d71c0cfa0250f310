"""E1 to E4 in small: scikit-learn's digits, three epochs, one seed. The space over the epochs is drawn by E1 only."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from errors import TrainingError
from training.experiments import contrast, simclr
from training.experiments.contrast import Recipe, run_recipe, train_seed
from training.experiments.fashion import read_digits, sample
from training.experiments.pairs import MARGINAL, SIAMESE, SUPERVISED
from training.experiments.result import Findings
from training.experiments.run import Trial, record

RECIPES: dict[str, Recipe[Any]] = {"E1": SIAMESE, "E2": MARGINAL, "E3": SUPERVISED, "E4": simclr.RECIPE}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vision")


@pytest.fixture(scope="module")
def found(cache: Path) -> dict[str, Findings]:
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, recipe in RECIPES.items():
            found[name] = record(trial(cache, name), "", "", partial(run_recipe, recipe))
            patch.setattr(contrast, "draw_epochs", lambda *_: None)  # half of the time, and the same for all
    return found


def trial(cache: Path, name: str) -> Trial:
    return Trial(name, [0], True, cache, cache)


def epochs(cache: Path, name: str) -> list[dict[str, float]]:
    lines = (trial(cache, name).folder() / "seed-0" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def value(findings: Findings, method: str, metric: str) -> float:
    return next(row for row in findings.rows if row.method == method).metrics[metric].mean


@pytest.mark.parametrize("name", RECIPES)
def test_the_loss_falls(found: dict[str, Findings], cache: Path, name: str) -> None:
    losses = [epoch["loss"] for epoch in epochs(cache, name)[1:]]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", RECIPES)
def test_training_beats_the_untrained_net_and_chance(found: dict[str, Findings], name: str) -> None:
    trained, findings = RECIPES[name].method, found[name]
    assert value(findings, trained, "MAP@R") > value(findings, "the net, untrained", "MAP@R") + 0.02
    assert value(findings, "the net, untrained", "MAP@R") > value(findings, "random vectors", "MAP@R")


def test_all_negatives_of_the_batch_beat_pairs(found: dict[str, Findings]) -> None:
    """E3 above E1 and E2, in MAP@R; on digits kNN20 is near its ceiling for all."""
    findings = found["E3"]
    best_of_pairs = max(value(findings, recipe.method, "MAP@R") for recipe in (SIAMESE, MARGINAL))
    assert value(findings, SUPERVISED.method, "MAP@R") > best_of_pairs


def test_e3_takes_up_the_finished_runs_of_e1_and_e2(found: dict[str, Findings]) -> None:
    for name, recipe in (("E1", SIAMESE), ("E2", MARGINAL)):
        assert value(found["E3"], recipe.method, "MAP@R") == value(found[name], recipe.method, "MAP@R")


def test_the_figures_are_small_and_the_space_is_there(found: dict[str, Findings], cache: Path) -> None:
    pictures = list(cache.glob("*.png"))
    assert {picture.stem for picture in pictures} == {*RECIPES, "E1-space"}
    for picture in pictures:
        assert picture.stat().st_size < 150_000
    with np.load(trial(cache, "E1").folder() / "space.npz", allow_pickle=False) as space:
        assert space["epochs"].tolist() == [0, 1, 2, 3]
        assert space["umap"].shape == (4, 200, 2)


class Killed(Exception):
    """What ends a run in the middle of an epoch."""


@pytest.mark.parametrize("recipe", [SIAMESE, simclr.RECIPE], ids=lambda recipe: recipe.name)
def test_a_killed_run_ends_where_the_uninterrupted_one_did(
    found: dict[str, Findings], cache: Path, tmp_path: Path, recipe: Recipe[object]
) -> None:
    """Bit for bit, weights and figures."""
    pictures = read_digits()
    watched = sample(pictures, *contrast.SMALL_WATCHED)
    steps = 0

    def killed(model: torch.nn.Module, batch: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 20:
            raise Killed
        return recipe.loss(model, batch)

    small = recipe.shrunk()
    with pytest.raises(Killed):
        train_seed(contrast.replace(small, loss=killed), pictures, 0, tmp_path, watched)
    train_seed(small, pictures, 0, tmp_path, watched)
    whole = trial(cache, recipe.name).folder() / "seed-0"
    last = f"epoch-{small.plan.epochs:04d}.safetensors"
    expected, resumed = load_file(whole / last), load_file(tmp_path / last)
    assert expected.keys() == resumed.keys()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_a_folder_of_another_plan_is_refused(found: dict[str, Findings], cache: Path) -> None:
    pictures = read_digits()
    longer = contrast.replace(SIAMESE, size=100)
    with pytest.raises(TrainingError, match=r"epochs = 3, this one has 6"):
        train_seed(longer, pictures, 0, trial(cache, "E1").folder() / "seed-0", sample(pictures, 100, 100))
