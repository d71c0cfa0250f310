"""The samplers: what a batch holds, what an epoch covers, and that both depend on the seed and the epoch alone."""

from collections import Counter

import numpy as np
import pytest

from errors import TrainingError
from training.samples import DistinctBatches, LabelledBatches

LABELS = [0] * 9 + [1] * 5 + [2] * 4 + [3] * 2 + [4]


# P × K


@pytest.mark.parametrize("epoch", range(5))
def test_a_batch_is_p_labels_with_k_samples_each(epoch: int) -> None:
    batches = LabelledBatches(LABELS, labels_each=2, samples_each=2).epoch(epoch)
    for batch in batches:
        assert sorted(Counter(LABELS[at] for at in batch).values()) == [2, 2]
        assert [LABELS[at] for at in batch[:2]] == [LABELS[batch[0]]] * 2, "a label's samples stand together"
    used = [at for batch in batches for at in batch]
    assert len(used) == len(set(used)) == 4 * len(batches) <= len(LABELS)


def test_as_many_batches_as_the_labels_allow() -> None:
    """Groups of two: 4, 2, 2, 1, 0. Two a batch: 4 batches, of 16 samples; the ninth group has no partner."""
    batches = LabelledBatches(LABELS, labels_each=2, samples_each=2).epoch(1)
    assert [len(batch) for batch in batches] == [4] * 4
    taken = Counter(LABELS[at] for batch in batches for at in batch)
    assert taken[0] == 8, "the commonest label goes first, or its groups would find no partner"


def test_every_label_that_can_is_used_and_every_sample_sooner_or_later() -> None:
    sampler = LabelledBatches(LABELS, labels_each=2, samples_each=2)
    seen = {at for epoch in range(60) for batch in sampler.epoch(epoch) for at in batch}
    assert seen == set(range(20)), "the one sample of label 4 can be in none"


@pytest.mark.parametrize(
    "sampler",
    [LabelledBatches(LABELS, 2, 2, seed=4), DistinctBatches([(label,) for label in LABELS], 3, seed=4)],
    ids=["labelled", "distinct"],
)
def test_an_epoch_is_the_same_whenever_it_is_asked_for(sampler: LabelledBatches | DistinctBatches) -> None:
    assert sampler.epoch(3) == sampler.epoch(3)
    assert sampler.epoch(3) != sampler.epoch(4)
    assert type(sampler)(*list(vars(sampler).values())[:-1], seed=5).epoch(3) != sampler.epoch(3)


def test_too_few_labels_are_said() -> None:
    with pytest.raises(TrainingError, match=r"No batch of 3 labels with 5 samples each .* 2 of 5 labels have as many"):
        LabelledBatches(LABELS, labels_each=3, samples_each=5).epoch(0)
    with pytest.raises(TrainingError, match="0 of 0 labels"):
        LabelledBatches([], labels_each=1, samples_each=1).epoch(0)


# No duplicates


@pytest.mark.parametrize("epoch", range(5))
def test_no_key_is_twice_in_a_batch(epoch: int, rng: np.random.Generator) -> None:
    keys = [(f"caption {rng.integers(30)}", f"picture {rng.integers(40)}") for _ in range(200)]
    batches = DistinctBatches(keys, size=12).epoch(epoch)
    for batch in batches:
        assert len(batch) == 12
        assert max(Counter(key for at in batch for key in set(keys[at])).values()) == 1
    used = [at for batch in batches for at in batch]
    assert len(used) == len(set(used)) == 12 * len(batches)


def test_without_duplicates_only_what_is_no_whole_batch_is_left_over() -> None:
    batches = DistinctBatches([(at,) for at in range(50)], size=8).epoch(0)
    assert [len(set(batch)) for batch in batches] == [8] * 6


def test_a_sample_that_has_to_wait_comes_in_the_next_batch() -> None:
    """Twice four keys in batches of four: each batch has all four, whatever the order."""
    keys = [(at % 4,) for at in range(8)]
    for epoch in range(20):
        batches = DistinctBatches(keys, size=4).epoch(epoch)
        assert [len(batch) for batch in batches] == [4, 4]


def slow_distinct(order: list[int], keys: list[tuple[str, ...]], size: int) -> list[list[int]]:
    """Each time, from the front of what is left, those that do not repeat a key."""
    batches: list[list[int]] = []
    while True:
        batch: list[int] = []
        for position in order:
            repeated = any(key in keys[other] for other in batch for key in keys[position])
            if len(batch) < size and not repeated:
                batch.append(position)
        if len(batch) < size:
            return batches
        batches.append(batch)
        order = [position for position in order if position not in batch]


@pytest.mark.parametrize("epoch", range(5))
def test_distinct_batches_are_those_of_the_slow_way(epoch: int, rng: np.random.Generator) -> None:
    """So who has to wait goes first in the next batch, before those that come later in the epoch's order."""
    keys = [(f"caption {rng.integers(30)}", f"picture {rng.integers(40)}") for _ in range(200)]
    order = np.random.default_rng([7, epoch]).permutation(200).tolist()
    assert DistinctBatches(keys, size=12, seed=7).epoch(epoch) == slow_distinct(order, keys, 12)


def test_a_key_that_is_everywhere_is_said() -> None:
    with pytest.raises(TrainingError, match=r"No batch of 2 .* of 3 samples \(the commonest key: \('one', 3\)\)"):
        DistinctBatches([("one",)] * 3, size=2).epoch(0)
    with pytest.raises(TrainingError, match="of 0 samples"):
        DistinctBatches([], size=2).epoch(0)
