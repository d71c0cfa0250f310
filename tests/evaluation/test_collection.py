"""The live library judged, by what was stored; its index beside exact search, also one that misses what we say."""

import uuid
from collections.abc import Iterator

import numpy as np
import pytest

from encoder.protocol import Embeddings, unit
from errors import EvaluationError
from evaluation.collection import Ask, Probes, exact_similarities, judge_collection, judge_index
from evaluation.library import LiveLibrary
from evaluation.targets import TargetQuestions, halved, judge_targets
from ingest.ledger import Ledger
from schema.collection import Pictures
from schema.record import ImageRecord, Place, sha256_of
from search.asking import DEFAULT_TARGETS
from search.index import VectorChunk, find_nearest
from tests.colours import ColourEncoder
from tests.evaluation.memory_library import Kept, kept
from tests.search.colour_library import Library

INDEXES = {"image", "caption", "look", "image, asked by captions"}


def test_the_live_library_is_judged_in_every_part(library: Library) -> None:
    """An HNSW index over sixty vectors finds everything; every kind of target question can be asked of this library."""
    report = judge_collection(LiveLibrary(library.pictures), library.encoder, DEFAULT_TARGETS)
    assert set(report.index) == INDEXES
    for found in report.index.values():
        assert found.recall.mean > 0.99 and found.k == 10 and found.stored == 60
    assert report.stored == report.judged == 60
    assert report.captioned == sum(bool(record.caption) for record in library.records.values())
    assert [figures.title for figures in report.targets] == [
        "tags ask in words",
        "captions ask with half of their words",
        "pictures ask for those that share a tag",
    ]
    assert report.targets[0].together == "image 1 + caption 2"
    assert report.targets[2].together == "look 1 + image 0.5"
    assert report.notes == ()
    data = report.to_json()
    assert data["index"]["look"]["recall@10"] > 0.99
    assert data["text_to_image"]["random"]["R@1"] == pytest.approx(1 / 60, abs=1e-6)


def test_captions_find_their_pictures_as_worked_out_from_what_was_stored(library: Library) -> None:
    """Rank of the first picture that bears the caption among all sixty, by the cosine of caption and `image`."""
    report = judge_collection(LiveLibrary(library.pictures), library.encoder, DEFAULT_TARGETS)
    captions: dict[str, list[uuid.UUID]] = {}
    for key, record in library.records.items():
        if record.caption:
            captions.setdefault(record.caption, []).append(key)
    reciprocal = []
    for caption, own in captions.items():
        text = library.encoder.encode_texts([caption])[0]
        ranking = sorted(library.vectors, key=lambda key: -float(library.vectors[key]["image"] @ text))
        reciprocal.append(1 / min(ranking.index(key) + 1 for key in own))
    assert report.captions is not None
    assert report.captions.queries == len(captions) and report.captions.corpus == 60
    assert report.captions.methods["captions"]["MRR"].mean == pytest.approx(np.mean(reciprocal))


def test_the_index_gives_uuids_with_their_cosines_best_first(library: Library) -> None:
    key, vectors = next(iter(library.vectors.items()))
    found = find_nearest(library.pictures, "look", vectors["look"], 5)
    assert found[0][0] == key and found[0][1] == pytest.approx(1, abs=1e-5)
    cosines = [float(library.vectors[other]["look"] @ vectors["look"]) for other, _ in found]
    assert [value for _, value in found] == pytest.approx(cosines, abs=1e-5)
    assert cosines == sorted(cosines, reverse=True)


def test_an_empty_library_is_refused_with_what_to_do(pictures: Pictures, colours: ColourEncoder) -> None:
    with pytest.raises(EvaluationError, match=r"0 pictures with all of the vectors .*python -m ingest FOLDER"):
        judge_collection(LiveLibrary(pictures), colours, DEFAULT_TARGETS)


def test_a_library_without_captions_says_what_is_not_judged(colours: ColourEncoder) -> None:
    report = judge_collection(kept(30, [""] * 30), colours, DEFAULT_TARGETS)
    assert set(report.index) == INDEXES - {"image, asked by captions"}
    assert report.captions is None and report.targets == () and report.to_json()["text_to_image"] is None
    assert report.notes == (
        "Captions are not judged: there are 0 different ones.",
        "Targets are not judged where tags ask in words: there are 0 tags that at most half of the pictures bear, "
        "2 are needed.",
        "Targets are not judged where captions ask with half of their words: there are 0 captions of at least 4 words, "
        "2 are needed.",
        "Targets are not judged where pictures ask for those that share a tag: 0 pictures share one.",
    )


