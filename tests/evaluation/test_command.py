"""`python -m evaluation`: its arguments, its output, its exit codes; each kind of folder that cannot be judged once."""

import argparse
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.command import Options, parse_arguments, run_collection, run_compare, run_retrieval
from evaluation.folder import CaptionedFolder, read_captioned
from pictures.open import Limits
from schema.collection import Pictures
from tests.colours import ColourEncoder
from tests.conftest import PROJECT, SAMPLES
from tests.evaluation.captioned import coloured, paint
from tests.evaluation.memory_library import kept


def options(*, as_json: bool) -> Options:
    return Options(Limits(), 4, as_json)


def arguments(monkeypatch: pytest.MonkeyPatch, *values: str) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["evaluation", *values])
    return parse_arguments()


def read(folder: Path) -> CaptionedFolder:
    return read_captioned(folder, Limits())


def test_the_three_commands_and_their_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    found = arguments(monkeypatch, "retrieval", "some/folder", "--json")
    assert (found.command, found.folder, found.json) == ("retrieval", Path("some/folder"), True)
    found = arguments(monkeypatch, "compare", "specialists", "models/mine", "some/folder")
    assert (found.a, found.b, found.folder, found.json) == ("specialists", "models/mine", Path("some/folder"), False)
    assert arguments(monkeypatch, "collection").command == "collection"


@pytest.mark.parametrize("values", [[], ["retrieval"], ["compare", "specialists", "folder"], ["nonsense"]])
def test_what_is_missing_or_unknown_is_refused_with_the_usage(
    values: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments(monkeypatch, *values)
    assert caught.value.code == 2 and "usage: python -m evaluation" in capsys.readouterr().err


def test_retrieval_prints_one_json_object_of_the_agreed_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ColourEncoder()
    assert run_retrieval(read(coloured(tmp_path)), one, {"ConSE": ColourEncoder()}, options(as_json=True)) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert (data["encoder"], data["images"], data["captions"]) == (one.identity.id, 6, 6)
    for direction in ("text_to_image", "image_to_text"):
        names = {"R@1", "R@5", "R@10", "S@1", "S@5", "S@10", "MRR", "nDCG@10", "median_rank", "queries", "corpus"}
        assert set(data[direction]) == names | {"intervals"}
        assert set(data["baselines"]["random"][direction]) == names
        assert data["baselines"]["ConSE"][direction] == data[direction]
    assert data["folder"] == str(tmp_path) and data["unread"] == data["uncaptioned"] == []


def test_what_was_left_out_is_counted_and_named_and_failures_change_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coloured(tmp_path, {"red.png": "red", "green.png": "green", "blue.png": "blue"})
    shutil.copy(tmp_path / "red.png", tmp_path / "second.png")
    assert run_retrieval(read(tmp_path), ColourEncoder(), {}, options(as_json=False)) == 0
    said = capsys.readouterr().err
    assert "pictures without a caption, not judged (3):" in said and f"{tmp_path}/white.png" in said
    assert (
        "copies of a picture that is judged once, with the captions of all its places (1):" in said
        and "second.png (as " in said
    )
    (tmp_path / "broken.png").write_bytes(b"GIF89a")
    assert run_retrieval(read(tmp_path), ColourEncoder(), {}, options(as_json=True)) == 1
    assert run_compare(read(tmp_path), ColourEncoder(), ColourEncoder(), options(as_json=True)) == 1
    capsys.readouterr()
    paint(tmp_path / "odd.png", (1, 2, 3))
    (tmp_path / "odd.txt").write_text("odd")
    assert run_retrieval(read(tmp_path), ColourEncoder(), {}, options(as_json=True)) == 1
    captured = capsys.readouterr()
    unread = json.loads(captured.out)["unread"]
    assert [Path(file["path"]).name for file in unread] == ["broken.png", "odd.png"]
    assert "could not be used (2):" in captured.err and "encoder gave no vector for it" in captured.err


def test_a_picture_that_the_encoder_fails_on_changes_the_exit_code_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coloured(tmp_path)
    paint(tmp_path / "odd.png", (1, 2, 3))
    (tmp_path / "odd.txt").write_text("odd")
    assert run_retrieval(read(tmp_path), ColourEncoder(), {}, options(as_json=True)) == 1
    assert run_compare(read(tmp_path), ColourEncoder(), ColourEncoder(), options(as_json=True)) == 1
    assert "could not be used (1):" in capsys.readouterr().err


def test_of_many_files_twenty_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coloured(tmp_path)
    for number in range(25):
        (tmp_path / f"x{number}.jpg").write_bytes(b"")
    assert run_retrieval(read(tmp_path), ColourEncoder(), {}, options(as_json=False)) == 1
    said = capsys.readouterr().err
    assert "could not be used (25):" in said and "and 5 more; --json names them all" in said
    assert said.count("has 0 bytes") == 20


def test_compare_prints_both_encoders_and_says_when_they_are_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, a, b = read(coloured(tmp_path)), ColourEncoder(), ColourEncoder(revision="2")
    assert run_compare(folder, a, b, options(as_json=True)) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["a"], data["b"], data["images"]) == (a.identity.id, b.identity.id, 6)
    assert data["text_to_image"]["R@1"] == {"a": 1, "b": 1, "difference": 0, "interval": [0, 0]}
    assert run_compare(folder, a, ColourEncoder(), options(as_json=False)) == 0
    text = capsys.readouterr().out
    assert f"A = {a.identity.id}\nB = {a.identity.id}" in text and "A and B are the same encoder" in text


