"""The threshold: worked out by hand, against a slow reading of its definition, and on drawn libraries."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import weaviate
from numpy.typing import NDArray
from weaviate.classes.data import DataObject

from encoder.protocol import Embeddings, Encoder, unit
from evaluation.nonsense import nonsense
from evaluation.targets import halved
from schema.collection import Pictures, StorageOptions, ensure_pictures
from search.index import read_vectors
from search.query import Query, Term
from search.relevance import (
    MEAN_KEPT,
    ROUNDING,
    Background,
    Bank,
    ThresholdOptions,
    conformal,
    highest,
    keep_bank,
    sensible_texts,
    unrelated_texts,
)
from search.results import note
from search.scoring import FEWEST, Asked, LibrarySpace, full, score, unfull
from search.searcher import Searcher
from tests.colours import ColourEncoder

DIM = 16
WORDS = {"image": 2 / 3, "caption": 1 / 3}


def drawn(count: int, seed: int, *, around: int | None = None, tightness: float = 1.0) -> Embeddings:
    """Unit vectors in every direction, or about the axis `around`."""
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    if around is not None:
        rows[:, around] += tightness * np.sqrt(DIM)
    return unit(rows)


def library(count: int, seed: int = 0, captioned: float = 0.5) -> LibrarySpace:
    """Pictures about the axes 0 to 3; half of them have a caption that lies near."""
    kinds = np.arange(count) % 4
    image = unit(drawn(count, seed) + 0.8 * np.eye(DIM)[kinds])
    flags = np.random.default_rng(seed + 1).random(count) < captioned
    caption = np.where(flags[:, None], unit(image + 0.5 * drawn(count, seed + 2)), image).astype(np.float32)
    return LibrarySpace.of({"image": image, "caption": caption, "look": drawn(count, seed + 3)}, flags, count)


def bank(seed: int = 10) -> Bank:
    """Sense lies along axis 4, nonsense opposite."""
    return Bank(-drawn(200, seed, around=4, tightness=0.7), drawn(150, seed + 1, around=4, tightness=0.7))


def words(row: Embeddings, weight: float = 1.0, targets: Mapping[str, float] = WORDS) -> Asked:
    return Asked(weight, False, dict.fromkeys(targets, row), targets)


def picture(row: Embeddings, weight: float = 1.0, target: str = "image") -> Asked:
    return Asked(weight, True, {target: row}, {target: 1.0})


def line(background: Background, *asked: Asked, false_alarm: float = 0.05, strategy: str | None = None) -> float:
    found = background.threshold(asked, false_alarm, strategy)
    assert found is not None
    return found


def test_sense_is_the_mean_of_the_five_nearest_on_either_side() -> None:
    """Cosines to the sensible 1, 1, 1, 1, 0 and -1, to the unrelated six times 0: (4 · 1 + 0) / 5 - 0 = .8."""
    right, up, left = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
    found = Bank(unit(np.array([up] * 6)), unit(np.array([right] * 4 + [up, left])))
    np.testing.assert_allclose(found.sense(unit(np.array([right]))), [0.8], atol=1e-6)


def test_no_question_of_the_bank_is_its_own_neighbour() -> None:
    found = bank()
    for place in (0, 7):
        others = Bank(np.delete(found.unrelated, place, 0), found.sensible)
        assert found.null_sense[place] == pytest.approx(others.sense(found.unrelated[[place]])[0], abs=1e-6)


def slow_threshold(space: LibrarySpace, known: Bank, asked: Asked, false_alarm: float) -> float:
    """The module's definition, question by question, by `score` itself."""

    def scaled(term: Asked) -> tuple[NDArray[np.float64], float, float]:
        levels = {name: space.spreads[name].level(term.vectors[name]) for name in term.targets}
        mean = sum(share * levels[name][0] for name, share in term.targets.items())
        spread = sum(share * levels[name][1] for name, share in term.targets.items())
        relevance = score([term], space.sample, space.captioned, space).relevance
        return relevance * spread + MEAN_KEPT * mean, mean, spread

    best = sorted(
        scaled(Asked(1.0, False, dict.fromkeys(asked.targets, row), asked.targets))[0].max() for row in known.unrelated
    )
    sense = known.sense(next(iter(asked.vectors.values()))[None])[0]
    level = max(false_alarm / 2, 1 / (1 + len(best)))
    p_value = (1 + sum(null >= sense for null in known.null_sense)) / (1 + len(best))
    needed = [value for value in best if (1 + sum(o > value for o in best)) / (1 + len(best)) <= level]
    least = np.median(best) if p_value <= level else max(min(needed, default=best[-1]), np.median(best))
    _, mean, own_spread = scaled(asked)
    return float((least + ROUNDING - MEAN_KEPT * mean) / own_spread)


