"""Composed questions of a small library made by hand: which are asked, what answers them, which scoring finds it."""

import argparse
import json
import uuid
from pathlib import Path

import numpy as np
import pytest

from encoder.protocol import Embeddings, unit
from errors import EvaluationError
from evaluation import composed
from evaluation.command import run_composed
from evaluation.composed import Composed, Part, compose
from evaluation.composed_report import CALIBRATED, COLUMNS, PLAIN, RULES, TOGETHER, composed_text, judge_composed
from evaluation.library import Pictured, example_of, read_tagged, term_of
from pictures.open import Limits
from search.asking import DEFAULT_TARGETS
from tests.colours import ColourEncoder
from tests.evaluation.captioned import COLOURS, paint

WORDS = ("cat", "dog", "red", "blue", "sea")
LEVELS = (0.5, 0.25, 0.12, 0.08, 0.05)
"""How like each word are the pictures that bear it. Other pictures are as like it by chance, up to half of that."""
REST = 40
"""Dimensions of what no word says, which is most of a picture."""


class Words:
    """An encoder of these words only, each an axis of its own."""

    def encode_texts(self, texts: list[str]) -> Embeddings:
        return np.stack([np.eye(len(WORDS) + REST, dtype=np.float32)[WORDS.index(text)] for text in texts])


def library(count: int = 120, seed: int = 0) -> Pictured:
    """A picture bears each word by chance; its vectors say so, and something else."""
    rng = np.random.default_rng(seed)
    bears = rng.random((count, len(WORDS))) < 0.3
    said = (bears + 0.25 * rng.normal(size=bears.shape)) * LEVELS
    rest = unit(rng.normal(size=(count, REST)))
    vectors = dict.fromkeys(("image", "caption", "look"), unit(np.hstack([said, rest])))
    tags = [tuple(word for word, has in zip(WORDS, own, strict=True) if has) for own in bears]
    return Pictured(tuple(uuid.UUID(int=i) for i in range(count)), ("captioned",) * count, tuple(tags), vectors)


def bearers(pictured: Pictured, *words: str) -> set[int]:
    return {row for row, tags in enumerate(pictured.tags) if set(words) <= set(tags)}


def answers(pictured: Pictured, question: Composed) -> set[int]:
    """By the words of the question alone: what bears all that is wanted and nothing that is not."""
    found = set(range(len(pictured.tags)))
    for part in question.parts:
        if part.text:
            found = found & bearers(pictured, part.text) if part.weight > 0 else found - bearers(pictured, part.text)
    return found


def test_every_kind_of_question_is_asked() -> None:
    asked = compose(library())
    assert list(asked) == [
        "one word",
        "A and B",
        "A, not B",
        "A and B, not C",
        "picture + word",
        "picture + word - word",
        "likes + word",
        "likes - dislikes",
    ]
    assert len(asked["one word"]) == 5 and len(asked["A and B"]) == 10 and len(asked["A, not B"]) == 20


@pytest.mark.parametrize("kind", ["one word", "A and B", "A, not B", "A and B, not C"])
def test_words_are_answered_by_what_bears_them(kind: str) -> None:
    pictured = library()
    for question in compose(pictured)[kind]:
        assert question.relevant == answers(pictured, question) and len(question.relevant) >= 3


@pytest.mark.parametrize("kind", ["picture + word", "picture + word - word", "likes + word"])
def test_pictures_and_words_are_answered_by_what_bears_the_words_and_shares_a_tag(kind: str) -> None:
    pictured = library()
    for question in compose(pictured)[kind]:
        assert question.relevant <= answers(pictured, question)
        shared = set.intersection(*(set(pictured.tags[row]) for row in question.own))
        assert any(question.relevant <= bearers(pictured, tag) for tag in shared), "something of the picture is kept"
        assert not question.relevant & set(question.own)


