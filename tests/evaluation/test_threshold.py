"""`evaluation.threshold`: figures that can be worked out by hand, and the command from a folder to its table."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encoder.protocol import Embeddings, unit
from errors import EvaluationError
from evaluation.command import Options, parse_arguments, run_threshold
from evaluation.folder import read_captioned
from evaluation.metrics import Interval
from evaluation.nonsense import KINDS, nonsense
from evaluation.threshold import FIRST, AskedLibrary, Level, judge_threshold
from pictures.open import Limits
from search.relevance import Bank, unrelated_texts
from search.scoring import FEWEST
from tests.colours import ColourEncoder
from tests.evaluation.captioned import caption, coloured

DIM = 64
PICTURES = 60


def drawn(count: int, seed: int, axis: int = 63, share: float = 0.0) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    rows[:, axis] += share * np.sqrt(DIM)
    return unit(rows)


def bank(seed: int = 10) -> Bank:
    return Bank(drawn(100, seed, share=-0.8), drawn(100, seed + 1, share=0.8))


def shown(questions: Embeddings, images: Embeddings) -> AskedLibrary:
    relevant = [[row % len(images)] for row in range(len(questions))]
    return AskedLibrary("drawn", {"image": images}, False, {"image": 1.0}, questions, relevant)


def test_questions_that_are_their_pictures_are_all_kept_and_found_in_their_half_only() -> None:
    """Each picture asks for itself (cosine 1) among others that lie across it; nonsense lies across all of them."""
    images = drawn(PICTURES, 0)
    marks = [("noise", row) for row in drawn(20, 5, share=-1.5)]
    found = judge_threshold(shown(images, images), bank(), marks, 0.01, levels=(0.05,))
    assert (found.pictures, found.questions, found.true_hits_in_first_ten) == (PICTURES, PICTURES, PICTURES)
    assert [level.false_alarm for level in found.levels] == [0.01, 0.05]
    [level, _] = found.levels
    assert level.kept == Interval(1, 1, 1) and level.present_found == Interval(1, 1, 1)
    assert level.nonsense_refused == Interval(1, 1, 1) and found.nonsense_passed == {"noise": (0, 20)}
    assert level.absent_refused.mean > 0.5 and level.likely == 1


def test_without_a_threshold_every_picture_is_likely() -> None:
    """An encoder that has a vector for none of the unrelated texts."""
    images, known = drawn(PICTURES, 0), bank()
    marks = [("noise", row) for row in drawn(20, 5, share=-1.5)]
    found = judge_threshold(shown(images, images), Bank(known.unrelated[:0], known.sensible), marks, 0.01, levels=())
    [level] = found.levels
    assert level.nonsense_refused == Interval(0, 0, 0) and level.kept == Interval(1, 1, 1)
    assert level.likely == PICTURES and level.absent_refused == Interval(0, 0, 0)


@pytest.mark.parametrize(("before", "counted"), [(FIRST - 1, 1), (FIRST, 0)])
def test_a_true_hit_below_the_first_ten_is_nobodys_loss(before: int, counted: int) -> None:
    """The question is what nine or ten pictures are; its own comes next, before all others."""
    question = drawn(1, 1)
    own = unit(question + 0.1 * drawn(1, 4))
    images = np.concatenate([np.repeat(question, before, axis=0), own, drawn(PICTURES, 2)])
    found = judge_threshold(
        AskedLibrary("far", {"image": images}, False, {"image": 1.0}, question, [[before]]),
        bank(),
        [("x", drawn(1, 3)[0])],
        0.01,
    )
    assert found.true_hits_in_first_ten == counted
    assert all((level.kept is None) == (counted == 0) for level in found.levels)


def test_precision_is_the_share_of_those_found_that_may_be() -> None:
    """.8 found where they are, .2 where they are not: .8 of all that are found."""
    of = [Interval(value, value, value) for value in (0.9, 0.8)]
    assert Level(0.01, of[0], None, 3.0, of[1], of[1]).precision == pytest.approx(0.8)
    none, every = Interval(0, 0, 0), Interval(1, 1, 1)
    assert Level(0.01, every, None, 0.0, none, every).precision is None


def test_a_library_too_small_for_two_halves_is_refused() -> None:
    images = drawn(2 * FEWEST - 1, 0)
    with pytest.raises(EvaluationError, match=f"at least {FEWEST} captioned pictures each; there are {2 * FEWEST - 1}"):
        judge_threshold(shown(images, images), bank(), [], 0.01)


def test_captions_that_belong_to_every_half_cannot_be_asked_where_they_have_no_picture() -> None:
    images = drawn(PICTURES, 0)
    everywhere = AskedLibrary("same", {"image": images}, False, {"image": 1.0}, images[:1], [list(range(PICTURES))])
    with pytest.raises(EvaluationError, match="pictures of both halves"):
        judge_threshold(everywhere, bank(), [("x", images[0])], 0.01)


def test_nonsense_is_the_same_for_a_seed_different_for_another_and_of_every_kind_alike() -> None:
    found = nonsense(200, 3)
    assert found == nonsense(200, 3) != nonsense(200, 4)
    assert len({text for _, text in found}) == 200 and all(text.strip() for _, text in found)
    counts = [sum(kind == of for kind, _ in found) for of in KINDS]
    assert max(counts) - min(counts) <= 1 and sum(counts) == 200


def test_no_question_of_the_nonsense_is_one_of_the_bank() -> None:
    assert not {text for _, text in nonsense(2000, 0)} & set(unrelated_texts())


def painted(folder: Path, count: int) -> Path:
    """Pictures of mixed colours, each with a caption of colour words that is its own."""
    rng = np.random.default_rng(0)
    captions = {}
    for number in range(count):
        colours = rng.permutation(["red", "green", "blue", "yellow", "white", "black"])[:2]
        values = tuple(int(value) for value in rng.integers(0, 256, 3))
        Image.new("RGB", (8, 8), values).save(folder / f"{number}.png")
        captions[f"{number}.png"] = f"{' '.join(colours)} number {number}"
    caption(folder, captions)
    return folder


def run(folder: Path, *, as_json: bool) -> int:
    options = Options(Limits(), 16, as_json)
    return run_threshold(read_captioned(folder, Limits()), ColourEncoder(), 0.05, 1, options)


def test_the_command_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(painted(tmp_path, 70), as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["false_alarm"], data["seed"], data["folder"]) == (0.05, 1, str(tmp_path))
    for library in ("without_captions", "with_captions"):
        figures = data[library]
        assert figures["pictures"] == 70
        assert [level["false_alarm"] for level in figures["levels"]] == [0.002, 0.01, 0.02, 0.05, 0.1]
        for level in figures["levels"]:
            mean, low, high = level["nonsense_refused"]
            assert 0 <= low <= mean <= high <= 1


def test_the_table_names_the_level_in_use_and_fits_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(painted(tmp_path, 70), as_json=False) == 0
    printed = capsys.readouterr().out
    assert "0.05 *" in printed and "0.01 *" not in printed and "Nonsense that found something" in printed
    assert max(map(len, printed.splitlines()[1:])) <= 120


def test_too_few_pictures_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="there are 6 in all"):
        run(coloured(tmp_path), as_json=True)


def test_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluation", "cut", "some/folder", "--json", "--seed", "4"])
    found: argparse.Namespace = parse_arguments()
    assert (found.command, found.folder, found.json, found.seed) == ("cut", Path("some/folder"), True, 4)
