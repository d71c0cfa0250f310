"""A head on top of locked towers: what it learns, and the folder that LOUPE_ENCODER loads.

The towers are made up: a picture is its pixels, a caption its words, each turned by a random matrix. They share no
space, so whatever is found afterwards was learnt.
"""

import json
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import training.finetune.run
from encoder.load import load_encoder
from encoder.protocol import Embeddings, Encoder, EncoderIdentity, invalid_rows, unit
from encoder.tuned import TunedSpecialists, apply_head, is_tuned
from errors import EncoderError, TrainingError
from evaluation.folder import read_captioned
from pictures.open import Limits, open_image
from tests.training.shapes import draw, make_folder, write_metadata
from training.finetune.config import FinetuneConfig
from training.finetune.head import SHARE, Head
from training.finetune.report import Report
from training.finetune.run import Dependencies, batches, finetune
from training.finetune.split import Pairs
from training.heads import ConseResidual


class PixelEncoder:
    """16 dimensions for pictures and words, 48 for `look`; counts the pictures it was asked for."""

    def __init__(self, revision: str = "1") -> None:
        random = np.random.default_rng(0)
        self._to_image, self._to_look = random.normal(size=(108, 16)), random.normal(size=(108, 48))
        dims = {"image": 16, "caption": 16, "look": 48}
        self.identity = EncoderIdentity("specialists", revision, "c" * 64, 1, dims)
        self.image_side = 24
        self.asked = 0

    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        self.asked += len(images)
        small = [np.asarray(image.resize((6, 6), Image.Resampling.BOX), np.float64) for image in images]
        pixels = (np.stack(small).reshape(len(images), 108) - 200) / 100
        return {"image": unit(pixels @ self._to_image), "look": unit(pixels @ self._to_look)}

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        def word(text: str) -> np.ndarray:
            return np.random.default_rng(zlib.crc32(text.encode())).normal(size=16)

        return unit(np.stack([sum(word(w) for w in ["", *text.split()]) for text in texts]))


def load(name: str) -> Encoder:
    """As `encoder.load.load_encoder`, for the made-up specialists."""
    return PixelEncoder() if name == "specialists" else TunedSpecialists(Path(name), PixelEncoder())


def configured(place: Path) -> FinetuneConfig:
    folder = make_folder(place / "pictures")
    shares = {"validation_share": 0.2, "held_out_share": 0.3}
    return FinetuneConfig(folder, "specialists", place / "out", epochs=40, patience=40, batch_size=16, **shares)


@pytest.fixture
def config(tmp_path: Path) -> FinetuneConfig:
    return configured(tmp_path)


