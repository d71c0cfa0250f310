"""Train an embedding of labelled pictures for each seed of a recipe, or take it up again; judge and draw it."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from training import checkpoints
from training.atomic import write_text
from training.experiments.drawing import lay_out, write_png
from training.experiments.fashion import (
    JUDGED,
    LabelledPictures,
    SmallNet,
    baselines,
    embed,
    judge_net,
    read_digits,
    read_fashion,
    sample,
)
from training.experiments.result import OVER_SEEDS, Bar, Findings, Row, columns_over_seeds
from training.experiments.run import Trial
from training.loop import Plan, train
from training.samples import Epoch

Batch = TypeVar("Batch")
WATCHED = (10_000, 2_000)
"""Training and test pictures that each epoch is judged on, the latter also drawn. Nothing is chosen by them."""
SMALL_WATCHED = (1_000, 200)


@dataclass(frozen=True)
class Recipe(Generic[Batch]):
    name: str
    method: str
    """In words, for the table."""
    plan: Plan
    size: int
    """Embeddings a batch."""
    batches: Callable[[LabelledPictures, int, int, int], Epoch[Batch]]
    """Pictures, size, seed and epoch -> the epoch's batches."""
    loss: Callable[[nn.Module, Batch], Tensor]
    bars: Mapping[str, float]
    """What the means over the seeds must reach."""
    notes: Sequence[str] = ()
    beside: "Sequence[Recipe[Any]]" = ()
    """Other experiments' recipes, which it must beat."""
    small_epochs: int = 3
    model: Callable[[], nn.Module] = SmallNet
    tower: Callable[[nn.Module], nn.Module] = lambda model: model
    """What is kept of the model after training: pictures -> (n, 64)."""

    def shrunk(self) -> "Recipe[Batch]":
        return replace(self, plan=replace(self.plan, epochs=self.small_epochs), size=100)


@dataclass(frozen=True)
class Trained:
    start: dict[str, float]
    end: dict[str, float]
    taken_up: int
    """Epochs that were there already."""


def train_seed(
    recipe: Recipe[Batch], pictures: LabelledPictures, seed: int, folder: Path, watched: LabelledPictures
) -> Trained:
    """One run in `folder`, or what is left of it; the start and the last epoch are judged on all pictures, once."""
    already = max(checkpoints.epochs(folder), default=0)
    torch.manual_seed(seed)
    model = recipe.model().eval()
    nets = {"start": copy.deepcopy(model), "end": model}
    train(
        model,
        lambda epoch: recipe.batches(pictures, recipe.size, seed, epoch),
        recipe.loss,
        replace(recipe.plan, seed=seed),
        folder,
        validate=lambda current: judge_net(recipe.tower(current), watched),
    )
    judged = remembered(
        folder / "judged.json", lambda: {when: judge_net(recipe.tower(net), pictures) for when, net in nets.items()}
    )
    return Trained(judged["start"], judged["end"], already)


def remembered(path: Path, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `find` found, now or when it was asked before."""
    if not path.exists():
        write_text(path, json.dumps(find()) + "\n")
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return known


def run_recipe(recipe: Recipe[Any], trial: Trial) -> Findings:
    """Every seed, beside random vectors, raw pixels, the untrained net and the recipes `beside`.

    Writes the space over the epochs of the first seed.
    """
    pictures = read_digits() if trial.small else read_fashion(trial.cache)
    watched = sample(pictures, *(SMALL_WATCHED if trial.small else WATCHED))

    def train_all(recipe: Recipe[Any]) -> list[Trained]:
        folder, recipe = trial.folder(recipe.name), recipe.shrunk() if trial.small else recipe
        return [train_seed(recipe, pictures, seed, folder / f"seed-{seed}", watched) for seed in trial.seeds]

    beaten = {other.method: train_all(other) for other in recipe.beside}
    runs = train_all(recipe)
    known = trial.folder(f"baselines-{len(trial.seeds)}").with_suffix(".json")
    chance = remembered(known, lambda: baselines(pictures, trial.seeds))
    untrained = {"the net, untrained": [run.start for run in runs]}
    ends = {method: [run.end for run in found] for method, found in {**beaten, recipe.method: runs}.items()}
    figures = {**chance, **untrained, **ends}
    rows = [Row(method, columns_over_seeds(by_seed)) for method, by_seed in figures.items()]
    draw_epochs(recipe, trial.folder(), trial.seeds[0], watched, trial.space())
    notes = [
        f"{len(watched.test):,} test pictures over the epochs of the first seed, in PCA (fitted on the last epoch) and "
        f"UMAP (begun at the epoch before): ![{recipe.name} over the epochs]({trial.out.name}/{trial.space().name}) "
        "With a slider: the app's Map."
    ]
    if already := sum(run.taken_up for run in [*runs, *(run for found in beaten.values() for run in found)]):
        notes.append(f"{already} epochs were there from earlier runs; the minutes are without them.")
    bars = hold_up(rows[-1], recipe.bars, rows[-1 - len(beaten) : -1])
    return Findings(bars, rows, pictures.sizes, OVER_SEEDS, [JUDGED, *recipe.notes, *notes])


def hold_up(trained: Row, bars: Mapping[str, float], others: Sequence[Row]) -> list[Bar]:
    """The means over the seeds against the bars, and how far they are above the others'."""
    means = {name: trained.metrics[name].mean for name in bars}
    return [
        *(Bar(name, means[name], bar) for name, bar in bars.items()),
        *(Bar(f"{name} above {o.method}", means[name] - o.metrics[name].mean) for o in others for name in bars),
    ]


def draw_epochs(recipe: Recipe[Any], folder: Path, seed: int, watched: LabelledPictures, png: Path) -> None:
    """The space of one seed's run over its epochs, as `space.npz` in `folder` and as a PNG."""
    run, model = folder / f"seed-{seed}", recipe.model().eval()
    epochs, embeddings = checkpoints.epochs(run), []
    for epoch in epochs:
        checkpoints.restore(model, checkpoints.load(run, epoch))
        embeddings.append(embed(recipe.tower(model), watched.test))
    space = lay_out(np.stack(embeddings), watched.test_labels, epochs, watched.names)
    space.save(folder / "space.npz")
    write_png(space, f"{recipe.name}, seed {seed}: {len(watched.test):,} test pictures", png)
