"""From a captioned folder and a model to a folder that LOUPE_ENCODER loads, and the report of it.

Tiny random models: what they know, they learnt here.
"""

import json
import logging
import math
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

import training.finetune.run
from encoder.load import load_encoder
from encoder.protocol import invalid_rows
from errors import EncoderError, EvaluationError, OtherCheckpoint, RootError, TrainingError
from pictures.open import Limits, open_image
from tests.conftest import PROJECT
from tests.encoder.tiny_models import build
from tests.training.shapes import draw, make_folder, write_metadata
from training.finetune.config import FinetuneConfig
from training.finetune.report import Report
from training.finetune.run import Dependencies, batches, finetune
from training.finetune.split import Pairs


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers_logging.disable_progress_bar()
    root = tmp_path_factory.mktemp("models")
    for kind in ("clip", "siglip", "siglip2"):
        build(kind, root / kind)
        if kind != "clip":  # where SigLIP's training began; transformers begins at 0
            model = AutoModel.from_pretrained(root / kind)
            with torch.no_grad():
                model.logit_scale.fill_(math.log(10))
                model.logit_bias.fill_(-10)
            model.save_pretrained(root / kind)
    return root


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("shapes") / "pictures")


@pytest.fixture
def given(tmp_path: Path) -> Dependencies:
    return Dependencies(load_encoder, Limits(), tmp_path / "cache")


def configured(models: Path, shapes: Path, out: Path) -> FinetuneConfig:
    """40 pictures to train on, 16 to choose by, 24 held out."""
    settings = {"train": "whole", "epochs": 25, "batch_size": 16, "learning_rate": 3e-3, "patience": 50}
    shares = {"validation_share": 0.2, "held_out_share": 0.3}
    return FinetuneConfig(shapes, str(models / "clip"), out, **settings, **shares)  # type: ignore[arg-type]


@pytest.fixture
def config(models: Path, shapes: Path, tmp_path: Path) -> FinetuneConfig:
    return configured(models, shapes, tmp_path / "out")


@dataclass(frozen=True)
class Done:
    config: FinetuneConfig
    given: Dependencies
    report: Report

    def copied(self, place: Path) -> FinetuneConfig:
        """The same run in a folder of its own, for a test that changes it."""
        return replace(self.config, out=Path(shutil.copytree(self.config.out, place / "out")))


