"""The default encoder on real pictures and on awkward ones. The model is loaded once for the session."""

import csv
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import encoder.projection
import encoder.towers
from encoder.load import load_encoder
from encoder.models import SIDE
from encoder.projection import Words
from encoder.protocol import Encoder, invalid_rows
from encoder.specialists import SpecialistsEncoder, square
from encoder.towers import VisionModel
from errors import EncoderError
from tests.conftest import PROJECT, SAMPLES, SETTINGS

DIMS = {"image": 384, "caption": 384, "look": 256}


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    names = sorted((SAMPLES / "photos").glob("*.jpg"))[:6]
    return [Image.open(name).convert("RGB") for name in names]


def test_the_identity_says_the_dimensions_and_a_hash_of_the_weights(specialists: Encoder) -> None:
    identity = specialists.identity
    assert (identity.name, identity.dims) == ("specialists", DIMS)
    assert len(identity.weights_sha256) == 64
    assert specialists.image_side == SIDE


def test_pictures_become_float32_unit_rows_in_their_order(specialists: Encoder, photos: list[Image.Image]) -> None:
    """Turning the list round turns the rows round."""
    there, back = specialists.encode_images(photos), specialists.encode_images(photos[::-1])
    for name in ("image", "look"):
        assert there[name].shape == (6, DIMS[name])
        assert there[name].dtype == np.float32
        assert invalid_rows(there[name], DIMS[name]) == [None] * 6
        np.testing.assert_allclose(there[name], back[name][::-1], atol=1e-5)
        assert np.abs(there[name][0] - there[name][1]).max() > 0.01


def test_a_picture_alone_is_what_it_is_in_a_batch(specialists: Encoder, photos: list[Image.Image]) -> None:
    together = specialists.encode_images(photos)
    for index, photo in enumerate(photos):
        alone = specialists.encode_images([photo])
        for name, rows in together.items():
            np.testing.assert_allclose(alone[name][0], rows[index], atol=1e-5)


def test_a_text_alone_is_what_it_is_in_a_batch(specialists: Encoder) -> None:
    """Also beside a text that is much longer, and on both sides of a chunk's border (64)."""
    texts = ["a cat", "ein Fahrrad", "word " * 300, "", "日本の山"] + [f"text number {i}" for i in range(65)]
    together = specialists.encode_texts(texts)
    assert together.dtype == np.float32
    assert together.shape == (70, 384)
    assert invalid_rows(together, 384) == [None] * 70
    for index in (0, 1, 2, 3, 4, 63, 64, 69):
        np.testing.assert_allclose(specialists.encode_texts([texts[index]])[0], together[index], atol=1e-5)


def test_nothing_in_nothing_out(specialists: Encoder) -> None:
    shapes = {name: rows.shape for name, rows in specialists.encode_images([]).items()}
    assert shapes == {"image": (0, 384), "look": (0, 256)}
    assert specialists.encode_texts([]).shape == (0, 384)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 3), (259, 261), (2000, 30)])
def test_a_picture_of_any_size_gets_a_vector(specialists: Encoder, size: tuple[int, int]) -> None:
    rows = specialists.encode_images([Image.effect_noise(size, 90).convert("RGB")])
    assert invalid_rows(rows["image"], 384) == invalid_rows(rows["look"], 256) == [None]


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_picture_of_one_shade_gets_a_vector(specialists: Encoder, value: int) -> None:
    rows = specialists.encode_images([Image.new("RGB", (64, 64), (value, value, value))])
    assert invalid_rows(rows["image"], 384) == invalid_rows(rows["look"], 256) == [None]


def test_a_grey_picture_is_what_it_is_in_rgb(specialists: Encoder, photos: list[Image.Image]) -> None:
    grey = photos[0].convert("L")
    rows = specialists.encode_images([grey, grey.convert("RGB")])
    np.testing.assert_allclose(rows["image"][0], rows["image"][1], atol=1e-3)


def test_the_whole_picture_is_on_a_white_square_and_nothing_is_cropped() -> None:
    """A black picture twice as wide as high: the middle half of the square is black, the rest white."""
    pixels = square(Image.new("RGB", (400, 200), "black"))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.mean(axis=(1, 2)).tolist() == [255.0] * 65 + [0.0] * 130 + [255.0] * 65


def test_four_threads_get_what_one_gets(specialists: Encoder, photos: list[Image.Image]) -> None:
    """One lock inside: the tokenizer and the model are shared."""
    texts = [f"a photograph of {word} " + "and more " * len(word) for word in "cat tree sky elephant sea red".split()]
    images, words = specialists.encode_images(photos)["look"], specialists.encode_texts(texts)

    def once(turn: int) -> float:
        index = turn % 6
        image = specialists.encode_images([photos[index]])["look"][0]
        text = specialists.encode_texts([texts[index]])[0]
        return float(max(np.abs(image - images[index]).max(), np.abs(text - words[index]).max()))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(once, range(12))) < 1e-5


