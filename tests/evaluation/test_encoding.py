"""A folder through encoders: one encoding for two names, and nothing is judged that one of them could not encode."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from encoder.protocol import Embeddings
from errors import EvaluationError
from evaluation.folder import encode_folder, read_captioned
from pictures.open import Limits
from tests.colours import ColourEncoder
from tests.evaluation.captioned import caption, coloured, paint

BROKEN = (1, 2, 3)
"""The colour that the colour encoder has no vector for."""


class Mute(ColourEncoder):
    """Has no vector for the words "silence"."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        rows = super().encode_texts(texts)
        rows[[text == "silence" for text in texts]] = np.nan
        return rows


def test_rows_belong_to_the_pictures_and_captions_beside_them(tmp_path: Path, colours: ColourEncoder) -> None:
    """In batches that do not divide the number of pictures."""
    folder = read_captioned(coloured(tmp_path), Limits())
    counted: list[int] = []
    encoded = encode_folder(folder, {"c": colours}, Limits(), batch_size=4, on_progress=counted.append)
    assert [picture.path.stem for picture in encoded.pictures] == [p.path.stem for p in folder.pictures]
    assert counted == [4, 2]
    sides = encoded.sides["c"]
    for index, picture in enumerate(encoded.pictures):
        [number] = encoded.captions_of[index]
        assert encoded.captions[number] == picture.path.stem
        assert sides.images[index] @ sides.texts[number] > 0.99


def test_shared_captions_and_several_captions_are_kept_both_ways(tmp_path: Path, colours: ColourEncoder) -> None:
    """Two pictures share "warm"; the red one has a copy and so a second caption."""
    coloured(tmp_path, {"red.png": "warm", "yellow.png": "Warm", "blue.png": "cold", "z/red.png": "fire"})
    paint(tmp_path / "z" / "red.png", "red")
    encoded = encode_folder(read_captioned(tmp_path, Limits()), {"c": colours}, Limits())
    names = [picture.path.stem for picture in encoded.pictures]
    captions = {name: {encoded.captions[n] for n in own} for name, own in zip(names, encoded.captions_of, strict=True)}
    assert captions == {"red": {"warm", "fire"}, "yellow": {"warm"}, "blue": {"cold"}}
    of = {text: {names[n] for n in own} for text, own in zip(encoded.captions, encoded.pictures_of, strict=True)}
    assert of == {"warm": {"red", "yellow"}, "cold": {"blue"}, "fire": {"red"}}


def test_two_names_for_one_encoder_cost_one_encoding(tmp_path: Path) -> None:
    one, same, other = ColourEncoder(), ColourEncoder(), ColourEncoder(revision="2")
    folder = read_captioned(coloured(tmp_path), Limits())
    sides = encode_folder(folder, {"a": one, "b": same, "c": other}, Limits()).sides
    assert [encoder.pictures_encoded for encoder in (one, same, other)].count(6) == 2
    np.testing.assert_array_equal(sides["a"].images, sides["b"].images)


def test_a_picture_without_a_vector_is_named_and_judged_for_no_encoder(tmp_path: Path) -> None:
    """Its caption goes with it, where no other picture bears it."""
    coloured(tmp_path)
    paint(tmp_path / "odd.png", BROKEN)
    (tmp_path / "odd.txt").write_text("odd")
    fine, failing = ColourEncoder(), ColourEncoder(revision="2")
    fine.broken = 0.5  # a unit vector of four dimensions
    encoded = encode_folder(read_captioned(tmp_path, Limits()), {"fine": fine, "failing": failing}, Limits())
    [failed] = encoded.failed
    assert failed.path.endswith("odd.png") and failed.message.startswith("failing gave no vector for it: not a finite")
    assert "odd" not in encoded.captions
    assert len(encoded.pictures) == len(encoded.sides["fine"].images) == len(encoded.sides["failing"].texts) == 6


def test_a_caption_without_a_vector_is_named_and_its_picture_left_out(tmp_path: Path) -> None:
    names = {"red.png": "red", "green.png": "green", "blue.png": "blue", "white.png": "silence"}
    encoded = encode_folder(read_captioned(coloured(tmp_path, names), Limits()), {"m": Mute()}, Limits())
    assert [failed.path for failed in encoded.failed] == ["the caption 'silence'"]
    assert len(encoded.pictures) == 3 and encoded.captions == ("blue", "green", "red")


def test_a_picture_that_is_gone_by_then_is_named(tmp_path: Path, colours: ColourEncoder) -> None:
    folder = read_captioned(coloured(tmp_path), Limits())
    (tmp_path / "red.png").unlink()
    encoded = encode_folder(folder, {"c": colours}, Limits(), batch_size=1)
    [failed] = encoded.failed
    assert failed.path.endswith("red.png") and "gone" in failed.message
    assert len(encoded.pictures) == len(encoded.captions) == 5


def test_when_too_little_is_left_the_first_reason_is_given(tmp_path: Path, colours: ColourEncoder) -> None:
    for name in "abc":
        paint(tmp_path / f"{name}.png", BROKEN, size=8 + ord(name) % 7)
    paint(tmp_path / "red.png", "red")
    caption(tmp_path, {f"{name}.png": name for name in ("a", "b", "c", "red")})
    with pytest.raises(EvaluationError, match=r"Only 1 of 4 pictures.*First of them .*a\.png: c gave no vector"):
        encode_folder(read_captioned(tmp_path, Limits()), {"c": colours}, Limits())
