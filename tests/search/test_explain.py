"""Why a hit is one: words left out, cells left out, the words a picture is near to. By hand."""

import numpy as np
import pytest

from encoder.protocol import unit
from search.explain import HeatMap, Vocabulary, by_words, heat, seen
from search.scoring import Spread
from tests.colours import ColourEncoder

ENCODER = ColourEncoder()


def row(text: str) -> np.ndarray:
    return ENCODER.encode_texts([text])[0]


def test_the_word_that_names_the_picture_brings_the_most() -> None:
    text = "blue, red sky"
    shares = by_words(text, ENCODER, row("red"))
    assert [(share.word, share.start) for share in shares] == [("blue", 0), ("red", 6), ("sky", 10)]
    best = max(shares, key=lambda share: share.amount)
    assert best.word == "red"
    assert best.amount == pytest.approx(float(row(text) @ row("red") - row("blue, sky") @ row("red")), abs=1e-6)


def test_one_word_cannot_be_left_out() -> None:
    assert by_words("red", ENCODER, row("red")) == ()
    assert by_words("  ", ENCODER, row("red")) == ()


def test_words_with_hyphens_and_apostrophes_are_one_and_long_texts_are_cut() -> None:
    assert [share.word for share in by_words("don't t-shirt", ENCODER, row("red"))] == ["don't", "t-shirt"]
    assert len(by_words("red " * 100, ENCODER, row("red"))) == 24


def test_heat_is_what_is_lost_without_a_cell() -> None:
    question, whole = np.float32([1, 0]), np.float32([0.8, 0.6])
    without = np.float32([[0.8, 0.6], [0.6, 0.8], [0, 1], [1, 0]])
    found = heat(question, whole, without, (10, 10))
    np.testing.assert_allclose(found.loss, [[0, 0.2], [0.8, -0.2]], atol=1e-6)
    np.testing.assert_allclose(found.shown(), [[0, 0.25], [1, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("size", "shape"), [((80, 40), (4, 8)), ((40, 80), (8, 4)), ((80, 1), (1, 8)), ((1, 1), (8, 8))]
)
def test_only_cells_of_the_picture_are_shown(size: tuple[int, int], shape: tuple[int, int]) -> None:
    """A wide picture lies in the middle lines of its square."""
    loss = np.zeros((8, 8), np.float32)
    loss[3:5, 3:5] = 1
    assert HeatMap(loss, *size).shown().shape == shape
    assert HeatMap(loss, *size).shown().max() == 1


def test_a_picture_without_a_reason_has_no_heat() -> None:
    assert HeatMap(np.full((4, 4), -0.1, np.float32), 4, 4).shown().max() == 0


def test_what_is_seen_is_what_is_unusual_for_the_library() -> None:
    """`thing` is nearest to every picture; `cat` is nearer to this one than to the others."""
    words, rows = ["thing", "cat", "dog"], unit(np.array([[1.0, 0.2, 0], [0.3, 1, 0], [0.3, 0, 1]]))
    library = unit(np.array([[1, 0.1, 0.1], [1, 0, 0.2], [1, 0.2, 0], [1, 0.1, 0]]))
    picture = unit(np.array([[1, 0.6, 0.1]]))[0]
    assert seen(picture, words, rows, None, 1) == ["thing"]
    assert seen(picture, words, rows, Spread.of(library), 1) == ["cat"]


def test_the_vocabulary_encodes_each_word_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ColourEncoder()
    vocabulary = Vocabulary(encoder)
    words, rows = vocabulary.with_tags(["Red", "my cat", " "])
    assert words[:2] == ["red", "my cat"] and len(words) == len(set(words)) == len(rows) > 50
    np.testing.assert_allclose(rows[0], row("red"))
    monkeypatch.setattr(encoder, "encode_texts", None)
    assert vocabulary.with_tags(["my cat", "Red"])[0][:2] == ["my cat", "red"]