def test_words_find_the_samples_and_more_of_them_than_without_training(specialists: Encoder) -> None:
    """Captions of samples/ against its pictures: the first ten hold at least four in five, and the first place holds
    the right one for one caption in ten more than ConSE's."""
    rows = list(csv.DictReader((SAMPLES / "metadata.csv").read_text(encoding="utf-8").splitlines()))
    pictures = [_on_white(SAMPLES / row["file_name"]) for row in rows]
    captions = [row["text"] for row in rows]
    ranks = {}
    for one in (specialists, load_encoder("conse", cache=SETTINGS.loupe_cache)):
        similarity = one.encode_texts(captions) @ one.encode_images(pictures)["image"].T
        ranks[one.identity.name] = (similarity > similarity.diagonal()[:, None]).sum(axis=1)
    assert (ranks["specialists"] < 10).mean() >= 0.8
    assert (ranks["specialists"] == 0).mean() >= (ranks["conse"] == 0).mean() + 0.1


def test_conse_is_an_encoder_of_its_own(specialists: Encoder) -> None:
    """Named and hashed apart, so that a library of one is not asked with the other (I3)."""
    conse = load_encoder("conse", cache=SETTINGS.loupe_cache)
    assert conse.identity.name == "conse"
    assert conse.identity.id != specialists.identity.id
    assert conse.identity.weights_sha256 != specialists.identity.weights_sha256


def test_the_same_drawing_in_another_size_and_format_looks_the_same(specialists: Encoder) -> None:
    big = _on_white(SAMPLES / "drawings" / "red-tractor.png")
    small, other = big.resize((big.width // 2, big.height // 2)), _on_white(SAMPLES / "drawings" / "violin.png")
    look = specialists.encode_images([big, small, other])["look"]
    assert look[0] @ look[1] > 0.9 > 0.5 > look[0] @ look[2]


def test_a_colour_in_the_question_finds_the_picture_of_that_colour(specialists: Encoder) -> None:
    """A red tractor, and the same with red and blue exchanged."""
    red = _on_white(SAMPLES / "drawings" / "red-tractor.png")
    blue = Image.merge("RGB", red.split()[::-1])
    pictures = specialists.encode_images([red, blue])["image"]
    asked = specialists.encode_texts(["a red tractor", "a blue tractor", "red", "blue"])
    assert (asked @ pictures.T).argmax(axis=1).tolist() == [0, 1, 0, 1]


def test_folded_batch_norms_give_the_same_logits(monkeypatch: pytest.MonkeyPatch, photos: list[Image.Image]) -> None:
    """Folding is arithmetic, not an approximation: features and logits agree to the last digits of float32."""
    folded = VisionModel("cpu")
    monkeypatch.setattr(encoder.towers, "_fold_batch_norms", lambda model: None)
    plain = VisionModel("cpu")
    pixels = np.stack([square(photo) for photo in photos[:2]])
    got, expected = folded.encode(pixels), plain.encode(pixels)
    for name in ("features", "middle", "logits"):
        rows = getattr(expected, name)
        np.testing.assert_allclose(getattr(got, name), rows, atol=2e-4 * np.abs(rows).max())
    norms = [type(module).__name__ for module in folded.network.modules()]
    assert "BatchNorm2d" not in norms


def test_another_number_type_is_another_encoder(specialists: Encoder, photos: list[Image.Image]) -> None:
    """bfloat16 gives nearly the same vectors, and its library is kept apart (I3)."""
    half = load_encoder("specialists", dtype="bfloat16")
    assert half.identity.revision == "memory-2+bfloat16"
    assert half.identity.id != specialists.identity.id
    rows, exact = half.encode_images(photos[:2]), specialists.encode_images(photos[:2])
    assert rows["image"].dtype == np.float32
    assert invalid_rows(rows["image"], 384) == invalid_rows(rows["look"], 256) == [None, None]
    assert (rows["image"] * exact["image"]).sum(axis=1).min() > 0.95
    assert (half.encode_texts(["a cat"]) @ specialists.encode_texts(["a cat"]).T).item() > 0.99


def test_the_same_encoder_loaded_again_is_the_same(specialists: Encoder) -> None:
    assert load_encoder("specialists", dtype="float32").identity == specialists.identity


def test_row_29_damaged_weights_are_a_sentence_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "specialists.safetensors"
    damaged.write_bytes(encoder.projection.WEIGHTS.read_bytes()[:1000])
    load = Words.load
    monkeypatch.setattr(Words, "load", lambda: load(damaged))
    with pytest.raises(EncoderError, match=r"weights cannot be loaded.*pip install --force-reinstall"):
        SpecialistsEncoder(cache=SETTINGS.loupe_cache)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"LOUPE_DEVICE is 'cuda', but torch .* Set it to auto or cpu"):
        load_encoder("specialists", device="cuda")


@pytest.mark.parametrize("exported", [True, False], ids=["exported", "torch"])
def test_loading_prints_nothing(exported: bool) -> None:
    """No progress bars, no warnings: the command's output is its own."""
    code = "import sys, pathlib; from encoder.load import load_encoder; load_encoder('specialists', cache={})"
    code = code.format("pathlib.Path(sys.argv[1])" if exported else None)
    command = [sys.executable, "-c", code, str(SETTINGS.loupe_cache)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_naming_the_encoders_imports_no_torch() -> None:
    """Commands that need no model start at once."""
    code = "import sys, encoder.load; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def _on_white(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