@pytest.fixture
def given(tmp_path: Path) -> Dependencies:
    return Dependencies(load, Limits(), tmp_path / "cache")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A finished run of three epochs; who changes its folder takes a copy."""
    place = tmp_path_factory.mktemp("done")
    return finetune(replace(configured(place), epochs=3), Dependencies(load, Limits(), place / "cache"))


def test_pictures_never_seen_are_found_better_than_before(config: FinetuneConfig, given: Dependencies) -> None:
    """Judged through the folder saved; words and `look` are bit for bit those of the start."""
    report = finetune(config, given)
    found = report.held_out["text_to_image"]
    assert found.b["R@10"] >= found.a["R@10"] + 0.15
    start, tuned = load("specialists"), load(str(config.out))
    images = [open_image(config.folder / f"{i:03d}.png", Limits(), 24).image for i in range(5)]
    before, after = start.encode_images(images), tuned.encode_images(images)
    assert invalid_rows(after["image"], 16) == [None] * 5
    assert np.abs(before["image"] - after["image"]).max() > 0.01
    np.testing.assert_array_equal(before["look"], after["look"])
    np.testing.assert_array_equal(start.encode_texts(["a red bar"]), tuned.encode_texts(["a red bar"]))
    assert "a head on both locked towers" in str(report)


def test_it_begins_as_the_start(config: FinetuneConfig, given: Dependencies) -> None:
    """The residual starts closed: before training, pictures are where the specialists see them."""
    folder, base = read_captioned(config.folder, Limits()), PixelEncoder()
    head = Head(base, folder, Limits(), "auto", given.cache, seed=0).eval()
    rows = np.arange(4)
    images = [open_image(folder.pictures[row].path, Limits(), 24).image for row in rows]
    with torch.no_grad():
        np.testing.assert_allclose(head.pictures(rows).numpy(), base.encode_images(images)["image"], atol=1e-6)


def test_a_picture_is_looked_at_once(config: FinetuneConfig, given: Dependencies) -> None:
    """However many epochs and runs."""
    folder, base = read_captioned(config.folder, Limits()), PixelEncoder()
    for seed in (0, 1):
        Head(base, folder, Limits(), "auto", given.cache, seed)
    assert base.asked == 80


def test_what_is_loaded_is_what_was_trained(rng: np.random.Generator) -> None:
    """`apply_head` against the module itself, with arbitrary weights; nothing is remembered."""
    torch.manual_seed(3)
    head = ConseResidual(64, 16, hidden=8).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_()
    image, look = unit(rng.normal(size=(5, 16))), unit(rng.normal(size=(5, 48)))
    with torch.no_grad():
        expected = head(torch.from_numpy(image), torch.from_numpy(np.hstack([image, look]))).numpy()
    nothing = {"memory.look": np.zeros((0, 48)), "memory.words": np.zeros((0, 16)), "memory.share": np.float32(0.5)}
    arrays = {name: tensor.numpy() for name, tensor in head.state_dict().items()} | nothing
    np.testing.assert_allclose(apply_head(arrays, image, look), expected, atol=1e-6)


def saved(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "head.safetensors")


def test_pictures_trained_on_and_chosen_by_are_remembered_and_none_held_out(done: Report) -> None:
    """40 to train on and 16 to choose by, of 80; each caption stands beside the look of its picture."""
    found, base = saved(done.config.out), PixelEncoder()
    assert done.choice.alpha > 0
    assert done.remembered == done.to_json()["remembered"] == 56
    assert "56 captions are remembered" in str(done)
    pictures = [done.folder.pictures[i] for i in sorted({*done.split.train, *done.split.validation})]
    images = [open_image(picture.path, Limits(), 24).image for picture in pictures]
    words = base.encode_texts([picture.captions[0] for picture in pictures])
    np.testing.assert_allclose(found["memory.look"].numpy(), base.encode_images(images)["look"], atol=1e-6)
    np.testing.assert_allclose(found["memory.words"].numpy(), words, atol=1e-6)
    assert float(found["memory.share"]) == pytest.approx(SHARE * done.choice.alpha)


def test_interrupted_and_started_again_it_ends_as_if_it_had_never_ended(
    config: FinetuneConfig, given: Dependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of epoch 4 of 6: noise, dropout and the memory's share are those of a run without a break."""
    whole = finetune(replace(config, epochs=6, out=tmp_path / "whole"), given)

    def interrupt(pairs: Pairs, size: int, seed: int, epoch: int) -> list[tuple[np.ndarray, ...]]:
        if epoch == 4:
            raise KeyboardInterrupt
        return batches(pairs, size, seed, epoch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.finetune.run, "batches", interrupt)
        finetune(replace(config, epochs=6), given)
    assert load(str(config.out)).identity.dims["image"] == 16, "the best epoch so far is there to use"
    report = finetune(replace(config, epochs=6), given)
    assert report.choice == whole.choice
    expected = saved(tmp_path / "whole")
    assert all(torch.equal(array, expected[name]) for name, array in saved(config.out).items())


def test_twelve_pictures_are_enough_for_a_report(config: FinetuneConfig, given: Dependencies, tmp_path: Path) -> None:
    """Three are held out; two could not be judged, which would be reported only after all the training."""
    few = tmp_path / "few"
    few.mkdir()
    for seed in range(12):
        draw("red", "circle", "left", seed, side=24 + 2 * seed).save(few / f"{seed}.png")
    write_metadata(few, [(f"{seed}.png", f"number {seed}") for seed in range(12)])
    shares = {"validation_share": 0.15, "held_out_share": 0.15}
    report = finetune(replace(config, folder=few, epochs=1, **shares), given)
    assert report.held_out["text_to_image"].queries == 3


def test_judged_by_as_it_will_be_saved(config: FinetuneConfig, given: Dependencies) -> None:
    """What validation sees after a step is what the folder's encoder says, memory and all."""
    folder, base = read_captioned(config.folder, Limits()), PixelEncoder()
    head, rows = Head(base, folder, Limits(), "auto", given.cache, seed=0), np.arange(12)
    head.remember(Pairs(rows, rows, rows))
    head.loss(rows, rows, rows).backward()
    torch.optim.SGD(head.parameters(), lr=0.1).step()
    head.eval().save(config.out)
    images = [open_image(picture.path, Limits(), 24).image for picture in folder.pictures[:20]]
    with torch.no_grad():
        seen = head.pictures(np.arange(20)).numpy()
    np.testing.assert_allclose(load(str(config.out)).encode_images(images)["image"], seen, atol=1e-6)
    assert np.abs(seen - base.encode_images(images)["image"]).max() > 0.01


