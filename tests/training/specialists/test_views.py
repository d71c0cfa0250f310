"""What the towers are shown, and what the recipe says of sources that it was not given."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import TrainingError
from pictures.looks import COLOURS
from training.data.pairs import Manifest, SourceReport
from training.data.sources import EXPECTED
from training.specialists.recipe import lacking
from training.specialists.views import Towers


@dataclass(frozen=True)
class File:
    path: Path


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Towers:
    return Towers(tmp_path_factory.mktemp("cache"))


def test_pictures_are_seen_once_and_their_colours_named(towers: Towers, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    views = towers.encode_pictures([File(tmp_path / "red.png")], ["the red one"])
    assert (views.features.shape, views.logits.shape) == ((1, 2912), (1, 1000))
    np.testing.assert_array_equal(views.shares[0], np.eye(len(COLOURS))[COLOURS.index("red")])
    (tmp_path / "red.png").unlink()
    again = towers.encode_pictures([File(tmp_path / "red.png")], ["the red one"])
    np.testing.assert_array_equal(again.features, views.features)


def test_a_damaged_picture_is_named_with_what_to_do(towers: Towers, tmp_path: Path) -> None:
    (tmp_path / "half.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(TrainingError, match=r"half.png cannot be read .*Delete it and run: python -m training data"):
        towers.encode_pictures([File(tmp_path / "half.png")], ["half"])


def test_a_colour_s_words_are_its_own(towers: Towers) -> None:
    """Each of the eleven is nearer to its plain name than to any other's."""
    names = towers.name_colours()
    assert ((names @ towers.encode_phrases(COLOURS).T).argmax(axis=1) == np.arange(len(COLOURS))).all()


def test_a_source_that_the_pairs_lack_is_named() -> None:
    """One could not be had, one was not asked for; words count too."""
    sources = {name: SourceReport("a package") for name in EXPECTED}
    sources["noto"].missing = "npm is away."
    del sources["twemoji"]
    words = {"emojibase-data": SourceReport("emojibase-data", missing="It is gone.")}
    manifest = Manifest(260, 0, 0.8, 1, 1, 1, [1], {}, {}, 5.0, 0, 0, sources, words)
    assert lacking(manifest) == [
        "noto is not in the pairs: npm is away.",
        "emojibase-data is not in the pairs: It is gone.",
        "twemoji was not asked for when the pairs were made.",
    ]
