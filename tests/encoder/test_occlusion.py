"""The embedding of a picture without each of its parts, by layers for the default encoder, painted over for others."""

import numpy as np
import pytest
from PIL import Image

from encoder.models import means_without
from encoder.occlusion import GRID, PAINTED_GRID, SeesWithout, embeddings_without
from encoder.protocol import Encoder
from settings import PROJECT
from tests.colours import ColourEncoder


def test_painted_over_the_red_quarter_is_missed_where_it_lies() -> None:
    picture = Image.new("RGB", (50, 50), "white")
    picture.paste((255, 0, 0), (0, 0, 20, 20))
    encoder = ColourEncoder()
    side = PAINTED_GRID
    whole_row, rows = embeddings_without(encoder, picture)
    assert rows.shape == (25, 4)
    red = encoder.encode_texts(["red"])[0]
    kept = (rows @ red).reshape(side, side)
    whole = whole_row @ red
    assert (kept[:2, :2] < whole - 0.01).all()
    assert kept[3:, 3:].min() > kept[:2, :2].max()


def test_the_layers_mean_without_a_cell_is_the_mean_of_the_others() -> None:
    """Where the grid divides the map, by hand."""
    maps = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    found = means_without(maps, 2)
    kept = np.ones((4, 4), bool)
    kept[:2, 2:] = False
    np.testing.assert_allclose(found[1], maps[:, kept].mean(axis=1), atol=1e-5)
    uneven = means_without(maps[:, :3, :3], 2)  # a cell of one and a half places: the corner, half of two, a quarter
    weights = np.array([[1, 0.5, 0], [0.5, 0.25, 0], [0, 0, 0]])
    values = maps[0, :3, :3]
    assert uneven[0, 0] == pytest.approx(((1 - weights) * values).sum() / (1 - weights).sum(), abs=1e-5)


def test_two_pictures_side_by_side_are_told_apart(specialists: Encoder) -> None:
    """The question is the one's caption: its half of the joined picture is missed more."""
    assert isinstance(specialists, SeesWithout)
    guitar = Image.open(PROJECT / "samples" / "drawings" / "acoustic-guitar.png").convert("RGBA")
    ground = Image.new("RGBA", guitar.size, "white")
    guitar = Image.alpha_composite(ground, guitar).convert("RGB").resize((200, 200))
    other = Image.new("RGB", (200, 200), (40, 90, 160))
    joined = Image.new("RGB", (400, 200))
    joined.paste(guitar, (0, 0))
    joined.paste(other, (200, 0))
    question = specialists.encode_texts(["an acoustic guitar"])[0]
    side = GRID
    whole, rows = embeddings_without(specialists, joined)
    loss = (whole @ question - rows @ question).reshape(side, side)
    assert loss[:, : side // 2].sum() > loss[:, side // 2 :].sum()
