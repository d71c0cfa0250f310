"""What cannot be done is said in a sentence, before any model is loaded."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from encoder.protocol import EncoderIdentity
from errors import OtherCheckpoint, TrainingError
from tests.training.shapes import folder_of
from training.finetune.order import Order, check, record

START = EncoderIdentity("tiny", "local", "a" * 64, 1, {"image": 4, "caption": 4, "look": 4})


@pytest.fixture
def order(tmp_path: Path) -> Order:
    (tmp_path / "pictures").mkdir()
    return Order(tmp_path / "pictures", "model", tmp_path / "out")


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_learning_rate_that_teaches_nothing_is_refused(order: Order, rate: float) -> None:
    with pytest.raises(TrainingError, match=rf"--learning-rate is {rate:g}; it is a number above 0"):
        check(replace(order, learning_rate=rate))


def test_a_batch_of_one_is_refused(order: Order) -> None:
    with pytest.raises(TrainingError, match=r"--batch-size is 1; it is at least 2, because"):
        check(replace(order, batch_size=1))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
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
def test_values_out_of_their_range_are_named(order: Order, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        check(replace(order, **changes))  # type: ignore[arg-type]


def test_out_inside_the_folder_of_pictures_is_refused(order: Order) -> None:
    for out in (order.folder, order.folder / "model", order.folder / "a" / ".." / "model"):
        with pytest.raises(TrainingError, match="lies inside the folder of pictures"):
            check(replace(order, out=out))


def test_out_through_a_link_into_the_folder_is_refused(order: Order, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(order.folder)
    with pytest.raises(TrainingError, match="lies inside the folder of pictures"):
        check(replace(order, out=tmp_path / "link" / "model"))


def test_out_around_the_folder_of_pictures_is_refused(order: Order) -> None:
    with pytest.raises(TrainingError, match="holds the folder of pictures"):
        check(replace(order, out=order.folder.parent))


def test_out_that_is_the_start_is_refused(order: Order, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(TrainingError, match="is the model to start from"):
        check(replace(order, start=str(tmp_path / "model"), out=tmp_path / "model"))


def test_out_that_holds_something_else_is_refused_and_left_alone(order: Order) -> None:
    order.out.mkdir()
    (order.out / "model.safetensors").write_bytes(b"somebody's")
    with pytest.raises(TrainingError, match="is not empty, and no fine-tune began there"):
        check(order)
    assert (order.out / "model.safetensors").read_bytes() == b"somebody's"


def test_out_that_is_a_file_is_refused(order: Order) -> None:
    order.out.write_text("")
    with pytest.raises(TrainingError, match="is a file"):
        check(order)


def test_an_empty_out_and_none_are_fine(order: Order) -> None:
    assert check(order).out == order.out.resolve()
    order.out.mkdir()
    assert check(order).folder == order.folder.resolve()


def test_the_same_run_goes_on_and_another_is_refused_with_both_values(order: Order) -> None:
    order, folder = replace(order, learning_rate=1e-3), folder_of(("a",), ("b",))
    record(order, START, folder)
    record(order, START, folder)
    with pytest.raises(OtherCheckpoint, match=r"a run with learning rate = 0\.001, this one has 0\.002"):
        record(replace(order, learning_rate=2e-3), START, folder)
    with pytest.raises(OtherCheckpoint, match=r"a run with from = tiny-\w+ \(aaaaaaaaaaaa\), this one has other-"):
        record(order, replace(START, name="other"), folder)


@pytest.mark.parametrize("changed", [("a", "c"), ("b", "a"), ("a", "b", "c")])
def test_other_pictures_captions_or_order_are_another_run(order: Order, changed: tuple[str, ...]) -> None:
    """The order decides the split: what was held out must not be trained on after a file was renamed."""
    record(order, START, folder_of(("a",), ("b",)))
    with pytest.raises(OtherCheckpoint, match=r"a run with pictures = 2 \(\w+\), this one has \d \("):
        record(order, START, folder_of(*((text,) for text in changed)))


def test_a_damaged_record_is_a_sentence(order: Order) -> None:
    record(order, START, folder_of(("a",), ("b",)))
    next(order.place.glob("*.json")).write_text("{")
    with pytest.raises(TrainingError, match=r"cannot be read .* Remove"):
        record(order, START, folder_of(("a",), ("b",)))
