"""What is a caption in a comment, and what programs leave there."""

import pytest

from pictures.text import clean_title, comment, prompt, user_comment

A1111 = (
    "a (red:1.2) bicycle, [snow], <lora:detail:0.8> <lora:x:1>\nat night\nNegative prompt: blurry, (bad:1.5)\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
)


@pytest.mark.parametrize(
    "value",
    [
        b"ASCII\0\0\0a red bicycle",
        b"ASCII\0\0\0a red bicycle\0\0\0   ",
        b"UNICODE\0" + "a red bicycle".encode("utf-16-le"),
        b"UNICODE\0" + "a red bicycle".encode("utf-16-be"),
        b"UNICODE\0" + "a red bicycle".encode("utf-16"),
        b"JIS\0\0\0\0\0" + "a red bicycle".encode("iso2022_jp"),
        bytes(8) + b"a red bicycle",
        b"a red bicycle",
        "ASCII\0\0\0a red bicycle",
        tuple(b"ASCII\0\0\0a red bicycle"),
    ],
)
def test_a_user_comment_in_every_charset(value: object) -> None:
    assert user_comment(value) == "a red bicycle"


def test_letters_beyond_ascii_in_a_user_comment() -> None:
    assert user_comment(b"UNICODE\0" + "Grüße 東京".encode("utf-16-le")) == "Grüße 東京"
    assert user_comment(b"UNICODE\0" + "Grüße aus Wien".encode("utf-16-be")) == "Grüße aus Wien"
    assert user_comment(bytes(8) + "Grüße".encode()) == user_comment(bytes(8) + "Grüße".encode("latin-1")) == "Grüße"


@pytest.mark.parametrize(
    "junk",
    [
        *("", "   ", "\0\0\0", "Screenshot", "oplus_32", "0", "....", "1234567890", "User comments"),
        '{"mirror":false,"sensor_type":"rear","Hdr":"off"}',
        "filter: 0; fileterIntensity: 0.0; filterMask: 0; captureOrientation: 0; module: photo;",
        *("8d777f385d3dfec8815d20f7496026dc", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX=="),
    ],
)
def test_what_phones_leave_in_a_comment_is_no_caption(junk: str) -> None:
    assert comment(junk) == ""
    assert user_comment(b"ASCII\0\0\0" + junk.encode()) == ""


@pytest.mark.parametrize(
    "words", ["Left to right: Ann, Bob; in front: the dog", "Nr. 7", "東京タワーの前で撮った写真です、とても楽しかった"]
)
def test_words_stay(words: str) -> None:
    assert comment(words) == words


def test_of_an_image_generators_parameters_the_prompt_is_a_caption() -> None:
    """Without weights, models, and what was not to be drawn. A graph of ComfyUI's is no text."""
    assert prompt(A1111) == comment(A1111) == "a red bicycle, snow, at night"
    assert user_comment(b"UNICODE\0" + A1111.encode("utf-16-be")) == "a red bicycle, snow, at night"
    assert prompt("a bicycle\nSteps: 20, Sampler: x") == "a bicycle"
    assert prompt("Negative prompt: blurry\nSteps: 20") == ""
    assert comment('{"3": {"class_type": "KSampler"}}') == ""


@pytest.mark.parametrize(
    "title", ["IMG_1234.JPG", "IMG_1234", "DSC01234", "_DSC1234", "20190501_101112", "P1010001 (2)", "beach.jpeg"]
)
def test_a_file_name_is_no_title(title: str) -> None:
    assert clean_title(title) == ""


@pytest.mark.parametrize("title", ["Paris 2019", "B747", "Beach", "7", "42", "Room 101"])
def test_a_title_stays(title: str) -> None:
    assert clean_title(title) == title