def test_likes_beside_dislikes_are_answered_by_what_only_the_likes_have() -> None:
    pictured = library()
    for question in compose(pictured)["likes - dislikes"]:
        liked = [set(pictured.tags[part.row]) for part in question.parts if part.row is not None and part.weight > 0]
        disliked = [set(pictured.tags[part.row]) for part in question.parts if part.row is not None and part.weight < 0]
        wanted, unwanted = set.intersection(*liked), set.intersection(*disliked) - set.union(*liked)
        assert (len(liked), len(disliked)) == (3, 2)
        assert any(
            question.relevant == bearers(pictured, a) - bearers(pictured, b) - set(question.own)
            for a in wanted
            for b in unwanted
        )


def test_tags_that_say_the_same_make_no_question() -> None:
    """Every picture that has one has the other."""
    pictured = library()
    twice = [(*tags, "feline") if "cat" in tags else tags for tags in pictured.tags]
    asked = compose(Pictured(pictured.uuids, pictured.captions, tuple(twice), pictured.vectors))
    both = {"cat", "feline"}
    assert not any({part.text for part in question.parts} == both for question in asked["A and B"])
    assert not any({part.text for part in question.parts} == both for question in asked["A, not B"])


def test_a_tag_that_is_left_out_asks_nothing() -> None:
    asked = compose(library(), without=["sea"])
    assert not any(part.text == "sea" for questions in asked.values() for q in questions for part in q.parts)


def test_the_same_library_is_asked_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compose(library()) == compose(library())
    monkeypatch.setattr(composed, "AT_MOST", 7)
    few = compose(library())
    assert max(map(len, few.values())) == 7


def test_the_halves_are_told_by_the_question_alone() -> None:
    asked = [question for questions in compose(library()).values() for question in questions]
    halves = [question.half for question in asked]
    assert 0.4 < halves.count("dev") / len(halves) < 0.6
    assert Composed((Part(1, "cat"),), frozenset()).half == Composed((Part(1, "cat"),), frozenset({1})).half


def test_tags_without_overlap_are_refused_with_what_to_do() -> None:
    pictured = library()
    alone = tuple((tags[:1] or ("none",)) for tags in pictured.tags)
    with pytest.raises(EvaluationError, match=r"make no composed question: .* Tag the pictures with what they show"):
        compose(Pictured(pictured.uuids, pictured.captions, alone, pictured.vectors))


