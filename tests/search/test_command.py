"""`python -m search`: arguments to a question, results to text, and the whole command once over the samples."""

import argparse
import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from PIL import Image

import assembly
from encoder.protocol import Encoder
from errors import PictureError, QueryError
from pictures.open import Limits
from schema.collection import Pictures
from schema.record import now, sha256_of, uuid_of
from search.__main__ import main, parse_arguments
from search.albums import Album
from search.command import line_of, of_album, open_files, query_of, uuids_of, with_files
from search.filters import Condition
from search.query import AUTO, Query, Term
from search.term import read_targets
from settings import PROJECT
from tests.conftest import SAMPLES

ITEM = uuid.UUID("11111111-2222-3333-4444-555555555555")


def arguments(monkeypatch: pytest.MonkeyPatch, *values: str) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["search", *values])
    return parse_arguments()


def test_each_argument_is_a_term_and_options_are_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = ["--limit", "5", "--offset", "10", "--target", "image", "--target", "caption=.5"]
    others = ["--like", str(ITEM), "--filter", "!tags=cat", "--words-too", "--facets"]
    query = query_of(arguments(monkeypatch, "red bicycle", "sea", *numbers, *others), Limits())
    assert query == Query(
        terms=(Term(text="red bicycle"), Term(text="sea"), Term(item=ITEM)),
        targets={"image": 1.0, "caption": 0.5},
        filters=(Condition("tags", "=", "cat", negated=True),),
        limit=5,
        offset=10,
        hybrid=True,
        facets=True,
    )


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ((), ""),
        (("red bicycle", "sea"), "red bicycle + sea"),
        (("beach", "+", "sunset", "-", "people"), "beach + sunset - people"),
        (("beach", "-people"), "beach -people"),
        (("beach -", "people"), "beach - people"),
        (("C++", "2:sea", "tag:cat"), "C++ + 2:sea + tag:cat"),
        (("-", "people"), "- people"),
        (("beach", "–people", "−night", "＋sea"), "beach –people −night ＋sea"),
    ],
)
def test_arguments_are_one_line(typed: tuple[str, ...], line: str) -> None:
    assert line_of(typed) == line


