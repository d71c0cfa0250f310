"""Perceptual hashes: close for copies, far for other pictures, absent where they would say nothing."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures.looks import perceptual_hash
from settings import PROJECT

PHOTOS = sorted((PROJECT / "samples/photos").glob("*.jpg"))[:12]


def opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def bits_apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def saved_again(image: Image.Image, quality: int, scale: float) -> Image.Image:
    file = io.BytesIO()
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size).save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def slow_hash(image: Image.Image) -> str:
    """The definition: cosine sums over a 32 x 32 grey picture, the 64 lowest against their median, row by row."""
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    place = (2 * np.arange(32) + 1) * np.pi / 64
    waves = np.cos(np.outer(np.arange(8), place))  # (8, 32)
    low = waves @ grey @ waves.T
    bits = (low > np.median(low)).reshape(-1)
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def test_the_hash_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        few = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)).resize(
            (90, 70), Image.Resampling.BICUBIC
        )
        assert perceptual_hash(few) == slow_hash(few)


def test_a_picture_made_smaller_and_saved_again_is_a_few_bits_away_and_others_are_not() -> None:
    hashes = {path: perceptual_hash(opened(path)) for path in PHOTOS}
    again = {path: perceptual_hash(saved_again(opened(path), 60, 0.5)) for path in PHOTOS}
    assert max(bits_apart(hashes[path], again[path]) for path in PHOTOS) <= 6
    assert min(bits_apart(hashes[a], hashes[b]) for a, b in itertools.combinations(PHOTOS, 2)) >= 16


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_a_picture_of_few_pixels_has_none(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert perceptual_hash(Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))) == ""


@pytest.mark.parametrize("noise", [0, 2])
def test_a_picture_of_one_colour_has_none(noise: int) -> None:
    """Also with the noise that JPEG leaves."""
    rng = np.random.default_rng(0)
    values = 120 + rng.integers(-noise, noise + 1, (300, 400, 3))
    assert perceptual_hash(Image.fromarray(values.astype(np.uint8))) == ""


def test_a_faint_drawing_has_one() -> None:
    image = Image.new("RGB", (200, 200), "white")
    image.paste((200, 200, 200), (20, 20, 90, 60))
    assert len(perceptual_hash(image)) == 16
