"""Runs of words: what is stored, what is asked for, and that both find a phrase and nothing else."""

import numpy as np
import pytest

from schema.phrases import END, RUN, runs_of, starts_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" ?!* … ", []),
        ("A red-hot Car.", ["a", "red", "hot", "car"]),
        ("IMG_0012.JPG", ["img", "0012", "jpg"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("café cafe\u0301", ["café", "café"]),
        ("ﬁne ①", ["fine", "1"]),
        ("हिन्दी", ["हिन्दी"]),
        ("两张 照片", ["两", "张", "照", "片"]),
        ("ネコcat", ["ネ", "コ", "cat"]),
        ("I ❤\ufe0f NY❤", ["i", "❤", "ny", "❤"]),
        ("한국어 사진", ["한국어", "사진"]),
    ],
)
def test_words_are_told_apart_in_any_script(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def found(phrase: str, texts: list[str]) -> bool:
    """What the filter asks of the stored runs."""
    stored = runs_of(texts)
    return all(
        any(run.startswith(start) if start.endswith(END) else run == start for run in stored)
        for start in starts_of(phrase)
    )


def really(phrase: str, texts: list[str]) -> bool:
    """The slow, obvious one."""
    wanted = phrase.split()
    return any(text.split()[at : at + len(wanted)] == wanted for text in texts for at in range(len(text.split())))


@pytest.mark.parametrize("length", range(1, RUN + 4))
def test_a_phrase_is_found_where_its_words_stand_in_a_row(length: int) -> None:
    """Random texts of eight words out of twelve without repetition, so that phrases of any length are exact."""
    rng = np.random.default_rng(length)
    words = [f"w{number}" for number in range(12)]
    hits = 0
    for _ in range(300):
        texts = [" ".join(rng.permutation(words)[:9]) for _ in range(2)]
        start = int(rng.integers(0, 10 - length)) if length < 10 else 0
        phrase = texts[0].split()[start : start + length]
        if rng.random() < 0.5:
            phrase = list(rng.permutation(phrase))
        assert found(" ".join(phrase), texts) == really(" ".join(phrase), texts)
        hits += really(" ".join(phrase), texts)
    assert 0 < hits <= 300


def test_a_phrase_does_not_run_from_one_text_into_the_next() -> None:
    assert not found("red car", ["a red", "car"])
    assert found("red", ["a red", "car"])


def test_a_word_is_not_found_in_a_longer_one() -> None:
    assert not found("car", ["carpet"])
    assert not found("red car", ["red carpet"])
    assert found("red car", ["a red car"])