def test_a_question_is_read_by_the_grammar_and_joined_with_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins with one dash is words, in every place."""
    shown = ["--like", f"2:{ITEM}", "--dislike", "a/b c.jpg", "--hide", str(ITEM), "--strategy", "best_score"]
    others = ["--diversity", ".25", "--collapse", "--auto", "--filter", "year=2024"]
    query = query_of(arguments(monkeypatch, "-tag:raw 2:beach", *shown, *others, "-people", '"red car"'), Limits())
    assert query == Query(
        terms=(
            Term(text="beach", weight=2),
            Term(text="people", weight=-1),
            Term(item=ITEM, weight=2),
            Term(path="a/b c.jpg", weight=-1),
        ),
        targets=AUTO,
        filters=tuple(map(Condition.parse, ("!tags=raw", "words~red car", "year=2024"))),
        strategy="best_score",
        diversity=0.25,
        hidden=(ITEM,),
        collapse=True,
    )


def test_a_question_that_cannot_be_read_is_shown_with_a_caret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QueryError) as caught:
        query_of(arguments(monkeypatch, "beach", "x:sunset"), Limits())
    sentence, line, caret = str(caught.value).splitlines()
    assert sentence.startswith("'x' at character 9 is neither a weight nor a filter")
    assert (line, caret) == ("beach + x:sunset", "        ^")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--like", "nonsense"], "'nonsense' is not the uuid of a picture, nor a path"),
        (["--like", f"0:{ITEM}"], "must be a number other than 0"),
        (["--dislike", f"nan:{ITEM}"], "must be a number other than 0"),
        (["--dislike", f"1e9:{ITEM}"], "from -1000 to 1000, got -1000000000.0"),
        (["--like", ""], "--like is blank; give it a value, or leave it out"),
        (["--filter", " "], "--filter is blank; give it a value, or leave it out"),
        (["--strategy", ""], "--strategy is blank; give it a value, or leave it out"),
        (["--hide", "a/b.jpg"], "'a/b.jpg' is not the uuid of a picture"),
        (["--strategy", "best"], "strategy is one of average, best_score, sum_scores, got 'best'"),
        (["--diversity", "2"], "diversity must be 0 to 1, got 2"),
        (["--diversity", "nan"], "diversity must be 0 to 1, got nan"),
        (["--limit", "-1"], "limit must be 1 to 1000, got -1"),
        (["--auto", "--target", "image=1"], "the target 'auto' is learned from the likes; give it alone"),
    ],
)
def test_a_bad_option_is_a_sentence(monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str) -> None:
    with pytest.raises(QueryError) as caught:
        query_of(arguments(monkeypatch, "cat", *options), Limits())
    assert sentence in str(caught.value)


def test_a_file_is_the_picture_of_the_library_with_its_bytes_or_else_a_picture(tmp_path: Path) -> None:
    """A copy of a picture of the library is that picture: it does not find itself. What is no file stays a path."""
    file = tmp_path / "red one.png"
    Image.new("RGB", (8, 8), "red").save(file)
    query = Query((Term(path=str(file), weight=-2), Term(path="photos/cat.jpg"), Term(path="x" * 1999)))
    files = open_files(query, Limits())
    assert list(files) == [str(file)]
    key = uuid_of(sha256_of(file.read_bytes()))
    assert uuids_of(files) == [key]
    assert with_files(query, files, {key}).terms == (Term(item=key, weight=-2), *query.terms[1:])
    first = with_files(query, files, set()).terms[0]
    assert (first.kind, first.weight) == ("image", -2)
    assert first.image is not None and first.image.getpixel((0, 0)) == (255, 0, 0)


def test_a_file_that_asks_and_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(PictureError):
        open_files(Query((Term(path=str(tmp_path / "a.jpg")),)), Limits())


def test_a_picture_asks_and_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    file = SAMPLES / "drawings" / "owl.png"
    [term] = query_of(arguments(monkeypatch, "--image", str(file)), Limits()).terms
    assert term.image is not None and term.image.mode == "RGB"


def test_a_file_that_is_no_picture_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "words.jpg").write_text("words")
    with pytest.raises(PictureError):
        query_of(arguments(monkeypatch, "--image", str(tmp_path / "words.jpg")), Limits())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.jpg", "^There is no file .*missing.jpg. Check its spelling.$"),
        (".", "is a folder. Give one picture: --image FILE.$"),
        ("x" * 300, "Check its spelling.$"),
        ("a\0b", "Check its spelling.$"),
    ],
)
def test_a_file_that_is_not_there_is_said_in_the_words_of_a_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, sentence: str
) -> None:
    with pytest.raises(QueryError, match=sentence) as caught:
        query_of(arguments(monkeypatch, "--image", str(tmp_path / name)), Limits())
    assert "run again" not in str(caught.value)


@pytest.mark.parametrize("options", [(), ("",), ("--limit", "3", "--json")])
def test_a_search_for_nothing_points_to_the_help(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    """Before a server or a model is waited for."""
    with pytest.raises(QueryError, match=r"Nothing is asked\. .*python -m search --help shows how"):
        query_of(arguments(monkeypatch, *options), Limits())


def test_targets_are_names_with_weights() -> None:
    assert read_targets([]) is None
    assert read_targets(["image"]) == {"image": 1.0}
    assert read_targets([" image =.25", "look=2"]) == {"image": 0.25, "look": 2.0}


def test_auto_is_a_target_of_its_own() -> None:
    assert read_targets([]) is None
    assert read_targets(["look=2"]) == {"look": 2.0}
    assert read_targets(["auto"]) == "auto"


@pytest.mark.parametrize("text", ["image=much", "image=", "image=1,2"])
def test_a_target_that_cannot_be_read_is_a_sentence(text: str) -> None:
    with pytest.raises(QueryError, match=f"the target {text!r} cannot be read; write for example image=1"):
        read_targets([text])


def command(environment: dict[str, str], *values: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "search", *values],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_finds_the_cats_among_the_samples(samples: Pictures, environment: dict[str, str]) -> None:
    """Exit 0, one JSON object on stdout, a cat on top, and the same with words for people."""
    done = command(environment, "a cat path:drawings/", "--limit", "3", "--facets", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert {"hits", "total", "offset", "limit", "took_ms", "facets", "asked", "note", "likely", "line"} <= set(data)
    assert data["limit"] == len(data["hits"]) == 3 < data["total"]
    assert all("/drawings/" in hit["path"] for hit in data["hits"])
    assert "cat" in Path(data["hits"][0]["path"]).name
    relevance = [hit["relevance"] for hit in data["hits"]]
    assert relevance == sorted(relevance, reverse=True)
    assert {hit["unlikely"] for hit in data["hits"]} <= {True, False}
    assert data["asked"]["terms"] == [{"text": "a cat", "weight": 1.0}]
    assert data["asked"]["filters"] == ["path~drawings/"]


def test_words_a_file_and_a_stranger_ask_together(
    samples: Pictures,
    specialists: Encoder,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A copy of a picture of the library, under another name, is that picture, and so is not found; a file with other
    bytes is a picture that was handed in. The command in this process, which has loaded the encoder."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(assembly, "encoder", lambda settings: specialists)
    owl, copy, other = SAMPLES / "drawings" / "owl.png", tmp_path / "copy.png", tmp_path / "other.png"
    copy.write_bytes(owl.read_bytes())
    with Image.open(SAMPLES / "drawings" / "grey-and-white-cat.png") as picture:
        picture.save(other, compress_level=1)
    key, cat = (
        str(uuid_of(sha256_of(path.read_bytes()))) for path in (owl, SAMPLES / "drawings" / "grey-and-white-cat.png")
    )
    question = f"like:{copy} 3:like:{other} - 0.1:people"
    assert main(arguments(monkeypatch, question, "--limit", "5", "--target", "image", "--json")) == 0
    data = json.loads(capsys.readouterr().out)
    terms = [{"item": key, "weight": 1.0}, {"image": True, "weight": 3.0}, {"text": "people", "weight": -0.1}]
    assert data["asked"]["terms"] == terms
    assert data["hits"][0]["uuid"] == cat
    assert key not in [hit["uuid"] for hit in data["hits"]]
    assert {share["term"] for share in data["hits"][0]["shares"]} >= {0, 1}


def test_a_question_that_cannot_be_asked_exits_with_2_and_a_sentence(
    samples: Pictures, environment: dict[str, str]
) -> None:
    """Nothing on stdout, one line on stderr, before any model is loaded; two lines more where a character is at
    fault."""
    done = command(environment, "cat", "--filter", "colour=mauve")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("'mauve' is no colour")
    assert done.stderr.count("\n") == 1
    done = command(environment, "cat 2:")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == ["cat 2:", "    ^"]


def test_an_album_is_asked_on_the_page_that_the_command_names(monkeypatch: pytest.MonkeyPatch) -> None:
    album = Album("cats", "", now(), Query((Term(text="cat"),), limit=60, collapse=True))
    asked = query_of(arguments(monkeypatch, "--album", "cats", "--limit", "5", "--offset", "10"), Limits())
    assert of_album(album, asked) == Query((Term(text="cat"),), limit=5, offset=10, collapse=True)
    for more in (["dog"], ["--filter", "year=2020"]):
        asked = query_of(arguments(monkeypatch, "--album", "cats", *more), Limits())
        with pytest.raises(QueryError, match="--album 'cats' is a question of its own"):
            of_album(album, asked)