def test_where_nothing_is_gained_nothing_is_remembered(
    config: FinetuneConfig, given: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every mix is worse than the start: no caption of the folder lies in what is saved, and it is the start."""
    judged = iter(range(100))
    monkeypatch.setattr(
        training.finetune.run, "validate", lambda *_: dict.fromkeys(("R@10", "MRR", "choice"), -next(judged))
    )
    report = finetune(replace(config, epochs=2), given)
    assert (report.choice.alpha, report.remembered, len(saved(config.out)["memory.words"])) == (0, 0, 0)
    assert "captions are remembered" not in str(report)
    image = open_image(config.folder / "000.png", Limits(), 24).image
    start, tuned = (load(name).encode_images([image])["image"] for name in ("specialists", str(config.out)))
    np.testing.assert_allclose(tuned, start, atol=1e-6)


def test_a_picture_without_a_vector_stays_without_one(done: Report) -> None:
    """NaN in, NaN out: `invalid_rows` names it, nothing else is spoilt."""
    base = PixelEncoder()

    def spoilt(images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        rows = PixelEncoder.encode_images(base, images)
        rows["image"][0] = np.nan
        return rows

    base.encode_images = spoilt  # type: ignore[method-assign]
    images = [open_image(done.config.folder / f"{i:03d}.png", Limits(), 24).image for i in range(3)]
    found = invalid_rows(TunedSpecialists(done.config.out, base).encode_images(images)["image"], 16)
    assert [fault is None for fault in found] == [False, True, True]


def test_nothing_in_nothing_out(done: Report) -> None:
    base = PixelEncoder()
    base.encode_images = lambda images: {"image": np.zeros((0, 16), np.float32), "look": np.zeros((0, 48), np.float32)}  # type: ignore[method-assign]
    assert TunedSpecialists(done.config.out, base).encode_images([])["image"].shape == (0, 16)


def test_its_identity_is_its_own(done: Report, given: Dependencies, tmp_path: Path) -> None:
    """Of the folder's name, the base and the head: other weights are another encoder (I3)."""
    finetune(replace(done.config, epochs=2, seed=1, out=tmp_path / "b" / "out"), given)
    first, again, other = (
        load(str(out)).identity for out in (done.config.out, done.config.out, tmp_path / "b" / "out")
    )
    assert first == again
    assert first.name == other.name == "out"
    assert first.id != other.id
    assert first.dims == PixelEncoder().identity.dims


def test_other_specialists_are_refused_with_both(done: Report) -> None:
    """The head was trained on vectors that the newer ones no longer give. Another number type of the same is fine."""
    assert TunedSpecialists(done.config.out, PixelEncoder("1+bfloat16")).identity.revision == "1+bfloat16"
    with pytest.raises(EncoderError, match=r"was trained on specialists 1 \(.* but specialists 2 \(.* are installed"):
        TunedSpecialists(done.config.out, PixelEncoder("2"))


@pytest.mark.parametrize(
    ("name", "content"),
    [("specialists.json", b"{"), ("specialists.json", b'{"format": 2}'), ("specialists.json", b"[]"),
     ("head.safetensors", b""), ("head.safetensors", b"\x08\0\0\0\0\0\0\0{}      ")],
)  # fmt: skip
def test_a_damaged_folder_is_a_sentence(done: Report, tmp_path: Path, name: str, content: bytes) -> None:
    out = Path(shutil.copytree(done.config.out, tmp_path / "out"))
    assert is_tuned(out)
    (out / name).write_bytes(content)
    with pytest.raises(EncoderError, match=r"Train it again"):
        load(str(out))


def test_a_tuned_folder_is_no_start(done: Report, given: Dependencies, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the encoder out-\w+, which cannot be trained further\. Start from"):
        finetune(replace(done.config, start=str(done.config.out), out=tmp_path / "second"), given)


def test_the_description_names_the_base(done: Report) -> None:
    described = json.loads((done.config.out / "specialists.json").read_text())
    base = {"name": "specialists", "revision": "1", "weights_sha256": "c" * 64, "preprocessing": 1}
    assert described == {"format": 2, "base": base}


def test_loupe_encoder_loads_it_on_the_real_specialists(tmp_path: Path) -> None:
    """The one test with the models themselves: LOUPE_ENCODER=FOLDER after a run from `specialists`."""
    out = tmp_path / "mine"
    report = finetune(
        FinetuneConfig(make_folder(tmp_path / "pictures", 24), "specialists", out, epochs=2, learning_rate=1e-2),
        Dependencies(load_encoder, Limits(), tmp_path / "cache"),
    )
    tuned, start = load_encoder(str(out)), load_encoder("specialists")
    assert tuned.identity.id == report.encoder_after
    assert tuned.identity.name == "mine"
    assert tuned.identity.dims == start.identity.dims
    image = open_image(report.folder.pictures[0].path, Limits(), tuned.image_side).image
    before, after = start.encode_images([image]), tuned.encode_images([image])
    assert invalid_rows(after["image"], start.identity.dims["image"]) == [None]
    assert (np.abs(before["image"] - after["image"]).max() > 1e-3) == (report.choice.alpha > 0)
    np.testing.assert_allclose(before["look"], after["look"], atol=1e-6)
