"""Concepts and the split by them, worked out by hand and against the slow obvious way."""

import numpy as np
import pytest

from training.data import concepts as module
from training.data.concepts import find_concepts, split_concepts

SHARES = {"test": 0.12, "dev": 0.10}


def at(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def slow_concepts(vectors: np.ndarray, same: list[tuple[int, int]]) -> list[int]:
    """Join what is near, one pair at a time, until nothing changes; number by first appearance."""
    label = list(range(len(vectors)))
    near = [(a, b) for a in label for b in label if float(vectors[a] @ vectors[b]) > 0.8]
    changed = True
    while changed:
        changed = False
        for a, b in [*near, *same]:
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    numbers: dict[int, int] = {}
    return [numbers.setdefault(one, len(numbers)) for one in label]


def test_what_is_nearer_than_the_threshold_is_one_concept_and_so_are_chains() -> None:
    """cos 36° = .809, cos 37.5° = .793."""
    assert find_concepts(at(0, 36, 72, 180)).tolist() == [0, 0, 0, 1]
    assert find_concepts(at(0, 37.5)).tolist() == [0, 1]


def test_captions_of_one_picture_are_one_concept_however_far_apart() -> None:
    assert find_concepts(at(0, 90, 180), [(0, 2)]).tolist() == [0, 1, 0]


def test_one_caption_is_one_concept() -> None:
    assert find_concepts(at(0)).tolist() == [0]


@pytest.mark.parametrize("chunk", [1, 7, 1024])
def test_it_is_what_the_slow_way_finds(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    for _ in range(20):
        vectors = rng.normal(size=(30, 4)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        same = [(int(a), int(b)) for a, b in rng.integers(0, 30, (2, 2))]
        assert find_concepts(vectors, same).tolist() == slow_concepts(vectors, same)


def test_no_two_near_captions_fall_on_two_sides(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(900, 9)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"caption {number}" for number in range(len(vectors))]
    sides = np.array(split_concepts(find_concepts(vectors), names, SHARES, seed=0, largest=1))
    apart = sides[:, None] != sides[None, :]
    assert apart.any()
    assert (vectors @ vectors.T)[apart].max() <= 0.8


def test_the_sides_have_about_the_shares_asked_for() -> None:
    names = [f"caption {number}" for number in range(5000)]
    sides = split_concepts(np.arange(5000), names, SHARES, seed=0)
    assert sides.count("test") / 5000 == pytest.approx(0.12, abs=0.015)
    assert sides.count("dev") / 5000 == pytest.approx(0.10, abs=0.015)
    assert sides == split_concepts(np.arange(5000), names, SHARES, seed=0)
    assert sides != split_concepts(np.arange(5000), names, SHARES, seed=1)


def test_a_concept_keeps_its_side_when_others_come_and_go() -> None:
    names = [f"caption {number}" for number in range(1000)]
    whole = dict(zip(names, split_concepts(np.arange(1000), names, SHARES, seed=0), strict=True))
    half = names[::2]
    assert dict(zip(half, split_concepts(np.arange(500), half, SHARES, seed=0), strict=True)).items() <= whole.items()


def test_a_giant_concept_is_never_held_out() -> None:
    names = [f"caption {number}" for number in range(1000)]
    concepts = np.minimum(np.arange(1000), 900)  # the last hundred are one
    for seed in range(20):
        assert set(split_concepts(concepts, names, SHARES, seed)[900:]) == {"train"}
    held_out = {split_concepts(concepts, names, SHARES, seed, largest=0.1)[999] for seed in range(20)}
    assert held_out > {"train"}, "a tenth is not more than a tenth"
