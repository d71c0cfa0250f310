"""What cannot be done is reported in a sentence, before any model is loaded."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from encoder.protocol import EncoderIdentity
from errors import OtherCheckpoint, TrainingError
from tests.training.shapes import folder_of
from training.finetune.config import FinetuneConfig, check, record

START = EncoderIdentity("tiny", "local", "a" * 64, 1, {"image": 4, "caption": 4, "look": 4})


@pytest.fixture
def config(tmp_path: Path) -> FinetuneConfig:
    (tmp_path / "pictures").mkdir()
    return FinetuneConfig(tmp_path / "pictures", "model", tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        *(
            ({"learning_rate": rate}, f"--learning-rate is {rate:g}; it is a number above 0")
            for rate in (0.0, -1.0, math.nan, math.inf)
        ),
        ({"batch_size": 1}, "--batch-size is 1; it is at least 2, because"),
        ({"epochs": 0}, "--epochs is 0"),
        ({"patience": 0}, "--patience is 0"),
        ({"seed": -1}, "--seed is -1"),
        ({"validation_share": 0.0}, "--val-share is 0"),
        ({"validation_share": math.nan}, "--val-share is nan"),
        ({"held_out_share": 0.9}, "--held-out-share is 0.9"),
        ({"train": "last:0"}, "--train is 'last:0'; it is whole, projection or last:N"),
        ({"train": "everything"}, "--train is 'everything'"),
        ({"loss": "mse"}, "--loss is 'mse'; it is one of auto, info_nce, siglip"),
        ({"lock": "both"}, "--lock is 'both'; it is one of text, vision, none"),
        ({"start": "specialists", "lock": "none"}, "leave --train and --lock out"),
        ({"start": "specialists", "train": "whole"}, "leave --train and --lock out"),
    ],
)
def test_values_out_of_their_range_are_named(config: FinetuneConfig, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        check(replace(config, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("pictures", "lies inside the folder of pictures"),
        ("pictures/model", "lies inside the folder of pictures"),
        ("pictures/a/../model", "lies inside the folder of pictures"),
        ("link/model", "lies inside the folder of pictures"),
        (".", "holds the folder of pictures"),
        ("model", "is the model to start from"),
        ("somebody", "is not empty, and no fine-tune began there"),
        ("file", "is a file"),
    ],
)
def test_an_out_that_would_spoil_something_is_refused_and_left_alone(
    config: FinetuneConfig, tmp_path: Path, out: str, sentence: str
) -> None:
    (tmp_path / "link").symlink_to(config.folder)
    (tmp_path / "file").write_text("")
    for name in ("model", "somebody"):
        (tmp_path / name).mkdir()
    (tmp_path / "somebody" / "model.safetensors").write_bytes(b"somebody's")
    with pytest.raises(TrainingError, match=sentence):
        check(replace(config, start=str(tmp_path / "model"), out=tmp_path / out))
    assert (tmp_path / "somebody" / "model.safetensors").read_bytes() == b"somebody's"


def test_an_empty_out_and_none_are_fine(config: FinetuneConfig) -> None:
    assert check(config).out == config.out.resolve()
    config.out.mkdir()
    assert check(config).folder == config.folder.resolve()


def test_the_same_run_goes_on_and_another_is_refused_with_both_values(config: FinetuneConfig) -> None:
    config, folder = replace(config, learning_rate=1e-3), folder_of(("a",), ("b",))
    record(config, START, folder)
    record(config, START, folder)
    with pytest.raises(OtherCheckpoint, match=r"a run with learning rate = 0\.001, this one has 0\.002"):
        record(replace(config, learning_rate=2e-3), START, folder)
    with pytest.raises(OtherCheckpoint, match=r"a run with from = tiny-\w+ \(aaaaaaaaaaaa\), this one has other-"):
        record(config, replace(START, name="other"), folder)


@pytest.mark.parametrize("changed", [("a", "c"), ("b", "a"), ("a", "b", "c")])
def test_other_pictures_captions_or_order_are_another_run(config: FinetuneConfig, changed: tuple[str, ...]) -> None:
    """The order decides the split: what was held out must not be trained on after a file was renamed."""
    record(config, START, folder_of(("a",), ("b",)))
    with pytest.raises(OtherCheckpoint, match=r"a run with pictures = 2 \(\w+\), this one has \d \("):
        record(config, START, folder_of(*((text,) for text in changed)))


def test_a_damaged_record_is_a_sentence(config: FinetuneConfig) -> None:
    record(config, START, folder_of(("a",), ("b",)))
    next(config.place.glob("*.json")).write_text("{")
    with pytest.raises(TrainingError, match=r"cannot be read .* Remove"):
        record(config, START, folder_of(("a",), ("b",)))
