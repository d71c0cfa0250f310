"""Near-duplicates: the rule, the star around the best ranked, what is no duplicate."""

import numpy as np
import pytest
from PIL import Image

from encoder.protocol import unit
from pictures.looks import perceptual_hash
from search.ranking import SHARE, Sameness, collapse, resembling
from search.scoring import LibrarySpace


def at(*cosines: float) -> np.ndarray:
    """Rows with these cosines to the first axis."""
    return np.array([[c, np.sqrt(1 - c * c)] for c in cosines], dtype=np.float32)


def hashes(*differing: int) -> list[str]:
    """Hashes that differ from 0 in so many bits."""
    return [f"{(1 << bits) - 1:016x}" for bits in differing]


RULE = Sameness(bits=16, distance=0.4)


@pytest.mark.parametrize(
    ("cosine", "bits", "same"),
    [
        (1.0, 16, True),  # 1 + 0
        (1.0, 17, False),
        (0.6, 0, True),  # 0 + 1
        (0.59, 0, False),
        (0.8, 8, True),  # 1/2 + 1/2
        (0.8, 9, False),
        (0.79, 8, False),
    ],
)
def test_bits_and_distance_share_one_allowance(cosine: float, bits: int, same: bool) -> None:
    assert collapse(at(1.0, cosine), hashes(0, bits), RULE) == ([(0, (1,))] if same else [(0, ()), (1, ())])


def test_chains_join_nothing() -> None:
    """b is a copy of a, c of b but not of a: c stands by itself, and takes d that is its own copy."""
    angles = np.radians([0, 30, 60, 62])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert collapse(vectors, hashes(0, 0, 0, 0), RULE) == [(0, (1,)), (2, (3,))]


def test_a_copy_stands_behind_the_best_ranked_and_is_counted_once() -> None:
    vectors = at(1.0, 0.1, 0.99, 0.98, 0.12)
    groups = collapse(vectors, hashes(0, 40, 1, 2, 40), RULE)
    assert groups == [(0, (2, 3)), (1, (4,))]
    assert sorted(i for head, behind in groups for i in (head, *behind)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["", "xyz", "0" * 15, "0x" + "0" * 14, " " + "0" * 15])
def test_a_picture_without_a_hash_is_a_duplicate_of_nothing(text: str) -> None:
    assert collapse(at(1.0, 1.0), [text, text], RULE) == [(0, ()), (1, ())]


def test_nothing_collapses_to_nothing() -> None:
    assert collapse(np.zeros((0, 2), np.float32), [], RULE) == []


def test_resembling_names_all_that_can_be_copies_and_only_them() -> None:
    found = resembling(["", *hashes(0, 10, 40, 60)], RULE)
    assert found == {1, 2}  # 40 and 60 differ in 20


def test_the_distance_goes_with_the_encoder() -> None:
    """Where random pictures have a cosine of .8, copies have to be nearer than where they have 0."""
    rng = np.random.default_rng(0)
    wide = unit(rng.normal(size=(400, 32)))
    narrow = unit(np.array([2.0, *[0] * 31]) + unit(rng.normal(size=(400, 32))))
    for rows in (wide, narrow):
        mean = float(np.mean([a @ b for a, b in zip(rows[:200], rows[200:], strict=True)]))
        space = LibrarySpace.of({"look": rows}, [True] * 400, 400)
        assert Sameness.of(space).distance == pytest.approx(SHARE * (1 - mean), abs=0.03)
    assert Sameness.of(LibrarySpace.of({"look": wide[:5]}, [True] * 5, 5)) == Sameness()


def test_real_hashes_of_a_picture_resized_and_another_one() -> None:
    rng = np.random.default_rng(0)
    first, second = (
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((256, 256), Image.Resampling.BICUBIC)
        for _ in range(2)
    )
    told = [perceptual_hash(picture) for picture in (first, second, first.resize((128, 128)))]
    assert collapse(at(1.0, 1.0, 0.9), told, RULE) == [(0, (2,)), (1, ())]
