"""Layouts: worked by hand where that can be, against a slow oracle where not."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from encoder.protocol import unit
from errors import LayoutError
from layout import projection as layout
from layout.library import name_clusters
from layout.projection import Axes, clusters, modality_gap, pca, place_among, trust, umap
from settings import PROJECT


def blobs(rng: np.random.Generator, count: int = 3, each: int = 30, dim: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Well separated groups of unit vectors, and which group each is of."""
    centres = unit(rng.normal(size=(count, dim)))
    which = np.repeat(np.arange(count), each)
    return unit(centres[which] + rng.normal(0, 0.05, (count * each, dim))), which


def test_pca_of_points_on_a_line_by_hand() -> None:
    """(0,0), (1,1), (2,2): one direction, (1,1)/sqrt 2, which holds everything; the middle is at 0."""
    points, axes = pca(np.array([[0, 0], [1, 1], [2, 2]], float), 2)
    root = np.sqrt(2)
    np.testing.assert_allclose(np.abs(points), [[root, 0], [0, 0], [root, 0]], atol=1e-6)
    assert points[0, 0] == -points[2, 0]
    np.testing.assert_allclose(axes.explained, [1, 0], atol=1e-6)
    np.testing.assert_allclose(axes.mean, [1, 1])


@pytest.mark.parametrize("shape", [(40, 7), (6, 30)])
def test_pca_is_the_svd_of_the_centred_vectors(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    """Also where there are fewer vectors than dimensions."""
    rows = rng.normal(size=shape)
    points, axes = pca(rows, 3)
    centred = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(left[:, :3] * sizes[:3]), atol=1e-4)
    np.testing.assert_allclose(axes.explained, sizes[:3] ** 2 / (sizes**2).sum(), atol=1e-5)
    again, _ = pca(rows, 3)
    np.testing.assert_array_equal(points, again)


def test_a_vector_falls_on_the_axes_where_pca_put_it(rng: np.random.Generator) -> None:
    """A question is placed by the same formula: what was in the layout comes back to its own point."""
    rows = rng.normal(size=(50, 9))
    points, axes = pca(rows, 3)
    np.testing.assert_allclose(axes.place(rows[7:8])[0], points[7], atol=1e-6)
    middle = axes.place((rows[3] + rows[4])[None] / 2)[0]
    np.testing.assert_allclose(middle, (points[3] + points[4]) / 2, atol=1e-5)


def test_axes_refuse_vectors_of_another_space() -> None:
    axes = Axes(np.zeros(4, np.float32), np.eye(2, 4, dtype=np.float32), np.ones(2, np.float32) / 2)
    with pytest.raises(LayoutError, match="Expected vectors of 4 dimensions, got 5"):
        axes.place(np.zeros((1, 5)))


def test_equal_vectors_have_no_direction() -> None:
    points, axes = pca(np.ones((5, 4)), 3)
    assert not points.any() and not axes.explained.any()


def test_two_dimensions_leave_the_third_axis_empty(rng: np.random.Generator) -> None:
    points, axes = pca(rng.normal(size=(10, 2)), 3)
    assert points.shape == (10, 3) and not points[:, 2].any()
    assert axes.explained.sum() == pytest.approx(1)


@pytest.mark.parametrize(("count", "words"), [(0, "there are none"), (1, "there is 1"), (2, "there are 2")])
@pytest.mark.parametrize("method", [lambda rows: pca(rows, 2), umap])
def test_fewer_than_three_have_no_map(method: object, count: int, words: str) -> None:
    with pytest.raises(LayoutError, match=f"at least 3 pictures; {words}"):
        method(np.zeros((count, 4)))  # type: ignore[operator]


def test_umap_keeps_groups_together_and_repeats_itself(rng: np.random.Generator) -> None:
    """Every point's nearest neighbour in the picture is of its own group; the seed is fixed."""
    rows, which = blobs(rng)
    points = umap(rows)
    assert points.shape == (90, 2) and points.dtype == np.float32 and np.isfinite(points).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.diag([np.inf] * 90)
    assert (which[distances.argmin(axis=1)] == which).all()
    np.testing.assert_array_equal(points, umap(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert umap(rows[::30]).shape == (3, 2)


def test_umap_tells_which_share_of_its_epochs_is_done(rng: np.random.Generator) -> None:
    shares: list[float] = []
    umap(blobs(rng)[0], shares.append)
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 1)


def test_umap_that_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "umap_is_there", lambda: False)
    with pytest.raises(layout.UmapMissing, match="pip install umap-learn"):
        umap(np.eye(4))


def test_the_library_of_layouts_loads_no_heavy_package() -> None:
    """The app imports it at its start."""
    heavy = "[name for name in ('sklearn', 'umap', 'plotly', 'torch') if name in sys.modules]"
    code = f"import sys, layout.projection, layout.store; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_question_is_placed_among_its_neighbours_by_hand() -> None:
    """Similarities .9, .7, .5 are .4, .2, 0 above the least; each plus .4/3 gives weights .5333, .3333, .1333."""
    points = np.array([[0, 0], [3, 0], [0, 3]], np.float32)
    np.testing.assert_allclose(place_among(points, np.array([0.9, 0.7, 0.5])), [1.0, 0.4], atol=1e-6)


