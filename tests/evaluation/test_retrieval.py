"""Retrieval over a folder: the colour encoder finds every colour, a shuffled one finds what its shuffle says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from encoder.protocol import Embeddings
from evaluation.folder import Encoded, encode_folder, read_captioned
from evaluation.metrics import NAMES
from evaluation.retrieval import judge_retrieval, notes_on
from pictures.open import Limits
from tests.colours import ColourEncoder
from tests.evaluation.captioned import coloured

METRICS = {*NAMES, "median_rank"}


class Contrary(ColourEncoder):
    """Takes every colour for its opposite: the right picture is the farthest."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return -super().encode_texts(texts)


def encoded(folder: Path, **encoders: ColourEncoder) -> Encoded:
    return encode_folder(read_captioned(folder, Limits()), encoders, Limits())


def test_an_encoder_that_knows_finds_everything_and_one_that_errs_finds_it_last(tmp_path: Path) -> None:
    """Six pictures: ranks 1 and 6, beside 1/6 by chance."""
    both = encoded(coloured(tmp_path), right=ColourEncoder(), wrong=Contrary(revision="2"))
    found = judge_retrieval(both)
    for direction in ("text_to_image", "image_to_text"):
        right, wrong = found[direction].methods["right"], found[direction].methods["wrong"]
        assert set(right) == set(wrong) == METRICS
        assert all(right[name].value == 1 for name in METRICS)
        assert wrong["R@1"].value == 0 and wrong["MRR"].value < 0.3 and wrong["median_rank"].value > 3
        assert found[direction].methods["random"]["R@1"].value == pytest.approx(1 / 6)
        assert (found[direction].queries, found[direction].corpus) == (6, 6)


def test_pictures_that_share_a_caption_are_all_relevant_to_it(tmp_path: Path) -> None:
    """Three captions for six pictures. "red" is asked once and has the red and the black picture; it finds one of the
    two first, so that R@1 = 1/2 and S@1 = 1 for it."""
    names = {"red.png": "red", "black.png": "red", "green.png": "green", "yellow.png": "green", "blue.png": "blue"}
    [direction] = [judge_retrieval(encoded(coloured(tmp_path, names), c=ColourEncoder()))["text_to_image"]]
    assert (direction.queries, direction.corpus) == (3, 5)
    assert direction.methods["c"]["S@1"].value == 1
    assert direction.methods["c"]["R@1"].value == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert direction.methods["random"]["S@1"].value == pytest.approx((2 / 5 + 2 / 5 + 1 / 5) / 3)


def test_a_picture_with_two_captions_asks_once_and_either_answers(tmp_path: Path) -> None:
    coloured(tmp_path, {**{f"{n}.png": n for n in ("red", "green", "blue")}, "z.png": "red red"})
    (tmp_path / "z.png").write_bytes((tmp_path / "red.png").read_bytes())
    direction = judge_retrieval(encoded(tmp_path, c=ColourEncoder()))["image_to_text"]
    assert (direction.queries, direction.corpus) == (3, 4)
    assert direction.methods["c"]["R@1"].value == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert direction.methods["c"]["S@1"].value == direction.methods["c"]["R@5"].value == 1


def test_figures_have_the_interval_that_holds_them_and_chance_has_none(tmp_path: Path) -> None:
    names = {"red.png": "red", "green.png": "red", "blue.png": "blue", "white.png": "green", "black.png": "yellow"}
    found = judge_retrieval(encoded(coloured(tmp_path, names), c=ColourEncoder()))["text_to_image"]
    for figure in found.methods["c"].values():
        assert figure.interval is not None and figure.interval[0] <= figure.value <= figure.interval[1]
    assert found.methods["c"]["MRR"].interval[0] < found.methods["c"]["MRR"].interval[1]  # type: ignore[index]
    assert all(figure.interval is None for figure in found.methods["random"].values())


def test_json_has_the_names_of_the_issue_and_the_sizes(tmp_path: Path) -> None:
    data = judge_retrieval(encoded(coloured(tmp_path), c=ColourEncoder()))["text_to_image"].to_json("c")
    assert {"R@1", "R@5", "R@10", "MRR", "nDCG@10", "median_rank"} <= set(data)
    assert data["queries"] == data["corpus"] == 6
    assert data["intervals"]["R@1"] == [1.0, 1.0]
    chance = judge_retrieval(encoded(coloured(tmp_path), c=ColourEncoder()))["text_to_image"].to_json("random")
    assert "intervals" not in chance


def test_what_a_small_folder_cannot_tell_is_said(tmp_path: Path) -> None:
    """Six queries, six items: R@10 is 1 whatever the encoder does."""
    notes = notes_on(encoded(coloured(tmp_path), c=ColourEncoder()))
    assert notes == [
        "Among only 6 pictures R@10 is 1 whatever the encoder does.",
        "Among only 6 captions R@10 is 1 whatever the encoder does.",
        "6 queries are few: one that succeeds or fails moves a figure by 0.167.",
    ]


def test_shared_captions_are_said(tmp_path: Path) -> None:
    names = {f"{name}.png": text for name, text in zip(("red", "green", "blue", "white"), "aabb", strict=True)}
    notes = notes_on(encoded(coloured(tmp_path, names), c=ColourEncoder()))
    assert notes[-1].startswith("2 captions belong to several pictures")


def test_the_figures_do_not_depend_on_the_order_of_the_files(tmp_path: Path, rng: np.random.Generator) -> None:
    """Distinct similarities: other names, the same figures."""
    one, other = coloured(tmp_path / "one"), tmp_path / "other"
    other.mkdir()
    for place, file in enumerate(rng.permutation(sorted(one.glob("*.png")))):
        (other / f"{place}.png").write_bytes(file.read_bytes())
        (other / f"{place}.txt").write_text(file.stem)
    found = [judge_retrieval(encoded(folder, c=Contrary()))["text_to_image"] for folder in (one, other)]
    assert found[0].methods["c"]["MRR"].value == pytest.approx(found[1].methods["c"]["MRR"].value)
