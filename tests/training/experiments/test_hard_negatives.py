"""E5: the batches and the pools by hand, and the whole in small."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training import checkpoints
from training.experiments import hard_negatives, picture_heads
from training.experiments.picture_heads import (
    AT_RANDOM,
    COMMON_START,
    FROM_INDEX,
    FURTHER,
    START,
    Icons,
    batches,
    draw_icons,
    train_seed,
)
from training.experiments.result import Findings
from training.experiments.run import Trial
from training.negatives import ExactNearest


@pytest.fixture(scope="module")
def icons() -> Icons:
    return draw_icons()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    cache = tmp_path_factory.mktemp("E5")
    return Trial("E5", [0], True, cache, cache)


@pytest.fixture(scope="module")
def small(trial: Trial) -> Findings:
    return hard_negatives.run(trial)


def mean(findings: Findings, method: str, metric: str) -> float:
    return next(row for row in findings.rows if row.method == method).metrics[metric].mean


def test_no_concept_is_on_two_sides(icons: Icons) -> None:
    assert not set(icons.train.concepts.tolist()) & set(icons.test.concepts.tolist())


def test_features_are_standardised_by_the_training_pictures(icons: Icons) -> None:
    assert np.allclose(icons.train.features.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(icons.train.features.std(axis=0), 1, atol=1e-3)
    assert not np.allclose(icons.test.features.mean(axis=0), 0, atol=1e-3)


def test_a_batch_repeats_no_concept_and_draws_its_further_captions_from_the_pools(icons: Icons) -> None:
    side = icons.train
    pools = [np.array([(own + 1) % len(side.captions)]) for own in side.caption_of]
    for features, captions, further, ignore in batches(side, pools, 32, seed=0, epoch=1):
        assert len({tuple(row) for row in captions.tolist()}) == len(features) == 32
        at = [int((side.features == row.numpy()).all(axis=1).argmax()) for row in features]
        assert torch.equal(further, torch.from_numpy(side.captions[[int(pools[i][0]) for i in at]]))
        same = torch.tensor(
            [[bool((side.captions[side.caption_of[i]] == row.numpy()).all()) for row in further] for i in at]
        )
        assert torch.equal(ignore[:, 32:], same)
        assert not ignore[:, :32].any()


def test_a_picture_without_a_pool_has_no_further_negative(icons: Icons) -> None:
    side = icons.train
    empty = [np.array([], dtype=np.int64)] * len(side.caption_of)
    features, _, further, ignore = next(iter(batches(side, empty, 32, seed=0, epoch=1)))
    assert len(further) == 0 and ignore.shape == (len(features), len(features))


def test_an_epoch_is_the_same_whenever_it_is_asked_for(icons: Icons) -> None:
    pools = [np.arange(20)] * len(icons.train.caption_of)
    once, again, next_one = (list(batches(icons.train, pools, 32, 0, epoch)) for epoch in (3, 3, 4))
    assert all(
        torch.equal(a, b) for left, right in zip(once, again, strict=True) for a, b in zip(left, right, strict=True)
    )
    assert not torch.equal(once[0][2], next_one[0][2])


def test_the_control_has_as_many_further_negatives_as_the_mined(icons: Icons, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, list[int]] = {}

    def noted(side: object, pools: list | None, *_: object) -> list:
        if pools is not None:
            seen[len(seen)] = [len(pool) for pool in pools]
        raise StopIteration

    mined = picture_heads.Mined([np.arange(n % 4) for n in range(len(icons.train.caption_of))], {})
    monkeypatch.setattr(picture_heads, "mine_with", lambda *_: mined)
    monkeypatch.setattr(picture_heads, "batches", noted)
    monkeypatch.setattr(picture_heads, "train", lambda model, make, *_, **__: _called(make))
    train_seed(icons, ExactNearest(icons.train.captions), 0, Path("unused"), 32)
    assert seen[0] == seen[1] == [n % 4 for n in range(len(icons.train.caption_of))]


def _called(make: object) -> object:
    try:
        make(1)  # type: ignore[operator]
    except StopIteration:
        pass
    return type("History", (), {"epochs": [{"loss": 0.0}]})


def test_training_beats_ridge_and_chance_and_the_way_on_beats_the_start(small: Findings) -> None:
    assert mean(small, "random order (expected)", "MRR") < mean(small, "ridge regression", "MRR")
    assert mean(small, "ridge regression", "MRR") < mean(small, COMMON_START, "MRR")
    for method in (AT_RANDOM, FROM_INDEX):
        assert mean(small, COMMON_START, "MRR") < mean(small, method, "MRR")


def test_the_difference_is_that_of_the_two_methods(small: Findings) -> None:
    for metric in hard_negatives.METRICS:
        difference = mean(small, FROM_INDEX, metric) - mean(small, AT_RANDOM, metric)
        assert mean(small, "mined − random", metric) == pytest.approx(difference)


def test_a_difference_that_may_be_none_is_called_a_null_result(small: Findings) -> None:
    row = next(row for row in small.rows if row.method == "mined − random")
    verdict = next(note for note in small.notes if note.startswith("Mined against"))
    for metric, bar in zip(hard_negatives.METRICS[:2], small.bars, strict=True):
        said = verdict.split(f"Δ {metric} ")[1].split(" Δ ")[0]
        assert ("null result" in said) == (not row.metrics[metric].excludes_zero)
        assert bar.met == (row.metrics[metric].low > 0)


def test_the_loss_falls(small: Findings, trial: Trial) -> None:
    for run in ("start", "and-mined-ones"):
        folder = trial.folder() / "seed-0" / run
        losses = [checkpoints.read_state(folder, epoch)["metrics"]["loss"] for epoch in checkpoints.epochs(folder)[1:]]
        assert losses[-1] < losses[0]


def test_a_run_taken_up_again_ends_bit_for_bit_where_the_other_did(
    small: Findings, trial: Trial, icons: Icons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped within the third epoch of the last head, the mined one's."""
    whole, loss, steps = trial.folder() / "seed-0", picture_heads.loss, 0
    an_epoch = len(batches(icons.train, None, hard_negatives.SMALL_BATCH, 0, 1))

    def stopping(model: object, batch: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == an_epoch * (START.epochs + 2 * FURTHER.epochs + 2) + 3:
            raise KeyboardInterrupt
        return loss(model, batch)  # type: ignore[arg-type]

    index = ExactNearest(icons.train.captions)
    monkeypatch.setattr(picture_heads, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_seed(icons, index, 0, tmp_path, hard_negatives.SMALL_BATCH)
    assert checkpoints.epochs(tmp_path / "and-mined-ones")[-1] == 2
    monkeypatch.setattr(picture_heads, "loss", loss)
    train_seed(icons, index, 0, tmp_path, hard_negatives.SMALL_BATCH)
    ours, others = (checkpoints.load(folder / "and-mined-ones") for folder in (tmp_path, whole))
    assert ours.epoch == others.epoch == FURTHER.epochs
    assert all(torch.equal(tensor, others.tensors[name]) for name, tensor in ours.tensors.items())