def test_equally_near_neighbours_count_the_same() -> None:
    points = np.array([[0, 0], [2, 4]], np.float32)
    np.testing.assert_allclose(place_among(points, np.array([0.3, 0.3])), [1, 2])
    np.testing.assert_allclose(place_among(points[1:], np.array([-0.2])), [2, 4])


def test_without_a_neighbour_there_is_no_place() -> None:
    with pytest.raises(LayoutError, match="neighbours"):
        place_among(np.zeros((0, 2), np.float32), np.zeros(0))


def test_trust_of_the_space_itself_and_of_chance(rng: np.random.Generator) -> None:
    """1 for a picture that is the space; far less for one drawn at random."""
    rows = rng.normal(size=(200, 2))
    assert trust(rows, rows.astype(np.float32)) == pytest.approx(1)
    chance = trust(rows, rng.normal(size=(200, 2)).astype(np.float32))
    assert chance is not None and chance < 0.7


def test_trust_of_three_points_and_of_two() -> None:
    three = np.array([[0, 0], [1, 0], [3, 0]], np.float32)
    assert trust(three, three) == pytest.approx(1)
    assert trust(three[:2], three[:2]) is None


def slow_trustworthiness(rows: np.ndarray, layout: np.ndarray, k: int) -> float:
    count, penalty = len(rows), 0
    for one in range(count):
        others = [row for row in range(count) if row != one]
        in_space = sorted(others, key=lambda row: float(((rows[row] - rows[one]) ** 2).sum()))
        in_layout = sorted(others, key=lambda row: float(((layout[row] - layout[one]) ** 2).sum()))
        penalty += sum(max(0, in_space.index(row) + 1 - k) for row in in_layout[:k])
    return 1 - 2 / (count * k * (2 * count - 3 * k - 1)) * penalty


def test_trust_equals_the_slow_version(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(40, 6))
    expected = slow_trustworthiness(rows, rows[:, :2], 5)
    assert 0.5 < expected < 0.95
    assert trust(rows, rows[:, :2], 5) == pytest.approx(expected)
    assert trust(rows, rows, 5) == 1


def test_trust_is_sampled_above_its_limit(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(800, 3))
    sampled = trust(rows, rows[:, :2], 5, at_most=200)
    assert sampled == pytest.approx(trust(rows, rows[:, :2], 5), abs=0.05)
    assert sampled == trust(rows, rows[:, :2], 5, at_most=200)


def test_the_modality_gap_is_the_distance_of_the_means() -> None:
    """Means (0, 0) and (3, 4) are 5 apart."""
    square = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    assert modality_gap(square, np.array([[3.0, 3], [3, 5]])) == pytest.approx(5)
    assert modality_gap(square, square) == 0


def test_clusters_are_the_groups_numbered_from_the_largest(rng: np.random.Generator) -> None:
    rows, which = blobs(rng)
    keep = (which != 1) | (np.arange(90) % 3 == 0)
    found = clusters(rows[keep], 3)
    sizes = np.bincount(found)
    assert sorted(sizes.tolist(), reverse=True) == sizes.tolist()
    assert len({(a, b) for a, b in zip(which[keep].tolist(), found.tolist(), strict=True)}) == 3
    assert sizes[-1] == 10


def test_fewer_distinct_vectors_than_clusters() -> None:
    assert set(clusters(np.ones((5, 3)), 4).tolist()) <= {0, 1, 2, 3}
    assert clusters(np.eye(2), 10).max() <= 1


def test_a_cluster_is_named_by_what_the_others_do_not_say() -> None:
    """`photos` is in all of them and `once` in one; both say nothing of a cluster."""
    texts = ["red cat photos", "a cat once photos", "blue sea photos", "blue sea photos", "photos", "photos"]
    cluster = np.array([0, 0, 1, 1, 2, 2], np.uint8)
    assert name_clusters(cluster, texts) == ["1 · cat", "2 · blue, sea", "3"]


def test_a_word_that_is_frequent_here_and_rare_elsewhere_names_before_one_that_is_frequent_everywhere() -> None:
    """Of four texts each, `emoji` is in 4 and 2, `cat` in 3 and 0. log(4/4 : 6/8) = .29 a text for `emoji`,
    3/4 · log(3/4 : 3/8) = .52 for `cat`. By the difference of the shares `cat` would lead too, .75 to .5; `tail`, in 2
    and 0, counts 2/4 · log 2 = .35, and by the difference no more than `emoji`."""
    texts = ["cat tail emoji", "cat tail emoji", "cat emoji", "emoji", "emoji", "emoji", "sea", "sea"]
    names = name_clusters(np.array([0] * 4 + [1] * 4, np.uint8), texts)
    assert names[0] == "1 · cat, tail, emoji"


def test_a_cluster_of_many_different_captions_has_a_name_too() -> None:
    """A word of one text in thirty is enough, if it is nowhere else; one in a hundred is not."""
    own = [f"{word} {word}" for word in map(_numbered, range(90))]
    for place in (0, 30, 60):
        own[place] += " lighthouse"
    cluster = np.array([0] * 93 + [1] * 50, np.uint8)
    assert name_clusters(cluster, [*own, "x", "y", "z"] + ["cat"] * 50) == ["1 · lighthouse", "2 · cat"]


def _numbered(number: int) -> str:
    """A word of its own for each number."""
    return "".join(chr(97 + int(digit)) for digit in f"{number:04}")
