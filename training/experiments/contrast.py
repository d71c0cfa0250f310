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
from training.experiments.drawing import draw_curves, lay_out, write_html, write_png
from training.experiments.fashion import (
    JUDGED,
    Epoch,
    LabelledPictures,
    SmallNet,
    baselines,
    embed,
    judge_net,
    read_digits,
    read_fashion,
    row,
    sample,
)
from training.experiments.result import OVER_SEEDS, Bar, Findings, Row
from training.loop import Plan, train
from training.plan import Metrics

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
    epochs: Sequence[Metrics]
    """From 0, with kNN20 and MAP@R on the watched sample."""
    taken_up: int
    """Epochs that were there already."""


def folder_of(name: str, cache: Path, small: bool) -> Path:
    """Where an experiment's runs are: seed-0, seed-1, …, and its space.npz and space.html."""
    return cache / "training" / "runs" / (f"{name}-small" if small else name)


def read_pictures(small: bool, cache: Path) -> LabelledPictures:
    return read_digits() if small else read_fashion(cache)


def seeded(recipe: Recipe[Batch], seed: int) -> nn.Module:
    """The untrained model."""
    torch.manual_seed(seed)
    return recipe.model().eval()


def train_seed(
    recipe: Recipe[Batch], pictures: LabelledPictures, seed: int, folder: Path, watched: LabelledPictures
) -> Trained:
    """One run in `folder`, or what is left of it; the start and the last epoch are judged on all pictures, once."""
    already = max(checkpoints.epochs(folder), default=0)
    model = seeded(recipe, seed)
    untrained = copy.deepcopy(model)
    history = train(
        model,
        lambda epoch: recipe.batches(pictures, recipe.size, seed, epoch),
        recipe.loss,
        replace(recipe.plan, seed=seed),
        folder,
        validate=lambda current: judge_net(recipe.tower(current), watched),
    )
    nets = {"start": untrained, "end": model}
    judged = remembered(
        folder / "judged.json", lambda: {when: judge_net(recipe.tower(net), pictures) for when, net in nets.items()}
    )
    return Trained(judged["start"], judged["end"], [history.start, *history.epochs], already)


def remembered(path: Path, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `find` found, now or when it was asked before."""
    if not path.exists():
        write_text(path, json.dumps(find()) + "\n")
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return known


def run_recipe(recipe: Recipe[Any], seeds: Sequence[int], small: bool, cache: Path, out: Path) -> Findings:
    """Every seed, beside random vectors, raw pixels, the untrained net and the recipes `beside`.

    Writes `<out>/<name>.png`, `<out>/<name>-space.png`, and the space over the epochs of the first seed (`drawing`).
    """
    pictures = read_pictures(small, cache)
    watched = sample(pictures, *(SMALL_WATCHED if small else WATCHED))

    def train_all(recipe: Recipe[Any]) -> list[Trained]:
        folder = folder_of(recipe.name, cache, small)
        recipe = recipe.shrunk() if small else recipe
        return [train_seed(recipe, pictures, seed, folder / f"seed-{seed}", watched) for seed in seeds]

    beaten = {other.method: train_all(other) for other in recipe.beside}
    runs = train_all(recipe)
    others = [row(method, [run.end for run in found]) for method, found in beaten.items()]
    untrained = row("the net, untrained", [run.start for run in runs])
    trained = row(recipe.method, [run.end for run in runs])
    known = folder_of(f"baselines-{len(seeds)}", cache, small).with_suffix(".json")
    chance = remembered(known, lambda: baselines(pictures, seeds))
    rows = [*(row(method, figures) for method, figures in chance.items()), untrained, *others, trained]
    whole, part = (f"{len(side.test):,} test pictures" for side in (pictures, watched))
    title, bars = f"{recipe.name}: {whole}", recipe.bars
    draw_curves([run.epochs for run in runs], rows, bars, title, part, out / f"{recipe.name}.png")
    draw_epochs(recipe, folder_of(recipe.name, cache, small), seeds[0], watched, out / f"{recipe.name}-space.png")
    told = about_runs(recipe.name, part, out.name, [*runs, *(run for found in beaten.values() for run in found)])
    notes = [JUDGED, *recipe.notes, *told]
    return Findings(hold_up(trained, bars, others), rows, pictures.sizes, OVER_SEEDS, notes)


def about_runs(name: str, drawn: str, figures: str, runs: Sequence[Trained]) -> list[str]:
    """Where the space is drawn, and what the minutes are without."""
    space = f"![{name} over the epochs]({figures}/{name}-space.png)"
    told = [
        f"{drawn} over the epochs of the first seed, in PCA (fitted on the last epoch) and UMAP (begun at the epoch "
        f"before): {space} With a slider: space.html beside the run's checkpoints in the cache."
    ]
    already = sum(run.taken_up for run in runs)
    return [
        *told,
        *([f"{already} epochs were there from earlier runs; the minutes are without them."] if already else []),
    ]


def hold_up(trained: Row, bars: Mapping[str, float], others: Sequence[Row]) -> list[Bar]:
    """The means over the seeds against the bars, and how far they are above the others'."""
    means = {name: trained.metrics[name].mean for name in bars}
    above = [(name, other.method, means[name] - other.metrics[name].mean) for other in others for name in bars]
    return [
        *(Bar(name, means[name], bar) for name, bar in bars.items()),
        *(Bar(f"{name} above {method}", difference, 0.0) for name, method, difference in above),
    ]


def draw_epochs(recipe: Recipe[Any], folder: Path, seed: int, watched: LabelledPictures, png: Path) -> None:
    """The space of one seed's run over its epochs: `space.npz` and `space.html` in `folder`, and a PNG."""
    run = folder / f"seed-{seed}"
    epochs = checkpoints.epochs(run)
    embeddings = np.stack([embed(load_tower(recipe, run, epoch), watched.test) for epoch in epochs])
    space = lay_out(embeddings, watched.test_labels, epochs, watched.names)
    title = f"{recipe.name}, seed {seed}: {len(watched.test):,} test pictures"
    space.save(folder / "space.npz")
    write_html(space, title, folder / "space.html")
    write_png(space, title, png)


def load_tower(recipe: Recipe[Any], run: Path, epoch: int) -> nn.Module:
    """The embedding net as it was after an epoch, in evaluation mode."""
    model = recipe.model().eval()
    checkpoints.restore(model, checkpoints.load(run, epoch))
    return recipe.tower(model)
