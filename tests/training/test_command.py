"""`python -m training`: its arguments, its help, and how it ends."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import PROJECT
from tests.training.shapes import draw, write_metadata
from training.command import config_of, manifest_text, parse_arguments
from training.data.pairs import SourceReport
from training.finetune.config import FinetuneConfig


def test_what_is_left_out_has_the_order_s_defaults() -> None:
    """One truth: the defaults of the command are those of Order."""
    arguments = parse_arguments(["finetune", "pictures", "--from", "specialists", "--out", "mine"])
    assert config_of(arguments) == FinetuneConfig(Path("pictures"), "specialists", Path("mine"))


def test_every_argument_reaches_the_order() -> None:
    words = (
        "finetune p --from m --out o --train last:3 --lock none --loss siglip --epochs 4 --batch-size 8 --seed 5 "
        "--learning-rate 2e-4 --val-share .2 --held-out-share .1 --patience 2"
    )
    assert config_of(parse_arguments(words.split())) == FinetuneConfig(
        Path("p"), "m", Path("o"), train="last:3", lock="none", loss="siglip", epochs=4, batch_size=8,
        learning_rate=2e-4, seed=5, validation_share=0.2, held_out_share=0.1, patience=2,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["data", "specialists", "finetune", "mine", "experiment"])
def test_each_help_says_what_is_written_and_how_long_it_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments([command, "--help"])
    said = " ".join(capsys.readouterr().out.lower().split())
    assert ended.value.code == 0
    assert "writes" in said
    assert "on 2 cores" in said


@pytest.mark.parametrize(
    "words", [[], ["tune"], ["finetune", "p"], ["finetune", "p", "--from", "m"], ["experiment"], ["finetune", "p",
    "--from", "m", "--out", "o", "--lock", "both"], ["finetune", "p", "--from", "m", "--out", "o", "--epochs", "many"]]
)  # fmt: skip
def test_words_that_are_no_command_are_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(words)
    assert ended.value.code == 2
    assert "usage: python -m training" in capsys.readouterr().err


def test_the_manifest_in_words_names_what_is_missing() -> None:
    manifest = SimpleNamespace(
        pictures=30,
        captions=20,
        concepts=15,
        split_pictures={"train": 20, "dev": 4, "test": 6},
        sources={
            "noto": SourceReport("@iconify-json/noto", licence="Apache-2.0", pictures=30, share=1.0),
            "openclipart": SourceReport("openclipart-svg", share=0.25, missing="no network"),
        },
        words={"wordnet": SourceReport("wordnet-base", missing="no such package")},
    )
    text = manifest_text(manifest)  # type: ignore[arg-type]
    assert "Apache-2.0" in text
    assert "missing (25.0% of the pictures expected): no network" in text
    assert "wordnet" in text
    assert "missing: no such package" in text
    assert "30 pictures, 20 captions, 15 concepts (4 dev, 6 test, 20 train)" in text


def run(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "training", *words],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LOUPE_CACHE": str(tmp_path / "cache")}


def test_a_folder_without_captions_is_one_sentence_and_code_2(environment: dict[str, str], tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    draw("red", "circle", "left", 0).save(pictures / "a.png")
    done = run(environment, "finetune", str(pictures), "--from", "/no/such/model", "--out", str(tmp_path / "out"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("None of the 1 pictures in ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_one_sentence_and_code_4(environment: dict[str, str], tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for seed in range(20):
        draw("red", "circle", "left", seed).save(pictures / f"{seed}.png")
    write_metadata(pictures, [(f"{seed}.png", f"number {seed}") for seed in range(20)])
    done = run(environment, "finetune", str(pictures), "--from", "/no/such/model", "--out", str(tmp_path / "out"))
    assert done.returncode == 4, done.stderr
    assert "names the folder /no/such/model, which is not there" in done.stderr


def test_a_learning_rate_of_nothing_is_said_before_anything_is_read(environment: dict[str, str]) -> None:
    done = run(environment, "finetune", "/nowhere", "--from", "m", "--out", "o", "--learning-rate", "0")
    assert done.returncode == 2, done.stderr
    assert done.stderr == "--learning-rate is 0; it is a number above 0, for example 3e-5.\n"