def test_above_its_limits_a_library_is_sampled_and_this_is_said(colours: ColourEncoder) -> None:
    """40 pictures in chunks of seven: ten are judged; the index as a whole."""
    captions = [f"red {number}" for number in range(40)]
    report = judge_collection(kept(40, captions), colours, DEFAULT_TARGETS, at_most=10, questions=6, probes=4)
    assert (report.stored, report.judged) == (40, 10)
    assert "a random 10 of 40 pictures" in report.notes[0]
    assert report.index["image"].stored == 40 and report.index["image"].probes == 4
    assert report.captions is not None and (report.captions.queries, report.captions.corpus) == (6, 10)


def test_no_more_is_read_than_is_judged(colours: ColourEncoder) -> None:
    """At most 10 of 40 in chunks of seven: two chunks of each named vector, then six for each of three indexes."""
    library = kept(40, [""] * 40)
    judge_collection(library, colours, DEFAULT_TARGETS, at_most=10)
    assert library.chunks_read == 3 * 2 + 3 * 6


def test_a_tag_that_most_pictures_bear_asks_nothing(colours: ColourEncoder) -> None:
    """Twelve pictures: "all" has twelve, "half" has six, "few" two."""
    tags = [("all", *(("half",) if number < 6 else ()), *(("few",) if number < 2 else ())) for number in range(12)]
    report = judge_collection(kept(12, [""] * 12, tags), colours, DEFAULT_TARGETS)
    in_words, alike = report.targets
    assert in_words.queries == 2 and alike.queries == 6


def test_pictures_that_lack_a_vector_are_counted(colours: ColourEncoder) -> None:
    report = judge_collection(kept(20, [""] * 20, look={3, 4}, image={4}), colours, DEFAULT_TARGETS)
    assert report.judged == 18 and report.index["look"].stored == 18
    assert report.notes[0].startswith("2 pictures lack a named vector")


def test_several_targets_gain_where_each_sees_what_the_other_does_not() -> None:
    """Ten pictures; `image` tells only the first half apart, `caption` only the second: each alone finds half, both
    together all."""
    seen = np.eye(10) * 0.9
    image, caption = seen.copy(), seen.copy()
    image[5:] = 0.5
    caption[:5] = 0.5
    asked = TargetQuestions(
        "test", {"image": image, "caption": caption}, [[number] for number in range(10)], {"image": 1, "caption": 1}
    )
    found = judge_targets(asked)
    assert found.methods["image 1 + caption 1"]["R@1"] == 1
    assert found.methods[found.best_single]["R@1"] < 0.7
    assert found.gain["S@1"].excludes_zero and found.gain["S@1"].mean > 0.3
    assert found.methods["random"]["R@1"] == pytest.approx(0.1)


def test_the_weights_of_the_targets_count() -> None:
    """A heavy wrong target drags the right one down."""
    right, wrong = np.eye(6), np.roll(np.eye(6), 1, axis=1)
    relevant = [[number] for number in range(6)]
    heavy = judge_targets(TargetQuestions("t", {"a": right, "b": wrong}, relevant, {"a": 1, "b": 3}))
    light = judge_targets(TargetQuestions("t", {"a": right, "b": wrong}, relevant, {"a": 3, "b": 1}))
    assert heavy.best_single == light.best_single == "a"
    assert heavy.methods["a 1 + b 3"]["R@1"] == 0 and heavy.gain["S@1"].mean == -1
    assert light.methods["a 3 + b 1"]["R@1"] == 1 and light.gain["S@1"].mean == 0


def test_one_target_alone_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match="Several targets are needed to compare, got look"):
        judge_targets(TargetQuestions("t", {"look": np.eye(3)}, [[0], [1], [2]], {"look": 1}))


def test_a_shortened_caption_is_half_of_its_words_in_their_order(rng: np.random.Generator) -> None:
    words = "a red bicycle leaning against an old wall".split()
    for _ in range(20):
        short = halved(" ".join(words), rng).split()
        places = [words.index(word) for word in short]
        assert len(short) == 4 and places == sorted(places)
    assert halved("three words only", rng) == ""


def test_pictures_that_ask_for_their_tag_do_not_find_themselves(colours: ColourEncoder) -> None:
    """Three pairs of equal pictures, each pair with a tag of its own: the other one is always first."""
    base = kept(3, [""] * 3)
    rows = {name: np.repeat(own, 2, axis=0) for name, own in base.rows.items()}
    report = judge_collection(
        Kept([""] * 6, rows, [("a",), ("a",), ("b",), ("b",), ("c",), ("c",)]), colours, DEFAULT_TARGETS
    )
    [found] = [figures for figures in report.targets if figures.title.startswith("pictures ask")]
    assert found.queries == 6 and found.methods["look"]["R@1"] == 1


