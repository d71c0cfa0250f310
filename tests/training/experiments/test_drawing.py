"""The space over the epochs: one set of axes for all, layouts that can be compared, files that can be read back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.experiments.drawing import Space, follow, lay_out, turned_onto, write_png

NAMES = ("left", "right")


def clouds(gap: float, rng: np.random.Generator) -> np.ndarray:
    """60 unit rows of 8 dimensions, two labels that are `gap` apart."""
    rows = rng.normal(size=(60, 8)) * 0.3
    rows[:, 0] += np.where(np.arange(60) % 2, gap, -gap)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([clouds(gap, rng) for gap in (0.0, 0.6, 1.2)])


@pytest.fixture(scope="module")
def space(embeddings: np.ndarray) -> Space:
    return lay_out(embeddings, np.arange(60) % 2, [0, 1, 2], NAMES)


def test_every_epoch_is_seen_along_the_axes_of_the_last(space: Space, embeddings: np.ndarray) -> None:
    """Slowly: the principal directions of the last epoch by SVD, up to their signs."""
    last = embeddings[-1] - embeddings[-1].mean(axis=0)
    directions = np.linalg.svd(last.astype(np.float64))[2][:3]
    for rows, placed in zip(embeddings, space.pca, strict=True):
        expected = (rows - embeddings[-1].mean(axis=0)) @ directions.T
        signs = np.sign((expected * placed).sum(axis=0))
        np.testing.assert_allclose(placed, expected * signs, atol=1e-4)


def test_the_share_of_variance_is_of_the_epoch_itself(space: Space, embeddings: np.ndarray) -> None:
    singular = np.linalg.svd((embeddings[-1] - embeddings[-1].mean(axis=0)).astype(np.float64), compute_uv=False)
    assert space.explained[-1] == pytest.approx((singular[:3] ** 2).sum() / (singular**2).sum(), abs=1e-4)
    assert space.explained[0] < space.explained[-1], "before training no three axes hold much"


def test_umap_shows_labels_come_apart(space: Space) -> None:
    """Apart: the distance of the labels' middles, in units of the mean spread within them."""

    def apart(points: np.ndarray) -> float:
        left, right = points[::2], points[1::2]
        return float(np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)) / (left.std() + right.std()))

    assert apart(space.umap[-1]) > 2 * apart(space.umap[0])
    np.testing.assert_allclose(space.umap.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose((space.umap**2).sum(axis=2).mean(axis=1), 1, atol=1e-3)


def test_drawing_leaves_the_threads_alone(embeddings: np.ndarray) -> None:
    """UMAP's numba sets OpenMP's for the whole process; a training after it would take another number."""
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        follow(embeddings[:1])
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_layout_is_turned_and_not_stretched() -> None:
    """A quarter turn and a mirror are undone; lengths stay."""
    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -0.5]], np.float32)
    square -= square.mean(axis=0)
    turned = square[:, ::-1] * np.float32([1, -1])
    np.testing.assert_allclose(turned_onto(turned, square), square, atol=1e-6)
    np.testing.assert_allclose(turned_onto(2 * square[:, ::-1], square), 2 * square, atol=1e-6)


def test_the_arrays_are_read_back_without_pickle(space: Space, tmp_path: Path) -> None:
    space.save(tmp_path / "space.npz")
    with np.load(tmp_path / "space.npz", allow_pickle=False) as arrays:
        assert arrays["pca"].shape == (3, 60, 3)
        assert arrays["umap"].shape == (3, 60, 2)
        assert arrays["epochs"].tolist() == [0, 1, 2]
        assert arrays["names"].tolist() == list(NAMES)
        assert arrays["labels"].tolist() == [0, 1] * 30
        np.testing.assert_array_equal(arrays["umap"], space.umap)


def test_the_png_is_small_and_has_the_labels_colours(space: Space, tmp_path: Path) -> None:
    write_png(space, "a run", tmp_path / "space.png")
    assert (tmp_path / "space.png").stat().st_size < 150_000
    with Image.open(tmp_path / "space.png") as picture:
        width, height = picture.size
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    assert width > height
    for colour in ((0x44, 0x77, 0xAA), (0xCC, 0x33, 0x11)):
        assert (np.abs(pixels - colour).max(axis=1) < 40).sum() > 60
