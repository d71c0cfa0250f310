"""A head of one's own on the specialists: what it remembers, worked out by hand and by a slow loop.

Loading, refusing and the residual are in tests/training/finetune/test_head.py, with the training that makes them.
"""

import math

import numpy as np

from encoder.protocol import unit
from encoder.tuned import EMPTY, SHARPNESS, apply_head, recalled


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_a_picture_like_a_remembered_one_has_its_caption() -> None:
    """Cosines 1 and 0 with s = 15, e = ½: p₁ = e^7.5 / (1 + e^7.5 + e^-7.5)."""
    found = recalled(rows([1.0, 0.0]), rows([1.0, 0.0], [0.0, 1.0]), rows([0.6, 0.8], [-1.0, 0.0]))
    near, far = math.exp(7.5), math.exp(-7.5)
    whole = 1 + near + far
    np.testing.assert_allclose(found, [[(0.6 * near - far) / whole, 0.8 * near / whole]], atol=1e-6)
    assert np.linalg.norm(found) > 0.999


def test_a_picture_like_none_has_nearly_nothing() -> None:
    found = recalled(rows([0.0, 1.0]), rows([1.0, 0.0]), rows([0.6, 0.8]))
    assert np.linalg.norm(found) < 0.001


def test_an_empty_memory_adds_nothing() -> None:
    np.testing.assert_array_equal(recalled(rows([0.0, 1.0]), np.zeros((0, 2)), np.zeros((0, 3))), np.zeros((1, 3)))


def test_it_is_the_slow_sum(rng: np.random.Generator) -> None:
    look, remembered = unit(rng.normal(size=(4, 6))), unit(rng.normal(size=(9, 6)))
    words = unit(rng.normal(size=(9, 5)))
    slow = np.zeros((4, 5))
    for i in range(4):
        weights = [math.exp(SHARPNESS * float(look[i] @ seen)) for seen in remembered]
        for weight, said in zip(weights, words, strict=True):
            slow[i] += weight / (math.exp(SHARPNESS * EMPTY) + sum(weights)) * said
    found = recalled(look, remembered, words)
    np.testing.assert_allclose(found, slow, atol=1e-5)


def test_a_closed_residual_without_a_share_is_the_specialists(rng: np.random.Generator) -> None:
    """And with a share, a remembered picture moves towards its caption."""
    image, look, said = unit(rng.normal(size=(3, 4))), unit(rng.normal(size=(3, 6))), unit(rng.normal(size=(1, 4)))
    head = {
        "weight_of_conse": np.float32(1.0),
        "straight.weight": np.zeros((4, 10)),
        "straight.bias": np.zeros(4),
        "bent.0.weight": np.zeros((2, 10)),
        "bent.0.bias": np.zeros(2),
        "bent.3.weight": np.zeros((4, 2)),
        "bent.3.bias": np.zeros(4),
        "memory.look": look[:1],
        "memory.words": said,
        "memory.share": np.float32(0.0),
    }
    np.testing.assert_allclose(apply_head(head, image, look), image, atol=1e-6)
    moved = apply_head(head | {"memory.share": np.float32(0.5)}, image, look)
    np.testing.assert_allclose(moved[:1], unit(image[:1] + 0.5 * said), atol=1e-3)