def test_the_ledger_stores_what_the_report_counts(pictures: Pictures, colours: ColourEncoder) -> None:
    """Three pictures are enough."""
    ledger = Ledger(pictures, wait_s=10)
    rows = unit(np.eye(4)[:3])
    for number in range(3):
        record = ImageRecord(sha256_of(bytes([number])), (Place(f"/p/{number}.png", 1, 1, "/p"),), 4, 4, 1, "PNG")
        look = np.eye(13, dtype=np.float32)[number]
        assert ledger.add([(record, {"image": rows[number], "caption": rows[number], "look": look})]) == []
    report = judge_collection(LiveLibrary(pictures), colours, DEFAULT_TARGETS)
    assert report.stored == 3 and report.index["image"].k == 2


def keys(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=number) for number in range(count)]


def parts(rows: Embeddings, size: int) -> Iterator[VectorChunk]:
    names = keys(len(rows))
    for start in range(0, len(rows), size):
        own = names[start : start + size]
        yield VectorChunk(tuple(own), rows[start : start + size], tuple({} for _ in own))


def index_over(rows: Embeddings, left_out: frozenset[int] = frozenset()) -> Ask:
    """Exact, but blind to some rows."""
    names = keys(len(rows))

    def ask(vector: Embeddings, k: int) -> list[tuple[uuid.UUID, float]]:
        order = [int(row) for row in np.argsort(-(rows @ vector)) if row not in left_out]
        return [(names[row], float(rows[row] @ vector)) for row in order[:k]]

    return ask


@pytest.mark.parametrize("size", [1, 7, 100])
def test_exact_search_in_chunks_is_the_sorted_whole_without_oneself(rng: np.random.Generator, size: int) -> None:
    rows = unit(rng.normal(size=(60, 6)))
    probes = Probes(rows[:5], keys(60)[:5])
    found, stored = exact_similarities(probes, parts(rows, size), 10)
    assert stored == 60
    for number in range(5):
        others = np.delete(rows.astype(float) @ rows[number].astype(float), number)
        np.testing.assert_allclose(found[number], np.sort(others)[::-1][:10], atol=1e-12)


def test_an_index_that_finds_all_has_recall_one_and_a_time(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(80, 6)))
    found = judge_index(Probes(rows[:20], keys(80)[:20]), parts(rows, 30), index_over(rows))
    assert (found.recall.mean, found.k, found.probes, found.stored) == (1, 10, 20, 80)
    assert 0 < found.p50_ms <= found.p95_ms


def test_what_the_index_misses_is_missing(rng: np.random.Generator) -> None:
    """Blind to row 1, which is among the ten nearest of some probes: each of these finds nine of ten."""
    rows = unit(rng.normal(size=(30, 3)))
    probes = Probes(rows[2:12], keys(30)[2:12])
    cosines = rows[2:12] @ rows.T
    touched = sum(1 in np.argsort(-cosine)[:11] for cosine in cosines)
    assert 0 < touched < 10
    found = judge_index(probes, parts(rows, 8), index_over(rows, frozenset({1})))
    assert found.recall.mean == pytest.approx(1 - touched / 10 / 10)


def test_one_that_ties_with_the_last_of_the_nearest_counts() -> None:
    """Fifteen copies: any ten of them are the nearest."""
    rows = unit(np.repeat([[1.0, 0.0], [0.0, 1.0]], [15, 5], axis=0))
    found = judge_index(Probes(rows[:1], keys(20)[:1]), parts(rows, 20), index_over(rows, frozenset({1, 2, 3})))
    assert found.recall.mean == 1


def test_words_ask_without_being_in_the_index(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(12, 4)))
    found = judge_index(Probes(unit(rng.normal(size=(3, 4))), [None] * 3), parts(rows, 5), index_over(rows))
    assert (found.recall.mean, found.k) == (1, 10)


def test_a_small_index_is_asked_for_all_others(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(4, 3)))
    found = judge_index(Probes(rows, keys(4)), parts(rows, 4), index_over(rows))
    assert (found.recall.mean, found.k) == (1, 3)
    assert set(found.to_json()) == {"recall@3", "interval", "questions", "stored", "p50_ms", "p95_ms"}


def test_an_index_of_one_is_refused() -> None:
    rows = unit(np.ones((1, 3)))
    with pytest.raises(EvaluationError, match="index of 1 vectors"):
        judge_index(Probes(rows, keys(1)), parts(rows, 1), index_over(rows))
