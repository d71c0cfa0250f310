"""Who trains, who validates, who is held out."""

import numpy as np
import pytest
import torch

from errors import TrainingError
from evaluation.folder import FEWEST
from tests.training.shapes import folder_of
from training.finetune.run import batches, validate
from training.finetune.split import Pairs, groups_of, pairs_of, split


def test_pictures_that_a_third_one_joins_are_one_group() -> None:
    """0 and 3 share caption 0, 3 and 1 share caption 2: one group; 2 is alone."""
    assert groups_of([[0], [1, 2], [3], [2, 0]]) == [0, 0, 1, 0]
    assert groups_of([[0], [1], [2]]) == [0, 1, 2]


def test_groups_equal_those_of_a_flood(rng: np.random.Generator) -> None:
    """The slow obvious version: paint everything reachable, again and again."""
    for _ in range(20):
        told = [sorted(set(rng.integers(0, 25, rng.integers(1, 3)).tolist())) for _ in range(30)]
        colours = list(range(30))
        for _ in range(30):
            for a in range(30):
                for b in range(30):
                    if set(told[a]) & set(told[b]):
                        colours[a] = colours[b] = min(colours[a], colours[b])
        found = groups_of(told)
        assert all((found[a] == found[b]) == (colours[a] == colours[b]) for a in range(30) for b in range(30))


def test_captions_in_another_case_are_one() -> None:
    """Picture 1 has two captions; "A Cat" is "a cat"."""
    pairs = pairs_of(folder_of(("a cat",), ("a dog", "A Cat"), ("a bird",)))
    assert list(zip(pairs.pictures, pairs.captions, strict=True)) == [(0, 0), (1, 0), (1, 1), (2, 2)]
    assert pairs.groups.tolist() == [0, 0, 0, 1]


def test_what_is_relevant_is_told_by_places_in_the_corpus() -> None:
    """Pictures 4 and 7 and captions 2, 5 and 9 of the folder; 4 has 5 and 9, 7 has 2 and 9."""
    columns = np.array([[4, 5, 0], [4, 9, 0], [7, 2, 0], [7, 9, 0]]).T
    pairs = Pairs(*columns)
    assert [side.tolist() for side in pairs.corpus] == [[4, 7], [2, 5, 9]]
    assert pairs.relevant() == ([[1], [0], [0, 1]], [[1, 2], [0, 2]])


def test_no_caption_is_on_two_sides_and_no_picture_is_lost(rng: np.random.Generator) -> None:
    """Over many folders with captions of one, two or three pictures."""
    for seed in range(20):
        told = [(f"caption {rng.integers(0, 70)}",) for _ in range(120)]
        pairs = pairs_of(folder_of(*told))
        sides = split(pairs, 0.15, 0.2, seed)
        parts = [side.tolist() for side in (sides.train, sides.validation, sides.held_out)]
        assert sorted(index for part in parts for index in part) == list(range(120))
        texts = [{told[index] for index in part} for part in parts]
        assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
        assert 15 <= len(parts[1]) <= 18
        assert 20 <= len(parts[2]) <= 24


def test_the_seed_decides_the_split() -> None:
    pairs = pairs_of(folder_of(*((f"caption {i}",) for i in range(40))))
    first, again, other = (split(pairs, 0.15, 0.15, seed) for seed in (0, 0, 1))
    assert first.validation.tolist() == again.validation.tolist() != other.validation.tolist()


def test_a_caption_of_half_the_pictures_is_trained_on() -> None:
    """It fits into no side; the others still fill them."""
    pairs = pairs_of(folder_of(*((("the same",),) * 20), *((f"caption {i}",) for i in range(20))))
    sides = split(pairs, 0.15, 0.15, 0)
    assert set(range(20)) <= set(sides.train.tolist())
    assert len(sides.validation) == len(sides.held_out) == 6


def test_the_smallest_folder_has_sides_that_can_be_judged() -> None:
    """Twelve captions: three to choose by and three held out, as many as `python -m evaluation` needs."""
    sides = split(pairs_of(folder_of(*((f"caption {i}",) for i in range(12)))), 0.15, 0.15, 0)
    assert [len(side) for side in (sides.train, sides.validation, sides.held_out)] == [6, FEWEST, FEWEST]


def test_too_few_captions_are_refused_with_their_number() -> None:
    with pytest.raises(TrainingError, match=r"30 pictures have 5 different captions; at least 12 are needed"):
        split(pairs_of(folder_of(*((f"caption {i % 5}",) for i in range(30)))), 0.15, 0.15, 0)


def test_captions_that_all_have_too_many_pictures_are_refused() -> None:
    """12 captions of 10 pictures each, and sides of 12: one fits, two do not."""
    with pytest.raises(TrainingError, match=r"120 pictures with 12 different captions do not split"):
        split(pairs_of(folder_of(*((f"caption {i % 12}",) for i in range(120)))), 0.1, 0.1, 0)


class Fixed(torch.nn.Module):
    """Captions and pictures with vectors written by hand."""

    def captions(self, rows: np.ndarray) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0], [0.0, 2.0]])[torch.from_numpy(rows)]

    def pictures(self, rows: np.ndarray) -> torch.Tensor:
        return torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.8, 0.6]])[torch.from_numpy(rows)]


def test_validation_worked_out_by_hand() -> None:
    """Captions 0 = (1, 0) and 1 = (0, 1); pictures (.6, .8) of 0, (1, 0) of 1, (.8, .6) of 1.

    Caption 0 ranks the pictures 1, 2, 0: its own is third, MRR 1/3. Caption 1 ranks 0, 2, 1: its first own is second.
    Picture 0 is nearer to caption 1 (wrong), 1 to caption 0 (wrong), 2 to caption 0 (wrong): MRR back 1/2.
    """
    pairs = Pairs(np.array([0, 1, 2]), np.array([0, 1, 1]), np.array([0, 1, 1]))
    found = validate(Fixed(), pairs)  # type: ignore[arg-type]
    assert (found["R@1"], found["R@10"], found["R@10 back"]) == (0, 1, 1)
    assert found["MRR"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert found["MRR back"] == pytest.approx(1 / 2)
    assert found["choice"] == pytest.approx((1 + 5 / 12 + 1 + 1 / 2) / 4)


def test_every_pair_is_trained_on_once_an_epoch_and_no_batch_is_alone() -> None:
    """33 pairs in batches of 16: 11, 11 and 11, not 16, 16 and 1."""
    pairs = Pairs(np.arange(33), np.arange(33) + 100, np.arange(33) + 200)
    first, again, other = (batches(pairs, 16, 0, epoch) for epoch in (1, 1, 2))
    assert [len(batch[0]) for batch in first] == [11, 11, 11]
    assert sorted(np.concatenate([batch[0] for batch in first]).tolist()) == list(range(33))
    assert all((batch[1] - batch[0] == 100).all() and (batch[2] - batch[0] == 200).all() for batch in first)
    assert [batch[0].tolist() for batch in first] == [batch[0].tolist() for batch in again]
    assert [batch[0].tolist() for batch in first] != [batch[0].tolist() for batch in other]