def test_calibration_finds_more_where_words_have_different_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cat is ten times as like "cat" as the sea is like "sea"; in plain sums the cats decide."""
    monkeypatch.setattr(composed, "AT_MOST", 30)
    report = judge_composed(library(), Words(), DEFAULT_TARGETS)  # type: ignore[arg-type]
    gain = report.kinds["A and B"].gain[CALIBRATED]
    assert gain.mean > 0.1 and gain.excludes_zero
    assert report.kinds[TOGETHER].gain[CALIBRATED].low > 0
    assert report.kinds["one word"].gain[CALIBRATED].mean == pytest.approx(0, abs=0.05)
    for found in report.kinds.values():
        assert found.gain[PLAIN].mean == 0
        for rule in RULES:
            assert found.gain[rule].mean == pytest.approx(found.rules[rule]["nDCG@10"] - found.rules[PLAIN]["nDCG@10"])
    assert report.kinds[TOGETHER].queries == sum(
        found.queries for kind, found in report.kinds.items() if kind not in ("one word", TOGETHER)
    )


def test_the_pictures_that_ask_are_no_answer() -> None:
    """Nine cats like the three liked, to the last bit: none of the ten first may be one that asks."""
    tags = [("cat",)] * 12 + [("cat", "dog")] * 6 + [("red",)] * 12
    rows = unit(np.array([np.isin(WORDS, own) for own in tags]).astype(np.float32))
    image = np.hstack([rows, np.zeros((30, REST), np.float32)])
    vectors = dict.fromkeys(("image", "caption", "look"), image)
    pictured = Pictured(tuple(uuid.UUID(int=i) for i in range(30)), ("",) * 30, tuple(tags), vectors)
    report = judge_composed(pictured, Words(), DEFAULT_TARGETS)  # type: ignore[arg-type]
    assert report.kinds["likes - dislikes"].rules[CALIBRATED]["nDCG@10"] == 1
    assert report.kinds["likes - dislikes"].rules[PLAIN]["nDCG@10"] == 1


def test_the_text_has_a_row_for_each_kind_and_rule_within_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composed, "AT_MOST", 5)
    report = judge_composed(library(), Words(), DEFAULT_TARGETS, captions=0.5, half="final")  # type: ignore[arg-type]
    assert (report.images, report.captioned) == (120, 60)
    lines = composed_text(report).splitlines()
    assert max(map(len, lines)) <= 100
    for kind in report.kinds:
        assert sum(line.startswith(f"{kind}  ") for line in lines) == 1
    tables = -(-len(report.kinds) // COLUMNS)
    for rule in RULES:
        assert sum(line.startswith(f"{rule}  ") for line in lines) == tables


def test_a_share_of_captions_beyond_all_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"must be 0 to 1, got 1\.5"):
        judge_composed(library(), Words(), DEFAULT_TARGETS, captions=1.5)  # type: ignore[arg-type]


def tagged_folder(folder: Path) -> Path:
    """Each colour in six sizes, tagged with its name, and with "small" where it is."""
    rows = ["file_name,text,tags"]
    for colour in COLOURS:
        for size in range(4, 10):
            paint(folder / f"{colour}{size}.png", colour, size)
            rows.append(f"{colour}{size}.png,{'' if size == 9 else colour},{colour}{';small' if size < 7 else ''}")
    (folder / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_a_folder_is_read_with_its_tags_and_captions(tmp_path: Path) -> None:
    (tagged_folder(tmp_path) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "copy.png").write_bytes((tmp_path / "red4.png").read_bytes())
    encoder, counted = ColourEncoder(), list[int]()
    pictured, unread = read_tagged(tmp_path, encoder, Limits(), counted.append)
    assert len(pictured.uuids) == sum(counted) == 36, "a copy counts once"
    assert [Path(file.path).name for file in unread] == ["broken.png"]
    for row, (caption, tags) in enumerate(zip(pictured.captions, pictured.tags, strict=True)):
        expected = encoder.encode_texts([caption])[0] if caption else pictured.vectors["image"][row]
        np.testing.assert_array_equal(pictured.vectors["caption"][row], expected)
        assert not caption or tags[0] == caption
    assert sum("small" in tags for tags in pictured.tags) == 18


def test_a_folder_without_tags_is_refused_with_what_to_do(tmp_path: Path) -> None:
    paint(tmp_path / "red.png", "red")
    with pytest.raises(EvaluationError, match=r"fewer than 3 of them have tags\. Name them in a metadata.csv"):
        read_tagged(tmp_path, ColourEncoder(), Limits())


def test_the_command_prints_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composed, "AT_MOST", 8)
    values = argparse.Namespace(folder=tagged_folder(tmp_path), captions=1.0, half=None, without=["white"], json=True)
    assert run_composed(values, ColourEncoder(), Limits()) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["images"], data["captioned"], data["metric"], data["unread"]) == (36, 30, "nDCG@10", [])
    assert data["without"] == ["white"] and data["targets"]["text"] == {"image": 1.0, "caption": 2.0}
    for found in data["kinds"].values():
        assert set(found) == {"queries", "rules", "gain"} and set(found["rules"]) == set(RULES)


def test_a_file_that_cannot_be_read_is_named_and_the_command_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composed, "AT_MOST", 8)
    (tagged_folder(tmp_path) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    values = argparse.Namespace(folder=tmp_path, captions=0.5, half="final", without=[], json=False)
    assert run_composed(values, ColourEncoder(), Limits()) == 1
    captured = capsys.readouterr()
    assert (
        "broken.png" in captured.err and "A, not B" in captured.out and "18 of them with a caption" not in captured.err
    )


def test_a_term_counts_by_the_shares_of_its_targets() -> None:
    vectors = {name: np.eye(3, dtype=np.float32) for name in ("image", "caption", "look")}
    term = example_of(vectors, 2, -1.0, {"image": 1, "caption": 3, "look": 0})
    assert term.example and term.weight == -1 and term.targets == {"image": 0.25, "caption": 0.75}
    np.testing.assert_array_equal(term.vectors["caption"], [0, 0, 1])
    assert term_of(vectors["image"][0], 1.0, {"image": 2, "caption": 2}).targets == {"image": 0.5, "caption": 0.5}
