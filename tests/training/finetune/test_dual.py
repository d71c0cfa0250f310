"""A tiny CLIP and SigLIP model as learners: what learns, what is locked, what runs once, what is saved."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPModel, SiglipModel
from transformers.utils import logging as transformers_logging

from encoder.clip import ClipEncoder
from encoder.load import load_encoder
from encoder.protocol import unit
from errors import CannotWrite, TrainingError
from evaluation.folder import CaptionedFolder, read_captioned
from pictures.open import Limits, open_image
from tests.encoder.tiny_models import build
from tests.training.shapes import make_folder
from training.finetune.dual import Dual, trained_parameters

ROWS = np.arange(6)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers_logging.disable_progress_bar()
    root = tmp_path_factory.mktemp("models")
    for kind in ("clip", "siglip", "siglip2"):
        build(kind, root / kind)
    return root


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> CaptionedFolder:
    return read_captioned(make_folder(tmp_path_factory.mktemp("shapes") / "pictures"), Limits())


def dual(
    model: Path, folder: CaptionedFolder, cache: Path, train: str = "whole", lock: str = "text", loss: str = "auto"
) -> Dual:
    return Dual(ClipEncoder(str(model)), folder, Limits(), train, lock, loss, cache)


def learned(kind: str, models: Path, train: str, lock: str) -> set[str]:
    """Without the layers' own names: `vision_model.encoder.layers.1`, `visual_projection`, …"""
    model = {"clip": CLIPModel, "siglip": SiglipModel}[kind].from_pretrained(models / kind)
    names = trained_parameters(dict(model.named_parameters()), train, lock)
    assert len(names) == len(set(names))
    return {".".join(name.split(".")[: 4 if ".layers." in name else 2]).removesuffix(".weight") for name in names}


def test_a_locked_tower_learns_nothing(models: Path) -> None:
    assert not any(name.startswith("text") for name in learned("clip", models, "whole", "text"))
    assert not any(name.startswith("vis") for name in learned("clip", models, "whole", "vision"))


def test_whole_without_a_lock_is_every_parameter(models: Path) -> None:
    names = [name for name, _ in CLIPModel.from_pretrained(models / "clip").named_parameters()]
    assert sorted(trained_parameters(names, "whole", "none")) == sorted(names)


def test_the_last_layer_is_the_last_with_what_follows_it(models: Path) -> None:
    """And not the first, the embeddings, or the norm before the first (CLIP's `pre_layrnorm`)."""
    assert learned("clip", models, "last:1", "text") == {
        "logit_scale",
        "vision_model.encoder.layers.1",
        "vision_model.post_layernorm",
        "visual_projection",
    }
    assert learned("siglip", models, "last:1", "vision") == {
        "logit_scale",
        "logit_bias",
        "text_model.encoder.layers.1",
        "text_model.final_layer_norm",
        "text_model.head",
    }


def test_projection_is_what_leads_into_the_shared_space(models: Path) -> None:
    """SigLIP's picture tower has its pooling head there."""
    assert learned("clip", models, "projection", "none") == {"logit_scale", "visual_projection", "text_projection"}
    assert learned("siglip", models, "projection", "text") == {"logit_scale", "logit_bias", "vision_model.head"}


def test_more_layers_than_there_are_is_refused(models: Path) -> None:
    with pytest.raises(TrainingError, match=r"--train is 'last:3', but the vision tower has 2 layers. Take last:2."):
        learned("clip", models, "last:3", "text")


@pytest.mark.parametrize("kind", ["clip", "siglip", "siglip2"])
@pytest.mark.parametrize(("train", "lock"), [("whole", "text"), ("last:1", "vision"), ("projection", "none")])
def test_embeddings_are_those_of_the_encoder(
    models: Path, shapes: CaptionedFolder, tmp_path: Path, kind: str, train: str, lock: str
) -> None:
    """Whatever is frozen, kept or run each time: before training the learner sees what `ClipEncoder` sees."""
    learner, encoder = dual(models / kind, shapes, tmp_path, train, lock), ClipEncoder(str(models / kind))
    images = [open_image(shapes.pictures[row].path, Limits(), encoder.image_side).image for row in ROWS]
    with torch.no_grad():
        pictures, captions = (unit(side(ROWS).numpy()) for side in (learner.pictures, learner.captions))
    np.testing.assert_allclose(pictures, encoder.encode_images(images)["image"], atol=1e-5)
    np.testing.assert_allclose(captions, encoder.encode_texts([shapes.captions[row] for row in ROWS]), atol=1e-5)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.parametrize(("train", "lock"), [("whole", "text"), ("last:1", "vision"), ("projection", "none")])
def test_a_step_moves_what_learns_and_nothing_else(
    models: Path, shapes: CaptionedFolder, tmp_path: Path, kind: str, train: str, lock: str
) -> None:
    learner = dual(models / kind, shapes, tmp_path, train, lock)
    before = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    learner.loss(ROWS, ROWS, ROWS).backward()
    torch.optim.SGD(learner.parameters(), lr=1.0).step()
    moved = {name for name, tensor in learner.model.state_dict().items() if not torch.equal(tensor, before[name])}
    chosen = set(trained_parameters(before, train, lock))
    assert moved <= chosen
    # A key's bias has no gradient (softmax does not see it), token rows that no caption has neither.
    assert {name for name in chosen - moved if "k_proj.bias" not in name and "logit" not in name} == set()


