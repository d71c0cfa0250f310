"""What is printed: what it says, and that it fits into 100 columns whatever the names and figures."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.collection import collection_text, judge_collection
from evaluation.folder import encode_folder, read_captioned
from evaluation.metrics import Judgement, judge
from evaluation.retrieval import (
    compare,
    compare_judgements,
    compare_text,
    direction_of,
    judge_retrieval,
    retrieval_text,
)
from evaluation.tables import WIDTH, shortened, table
from pictures.open import Limits
from search.asking import DEFAULT_TARGETS
from tests.colours import ColourEncoder
from tests.evaluation.captioned import coloured
from tests.evaluation.memory_library import kept

LONG = "siglip2-base-patch16-224-finetuned-on-my-holidays-1f0c9a77"


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def ranked(ranks: list[int]) -> Judgement:
    """One relevant item of three for each query, at exactly these ranks."""
    return judge(np.array([[0.5, *[1.0] * (rank - 1), *[0.0] * (3 - rank)] for rank in ranks]), [[0]] * len(ranks))


def test_retrieval_says_what_was_asked_and_what_each_method_gets(tmp_path: Path) -> None:
    """The colour encoder finds all; chance finds one of six first."""
    encoded = encode_folder(read_captioned(coloured(tmp_path), Limits()), {"c": ColourEncoder()}, Limits())
    text = retrieval_text(judge_retrieval(encoded), {"c": "colours-1", "random": "random"})
    lines = text.splitlines()
    assert lines[0] == "Words find pictures (6 captions ask, 6 pictures answer)"
    assert lines[1].split() == ["colours-1", "random"]
    assert lines[2].split() == ["R@1", "=", "S@1", "1.000", "[1.000,", "1.000]", "0.167"]
    assert lines[7].split() == ["median", "rank", "1", "[1,", "1]", "3"]
    assert "Pictures find words (6 pictures ask, 6 captions answer)" in lines


def test_recall_and_success_have_a_line_each_where_they_differ() -> None:
    """Three items, two of them relevant, one of these first: R@1 = .5, S@1 = 1, and no difference further down."""
    direction = direction_of({"m": judge(np.array([[3.0, 2, 1]] * 4), [[0, 2]] * 4)}, [[0, 2]] * 4)
    lines = retrieval_text({"text_to_image": direction}, {"m": "m", "random": "random"}).splitlines()
    names = [line.partition("  ")[0] for line in lines[2:8]]
    assert names == ["R@1", "R@5 = S@5", "R@10 = S@10", "S@1", "MRR", "nDCG@10"]
    assert lines[2].split()[1] == "0.500" and lines[5].split()[1] == "1.000"


def test_retrieval_fits_with_a_long_name_and_a_large_corpus(rng: np.random.Generator) -> None:
    relevant = [[number] for number in range(12_345)]
    judged = judge(rng.random((20, 12_345)), relevant[:20])
    text = retrieval_text(
        {"text_to_image": direction_of({"e": judged, "ConSE": judged}, relevant[:20])},
        {"e": LONG, "ConSE": "ConSE", "random": "random"},
    )
    assert widest(text) <= WIDTH


def test_compare_names_the_better_one_or_chance(rng: np.random.Generator) -> None:
    """B finds every answer first and A at rank 2: R@1 is B's, R@5 nobody's."""
    good, bad = np.eye(30), np.eye(30) + 2 * np.roll(np.eye(30), 1, axis=1)
    relevant = [[number] for number in range(30)]
    captions = [f"a caption that goes on and on, number {number} " * 5 for number in range(30)]
    found = compare_judgements(judge(bad, relevant), judge(good, relevant), captions)
    text = compare_text({"text_to_image": found})
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert lines["R@1 = S@1"].split()[-3:] == ["B", "is", "better"]
    assert lines["R@5 = S@5"].split()[-3:] == ["could", "be", "chance"]
    assert "B ranks the answer higher for 30 of 30, as high for 0, lower for 0." in text
    assert "Won most by B (rank with A -> with B):\n  rank 2 -> 1  a caption" in text and "Lost most" not in text
    assert widest(text) <= WIDTH


def test_a_difference_that_rounds_to_nothing_has_no_minus() -> None:
    """One of 3,000 queries falls from rank 1 to 2."""
    good = ranked([1] * 3000)
    text = compare_text({"text_to_image": compare_judgements(good, ranked([1] * 2999 + [2]), ["q"] * 3000)})
    assert "−0.000" not in text and "+0.000" in text


def test_nothing_in_a_caption_steers_the_terminal() -> None:
    one, other = judge(np.array([[1.0, 0]]), [[0]]), judge(np.array([[0.0, 1]]), [[0]])
    text = compare_text({"text_to_image": compare_judgements(one, other, ["a\x1b[2Jb\nc"])})
    assert "\x1b" not in text and "a\\x1b[2Jb\\nc" in text


def test_pictures_are_named_below_the_folder(tmp_path: Path) -> None:
    folder = read_captioned(coloured(tmp_path), Limits())
    encoded = encode_folder(folder, {"A": ColourEncoder(), "B": ColourEncoder(revision="2")}, Limits())
    encoded.sides["B"].images[:] = encoded.sides["B"].images[::-1].copy()
    lost = compare(encoded, "A", "B", folder.folder)["image_to_text"].lost
    assert {change.query for change in lost} <= {
        f"{colour}.png" for colour in ("red", "green", "blue", "yellow", "white", "black")
    }
    assert lost


def test_a_collection_shows_index_captions_and_targets(colours: ColourEncoder) -> None:
    captions = [f"a {colour} wall number {number}" for number in range(9) for colour in ("red", "blue")]
    tags = [(f"tag {number % 4}",) for number in range(18)]
    text = collection_text(judge_collection(kept(18, captions, tags), colours, DEFAULT_TARGETS))
    assert widest(text) <= WIDTH
    lines = text.splitlines()
    assert lines[1].split() == ["named", "vector", "recall@k", "k", "questions", "p50", "ms", "p95", "ms"]
    assert [line.split("  ")[0] for line in lines[2:6]] == ["image", "caption", "look", "image, asked by captions"]
    assert "Words find pictures (18 captions ask, 18 pictures answer)" in text
    assert "Targets where pictures ask for those that share a tag (18 questions, 18 pictures)" in text
    assert "look 1 + image 0.5" in text and "together − best single" in text and "Best single target by nDCG@10" in text


def test_a_table_aligns_its_columns() -> None:
    assert table([["", "one"], ["longer", "2"]]) == "        one\nlonger    2"


@pytest.mark.parametrize(("text", "width", "expected"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("", 3, "")])
def test_a_text_is_shortened_at_its_end(text: str, width: int, expected: str) -> None:
    assert shortened(text, width) == expected
