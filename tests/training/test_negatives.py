"""Which negatives are mined, masked and remembered; and the live collection as an index."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from weaviate.classes.query import MetadataQuery

from schema.collection import Pictures
from training import losses
from training.negatives import Array, ExactNearest, IntArray, Memory, in_batch_mask, mine


def on_circle(*degrees: float) -> Array:
    turn = np.deg2rad(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)


def unit(rows: np.ndarray) -> Array:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


# An index


def test_the_exact_index_by_hand() -> None:
    index = ExactNearest(on_circle(0, 90, 30, 180), chunk=1)
    numbers, similarities = index.nearest(on_circle(20, 170), 6)
    assert numbers.tolist() == [[2, 0, 1, 3, -1, -1], [3, 1, 2, 0, -1, -1]]
    assert similarities[0, :2] == pytest.approx(np.cos(np.deg2rad([10, 20])), abs=1e-6)
    assert np.isneginf(similarities[:, 4:]).all()


# Mining


def test_mining_by_hand() -> None:
    """An anchor at 0°, its positive at 60° (cosine .5, ceiling .475 = 61.6°). Rank 1 is left of the ranks, 58° above
    the ceiling, 70° of its concept; 65° and 80° remain, 85° is beyond rank 6, and the anchor itself is not ranked."""
    index = ExactNearest(on_circle(0, 30, 60, 58, 65, 70, 80, 85))
    concepts = [1, 9, 1, 2, 3, 1, 5, 6]
    mined = mine(on_circle(0), np.array([0.5]), index, concepts, [1], itself=[0], ranks=(2, 6))
    assert [found.tolist() for found in mined.negatives] == [[4, 6]]
    assert mined.dropped == {"same concept": 2, "near-duplicate": 0, "above the ceiling": 1}


def test_near_duplicates_of_the_anchor_and_of_its_positive_are_no_negatives() -> None:
    """At 4° and 5° beside the anchor, and at 88° and 91° beside the positive at 90°, with captions of other concepts.
    Without the positives' vectors the latter two cannot be known."""
    index = ExactNearest(on_circle(4, 5, 88, 91, 120))
    concepts = [1, 2, 3, 4, 5]
    asked = {"ranks": (1, 5), "ceiling": 10.0}
    known = mine(on_circle(0), np.array([0.9]), index, concepts, [0], positives=on_circle(90), **asked)
    assert known.negatives[0].tolist() == [4]
    assert known.dropped["near-duplicate"] == 4
    unknown = mine(on_circle(0), np.array([0.9]), index, concepts, [0], **asked)
    assert unknown.negatives[0].tolist() == [2, 3, 4]


def slow_mine(
    anchor: Array, similarity: float, rows: Array, concepts: Sequence[int], concept: int, itself: int, positive: Array
) -> list[int]:
    others = [number for number in range(len(rows)) if number != itself]
    ranked = sorted(others, key=lambda number: -float(anchor @ rows[number]))
    mined = []
    for rank, number in enumerate(ranked, 1):
        near = float(anchor @ rows[number])
        duplicate = near >= 0.98 or float(positive @ rows[number]) >= 0.98
        if 5 <= rank <= 50 and near <= 0.95 * similarity and concepts[number] != concept and not duplicate:
            mined.append(number)
    return mined


def test_mining_equals_the_slow_loop(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(300, 3)))  # so few dimensions that there are near-duplicates
    concepts = rng.integers(20, size=300)
    anchors = np.arange(0, 300, 7)
    positives = np.array([rng.choice(np.flatnonzero(concepts == concepts[at])) for at in anchors])
    similarities = (rows[anchors] * rows[positives]).sum(axis=1)
    mined = mine(
        rows[anchors],
        similarities,
        ExactNearest(rows),
        concepts,
        concepts[anchors],
        itself=anchors,
        positives=rows[positives],
    )
    for at, (anchor, found) in enumerate(zip(anchors, mined.negatives, strict=True)):
        expected = slow_mine(
            rows[anchor],
            float(similarities[at]),
            rows,
            concepts.tolist(),
            int(concepts[anchor]),
            int(anchor),
            rows[positives[at]],
        )
        assert found.tolist() == expected
    kept = sum(len(found) for found in mined.negatives)
    assert 0 < kept < len(anchors) * 46 and all(mined.dropped.values())
    assert kept + sum(mined.dropped.values()) == len(anchors) * 46, "each candidate is kept or counted"


def test_an_index_smaller_than_the_ranks_gives_what_it_has() -> None:
    mined = mine(on_circle(0, 10), np.array([1.0, 1.0]), ExactNearest(on_circle(90, 100)), [1, 2], [3, 3])
    assert [found.tolist() for found in mined.negatives] == [[], []]
    mined = mine(on_circle(0), np.array([1.0]), ExactNearest(on_circle()), [], [3])
    assert [found.tolist() for found in mined.negatives] == [[]]
    mined = mine(on_circle(0), np.array([1.0]), ExactNearest(on_circle(90, 100)), [1, 2], [3], ranks=(1, 50))
    assert [found.tolist() for found in mined.negatives] == [[0, 1]]