@pytest.mark.parametrize("targets", [{"image": 1.0}, {"caption": 1.0}, WORDS], ids=["image", "caption", "both"])
@pytest.mark.parametrize("false_alarm", [0.001, 0.01, 0.2])
def test_the_threshold_of_words_is_the_slow_one(targets: Mapping[str, float], false_alarm: float) -> None:
    space, told = library(120), bank()
    for row in drawn(3, 99):
        asked = words(row, targets=targets)
        expected = slow_threshold(space, told, asked, false_alarm)
        assert line(Background(space, told), asked, false_alarm=false_alarm) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("false_alarm", [0.02, 0.1, 0.3])
def test_the_share_of_unrelated_questions_that_find_something_is_at_most_the_level(false_alarm: float) -> None:
    """Of 2,000 others than the bank's, drawn alike: within four standard errors of both samples. Either test alone
    has half of the level, so that at least half of it is used."""
    space = library(300)
    told = Bank(-drawn(1000, 20, around=4, tightness=0.7), drawn(150, 21, around=4, tightness=0.7))
    background, passed = Background(space, told), 0
    others = -drawn(2000, 22, around=4, tightness=0.7)
    for row in others:
        asked = [words(row, targets={"image": 1.0})]
        best = score(asked, space.sample, space.captioned, space).relevance.max()
        passed += best >= line(background, *asked, false_alarm=false_alarm)
    error = np.sqrt(false_alarm * (1 - false_alarm) * (1 / 1000 + 1 / 2000))
    assert passed / 2000 < false_alarm + 4 * error
    assert passed / 2000 > false_alarm / 2 - 4 * error


def test_a_higher_level_never_means_a_higher_threshold() -> None:
    background = Background(library(200), bank())
    for asked in (words(-np.eye(DIM, dtype=np.float32)[4]), words(drawn(1, 5)[0]), picture(drawn(1, 6)[0])):
        lines = [line(background, asked, false_alarm=share) for share in (0.0005, 0.01, 0.05, 0.2, 0.6, 0.999)]
        assert lines == sorted(lines, reverse=True)
    lines = [line(background, words(-np.eye(DIM, dtype=np.float32)[4]), false_alarm=share) for share in (0.01, 0.2)]
    assert lines[0] > lines[1] + 0.1


def test_a_question_that_makes_sense_is_believed_sooner_than_one_that_makes_none() -> None:
    """The axes of sense lie across the pictures', so that both have the same level in the library, nearly."""
    space = library(400)
    background = Background(space, bank())
    sense, nonsense = np.eye(DIM, dtype=np.float32)[4], -np.eye(DIM, dtype=np.float32)[4]
    assert line(background, words(sense), false_alarm=0.01) < line(background, words(nonsense), false_alarm=0.01) - 0.8


def test_the_same_words_twice_have_the_threshold_of_once_and_weights_that_grow_together_change_nothing() -> None:
    background, row = Background(library(200), bank()), drawn(1, 5)[0]
    once = line(background, words(row))
    assert line(background, words(row), words(row)) == pytest.approx(once, abs=1e-9)
    assert line(background, words(row, 3.0)) == pytest.approx(once, abs=1e-9)
    assert line(background, words(row), words(drawn(1, 6)[0], -1.0)) == once
    liked = line(background, picture(row))
    for strategy in ("average", "sum_scores"):
        assert line(background, picture(row), picture(row), strategy=strategy) == pytest.approx(liked, abs=1e-9)


def test_two_texts_that_make_no_sense_need_the_mean_of_what_either_needs() -> None:
    """Beside one that makes sense, the sum of two across each other needs less."""
    space = LibrarySpace.of({"image": drawn(4000, 1), "caption": drawn(4000, 2)}, np.ones(4000, bool), 4000)
    background, axes = Background(space, bank()), np.eye(DIM, dtype=np.float32)
    one, other, sense = (words(unit(row[None])[0]) for row in (axes[5] - axes[4], axes[6] - axes[4], axes[4]))
    mean = np.mean([full(np.array(line(background, term))) for term in (one, other)])
    assert line(background, one, other) == pytest.approx(float(unfull(np.array(mean))), abs=1e-6)
    mean = np.mean([full(np.array(line(background, term))) for term in (one, sense)])
    assert line(background, one, sense) < float(unfull(np.array(mean))) - 0.5


def test_pictures_that_have_nothing_in_common_need_less_of_each() -> None:
    """Two that lie across each other: their mean spreads by 1/√2, and so does its line."""
    space = LibrarySpace.of({"image": drawn(4000, 1)}, np.zeros(4000, bool), 4000)
    background, axes = Background(space, bank()), np.eye(DIM, dtype=np.float32)
    one, other = picture(axes[0]), picture(axes[1])
    mean = (line(background, one) + line(background, other)) / 2
    assert line(background, one, other) == pytest.approx(mean / np.sqrt(2), rel=0.03)
    assert line(background, one, other, strategy="best_score") > mean


