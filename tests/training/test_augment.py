"""Other views of a picture: what each change does by hand, and what a draw depends on."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from training.augment import Augmentation, Drawn

EVERYTHING = Augmentation(crop=(0.4, 1), aspect=(0.75, 4 / 3), flip=0.5, rotation=25, brightness=(0.6, 1.4))


@pytest.fixture
def pictures() -> Tensor:
    """Eight smooth pictures (8, 3, 40, 40), so that two ways of interpolating them differ little."""
    small = torch.rand(8, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(small, (40, 40), mode="bicubic").clamp(0, 1)


def to_pil(picture: Tensor) -> Image.Image:
    return Image.fromarray((picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def from_pil(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)


def test_nothing_said_is_nothing_done(pictures: Tensor) -> None:
    assert torch.allclose(Augmentation().batch(pictures, 0, range(8)), pictures, atol=1e-5)


def test_a_flip_mirrors_left_and_right(pictures: Tensor) -> None:
    flipped = Augmentation(flip=1)
    assert torch.allclose(flipped.batch(pictures, 0, range(8)), pictures.flip(3), atol=1e-5)


def drawn(**changes: list[float]) -> Drawn:
    """One picture to which only `changes` happen."""
    values = {"side": [1, 1], "place": [0.5, 0.5], "flip": False, "angle": 0, "brightness": 1} | changes
    return Drawn(**{name: np.array([value]) for name, value in values.items()})


def test_a_quarter_turn_is_a_quarter_turn(pictures: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counter-clockwise, as PIL's rotate."""
    monkeypatch.setattr(Augmentation, "draw", lambda *_: drawn(angle=90))
    picture = to_pil(pictures[0])
    wanted = from_pil(picture.rotate(90))
    assert torch.allclose(Augmentation().batch(from_pil(picture)[None], 0, [0])[0], wanted, atol=1.5 / 255)


def test_a_turn_keeps_the_shapes_of_wide_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A square in the middle of a wide picture, turned by 90°, is the same square."""
    wide = torch.zeros(1, 1, 40, 80)
    wide[:, :, 12:28, 32:48] = 1
    monkeypatch.setattr(Augmentation, "draw", lambda *_: drawn(angle=90))
    assert torch.allclose(Augmentation().batch(wide, 0, [0]), wide, atol=1e-4)


def test_a_crop_enlarges_the_part_at_its_place(pictures: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of each side, from the lower left corner."""
    monkeypatch.setattr(Augmentation, "draw", lambda *_: drawn(side=[0.5, 0.5], place=[0, 1]))
    corner = pictures[:1, :, 20:, :20]
    wanted = torch.nn.functional.interpolate(corner, (40, 40), mode="bilinear", align_corners=False)
    ours = Augmentation().batch(pictures[:1], 0, [0])
    assert torch.allclose(ours[:, :, 1:, :-1], wanted[:, :, 1:, :-1], atol=1e-5)


def test_brightness_is_a_factor_and_stays_in_range(pictures: Tensor) -> None:
    twice = Augmentation(brightness=(2, 2))
    assert torch.allclose(twice.batch(pictures, 0, range(8)), (2 * pictures).clamp(0, 1), atol=1e-5)


def test_it_is_black_where_a_turn_leaves_the_picture(pictures: Tensor) -> None:
    turned = Augmentation(rotation=45)
    index = next(at for at in range(99) if abs(turned.draw(0, [at]).angle[0]) > 30)
    assert turned.batch(pictures[:1] + 0.5, 0, [index])[0, :, 0, 0].tolist() == [0] * 3


def test_a_view_depends_on_the_seed_and_the_index_alone(pictures: Tensor) -> None:
    whole = EVERYTHING.batch(pictures, (3, 1), np.arange(100, 108))
    assert torch.equal(EVERYTHING.batch(pictures, (3, 1), np.arange(100, 108)), whole)
    part = EVERYTHING.batch(pictures[[5, 2]], (3, 1), [105, 102])
    assert torch.allclose(part, whole[[5, 2]], atol=1e-6), "whatever stands beside it"
    for seed in ((3, 2), (1, 3), 3, (3, 1, 0)):
        assert not torch.allclose(EVERYTHING.batch(pictures, seed, np.arange(100, 108)), whole, atol=1e-2)


def test_what_is_drawn_fills_its_ranges_evenly() -> None:
    """20,000 pictures: means and ends as of even draws, no two columns alike, no pattern from index to index."""
    draws = EVERYTHING.draw((0, 5), np.arange(20_000))
    for values, (low, high) in (
        (draws.angle, (-25, 25)),
        (draws.brightness, (0.6, 1.4)),
        (draws.place[:, 0], (0, 1)),
        (draws.place[:, 1], (0, 1)),
    ):
        share = (values - low) / (high - low)
        assert share.min() >= 0 and share.max() <= 1
        assert np.histogram(share, 10, (0, 1))[0] / len(share) == pytest.approx([0.1] * 10, abs=0.012)
        assert abs(np.corrcoef(share[:-1], share[1:])[0, 1]) < 0.03
    assert draws.flip.mean() == pytest.approx(0.5, abs=0.015)
    columns = np.stack([draws.angle, draws.brightness, draws.flip, *draws.place.T, *draws.side.T[:1]])
    assert np.abs(np.corrcoef(columns) - np.eye(6)).max() < 0.03
    areas = draws.side.prod(axis=1)
    assert (draws.side <= 1).all() and areas.max() <= 1 and areas.min() >= 0.4 * 0.75**0.5 - 1e-9
