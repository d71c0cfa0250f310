"""E9: whether fine-tuned text vectors separate their classes better: logistic probe and silhouette, before and after,
with the trustworthiness of the 2-D picture beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from evaluation.space import linear_probe, silhouette
from layout.projection import Points, pca, trust, umap
from layout.store import umap_is_there
from training.experiments.drawing import save_small
from training.experiments.result import OVER_SEEDS, Bar, Findings, Row, columns_over_seeds, exactly, over_seeds
from training.experiments.run import Trial
from training.experiments.text_heads import JUDGED, SKIP, judge_space, most_frequent, train_head, transform
from training.experiments.texts import LabelledTexts, pick_labelled, read_texts

FEW = 261
DRAWN = 3000
"""Test texts in the picture."""
PROBE = "probe"
FEW_PROBE = f"probe of {FEW} labels"
HOW = (
    f"probe: accuracy on the test texts of a logistic regression fitted on all training texts, and on the {FEW} that "
    "the head may have seen; silhouette: of the test texts by their classes; trustworthiness: of the 2-D picture of "
    f"{DRAWN:,} test texts, by 15 neighbours. The heads are E7's, with {FEW} labels and with those of all training "
    "texts."
)


@dataclass(frozen=True)
class Space:
    values: Mapping[str, float]
    points: Points  # (DRAWN, 2)
    labels: NDArray[np.int64]  # (DRAWN,)


def run(trial: Trial) -> Findings:
    texts = read_texts(trial)
    few, by_umap = min(FEW, len(texts.train)), umap_is_there() and not trial.small

    def tuned(count: int, seed: int) -> Space:
        labelled = texts.train[pick_labelled(texts.train.labels, count, seed)]
        model, _ = train_head(SKIP, labelled, seed, trial.folder() / f"{count}-labels-seed-{seed}")
        moved = replace(texts, train=transform(model, texts.train), test=transform(model, texts.test))
        return measure(moved, seed, few, by_umap)

    before = [measure(texts, seed, few, by_umap) for seed in trial.seeds]
    after = {count: [tuned(count, seed) for seed in trial.seeds] for count in (few, len(texts.train))}
    spaces = {"frozen vectors": before} | {f"fine-tuned, {n:,} labels": found for n, found in after.items()}
    shuffled = [np.random.default_rng(seed).permutation(texts.test.labels) for seed in trial.seeds]
    largest = exactly(most_frequent(texts.test.labels))
    draw(texts.kinds, {title: found[0] for title, found in spaces.items()}, trial.space())
    return Findings(
        bars=[
            Bar(f"{name}, fine-tuned with {count:,}, after − before, worst seed", _worst(before, found, name))
            for count, found in after.items()
            for name in (FEW_PROBE if count == few else PROBE, "silhouette")
        ],
        rows=[
            Row("always the largest class", {PROBE: largest, FEW_PROBE: largest}),
            Row("classes shuffled", {"silhouette": over_seeds([silhouette(texts.test.rows, s) for s in shuffled])}),
            *(Row(title, columns_over_seeds([each.values for each in found])) for title, found in spaces.items()),
        ],
        sizes=texts.sizes,
        interval=OVER_SEEDS,
        notes=[texts.what, HOW, JUDGED, f"![{trial.name}, before and after]({trial.out.name}/{trial.space().name})"],
    )


def measure(texts: LabelledTexts, seed: int, few: int, by_umap: bool) -> Space:
    """Every figure of the space that the texts lie in; the few labels and the sample drawn depend on the seed.

    Where UMAP is not installed, and in small runs, for which it is slow, the picture is the PCA.
    """
    train, test = texts.train, texts.test
    labelled = train[pick_labelled(train.labels, few, seed)]
    shown = test[np.random.default_rng([seed, 9]).permutation(len(test))[:DRAWN]]
    flat, axes = pca(shown.rows, 2)
    points = umap(shown.rows) if by_umap else flat
    judged = judge_space(test)
    values = {
        PROBE: linear_probe(train.rows, train.labels, test.rows, test.labels),
        FEW_PROBE: linear_probe(labelled.rows, labelled.labels, test.rows, test.labels),
        "silhouette": silhouette(test.rows, test.labels),
        **({"trustworthiness, UMAP": trust(shown.rows, points) or 0.0} if by_umap else {}),
        "trustworthiness, PCA": trust(shown.rows, flat) or 0.0,
        "variance in PCA": float(axes.explained.sum()),
        "P@1": float(judged.first.mean()),
        "MAP@R": judged.map_at_r,
    }
    return Space(values, points, shown.labels)


def _worst(before: Sequence[Space], after: Sequence[Space], name: str) -> float:
    return min(b.values[name] - a.values[name] for a, b in zip(before, after, strict=True))


def draw(kinds: Sequence[str], spaces: Mapping[str, Space], path: Path) -> None:
    """The same test texts in two dimensions, before and after, coloured by class."""
    figure = Figure(figsize=(11, 4.2), dpi=100, layout="constrained")
    for axes, (title, space) in zip(figure.subplots(1, len(spaces)), spaces.items(), strict=True):
        for number, kind in enumerate(kinds):
            points = space.points[space.labels == number]
            axes.scatter(*points.T, s=2, color=colormaps["tab10"](number), label=kind)
        values = space.values
        picture = "UMAP" if "trustworthiness, UMAP" in values else "PCA"
        axes.set_title(
            f"{title}\nprobe {values[PROBE]:.3f}, silhouette {values['silhouette']:.3f}\n"
            f"{picture}, trustworthiness {values[f'trustworthiness, {picture}']:.3f}",
            fontsize=9,
        )
        axes.set(xticks=[], yticks=[])
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(kinds), frameon=False, markerscale=5)
    save_small(figure, path)