def test_a_picture_like_some_of_the_library_is_answered_and_one_like_none_is_not() -> None:
    rng, axes = np.random.default_rng(3), np.eye(DIM)
    image = unit(np.repeat(axes[:4], 50, axis=0) + 0.1 * rng.normal(size=(200, DIM)))
    space = LibrarySpace.of({"image": image}, np.zeros(200, bool), 200)
    background = Background(space, bank())

    def likely(row: Embeddings) -> int:
        asked = [picture(row)]
        return int((score(asked, space.sample, space.captioned, space).relevance >= line(background, *asked)).sum())

    assert likely(unit(axes[[2]] + 0.1 * rng.normal(size=(1, DIM)))[0]) > 30
    assert likely(unit(axes[[9]])[0]) == 0


def test_a_library_of_copies_finds_them() -> None:
    """Their similarities differ by rounding only."""
    image = np.repeat(drawn(1, 4), 60, axis=0)
    space = LibrarySpace.of({"image": image}, np.zeros(60, bool), 60)
    asked = [picture(image[0])]
    assert (
        score(asked, space.sample, space.captioned, space).relevance >= line(Background(space, bank()), *asked)
    ).all()


def test_there_is_no_threshold_where_there_is_nothing_to_measure_it_by() -> None:
    row = drawn(1, 5)[0]
    told = bank()
    assert Background(library(0), told).threshold([words(row)], 0.01) is None
    assert Background(library(1), told).threshold([words(row)], 0.01) is not None
    assert Background(library(FEWEST - 1), told).threshold([picture(row)], 0.01) is None
    assert Background(library(FEWEST - 1), told).threshold([words(row), picture(row)], 0.01) is None
    assert Background(library(FEWEST), told).threshold([picture(row)], 0.01) is not None
    assert Background(library(100), told).threshold([words(row, -1.0), picture(row, -2.0)], 0.01) is None
    assert Background(library(100), Bank(told.unrelated[:0], told.sensible)).threshold([words(row)], 0.01) is None


def test_the_highest_of_a_library_follows_from_its_sample() -> None:
    """By hand: the 20 highest lie 1 above the 21st on average, so that e times the pictures bring 1 more. And of an
    exponential tail: within a tenth of what the whole library has."""
    found = np.concatenate([np.zeros(30), np.ones(20)])[None]
    assert highest(found, 50)[0] == 1
    assert highest(found, round(50 * np.e))[0] == pytest.approx(2, abs=0.01)
    assert highest(found[:, :10], 1000)[0] == 0
    whole = np.random.default_rng(0).exponential(size=(400, 20_000))
    assert highest(whole[:, :2000], 20_000).mean() == pytest.approx(whole.max(axis=1).mean(), rel=0.1)


def test_a_conformal_quantile_counts_the_question_itself_among_those_of_the_null() -> None:
    """Of 19 values and the question as a twentieth, the 19th is passed by one in twenty; fewer cannot be told."""
    null = np.random.default_rng(0).permutation(19) + 1.0
    assert conformal(null, 0.05) == 19 == conformal(null, 0.001)
    assert conformal(null, 0.1) == 18 and conformal(null, 0.5) == 10 and conformal(null, 1.0) == 1


def test_the_bank_is_of_different_texts_none_of_them_blank() -> None:
    unrelated, sensible = unrelated_texts(), sensible_texts()
    assert len(unrelated) == 400 and len(sensible) > 300
    assert all(text.strip() for text in (*unrelated, *sensible))
    assert len({*unrelated, *sensible}) == len(unrelated) + len(sensible)


def test_questions_that_the_encoder_has_no_vector_for_are_left_out_of_the_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ColourEncoder()
    encode = encoder.encode_texts

    def broken(texts: list[str]) -> Embeddings:
        rows = encode(texts)
        rows[::7] = np.nan
        return rows

    monkeypatch.setattr(encoder, "encode_texts", broken)
    found = Bank.encode(encoder)
    assert len(found.unrelated) == 342 and np.isfinite(found.unrelated).all() and np.isfinite(found.sensible).all()