def test_what_is_locked_is_in_no_checkpoint(models: Path, shapes: CaptionedFolder, tmp_path: Path) -> None:
    """The learner's own parameters, and so its checkpoints, are those that learn."""
    learner = dual(models / "clip", shapes, tmp_path, "projection", "text")
    assert set(learner.state_dict()) == {"learned.logit_scale", "learned.visual_projection/weight"}


def test_a_locked_tower_runs_once(models: Path, shapes: CaptionedFolder, tmp_path: Path) -> None:
    """The second learner takes its outputs from the cache: its text model is never asked."""
    first = dual(models / "clip", shapes, tmp_path)
    start = ClipEncoder(str(models / "clip"))
    start.parts.model.get_text_features = lambda **_: pytest.fail("the locked tower ran again")
    again = Dual(start, shapes, Limits(), "whole", "text", "auto", tmp_path)
    assert torch.equal(first.captions(ROWS), again.captions(ROWS))


def test_another_model_s_outputs_are_not_taken(models: Path, shapes: CaptionedFolder, tmp_path: Path) -> None:
    """The same cache folder, the same model kind, other weights."""
    learner = dual(models / "clip", shapes, tmp_path)
    with torch.no_grad():
        learner.model.text_projection.weight.mul_(-1)
    learner.save(tmp_path / "clip")
    other = dual(tmp_path / "clip", shapes, tmp_path)
    torch.testing.assert_close(other.captions(ROWS), -learner.captions(ROWS))


def test_the_loss_is_that_of_the_family(models: Path, shapes: CaptionedFolder, tmp_path: Path) -> None:
    """InfoNCE worked out for CLIP: ½ (mean over rows + mean over columns) of −log softmax on the diagonal."""
    learner = dual(models / "clip", shapes, tmp_path)
    with torch.no_grad():
        found = float(learner.loss(ROWS, ROWS, ROWS))
        texts, pictures = (unit(side(ROWS).numpy()) for side in (learner.captions, learner.pictures))
        logits = torch.from_numpy(texts @ pictures.T) * learner.model.logit_scale.exp()
    both = logits.log_softmax(1).diagonal().mean() + logits.log_softmax(0).diagonal().mean()
    assert found == pytest.approx(-float(both) / 2, abs=1e-5)
    assert dual(models / "siglip", shapes, tmp_path).loss_name == "siglip"
    assert dual(models / "siglip2", shapes, tmp_path, loss="info_nce").loss_name == "info_nce"


def test_pairs_of_one_group_are_no_negatives(models: Path, shapes: CaptionedFolder, tmp_path: Path) -> None:
    """Where all of a batch is one group, every picture fits every caption: the targets are even, log 6 is the floor."""
    learner = dual(models / "clip", shapes, tmp_path)
    with torch.no_grad():
        learner.model.logit_scale.fill_(-20)
        assert float(learner.loss(ROWS, ROWS, np.zeros(6, int))) == pytest.approx(np.log(6), abs=1e-4)


def test_the_sigmoid_loss_on_clip_has_a_bias_of_its_own(models: Path, shapes: CaptionedFolder, tmp_path: Path) -> None:
    """It learns with the rest, and is no part of the model that is saved."""
    learner = dual(models / "clip", shapes, tmp_path, loss="siglip")
    learner.loss(ROWS, ROWS, ROWS).backward()
    assert learner.learned["bias of the loss"].grad is not None
    learner.save(tmp_path / "out")
    assert load_encoder(str(tmp_path / "out")).identity.dims["image"] == 16


@pytest.mark.parametrize("kind", ["clip", "siglip", "siglip2"])
def test_what_is_saved_is_the_model_with_everything_beside_it(
    models: Path, shapes: CaptionedFolder, tmp_path: Path, kind: str
) -> None:
    """Unchanged weights: another folder, the same vectors, the same files."""
    dual(models / kind, shapes, tmp_path / "cache").save(tmp_path / "out")
    start, saved = load_encoder(str(models / kind)), load_encoder(str(tmp_path / "out"))
    images = [open_image(picture.path, Limits(), 32).image for picture in shapes.pictures[:4]]
    for name in ("image", "look"):
        np.testing.assert_array_equal(start.encode_images(images)[name], saved.encode_images(images)[name])
    np.testing.assert_array_equal(start.encode_texts(["a word"]), saved.encode_texts(["a word"]))
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
    assert len(modes) == 1, "a user who may read one of them may read all"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in (models / kind).iterdir()}


def test_a_full_disk_is_a_sentence_and_the_saved_model_stays(
    models: Path, shapes: CaptionedFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = dual(models / "clip", shapes, tmp_path / "cache")
    learner.save(tmp_path / "out")
    before = (tmp_path / "out" / "model.safetensors").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(learner.model), "save_pretrained", full)
    with pytest.raises(
        CannotWrite, match=r"model.safetensors cannot be written to .*out: No space left on device. Free"
    ):
        learner.save(tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before
    assert not [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
