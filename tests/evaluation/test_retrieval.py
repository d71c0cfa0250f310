"""Retrieval over a folder: the colour encoder finds every colour; two encoders beside each other, query by query."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from encoder.protocol import Embeddings
from evaluation.folder import Encoded, encode_folder, read_captioned
from evaluation.metrics import NAMES, Interval, Judgement, judge
from evaluation.retrieval import SHOWN, Change, compare_judgements, judge_retrieval, notes_on
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
        assert all(right[name].mean == 1 for name in METRICS)
        assert wrong["R@1"].mean == 0 and wrong["MRR"].mean < 0.3 and wrong["median_rank"].mean > 3
        assert found[direction].methods["random"]["R@1"] == pytest.approx(1 / 6)
        assert (found[direction].queries, found[direction].corpus) == (6, 6)


def test_pictures_that_share_a_caption_are_all_relevant_to_it(tmp_path: Path) -> None:
    """Three captions for six pictures. "red" is asked once and has the red and the black picture; it finds one of the
    two first, so that R@1 = 1/2 and S@1 = 1 for it."""
    names = {"red.png": "red", "black.png": "red", "green.png": "green", "yellow.png": "green", "blue.png": "blue"}
    [direction] = [judge_retrieval(encoded(coloured(tmp_path, names), c=ColourEncoder()))["text_to_image"]]
    assert (direction.queries, direction.corpus) == (3, 5)
    assert direction.methods["c"]["S@1"].mean == 1
    assert direction.methods["c"]["R@1"].mean == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert direction.methods["random"]["S@1"] == pytest.approx((2 / 5 + 2 / 5 + 1 / 5) / 3)


def test_a_picture_with_two_captions_asks_once_and_either_answers(tmp_path: Path) -> None:
    coloured(tmp_path, {**{f"{n}.png": n for n in ("red", "green", "blue")}, "z.png": "red red"})
    (tmp_path / "z.png").write_bytes((tmp_path / "red.png").read_bytes())
    direction = judge_retrieval(encoded(tmp_path, c=ColourEncoder()))["image_to_text"]
    assert (direction.queries, direction.corpus) == (3, 4)
    assert direction.methods["c"]["R@1"].mean == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert direction.methods["c"]["S@1"].mean == direction.methods["c"]["R@5"].mean == 1


def test_figures_have_the_interval_that_holds_them_and_chance_has_none(tmp_path: Path) -> None:
    names = {"red.png": "red", "green.png": "red", "blue.png": "blue", "white.png": "green", "black.png": "yellow"}
    found = judge_retrieval(encoded(coloured(tmp_path, names), c=ColourEncoder()))["text_to_image"]
    for figure in found.methods["c"].values():
        assert isinstance(figure, Interval) and figure.low <= figure.mean <= figure.high
    assert found.methods["c"]["MRR"].low < found.methods["c"]["MRR"].high
    assert all(isinstance(figure, float) for figure in found.methods["random"].values())


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
    assert found[0].methods["c"]["MRR"].mean == pytest.approx(found[1].methods["c"]["MRR"].mean)


def ranked(ranks: list[int], corpus: int) -> Judgement:
    """One relevant item each, at exactly these ranks."""
    similarities = np.zeros((len(ranks), corpus))
    for query, rank in enumerate(ranks):
        others = [item for item in range(corpus) if item != query]
        for place, item in enumerate([*others[: rank - 1], query, *others[rank - 1 :]]):
            similarities[query, item] = -place
    return judge(similarities, [[query] for query in range(len(ranks))])


QUERIES = [f"query {number}" for number in range(40)]


def test_the_difference_is_b_minus_a_with_a_paired_interval() -> None:
    """A finds nothing first, B finds half of the queries first."""
    found = compare_judgements(ranked([2] * 40, 50), ranked([1, 2] * 20, 50), QUERIES)
    assert set(found.difference) == set(NAMES)
    assert found.difference["R@1"].mean == pytest.approx(0.5)
    assert found.difference["R@1"].excludes_zero and found.difference["R@1"].low > 0.3
    assert found.difference["R@5"].mean == 0 and not found.difference["R@5"].excludes_zero
    assert (found.a["R@1"], found.b["R@1"]) == (0, 0.5)
    assert found.counts == (20, 20, 0)


def test_queries_that_won_and_lost_most_are_named_with_both_ranks() -> None:
    """From 1 to 3 is a greater loss than from 20 to 50, and from 9 to 1 the greatest gain."""
    found = compare_judgements(ranked([1, 20, 9, 4, 7], 50), ranked([3, 50, 1, 2, 7], 50), QUERIES[:5])
    assert found.won == (Change("query 2", 9, 1), Change("query 3", 4, 2))
    assert found.lost == (Change("query 0", 1, 3), Change("query 1", 20, 50))
    assert found.counts == (2, 1, 2)


def test_at_most_ten_of_each_are_named_but_all_are_counted() -> None:
    found = compare_judgements(ranked([5] * 40, 50), ranked([4] * 30 + [6] * 10, 50), QUERIES)
    assert len(found.won) == len(found.lost) == SHOWN
    assert found.counts == (30, 0, 10)
    assert {change.query for change in found.lost} == set(QUERIES[30:])


def test_the_same_judgements_do_not_differ() -> None:
    one = ranked([1, 3, 9], 20)
    found = compare_judgements(one, one, QUERIES[:3])
    assert all((gap.low, gap.mean, gap.high) == (0, 0, 0) for gap in found.difference.values())
    assert found.won == found.lost == () and found.counts == (0, 3, 0)


def test_exchanging_a_and_b_exchanges_all() -> None:
    one, other = ranked([1, 20, 9, 4], 50), ranked([3, 50, 1, 2], 50)
    there, back = compare_judgements(one, other, QUERIES[:4]), compare_judgements(other, one, QUERIES[:4])
    assert [change.query for change in there.won] == [change.query for change in back.lost]
    for name in NAMES:
        assert there.difference[name].mean == pytest.approx(-back.difference[name].mean)


def test_json_has_both_values_and_the_interval_of_each_metric() -> None:
    data = compare_judgements(ranked([2] * 4, 9), ranked([1, 2, 2, 3], 9), QUERIES[:4]).to_json()
    assert data["R@1"]["a"] == 0 and data["R@1"]["b"] == data["R@1"]["difference"] == 0.25
    assert len(data["R@1"]["interval"]) == 2
    assert data["median_rank"] == {"a": 2, "b": 2}
    assert (data["better"], data["same"], data["worse"]) == (1, 2, 1)
    assert data["won"] == [{"query": "query 0", "rank_a": 2, "rank_b": 1}]
    assert data["lost"] == [{"query": "query 3", "rank_a": 2, "rank_b": 3}]
