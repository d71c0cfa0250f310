"""`python -m search`: arguments to a question, results to text, and the whole command once over the samples."""

import argparse
import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from pictures.open import Limits, PictureError
from schema.collection import Pictures
from schema.record import ImageRecord, Place
from search.command import parse_arguments, parse_targets, query_of, text_of
from search.errors import QueryError
from search.filters import Condition
from search.query import Query, Term
from search.results import Hit, Results, Timing
from tests.conftest import PROJECT, SAMPLES

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
        words=True,
        facets=True,
    )


def test_a_picture_asks_and_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    file = SAMPLES / "drawings" / "owl.png"
    [term] = query_of(arguments(monkeypatch, "--image", str(file)), Limits()).terms
    assert term.image is not None and term.image.mode == "RGB"


def test_a_file_that_is_no_picture_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        query_of(arguments(monkeypatch, "--image", str(tmp_path / "missing.jpg")), Limits())


def test_targets_are_names_with_weights() -> None:
    assert parse_targets([]) is None
    assert parse_targets(["image"]) == {"image": 1.0}
    assert parse_targets([" image =.25", "look=2"]) == {"image": 0.25, "look": 2.0}


@pytest.mark.parametrize("text", ["image=much", "image=", "image=1,2"])
def test_a_target_that_cannot_be_read_is_a_sentence(text: str) -> None:
    with pytest.raises(QueryError, match=f"the target {text!r} cannot be read; write for example image=1"):
        parse_targets([text])


def test_a_line_a_hit_then_facets_then_the_count_and_nothing_steers_the_terminal() -> None:
    """Escape sequences of file names, captions and tags are shown as question marks."""
    place = Place("/photos/a\x1b[2J\n.jpg", 1, 0, "/photos")
    record = ImageRecord("00" * 32, (place,), 4, 4, 1, "JPEG", caption="a cat\x1b]0;title\x07")
    bare = ImageRecord("01" * 32, (), 4, 4, 1, "JPEG")
    hits = (Hit(record.uuid, record, 0.5), Hit(bare.uuid, bare, -0.25))
    text = text_of(Results(hits, 7, 0, 24, Timing(1, 2, 3.4), {"tag": (("red\x9b", 3), ("sea", 1))}))
    assert text.splitlines() == [
        " 0.500  /photos/a?[2J?.jpg  a cat?]0;title?",
        f"-0.250  {bare.uuid}",
        "tag: red? (3), sea (1)",
        "2 of 7 pictures · 3 ms",
    ]


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
    done = command(environment, "a cat", "--json", "--limit", "3", "--filter", "path~drawings/", "--facets")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert {"hits", "total", "offset", "limit", "took_ms", "facets"} <= set(data)
    assert data["limit"] == len(data["hits"]) == 3 < data["total"]
    assert all("/drawings/" in hit["path"] for hit in data["hits"])
    assert "cat" in Path(data["hits"][0]["path"]).name
    similarities = [hit["similarity"] for hit in data["hits"]]
    assert similarities == sorted(similarities, reverse=True)
    [folder] = [count for folder, count in data["facets"]["folder"].items() if folder.endswith("/drawings")]
    assert folder == data["total"] < (samples.collection.aggregate.over_all(total_count=True).total_count or 0)


def test_a_question_that_cannot_be_asked_exits_with_2_and_a_sentence(
    samples: Pictures, environment: dict[str, str]
) -> None:
    """Nothing on stdout, one line on stderr, before any model is loaded."""
    done = command(environment, "cat", "--filter", "colour=red")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("unknown filter 'colour'; known are folder, camera")
    assert done.stderr.count("\n") == 1
