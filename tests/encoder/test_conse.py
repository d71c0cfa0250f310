"""ConSE against a slow loop, and the texts of its classes."""

import math

import numpy as np

from encoder.conse import CLASSES, TEMPERATURE, TOP, class_embeddings, class_texts, conse, probabilities


def slow_conse(logits: list[float], classes: np.ndarray) -> list[float]:
    """The mean of the 50 likeliest classes' embeddings, weighted by their probabilities at temperature 2; unit."""
    likeliest = sorted(range(len(logits)), key=lambda index: -logits[index])[:TOP]
    powers = {index: math.exp((logits[index] - max(logits)) / TEMPERATURE) for index in likeliest}
    total = [0.0] * classes.shape[1]
    for index, power in powers.items():
        for axis, value in enumerate(classes[index]):
            total[axis] += power / sum(powers.values()) * float(value)
    length = math.sqrt(sum(value * value for value in total))
    return [value / length for value in total]


def test_conse_equals_the_slow_loop(rng: np.random.Generator) -> None:
    logits = rng.normal(scale=4, size=(3, 1000)).astype(np.float32)
    classes = class_embeddings()
    for row, one in zip(conse(logits, classes), logits, strict=True):
        np.testing.assert_allclose(row, slow_conse(one.tolist(), classes), atol=1e-6)


def test_a_picture_of_one_class_only_is_where_that_class_is() -> None:
    logits = np.full((1, 1000), -1000, dtype=np.float32)
    logits[0, 281] = 1000
    np.testing.assert_allclose(conse(logits, class_embeddings())[0], class_embeddings()[281], atol=1e-3)


def test_fifty_probabilities_that_sum_to_one(rng: np.random.Generator) -> None:
    shares = probabilities(rng.normal(size=(2, 1000)).astype(np.float32))
    assert ((shares > 0).sum(axis=1) == TOP).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)


def test_logits_that_are_no_numbers_give_a_row_of_nan_and_no_warning() -> None:
    logits = np.zeros((2, 1000), dtype=np.float32)
    logits[1, 3] = np.nan
    rows = conse(logits, class_embeddings())
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[1]).all()


def test_the_stored_class_embeddings_are_unit_rows() -> None:
    np.testing.assert_allclose(np.linalg.norm(class_embeddings(), axis=1), 1, atol=1e-6)


def test_every_class_has_three_texts() -> None:
    texts = class_texts()
    assert len(texts) == 1000
    assert all(len(row) == 3 and all(text.strip() for text in row) for row in texts)
    assert texts[281][:2] == ("tabby, tabby cat", "tabby")
    assert CLASSES.is_file()
