"""ConSE and the centred features against slow loops and against sampling."""

import math

import numpy as np
import pytest

from encoder.projection import CLASSES, TEMPERATURE, TOP, Projection, class_texts, relu6_mean


@pytest.fixture(scope="module")
def projection() -> Projection:
    return Projection.load()


def slow_conse(logits: list[float], class_embeddings: np.ndarray) -> list[float]:
    """The mean of the 50 likeliest classes' embeddings, weighted by their probabilities at temperature 2; unit."""
    likeliest = sorted(range(len(logits)), key=lambda index: -logits[index])[:TOP]
    powers = {index: math.exp((logits[index] - max(logits)) / TEMPERATURE) for index in likeliest}
    total = [0.0] * class_embeddings.shape[1]
    for index, power in powers.items():
        for axis, value in enumerate(class_embeddings[index]):
            total[axis] += power / sum(powers.values()) * float(value)
    length = math.sqrt(sum(value * value for value in total))
    return [value / length for value in total]


def test_conse_equals_the_slow_loop(projection: Projection, rng: np.random.Generator) -> None:
    logits = rng.normal(scale=4, size=(3, 1000)).astype(np.float32)
    rows = projection.image(logits)
    for row, one in zip(rows, logits, strict=True):
        np.testing.assert_allclose(row, slow_conse(one.tolist(), projection.class_embeddings), atol=1e-6)


def test_a_picture_of_one_class_only_is_where_that_class_is(projection: Projection) -> None:
    logits = np.full((1, 1000), -1000, dtype=np.float32)
    logits[0, 281] = 1000
    np.testing.assert_allclose(projection.image(logits)[0], projection.class_embeddings[281], atol=1e-3)


def test_logits_that_are_no_numbers_give_a_row_of_nan_and_no_warning(projection: Projection) -> None:
    logits = np.zeros((2, 1000), dtype=np.float32)
    logits[1, 3] = np.nan
    rows = projection.image(logits)
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[1]).all()


def test_look_is_unit_length_and_centred(projection: Projection, rng: np.random.Generator) -> None:
    """A picture with the mean features has no direction; the others are of length 1 and of the promised dimension."""
    features = np.stack([np.abs(rng.normal(size=1280)), projection.look_mean]).astype(np.float32)
    rows = projection.look(features)
    assert rows.shape == (2, projection.dims["look"])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-6)
    assert np.isnan(rows[1]).all()


def test_the_stored_axes_are_orthonormal(projection: Projection) -> None:
    """As far as the half precision of the file lets them be."""
    product = projection.look_axes.T @ projection.look_axes
    np.testing.assert_allclose(product, np.eye(len(product)), atol=2e-3)


def test_the_stored_class_embeddings_are_unit_rows(projection: Projection) -> None:
    np.testing.assert_allclose(np.linalg.norm(projection.class_embeddings, axis=1), 1, atol=1e-3)


def test_relu6_mean_agrees_with_sampling(rng: np.random.Generator) -> None:
    """Below 0, about 0, within, about 6, above 6; narrow and wide; to four standard errors of 200,000 samples."""
    means, deviations = np.meshgrid([-5.0, -0.5, 0.0, 2.0, 6.0, 9.0], [1e-3, 0.5, 3.0, -3.0])
    samples = rng.normal(size=(200_000, 1))
    for mean, deviation in zip(means.ravel(), deviations.ravel(), strict=True):
        clipped = np.clip(mean + deviation * samples, 0, 6)
        got = relu6_mean(np.array([mean]), np.array([deviation]))[0]
        assert got == pytest.approx(clipped.mean(), abs=4 * clipped.std() / math.sqrt(len(samples)) + 5e-3)


def test_every_class_has_three_texts() -> None:
    texts = class_texts()
    assert len(texts) == 1000
    assert all(len(row) == 3 and all(text.strip() for text in row) for row in texts)
    assert texts[281][:2] == ("tabby, tabby cat", "tabby")
    assert CLASSES.is_file()