def test_collection_prints_text_and_json(colours: ColourEncoder, capsys: pytest.CaptureFixture[str]) -> None:
    library = kept(12, [f"a {colour} wall at {number}" for number in range(6) for colour in ("red", "blue")])
    assert run_collection(library, colours, as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["collection"], data["encoder"], data["images"]) == ("kept", colours.identity.id, 12)
    assert data["index"]["image"]["recall@10"] == 1
    assert run_collection(library, colours, as_json=False) == 0
    assert capsys.readouterr().out.startswith("kept: 12 pictures, 12 of 12 judged have a caption\n\nThe index: which")


def command(environment: dict[str, str], *values: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "evaluation", *values],
        cwd=PROJECT,
        env=environment | {"LOUPE_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment without a library and without a server."""
    return {"PATH": "", "HOME": str(tmp_path), "LOUPE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROJECT)}


def test_retrieval_over_some_samples_needs_no_weaviate(alone: dict[str, str], tmp_path: Path) -> None:
    """Eight photographs and their captions, with the encoder in use: better than chance, one object on stdout."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in sorted((SAMPLES / "photos").glob("*.jpg"))[:8]:
        shutil.copy(file, folder)
        (folder / file.name).with_suffix(".txt").write_text(file.stem.replace("-", " "))
    done = command(alone, "retrieval", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["images"] == data["captions"] == 8
    assert data["encoder"].startswith("specialists-")
    assert data["text_to_image"]["MRR"] > data["baselines"]["random"]["text_to_image"]["MRR"]
    assert set(data["baselines"]) == {"random", "ConSE"}
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_judged_exits_with_2_and_one_sentence(alone: dict[str, str], tmp_path: Path) -> None:
    """Before any model is loaded."""
    for folder, sentence in {
        coloured(tmp_path / "bare", {}): "None of the 6 pictures in",
        tmp_path / "missing": "There is no folder",
    }.items():
        done = command(alone, "compare", "specialists", "no-such-model", str(folder))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(sentence) and done.stderr.count("\n") == 1


def test_a_model_that_is_not_there_exits_with_4(alone: dict[str, str], tmp_path: Path) -> None:
    done = command(alone, "compare", str(tmp_path / "no-model"), "specialists", str(coloured(tmp_path / "pictures")))
    assert (done.returncode, done.stdout) == (4, "")
    assert "no-model" in done.stderr.splitlines()[-1]


def test_ctrl_c_while_encoding_is_one_word_and_130(alone: dict[str, str], tmp_path: Path) -> None:
    """The interrupt comes when the encoder is being loaded or used; no traceback, nothing on stdout."""
    folder = coloured(tmp_path / "pictures")
    process = subprocess.Popen(
        [sys.executable, "-m", "evaluation", "retrieval", str(folder)],
        cwd=PROJECT,
        env=alone,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()  # what the encoder says of threads, device and number type
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), said + rest
    assert rest.splitlines()[-1] == "Interrupted." and "Traceback" not in rest


def test_the_live_collection_of_samples(samples: Pictures, environment: dict[str, str]) -> None:
    """The whole command: the index finds nearly all, captions find their pictures better than chance."""
    done = command(environment, "collection", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["collection"] == samples.name and data["images"] == 100
    assert all(figures["recall@10"] > 0.95 for figures in data["index"].values()) and len(data["index"]) == 4
    assert data["text_to_image"]["R@10"] > 3 * data["text_to_image"]["random"]["R@10"]
    assert set(data["targets"]) == {
        "tags ask in words",
        "captions ask with half of their words",
        "pictures ask for those that share a tag",
    }
