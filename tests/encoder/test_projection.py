"""The projection against a slow loop, its file, and what it does with what is no number."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder.projection import LOOK_DIM, WEIGHTS, ConseProjection, TrainedProjection
from encoder.protocol import unit

FEATURES, AXES, KEYS, LOOKS, DIM = 7, 5, 4, 3, 3
CAPTION_OF = [0, 0, 1, 2, 2]


@pytest.fixture
def small(rng: np.random.Generator) -> TrainedProjection:
    """Five remembered pictures of three captions, in three dimensions."""

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return TrainedProjection(
        sight_mean=draw(FEATURES),
        sight_axes=draw(FEATURES, AXES),
        look_map=draw(AXES, LOOKS),
        key_map=draw(AXES, KEYS),
        memory_keys=unit(draw(len(CAPTION_OF), KEYS)),
        memory_starts=np.array([0, 2, 3], dtype=np.int32),
        captions=draw(3, DIM),
        classes=draw(1000, DIM),
        colours=draw(11, DIM),
        linear_map=draw(FEATURES, DIM),
        linear_bias=draw(DIM),
        centre=draw(DIM) * 0.1,
        words_mean=draw(DIM),
        words_map=draw(DIM, DIM),
        sharpness=np.float32(4.0),  # type: ignore[arg-type]
        mixing=np.array([1.0, 0.5, 0.25, 0.3], dtype=np.float32),
        familiar=np.array([0.0, 0.8, 0.4], dtype=np.float32),
    )


def slow_unit(row: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in row))
    return [value / length for value in row]


def slow_product(row: list[float], matrix: np.ndarray) -> list[float]:
    return [sum(row[i] * float(matrix[i][j]) for i in range(len(row))) for j in range(matrix.shape[1])]


def slow_centred(features: list[float], p: TrainedProjection) -> list[float]:
    rooted = [math.copysign(math.sqrt(abs(value)), value) for value in features]
    return [value - float(mean) for value, mean in zip(rooted, p.sight_mean, strict=True)]


def slow_cosines(features: list[float], p: TrainedProjection) -> list[float]:
    key = slow_unit(slow_product(slow_unit(slow_product(slow_centred(features, p), p.sight_axes)), p.key_map))
    return [sum(a * float(b) for a, b in zip(key, other, strict=True)) for other in p.memory_keys]


def slow_remembered(features: list[float], p: TrainedProjection) -> list[float]:
    powers = [math.exp(4.0 * cosine) for cosine in slow_cosines(features, p)]
    total = [0.0] * DIM
    for power, caption in zip(powers, CAPTION_OF, strict=True):
        for axis in range(DIM):
            total[axis] += power / sum(powers) * float(p.captions[caption][axis])
    return slow_unit(total)


def test_the_memory_equals_the_slow_loop(small: TrainedProjection, rng: np.random.Generator) -> None:
    features = rng.normal(size=(4, FEATURES)).astype(np.float32)
    for row, one in zip(small.remembered(features), features, strict=True):
        np.testing.assert_allclose(row, slow_remembered(one.tolist(), small), atol=1e-5)


def test_look_equals_the_slow_loop(small: TrainedProjection, rng: np.random.Generator) -> None:
    features = rng.normal(size=(4, FEATURES)).astype(np.float32)
    for row, one in zip(small.look(features), features, strict=True):
        seen = slow_unit(slow_product(slow_centred(one.tolist(), small), small.sight_axes))
        np.testing.assert_allclose(row, slow_unit(slow_product(seen, small.look_map)), atol=1e-5)


def test_a_picture_is_the_weighted_sum_of_its_four_parts_less_the_centre(
    small: TrainedProjection, rng: np.random.Generator
) -> None:
    """All probability on one class, so that ConSE is that class; two colours, .8 and .2: roots as 2 to 1. Of both
    shares .4 is left at a cosine of .8."""
    logits = np.full((1, 1000), -1000, dtype=np.float32)
    logits[0, 7] = 1000
    shares = np.zeros((1, 11), dtype=np.float32)
    shares[0, [3, 5]] = 0.8, 0.2
    red_and_yellow = [(2 * float(red) + float(yellow)) / 3 for red, yellow in zip(*small.colours[[3, 5]], strict=True)]
    left = []
    for features in rng.normal(size=(20, 1, FEATURES)).astype(np.float32):
        nearest = max(slow_cosines(features[0].tolist(), small))
        left.append(1.0 if nearest <= 0 else 0.4 if nearest >= 0.8 else 1 - 0.6 * nearest / 0.8)
        parts = [
            (1.0, slow_remembered(features[0].tolist(), small)),
            (0.5 * left[-1], slow_unit(small.classes[7].tolist())),
            (0.25, slow_unit((features[0] @ small.linear_map + small.linear_bias).tolist())),
            (0.3 * left[-1], red_and_yellow),
        ]
        total = [sum(weight * part[axis] for weight, part in parts) - float(small.centre[axis]) for axis in range(DIM)]
        np.testing.assert_allclose(small.image(features, logits, shares)[0], slow_unit(total), atol=1e-5)
    assert min(left) == 0.4 < 0.45 < max(left), "near and far pictures were among them"


def test_a_strange_picture_s_classes_count_whole_and_a_familiar_one_s_less(small: TrainedProjection) -> None:
    """Cosines from 0 to .8 take the share from whole to .4, by the nearest alone."""
    cosines = np.array([[-0.9, -0.2], [0.0, -1.0], [0.4, 0.1], [-0.5, 0.8], [1.0, 1.0], [np.nan, 0.1]], np.float32)
    np.testing.assert_allclose(small.trust(cosines), [1, 1, 0.7, 0.4, 0.4, np.nan], atol=1e-6)


def test_words_are_centred_mapped_and_unit(small: TrainedProjection, rng: np.random.Generator) -> None:
    sentence = rng.normal(size=DIM).astype(np.float32)
    centred = [a - float(b) for a, b in zip(slow_unit(sentence.tolist()), small.words_mean, strict=True)]
    np.testing.assert_allclose(
        small.words(sentence[None])[0], slow_unit(slow_product(centred, small.words_map)), atol=1e-5
    )


def test_the_file_keeps_the_space(small: TrainedProjection, rng: np.random.Generator, tmp_path: Path) -> None:
    """Half precision and 8-bit keys move no picture by more than a degree or so."""
    small.save(tmp_path / "w.safetensors")
    loaded = TrainedProjection.load(tmp_path / "w.safetensors")
    features = rng.normal(size=(50, FEATURES)).astype(np.float32)
    logits = rng.normal(scale=4, size=(50, 1000)).astype(np.float32)
    shares = rng.dirichlet(np.ones(11), size=50).astype(np.float32)
    cosines = (small.image(features, logits, shares) * loaded.image(features, logits, shares)).sum(axis=1)
    assert cosines.min() > 0.9995


def test_what_is_no_number_becomes_a_row_of_nan_and_no_warning(
    small: TrainedProjection, rng: np.random.Generator
) -> None:
    features, logits = np.ones((2, FEATURES), np.float32), np.zeros((2, 1000), np.float32)
    features[1, 3], logits[1, 0] = np.nan, np.nan
    shares = np.full((2, 11), 1 / 11, np.float32)
    for rows in (small.image(features, logits, shares), small.look(features), small.remembered(features)):
        assert np.isfinite(rows[0]).all()
        assert np.isnan(rows[1]).all()


def test_a_picture_with_the_mean_features_has_no_look(small: TrainedProjection) -> None:
    mean = np.sign(small.sight_mean) * small.sight_mean**2
    assert np.isnan(small.look(mean[None])).all()


def test_the_shipped_weights_have_the_promised_dimensions_and_size() -> None:
    projection = TrainedProjection.load()
    assert projection.dims == {"image": 384, "caption": 384, "look": LOOK_DIM}
    assert len(projection.memory_starts) == len(projection.captions)
    assert (np.diff(projection.memory_starts) > 0).all()
    assert projection.memory_starts[-1] < len(projection.memory_keys)
    np.testing.assert_allclose(np.linalg.norm(projection.memory_keys, axis=1), 1, atol=1e-5)
    assert WEIGHTS.stat().st_size + (WEIGHTS.parent / "conse.safetensors").stat().st_size < 25_000_000


def test_the_baseline_has_the_same_look_and_the_sentence_model_s_words(rng: np.random.Generator) -> None:
    trained, plain = TrainedProjection.load(), ConseProjection.load()
    features = np.abs(rng.normal(size=(3, len(trained.sight_mean)))).astype(np.float32)
    np.testing.assert_array_equal(trained.look(features), plain.look(features))
    sentences = rng.normal(size=(3, 384)).astype(np.float32)
    np.testing.assert_array_equal(plain.words(sentences), unit(sentences))
    assert plain.dims == trained.dims


def test_without_the_memory_it_is_the_classifier_and_the_linear_map(
    small: TrainedProjection, rng: np.random.Generator
) -> None:
    alone = replace(small, mixing=np.array([0, 1, 0, 0], dtype=np.float32), centre=np.zeros(DIM, np.float32))
    logits = np.full((1, 1000), -1000, dtype=np.float32)
    logits[0, 5] = 1000
    features = rng.normal(size=(1, FEATURES)).astype(np.float32)
    shares = np.full((1, 11), 1 / 11, np.float32)
    np.testing.assert_allclose(alone.image(features, logits, shares)[0], unit(small.classes[5:6])[0], atol=1e-4)