class LiveIndex:
    """The collection's `look` vectors as an index: what `__main__` hands to training."""

    def __init__(self, pictures: Pictures) -> None:
        objects = list(pictures.collection.iterator(include_vector=["look"], return_properties=[]))
        self.rows = np.array([stored.vector["look"] for stored in objects], np.float32)
        self._pictures = pictures
        self._numbers = {stored.uuid: number for number, stored in enumerate(objects)}

    def nearest(self, vectors: Array, k: int) -> tuple[IntArray, Array]:
        numbers = np.full((len(vectors), k), -1, np.int64)
        similarities = np.full((len(vectors), k), -np.inf, np.float32)
        for at, vector in enumerate(vectors):
            answer = self._pictures.collection.query.near_vector(
                vector.tolist(),
                target_vector="look",
                limit=k,
                return_properties=[],
                return_metadata=MetadataQuery(distance=True),
            )
            for rank, hit in enumerate(answer.objects):
                numbers[at, rank] = self._numbers[hit.uuid]
                similarities[at, rank] = 1 - (hit.metadata.distance or 0)
        return numbers, similarities


def test_the_live_collection_mines_as_the_exact_index(samples: Pictures) -> None:
    """100 pictures: below 40,000 the flat part of the index is exact, so only ties and rounding may differ."""
    live = LiveIndex(samples)
    exact = ExactNearest(live.rows)
    anchors = np.arange(0, len(live.rows), 4)
    positives = exact.nearest(live.rows[anchors], 2)[0][:, 1]
    similarities = (live.rows[anchors] * live.rows[positives]).sum(axis=1)
    concepts = np.arange(len(live.rows))
    mined = [
        mine(
            live.rows[anchors],
            similarities,
            index,
            concepts,
            concepts[anchors],
            itself=anchors,
            positives=live.rows[positives],
        )
        for index in (live, exact)
    ]
    ours, theirs = ([set(found.tolist()) for found in one.negatives] for one in mined)
    shared = sum(len(a & b) for a, b in zip(ours, theirs, strict=True))
    assert shared / sum(len(found) for found in theirs) > 0.99
    assert all(anchor not in found for anchor, found in zip(anchors.tolist(), ours, strict=True))


# In the batch


def test_the_same_concept_and_nearly_the_same_picture_are_no_negatives() -> None:
    concepts = torch.tensor([7, 8, 7, 9])
    pictures = torch.from_numpy(3 * on_circle(0, 90, 180, 100))
    mask = in_batch_mask(concepts, pictures, near_duplicate=0.98)
    assert mask.nonzero().tolist() == [[0, 2], [1, 3], [2, 0], [3, 1]]
    assert in_batch_mask(concepts).nonzero().tolist() == [[0, 2], [2, 0]]


# Cross-batch memory


def test_the_memory_keeps_the_last_rows() -> None:
    memory = Memory(5, 1)
    assert memory.negatives(torch.tensor([1]))[0].shape == (0, 1)
    memory.push(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 2, 3]))
    rows, same = memory.negatives(torch.tensor([2, 9]))
    assert rows.flatten().tolist() == [1, 2, 3]
    assert same.tolist() == [[False, True, False], [False, False, False]]
    memory.push(torch.tensor([[4.0], [5.0], [6.0]]), torch.tensor([4, 5, 6]))
    assert sorted(memory.negatives(torch.tensor([2]))[0].flatten().tolist()) == [2, 3, 4, 5, 6]
    memory.push(torch.arange(10.0, 22.0)[:, None], torch.arange(12))
    assert sorted(memory.negatives(torch.tensor([2]))[0].flatten().tolist()) == [17, 18, 19, 20, 21]


def test_the_memory_has_no_gradient_and_the_loss_may_follow_its_change() -> None:
    memory, rows = Memory(4, 3), torch.randn(4, 3, requires_grad=True)
    memory.push(rows, torch.arange(4))
    further, _ = memory.negatives(torch.arange(4))
    loss = losses.info_nce(rows, rows * 2, 1.0, negatives=further) + (rows @ further.T).sum()
    memory.push(rows + 1, torch.arange(4))
    loss.backward()
    assert rows.grad is not None and not memory.rows.requires_grad


def test_negatives_of_the_same_concept_do_not_count() -> None:
    """A memory that holds the batch itself, all masked but one row, equals that row as the only further negative."""
    generator = torch.Generator().manual_seed(0)
    anchors, positives = torch.randn(3, 4, generator=generator), torch.randn(3, 4, generator=generator)
    memory, concepts = Memory(9, 4), torch.tensor([1, 1, 1])
    stranger = torch.randn(1, 4, generator=generator)
    memory.push(torch.cat([positives, stranger]), torch.tensor([1, 1, 1, 2]))
    further, same = memory.negatives(concepts)
    ignore = torch.cat([torch.zeros(3, 3, dtype=torch.bool), same], dim=1)
    masked = losses.info_nce(anchors, positives, 5.0, ignore=ignore, negatives=further)
    assert masked.item() == pytest.approx(losses.info_nce(anchors, positives, 5.0, negatives=stranger).item())