def test_an_encoder_to_which_all_nonsense_is_one_finds_nothing_for_it() -> None:
    """The colour encoder knows six words; everything else is one vector, and so is the question."""
    told = Bank.encode(ColourEncoder())
    image = unit(np.column_stack([np.random.default_rng(0).random((90, 3)), np.full(90, 0.1)]))
    space = LibrarySpace.of({"image": image, "caption": image}, np.zeros(90, bool), 90)
    background = Background(space, told)
    for text, answered in (("xyzzy", False), ("red", True)):
        asked = [words(ColourEncoder().encode_texts([text])[0], targets={"image": 1.0})]
        best = score(asked, space.sample, space.captioned, space).relevance.max()
        assert (best >= line(background, *asked)) == answered


def test_the_samples_answer_their_captions_and_no_nonsense(
    samples: Pictures, specialists: Encoder, threshold: ThresholdOptions
) -> None:
    """Through Weaviate, with the shipped encoder and the default level."""
    searcher = Searcher(samples, specialists, threshold=threshold)
    for text in ("qwxz vbnk trlp", "8831-77/2 0x99", "{}[]();;#", "notwithstanding tariff whereas elapsed"):
        found = searcher.search(Query((Term(text=text),), limit=5))
        assert found.threshold is not None and found.above == 0 and all(hit.below for hit in found.hits), text
    for text in ("acoustic guitar", "a blacksmith at work", "three bananas"):
        found = searcher.search(Query((Term(text=text),), limit=5))
        assert found.above > 0 and not found.hits[0].below, text


def likely(
    background: Background, space: LibrarySpace, row: Embeddings, targets: Mapping[str, float]
) -> NDArray[np.bool_]:
    """Of each picture of the sample."""
    asked = [words(row, targets=targets)]
    return np.asarray(
        score(asked, space.sample, space.captioned, space).relevance >= line(background, *asked, false_alarm=0.01)
    )


@pytest.mark.parametrize("captions", [False, True])
def test_one_to_twenty_pictures_answer_their_captions_and_hardly_any_nonsense(
    samples: Pictures, specialists: Encoder, threshold: ThresholdOptions, captions: bool
) -> None:
    """30 draws from the samples; the nonsense is not the bank's. Whole captions ask where none is stored, else halves
    of them."""
    [stored] = read_vectors(samples, "image", ["caption"])
    whole = [str(one["caption"]) for one in stored.properties]
    rng = np.random.default_rng(0)
    asked = [halved(text, rng) or text for text in whole] if captions else whole
    image, caption = stored.vectors, specialists.encode_texts(whole)
    questions, odd = specialists.encode_texts(asked), specialists.encode_texts([text for _, text in nonsense(80, 3)])
    told, targets = keep_bank(specialists, threshold.folder), {"image": 1 / 3, "caption": 2 / 3}
    refused, kept = [], []
    for count in (1, 2, 3, 5, 12, 20) * 5:
        some = rng.permutation(len(whole))[:count]
        vectors = {"image": image[some], "caption": (caption if captions else image)[some]}
        space = LibrarySpace.of(vectors, np.full(count, captions), count)
        background = Background(space, told)
        refused += [not likely(background, space, row, targets).any() for row in odd]
        rows = [likely(background, space, questions[one], targets) for one in some[:5]]
        kept += [bool(row[place]) for place, row in enumerate(rows)]
    assert np.mean(refused) >= 0.98
    assert np.mean(kept) >= 0.9


@pytest.mark.parametrize("count", [1, 3])
def test_a_library_of_a_picture_or_three_does_not_answer_everything(
    client: weaviate.WeaviateClient, samples: Pictures, specialists: Encoder, threshold: ThresholdOptions, count: int
) -> None:
    """Through Weaviate, as a person asks it."""
    objects = samples.collection.query.fetch_objects(limit=count, include_vector=True).objects
    identity = replace(specialists.identity, revision=f"few-{count}")
    few = ensure_pictures(client, identity, StorageOptions(), new_collection=True)
    try:
        kept = [name for name in objects[0].properties if name != "places"]
        few.collection.data.insert_many(
            [
                DataObject(uuid=one.uuid, properties={name: one.properties[name] for name in kept}, vector=one.vector)
                for one in objects
            ]
        )
        searcher = Searcher(replace(few, identity=specialists.identity), specialists, threshold=threshold)
        for text in ("qwxz vbnk trlp", "8831-77/2 0x99", "{}[]();;#", "notwithstanding tariff whereas elapsed"):
            query = Query((Term(text=text),))
            found = searcher.search(query)
            assert (found.total, found.above) == (count, 0) and all(hit.below for hit in found.hits), text
            assert note(query, found).startswith("No good match")
        for one in objects:
            [best, *_] = searcher.search(Query((Term(text=str(one.properties["caption"])),))).hits
            assert best.uuid == one.uuid and not best.below
        neighbours = searcher.search(Query((Term(item=objects[0].uuid),)))
        assert neighbours.threshold is None and len(neighbours.hits) == count - 1
    finally:
        client.collections.delete(few.name)
