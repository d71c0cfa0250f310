"""The pictures, the pairs, the views and the net that E1 to E4 share."""

import numpy as np
import pytest
import torch

from training.experiments import simclr
from training.experiments.contrast import hold_up
from training.experiments.fashion import LabelledPictures, SmallNet, baselines, embed, read_digits, sample
from training.experiments.pairs import balanced_pairs, find_partners, labelled_batches
from training.experiments.result import Row, columns_over_seeds


@pytest.fixture(scope="module")
def digits() -> LabelledPictures:
    return read_digits()


def test_the_digits_are_split_once(digits: LabelledPictures) -> None:
    assert digits.sizes == {"training pictures": 1297, "test pictures": 500, "classes": 10}
    assert digits.train.dtype == torch.uint8
    assert tuple(digits.train.shape[1:]) == (1, 28, 28)
    both = torch.cat([digits.train, digits.test]).flatten(1)
    assert len(torch.unique(both, dim=0)) == len(both), "no picture is on both sides"


def test_a_sample_keeps_labels_with_pictures(digits: LabelledPictures) -> None:
    some = sample(digits, 50, 20)
    where = {picture.numpy().tobytes(): label for picture, label in zip(digits.test, digits.test_labels, strict=True)}
    assert [where[picture.numpy().tobytes()] for picture in some.test] == some.test_labels.tolist()
    assert torch.equal(sample(digits, 50, 20).train, some.train)


def test_partners_are_others_of_the_label_or_of_another() -> None:
    """Every allowed partner turns up, no picture is its own; other labels are equally likely whatever their size."""
    labels = np.array([2, 0, 1, 0, 2, 0, 1, 1, 1, 1])
    rng = np.random.default_rng(0)
    anchors = np.tile(np.arange(10), 2000)
    same = np.repeat([True, False], 10000)
    partners = find_partners(labels, anchors, same, rng)
    assert (partners != anchors).all()
    np.testing.assert_array_equal(labels[partners] == labels[anchors], same)
    for anchor in range(10):
        allowed = {place for place in range(10) if labels[place] == labels[anchor] and place != anchor}
        assert set(partners[same & (anchors == anchor)].tolist()) == allowed
    kinds = np.bincount(labels[partners[~same & (labels[anchors] == 0)]], minlength=3)
    assert kinds[0] == 0
    assert kinds[1] == pytest.approx(kinds[2], rel=0.1)


def test_pairs_are_balanced_and_differ_by_epoch(digits: LabelledPictures) -> None:
    epoch = balanced_pairs(digits, 100, seed=0, epoch=1)
    batches = list(epoch)
    assert len(epoch) == len(batches) == 12
    pictures, same = batches[0]
    assert pictures.shape == (100, 1, 28, 28)
    assert same.sum() == 25
    again, other = (next(iter(balanced_pairs(digits, 100, seed=0, epoch=number)))[0] for number in (1, 2))
    assert torch.equal(pictures, again)
    assert not torch.equal(pictures, other)


def test_labelled_batches_hold_as_many_of_each(digits: LabelledPictures) -> None:
    pictures, labels = next(iter(labelled_batches(digits, 100, seed=0, epoch=1)))
    assert torch.bincount(labels).tolist() == [10] * 10
    assert pictures.shape == (100, 1, 28, 28)
    assert 0 <= pictures.min() <= pictures.max() <= 1


def test_two_views_are_of_the_same_picture_and_differ(digits: LabelledPictures) -> None:
    """A view is nearer to its own picture's other view than to most others'; by chance half of them were nearer."""
    epoch = simclr.two_views(digits, 100, seed=0, epoch=1)
    assert len(epoch) == 1297 // 50
    first, second = next(iter(epoch)).flatten(1).chunk(2)
    assert not torch.equal(first, second)
    distances = torch.cdist(first, second)
    nearer = (distances < distances.diag()[:, None]).float().mean()
    assert nearer < 0.35


def test_the_net_gives_unit_rows_whatever_the_chunk(digits: LabelledPictures) -> None:
    torch.manual_seed(0)
    net = SmallNet().eval()
    whole = embed(net, digits.test[:30])
    assert whole.shape == (30, 64)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embed(net, digits.test[:30], chunk=7), whole, atol=1e-5)


def test_the_projector_is_no_part_of_what_is_kept() -> None:
    model = simclr.Projected()
    tower = simclr.RECIPE.tower(model)
    kept = {name.split(".")[0] for name, _ in tower.named_parameters(prefix="net")}
    assert kept == {"net"}
    assert tower(torch.zeros(2, 1, 28, 28)).shape == (2, 2048)


def test_random_vectors_get_what_chance_gets(digits: LabelledPictures) -> None:
    """Ten labels: a tenth of the votes, and a MAP@R near 1/100 (the product of two tenths)."""
    found = baselines(digits, [0, 1])
    for random in found["random vectors"]:
        assert random["kNN20"] == pytest.approx(0.1, abs=0.04)
        assert random["MAP@R"] == pytest.approx(0.01, abs=0.015)
    assert found["raw pixels"][0]["kNN20"] > 0.9


def test_bars_are_held_against_the_mean_of_the_seeds() -> None:
    trained = Row("SupCon", columns_over_seeds([{"kNN20": 0.90}, {"kNN20": 0.94}]))
    pairs = Row("pairs", columns_over_seeds([{"kNN20": 0.93}, {"kNN20": 0.93}]))
    bar, above = hold_up(trained, {"kNN20": 0.91}, [pairs])
    assert (bar.name, bar.value, bar.met) == ("kNN20", pytest.approx(0.92), True)
    assert (above.name, above.value, above.met) == ("kNN20 above pairs", pytest.approx(-0.01), False)
