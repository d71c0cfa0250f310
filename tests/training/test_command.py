"""`python -m training`: its arguments, its help, and how it ends."""

import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import exits
from tests.conftest import PROJECT
from tests.training.shapes import draw, write_metadata
from training.__main__ import main
from training.command import config_of, parse_arguments
from training.data.pairs import Manifest, SourceReport
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
    text = Manifest.__str__(manifest)  # type: ignore[arg-type]
    assert "Apache-2.0" in text
    assert "missing (25.0% of the pictures expected): no network" in text
    assert "wordnet" in text
    assert "missing: no such package" in text
    assert "30 pictures, 20 captions, 15 concepts (4 dev, 6 test, 20 train)" in text


def pictures_in(folder: Path, count: int, words: bool) -> str:
    folder.mkdir()
    for seed in range(count):
        draw("red", "circle", "left", seed).save(folder / f"{seed}.png")
    if words:
        write_metadata(folder, [(f"{seed}.png", f"number {seed}") for seed in range(count)])
    return str(folder)


@pytest.mark.parametrize(
    ("count", "words", "code", "sentence"),
    [
        (1, False, 2, r"None of the 1 pictures in .*"),
        (20, True, 4, r"--from names the folder /no/such/model, which is not there.*"),
    ],
    ids=["no captions", "no model"],
)
def test_what_cannot_be_tuned_is_one_sentence_and_a_code(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    words: bool,
    code: int,
    sentence: str,
) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # its handler would outlive the captured stream
    folder, out = pictures_in(tmp_path / "pictures", count, words), tmp_path / "out"
    command = ["finetune", folder, "--from", "/no/such/model", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        exits.run(lambda: main(parse_arguments(command)))
    assert ended.value.code == code
    assert re.fullmatch(sentence + r"\n", capsys.readouterr().err)
    assert not out.exists()


def test_a_learning_rate_of_nothing_is_said_before_anything_is_read(tmp_path: Path) -> None:
    """In a process of its own: `python -m training` itself."""
    command = [sys.executable, "-m", "training", "finetune", "/nowhere", "--from", "m", "--out", "o", "--learning-rate"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LOUPE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([*command, "0"], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr == "--learning-rate is 0; it is a number above 0, for example 3e-5.\n"
