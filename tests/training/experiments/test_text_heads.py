from pathlib import Path

import numpy as np
import pytest
import torch

from encoder.protocol import unit
from evaluation.space import map_at_r
from training import checkpoints
from training.experiments import text_heads
from training.experiments.few_labels import FROM_IDENTITY, LINEAR
from training.experiments.text_heads import (
    SKIP,
    OnFrozen,
    chance,
    judge_space,
    most_frequent,
    neighbours,
    train_head,
    transform,
)
from training.experiments.texts import Part, draw_texts, pick_labelled


def slow_top(rows: np.ndarray, labels: np.ndarray, k: int) -> tuple[list[int], list[bool]]:
    """Each row's k nearest others, one pair at a time."""
    top, first = [], []
    for i in range(len(rows)):
        order = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -float(rows[i] @ rows[j]))
        top.append(sum(labels[j] == labels[i] for j in order[:k]))
        first.append(bool(labels[order[0]] == labels[i]))
    return top, first


def test_top_by_hand() -> None:
    """On a circle at 0°, 10°, 20°, 90° with labels 0 1 0 0, two nearest: {1, 2}, {0, 2}, {1, 0}, {2, 1}."""
    angles = np.radians([0, 10.5, 20, 90])
    part = Part(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), np.array([0, 1, 0, 0]))
    judged = judge_space(part, nearest=2)
    assert judged.top.tolist() == [1, 0, 1, 1]
    assert judged.first.tolist() == [0, 0, 0, 1]


def test_top_is_what_the_slow_count_gives(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(unit(rng.normal(size=(90, 6))), rng.integers(3, size=90))
    monkeypatch.setattr(text_heads, "CELLS", 1000)  # eleven rows at a time
    judged = judge_space(part, nearest=20)
    top, first = slow_top(part.rows, part.labels, 20)
    assert judged.top.tolist() == top
    assert judged.first.astype(bool).tolist() == first
    assert judged.map_at_r == pytest.approx(map_at_r(part.rows, part.labels))


def test_neighbours_are_a_thousand_or_a_ninth() -> None:
    assert [neighbours(count) for count in (9159, 9000, 480, 9, 2)] == [1000, 1000, 53, 1, 1]


def test_chance_is_what_random_rows_get(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1, 2], [300, 150, 50])
    judged = [judge_space(Part(unit(rng.normal(size=(500, 8))), labels)) for _ in range(20)]
    top, first = chance(labels)
    assert np.mean([each.top.mean() for each in judged]) == pytest.approx(top, rel=0.03)
    assert np.mean([each.first.mean() for each in judged]) == pytest.approx(first, rel=0.03)
    assert most_frequent(labels) == 0.6


def test_a_collapsed_class_has_a_high_top_and_the_other_figures_beside_it(rng: np.random.Generator) -> None:
    """Why top_1k never stands alone: three of four classes as one point give much top and little P@1."""
    labels = np.repeat(np.arange(4), 100)
    rows = unit(rng.normal(size=(400, 8)))
    collapsed = unit(np.where(labels[:, None] < 3, rows[:1] + 1e-4 * rows, -rows[:1] + 1e-4 * rows))
    before, after = judge_space(Part(rows, labels), 100), judge_space(Part(collapsed, labels), 100)
    assert after.top.mean() > 1.5 * before.top.mean()
    assert after.map_at_r < 0.6


@pytest.mark.parametrize(("recipe", "most"), [(SKIP, 0.05), (FROM_IDENTITY, 1e-6)])
def test_a_protecting_head_begins_as_nearly_nothing(recipe: text_heads.HeadRecipe, most: float) -> None:
    part = draw_texts().test
    moved = transform(OnFrozen(recipe.make(part.rows.shape[1])), part)
    assert np.abs(moved.rows - part.rows).max() <= most


def test_a_plain_linear_head_begins_elsewhere() -> None:
    part = draw_texts().test
    torch.manual_seed(0)
    moved = transform(OnFrozen(LINEAR.make(part.rows.shape[1])), part)
    assert np.abs((moved.rows * part.rows).sum(axis=1)).mean() < 0.3


def test_a_head_taken_up_again_ends_bit_for_bit_where_the_other_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = draw_texts()
    labelled = texts.train[pick_labelled(texts.train.labels, 50, 0)]
    whole, history = train_head(SKIP, labelled, 0, tmp_path / "whole")
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]

    sup_con, steps = text_heads.sup_con, 0

    def stopping(*arguments: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 60:
            raise KeyboardInterrupt
        return sup_con(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(text_heads, "sup_con", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_head(SKIP, labelled, 0, tmp_path / "stopped")
    assert checkpoints.epochs(tmp_path / "stopped")[-1] == 2
    monkeypatch.setattr(text_heads, "sup_con", sup_con)
    again, _ = train_head(SKIP, labelled, 0, tmp_path / "stopped")
    for (name, ours), (_, other) in zip(whole.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(ours, other), name