@pytest.fixture(scope="module")
def done(models: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A finished run of three epochs, judged on six other pictures too."""
    place = tmp_path_factory.mktemp("done")
    other = place / "other"
    other.mkdir()
    for seed in range(6):
        draw("red", "circle", "left", seed, side=24 + 8 * seed).save(other / f"{seed}.png")
    write_metadata(other, [(f"{seed}.png", f"number {seed}") for seed in range(6)])
    config = replace(configured(models, shapes, place / "out"), epochs=3)
    given = Dependencies(load_encoder, Limits(), place / "cache", other)
    return Done(config, given, finetune(config, given))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("clip", {}),
        ("clip", {"train": "projection", "lock": "none", "learning_rate": 3e-2, "epochs": 40}),
        ("siglip", {"lock": "none", "epochs": 30}),
        ("siglip2", {"loss": "info_nce", "epochs": 30}),
    ],
)
def test_pictures_never_seen_are_found_better_than_before(
    models: Path, config: FinetuneConfig, given: Dependencies, kind: str, changes: dict[str, object]
) -> None:
    """A colour, a shape and a side that were seen apart, asked for together; judged through the folder saved."""
    report = finetune(replace(config, start=str(models / kind), **changes), given)  # type: ignore[arg-type]
    found = report.held_out["text_to_image"]
    assert (found.queries, found.corpus) == (24, 24)
    assert found.b["R@10"] >= found.a["R@10"] + 0.15
    assert report.choice.alpha > 0


def test_what_is_saved_is_loaded_by_its_folder(done: Done) -> None:
    """LOUPE_ENCODER=FOLDER: another encoder with vectors of the same dimensions; words as before (locked)."""
    config, report = done.config, done.report
    start, tuned = load_encoder(config.start), load_encoder(str(config.out))
    assert tuned.identity.id == report.encoder_after != start.identity.id == report.encoder_before
    assert tuned.identity.dims == start.identity.dims
    images = [open_image(config.folder / f"{i:03d}.png", Limits(), 32).image for i in range(5)]
    assert invalid_rows(tuned.encode_images(images)["image"], 16) == [None] * 5
    np.testing.assert_array_equal(tuned.encode_texts(["a red circle"]), start.encode_texts(["a red circle"]))


def test_the_report_says_everything_and_is_not_part_of_the_model(done: Done, tmp_path: Path) -> None:
    config = done.copied(tmp_path)
    written = json.loads((config.out / "training" / "report.json").read_text())
    assert written["pictures"] | {"unread": 0, "skipped": 0} == {
        "captioned": 80, "captions": 80, "train": 40, "validation": 16, "held_out": 24, "copies": 0,
        "without_caption": 0, "unread": 0, "skipped": 0,
    }  # fmt: skip
    assert written["epochs"] | {"best": 0} == {"asked": 3, "run": 3, "best": 0}
    assert (written["seed"], written["batch_size"], written["learning_rate"]) == (0, 16, 3e-3)
    assert written["parameters"]["trained"] < written["parameters"]["all"]
    assert [point["alpha"] for point in written["alpha"]["grid"]] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    chosen = max(written["alpha"]["grid"], key=lambda point: (round(point["choice"], 9), -point["alpha"]))
    assert written["alpha"]["chosen"] == chosen["alpha"]
    assert len(written["validation"]) == 4, "the start, and each epoch"
    for direction in ("text_to_image", "image_to_text"):
        sides = written["held_out"][direction]
        gap = sides["difference"]["R@10"]
        assert gap["mean"] == pytest.approx(sides["after"]["R@10"] - sides["before"]["R@10"])
        assert gap["low"] <= gap["mean"] <= gap["high"]
    assert written["minutes"]["wall"] > 0
    identity = load_encoder(str(config.out)).identity
    (config.out / "training" / "report.json").unlink()
    (config.out / "README.md").unlink()
    assert load_encoder(str(config.out)).identity == identity


def test_the_ends_of_the_grid_are_the_start_and_the_best_epoch(done: Done) -> None:
    """α = 0 judges as validation did before training, α = 1 as it did after the best epoch."""
    report = done.report
    (_, first), *_, (_, last) = report.choice.grid
    assert first == {name: report.history.start[name] for name in first}
    assert last == {name: report.history.epochs[report.best_epoch - 1][name] for name in last}


def test_losses_on_other_pictures_are_shown(done: Done) -> None:
    assert done.report.outside.directions["text_to_image"].queries == 6
    assert "Outside the domain" in str(done.report)
    assert "R@10 finds them all whatever the encoder" in str(done.report)
    written = json.loads((done.config.out / "training" / "report.json").read_text())
    assert written["outside"]["text_to_image"]["corpus"] == 6


def test_the_folder_trained_on_is_no_outside(done: Done, tmp_path: Path) -> None:
    report = finetune(done.copied(tmp_path), replace(done.given, outside=done.config.folder))
    assert "not judged: the folder trained on is" in report.to_json()["outside"]["reason"]
    assert "not judged" in str(report)


def test_where_nothing_is_gained_the_start_is_saved_and_said(
    config: FinetuneConfig, given: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation finds every mix worse than the start: α = 0, and the weights are the start's bit for bit."""
    judged = iter(range(100))
    monkeypatch.setattr(
        training.finetune.run, "validate", lambda *_: dict.fromkeys(("R@10", "MRR", "choice"), -next(judged))
    )
    report = finetune(replace(config, epochs=2), given)
    assert report.choice.alpha == 0
    assert "what was saved is the start" in str(report)
    start, saved = (load_file(Path(folder) / "model.safetensors") for folder in (config.start, config.out))
    assert all(np.array_equal(start[name], saved[name]) for name in start)


def tensors_of(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def test_killed_and_started_again_it_ends_as_if_it_had_never_ended(
    config: FinetuneConfig, given: Dependencies, tmp_path: Path
) -> None:
    """SIGKILL in a process of its own after some epochs; what it left loads; resumed, the weights are bit for bit."""
    config = replace(config, epochs=9)
    whole = finetune(replace(config, out=tmp_path / "whole"), given)
    code = (
        "import sys, torch; from pathlib import Path; from training.finetune.run import *; "
        "from encoder.load import load_encoder\n"
        f"torch.set_num_threads({torch.get_num_threads()})\n"
        "folder, start, out, cache = sys.argv[1:]\n"
        f"config = FinetuneConfig(**{vars(config) | {'folder': None, 'out': None}!r}"
        " | {'folder': Path(folder), 'out': Path(out)})\n"
        "finetune(config, Dependencies(load_encoder, Limits(), Path(cache)))"
    )
    arguments = [str(config.folder), config.start, str(config.out), str(given.cache)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=PROJECT, stderr=subprocess.PIPE) as process:
        while not (config.place / "checkpoints" / "epoch-0003.json").exists():
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    epochs = len(list((config.place / "checkpoints").glob("epoch-*.json"))) - 1
    assert 3 <= epochs < 9
    assert load_encoder(str(config.out)).identity.dims["image"] == 16, "the best epoch so far is there to use"
    report = finetune(config, given)
    assert [epoch["loss"] for epoch in report.history.epochs] == [epoch["loss"] for epoch in whole.history.epochs]
    assert report.choice == whole.choice
    resumed, expected = tensors_of(config.out), tensors_of(tmp_path / "whole")
    assert all(np.array_equal(resumed[name], expected[name]) for name in expected)


def test_ctrl_c_leaves_the_best_epoch_so_far_and_says_so(
    config: FinetuneConfig, given: Dependencies, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of epoch 4. The same command then goes on."""

    def interrupt(pairs: Pairs, size: int, seed: int, epoch: int) -> list[tuple[np.ndarray, ...]]:
        if epoch == 4:
            raise KeyboardInterrupt
        return batches(pairs, size, seed, epoch)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        patch.setattr(training.finetune.run, "batches", interrupt)
        finetune(replace(config, epochs=6), given)
    assert f"{config.out} holds the model of epoch " in caplog.text
    left = load_encoder(str(config.out)).identity
    report = finetune(replace(config, epochs=6), given)
    assert len(report.history.epochs) == 6
    assert load_encoder(str(config.out)).identity.dims == left.dims


def test_called_again_when_done_it_reports_the_same(done: Done) -> None:
    first, again = done.report.to_json(), finetune(done.config, done.given).to_json()
    for report in (first, again):
        del report["minutes"]
    assert first == again


def test_large_checkpoints_are_kept_of_start_best_and_newest_only(
    config: FinetuneConfig, given: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the report needs stays: its figures of all epochs, and both ends of the line."""
    monkeypatch.setattr(training.finetune.run, "KEPT_MB", 0)
    report = finetune(replace(config, epochs=8), given)
    kept = {int(path.stem[6:]) for path in (config.place / "checkpoints").glob("epoch-????.safetensors")}
    assert {0, 8, report.best_epoch} <= kept
    assert len(kept) <= 4
    assert len(report.history.epochs) == 8
    assert finetune(replace(config, epochs=8), given).choice == report.choice


def test_a_loss_that_is_no_number_is_a_sentence_and_the_last_epoch_stays(
    config: FinetuneConfig, given: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third epoch's loss is NaN."""
    calls = iter(range(10**6))
    step = training.finetune.run.Dual.loss

    def spoilt(self: training.finetune.run.Dual, *batch: np.ndarray) -> torch.Tensor:
        return step(self, *batch) * (float("nan") if next(calls) >= 6 else 1.0)

    monkeypatch.setattr(training.finetune.run.Dual, "loss", spoilt)
    with pytest.raises(TrainingError, match=r"loss is nan .* step 1 of epoch 3 .* Epoch 2 is whole"):
        finetune(config, given)
    assert load_encoder(str(config.out)).identity.dims["image"] == 16


def test_out_of_another_model_is_refused(models: Path, done: Done) -> None:
    before = (done.config.out / "model.safetensors").read_bytes()
    with pytest.raises(OtherCheckpoint, match=r"holds a run with from = clip-\w+ \(\w+\), this one has siglip-"):
        finetune(replace(done.config, start=str(models / "siglip")), done.given)
    assert (done.config.out / "model.safetensors").read_bytes() == before


def test_an_unknown_model_is_the_encoder_s_sentence(config: FinetuneConfig, given: Dependencies) -> None:
    with pytest.raises(EncoderError, match="names the folder /no/such/model, which is not there"):
        finetune(replace(config, start="/no/such/model"), given)
    assert not config.out.exists()


def captioned(folder: Path, captions: list[str], pictures: int) -> Path:
    folder.mkdir()
    for seed in range(pictures):
        draw("red", "circle", "left", seed).save(folder / f"{seed}.png")
    write_metadata(folder, [(f"{seed}.png", caption) for seed, caption in enumerate(captions)])
    return folder


@pytest.mark.parametrize(
    ("captions", "sentence"),
    [
        ([], "None of the 3 pictures in .* has a caption"),
        (["a", "b", "c"], r"3 pictures have 3 different captions; at least 12 are needed"),
        (["the same"] * 20, r"All 20 pictures in .* have the same caption"),
    ],
)
def test_folders_that_teach_nothing_are_sentences(
    config: FinetuneConfig, given: Dependencies, tmp_path: Path, captions: list[str], sentence: str
) -> None:
    folder = captioned(tmp_path / "few", captions, len(captions) or 3)
    with pytest.raises((TrainingError, EvaluationError), match=sentence):
        finetune(replace(config, folder=folder), given)
    with pytest.raises(RootError, match="There is no folder"):
        finetune(replace(config, folder=tmp_path / "nowhere"), given)


def test_duplicates_and_broken_files_are_counted_and_named(
    config: FinetuneConfig, given: Dependencies, tmp_path: Path
) -> None:
    """Two copies of one picture with two captions, a broken file, a picture without words."""
    folder = Path(shutil.copytree(config.folder, tmp_path / "copy"))
    shutil.copy2(folder / "000.png", folder / "copy.png")
    (folder / "copy.png.txt").write_text("the very same")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    draw("red", "bar", "left", 99).save(folder / "wordless.png")
    report = finetune(replace(config, folder=folder, epochs=1), given)
    counts = report.to_json()["pictures"]
    assert (counts["captioned"], counts["captions"], counts["copies"], counts["without_caption"]) == (80, 81, 1, 1)
    assert [Path(unread["path"]).name for unread in counts["unread"]] == ["broken.png"]
    assert "Left out: 1 without caption, 1 that could not be read, 1 further copies" in str(report)


def test_no_caption_of_validation_is_trained_on(config: FinetuneConfig, given: Dependencies, tmp_path: Path) -> None:
    """Two pictures of every caption: both are on one side."""
    folder = captioned(tmp_path / "twice", [f"number {seed // 2}" for seed in range(40)], 40)
    report = finetune(replace(config, folder=folder, epochs=1), given)
    pictures = [int(picture.path.stem) for picture in report.folder.pictures]
    sides = [{pictures[index] // 2 for index in side} for side in vars(report.split).values()]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_a_place_that_cannot_be_written_is_named(config: FinetuneConfig, given: Dependencies, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"cannot be written to .*: Not a directory"):
        finetune(replace(config, out=tmp_path / "file" / "out"), given)
