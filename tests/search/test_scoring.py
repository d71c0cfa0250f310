"""Relevance: terms of different levels made comparable and joined. Worked out by hand, and by an obvious oracle."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from encoder.protocol import unit
from search.scoring import FEW, FULL, SETTLED, UNWANTED, Asked, LibrarySpace, Spread, full, linear, score, unfull

STRATEGIES = ("average", "best_score", "sum_scores")


def level(mean: Sequence[float], spread: Sequence[float]) -> Spread:
    """The cosine to axis i has this mean and this spread over the library."""
    return Spread(np.array(mean, float), np.diag(np.square(np.array(spread, float))), 100)


def axis(index: int, dim: int = 4) -> np.ndarray:
    return np.eye(dim, dtype=np.float32)[index]


def word(index: int, weight: float = 1.0, **targets: float) -> Asked:
    return Asked(weight, False, {"image": axis(index), "caption": axis(index)}, targets or {"image": 1.0})


def example(index: int, weight: float = 1.0) -> Asked:
    return Asked(weight, True, {"look": axis(index)}, {"look": 1.0})


def library(mean: Sequence[float] = (0,) * 4, spread: Sequence[float] = (0.1,) * 4) -> LibrarySpace:
    one = level(mean, spread)
    return LibrarySpace({}, np.ones(0, bool), {"image": one, "caption": one, "look": one}, 100)


def relevance(asked: Sequence[Asked], rows: Sequence[Sequence[float]], strategy: str | None = None) -> list[float]:
    """Of pictures whose cosine to axis i is `rows[..][i]`, every spread .1 and every mean 0: z is ten times as much."""
    vectors = np.array(rows, np.float32)
    every = {"image": vectors, "caption": vectors, "look": vectors}
    scores = score(asked, every, np.ones(len(rows), bool), library(), strategy)
    np.testing.assert_allclose(scores.amounts.sum(axis=(1, 2)), scores.relevance, atol=1e-12)
    return scores.relevance.tolist()


def test_one_word_counts_by_how_far_it_lies_above_what_is_usual() -> None:
    """A cosine of .3 where .1 is usual, give or take .1, is 2; where .3 is usual it is nothing."""
    pictures = {"image": np.array([[0.3, 0.3, 0, 0]], np.float32)}
    space = library(mean=(0.1, 0.3, 0, 0))
    at = [score([word(i)], pictures, np.array([True]), space).relevance[0] for i in (0, 1)]
    assert at == pytest.approx([2.0, 0.0], abs=1e-6)


def test_the_weight_of_a_single_word_changes_nothing() -> None:
    assert relevance([word(0, 7.0)], [[0.9, 0, 0, 0]]) == pytest.approx(relevance([word(0)], [[0.9, 0, 0, 0]]))


def test_targets_are_weighed_and_told_apart() -> None:
    """z of 5 on the image and of 2 on the caption, three to one: 3.75 + .5."""
    pictures = {"image": np.array([[0.5, 0, 0, 0]], np.float32), "caption": np.array([[0.2, 0, 0, 0]], np.float32)}
    scores = score([word(0, image=0.75, caption=0.25)], pictures, np.array([True]), library())
    assert scores.targets == ("caption", "image")
    assert scores.amounts[0, 0].tolist() == pytest.approx([0.5, 3.75])
    assert scores.similarities[0, 0].tolist() == pytest.approx([0.2, 0.5])
    assert scores.similarity[0] == pytest.approx(0.425)


def test_both_words_go_before_one_that_is_met_perfectly() -> None:
    """z of 4 and 4 against 9 and 0. Plain sums prefer the second: 8 against 9."""
    both, one = relevance([word(0), word(1)], [[0.4, 0.4, 0, 0], [0.9, 0, 0, 0]])
    assert both == pytest.approx(4.0)
    assert one == pytest.approx((3 + math.log(7)) / 2)


def test_a_heavier_word_weighs_more() -> None:
    first, second = relevance([word(0, 2.0), word(1)], [[0.2, 0.1, 0, 0], [0.1, 0.2, 0, 0]])
    assert first == pytest.approx(5 / 3) and second == pytest.approx(4 / 3)


def test_an_unwanted_word_takes_away_what_a_picture_has_of_it() -> None:
    has, lacks, usual = relevance([word(0), word(1, -1.0)], [[0.4, 0.2, 0, 0], [0.4, -0.2, 0, 0], [0.4, 0, 0, 0]])
    assert has == pytest.approx(4 - UNWANTED * 2)
    assert lacks == usual == pytest.approx(4), "nobody gains by lacking it more than others do"


def test_only_unwanted_words_put_first_what_is_least_like_them() -> None:
    """There every difference counts, or most pictures would be equal."""
    assert relevance([word(0, -2.0)], [[0.4, 0, 0, 0], [-0.3, 0, 0, 0]]) == pytest.approx([-4, 3])
    assert relevance([word(0, -1.0), word(1, -3.0)], [[0.4, -0.2, 0, 0]]) == pytest.approx([(-4 + 3 * 2) / 4])


def test_examples_together_weigh_as_much_as_one_word() -> None:
    """Likes of 1 and 3 have the mean 2, the word 1: 1.5 together."""
    liked = [example(1), example(2)]
    assert relevance([word(0), *liked], [[0.1, 0.1, 0.3, 0]]) == pytest.approx([1.5])


def test_average_is_the_weighted_mean_of_the_likes() -> None:
    assert relevance([example(0, 3.0), example(1)], [[0.2, 0.1, 0, 0]]) == pytest.approx([(3 * 2 + 1) / 4])


def test_a_dislike_counts_as_far_as_a_picture_is_nearer_to_it() -> None:
    """Liked 2; disliked 3 takes one away, disliked 1 nothing. At half the weight of the liked, half of that."""
    rows = [[0.2, 0.3, 0, 0], [0.2, 0.1, 0, 0]]
    assert relevance([example(0), example(1, -1.0)], rows) == pytest.approx([2 - 1, 2])
    assert relevance([example(0, 2.0), example(1, -1.0)], rows) == pytest.approx([2 - 0.5, 2])


def test_many_dislikes_are_taken_away_as_rocchio_does() -> None:
    """Liked 2, seven disliked of 1 each: nearer to the liked, but five more than few are half of Rocchio."""
    dislikes = [example(1, -1.0)] * 7
    assert relevance([example(0), *dislikes], [[0.2, 0.1, 0, 0]]) == pytest.approx([2 - 0.5 * 1])
    assert relevance([example(0), *dislikes], [[0.2, 0.4, 0, 0]]) == pytest.approx([2 - 0.5 * 2 - 0.5 * 4])


def test_only_dislikes_put_first_what_is_least_like_them() -> None:
    rows = [[0.3, 0, 0, 0], [-0.1, 0.1, 0, 0]]
    dislikes = [example(0, -1.0), example(1, -1.0)]
    assert relevance(dislikes, rows) == pytest.approx([-1.5, 0.0])
    assert relevance(dislikes, rows, "sum_scores") == pytest.approx([-1.5, 0.0])
    assert relevance(dislikes, rows, "best_score") == pytest.approx([-3.0, -1.0]), "minus the nearest"


def test_words_with_dislikes_only_treat_them_as_one_unwanted_word() -> None:
    rows = [[0.4, 0.2, 0.1, 0], [0.4, -0.2, -0.1, 0]]
    assert relevance([word(0), example(1, -1.0), example(2, -1.0)], rows) == pytest.approx([4 - UNWANTED * 1.5, 4])


def test_best_score_goes_by_the_nearest_like_unless_a_dislike_is_nearer() -> None:
    asked = [example(0), example(1), example(2, -1.0)]
    rows = [[0.1, 0.4, 0.3, 0], [0.1, 0.4, 0.5, 0], [-0.2, -0.2, -0.1, 0]]
    near, spoilt, far = relevance(asked, rows, "best_score")
    assert near == pytest.approx(4) and spoilt == pytest.approx(-5)
    assert far == pytest.approx(-2), "far from everything is no better than it is far from the liked"


def test_a_picture_as_near_to_a_dislike_as_to_a_like_is_the_dislikes_by_best_score_alone() -> None:
    """By average nothing is taken from the like, and the dislike brings nothing."""
    asked, rows = [example(0), example(1, -1.0)], np.array([[0.25, 0.25, 0, 0]], np.float32)
    assert relevance(asked, rows.tolist(), "best_score") == pytest.approx([-2.5])
    scores = score(asked, {"look": rows}, np.ones(1, bool), library(), "average")
    assert scores.amounts[0, :, 0].tolist() == pytest.approx([2.5, 0.0])


def test_the_nearest_dislike_stands_for_all_of_them_beside_an_unwanted_word() -> None:
    """A word of 3 and dislikes of 1 and 2, all of one weight: the word has a third, the nearest dislike two."""
    asked = [word(0, -1.0), example(1, -1.0), example(2, -1.0)]
    assert relevance(asked, [[0.3, 0.1, 0.2, 0]], "best_score") == pytest.approx([-(3 + 2 * 2) / 3])


def test_best_score_weighs_each_example() -> None:
    """Weights 3 and 1 have the mean 2, so that the likes count one and a half times and half."""
    assert relevance([example(0, 3.0), example(1, 1.0)], [[0.2, 0.4, 0, 0]], "best_score") == pytest.approx([3.0])


def test_best_score_names_the_example_that_decided() -> None:
    pictures = {"look": np.array([[0.1, 0.4, 0, 0]], np.float32)}
    scores = score([example(0), example(1)], pictures, np.array([True]), library(), "best_score")
    assert scores.amounts[0, :, 0].tolist() == pytest.approx([0, 4])


def test_sum_scores_adds_likes_and_takes_dislikes_away() -> None:
    asked = [example(0), example(1), example(2, -1.0)]
    assert relevance(asked, [[0.1, 0.4, 0.3, 0]], "sum_scores") == pytest.approx([(1 + 4 - 3) / 2])


def test_an_uncaptioned_picture_is_judged_by_the_level_of_images() -> None:
    """Its caption vector is its image vector. At the captions' level, usual .5, it would be far below the usual."""
    space = LibrarySpace(
        {}, np.ones(0, bool), {"image": level([0.1] * 4, [0.1] * 4), "caption": level([0.5] * 4, [0.2] * 4)}, 100
    )
    rows = np.array([[0.3, 0, 0, 0], [0.3, 0, 0, 0]], np.float32)
    pictures = {"image": rows, "caption": np.array([[0.9, 0, 0, 0], [0.3, 0, 0, 0]], np.float32)}
    scores = score([word(0, caption=1.0)], pictures, np.array([True, False]), space)
    assert scores.relevance.tolist() == pytest.approx([2, 2], abs=1e-6)


def test_without_levels_cosines_count_as_they_are() -> None:
    pictures = {"image": np.array([[0.3, 0.1, 0, 0]], np.float32)}
    assert score([word(0), word(1)], pictures, np.array([True]), None).relevance[0] == pytest.approx(0.2)


def test_no_candidates_have_no_scores() -> None:
    empty = np.zeros((0, 4), np.float32)
    scores = score([word(0), example(1)], {"image": empty, "look": empty}, np.zeros(0, bool), library())
    assert scores.relevance.shape == (0,) and scores.amounts.shape == (0, 2, 2)


def test_full_is_undone_by_unfull() -> None:
    values = np.linspace(-9, 30, 200)
    np.testing.assert_allclose(unfull(full(values)), values)
    assert (np.diff(full(values)) > 0).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(8))
def test_the_score_equals_the_obvious_one(strategy: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = {name: unit(rng.normal(0.2, 1, (60, 5))) for name in ("image", "caption", "look")}
    captioned = rng.random(60) < 0.7
    rows["caption"][~captioned] = rows["image"][~captioned]
    space = LibrarySpace.of(rows, captioned, 60)
    asked = [
        random_term(rng, example=bool(kind), sign=int(sign))
        for kind, sign in zip(rng.integers(0, 2, 6), rng.choice([-1, 1, 1], 6), strict=True)
    ]
    scores = score(asked, rows, captioned, space, strategy)
    slow = [obvious(asked, {n: v[i] for n, v in rows.items()}, captioned[i], space, strategy) for i in range(60)]
    np.testing.assert_allclose(scores.relevance, slow, atol=1e-9)
    np.testing.assert_allclose(scores.amounts.sum(axis=(1, 2)), slow, atol=1e-9)


def random_term(rng: np.random.Generator, *, example: bool, sign: int) -> Asked:
    row = unit(rng.normal(0.2, 1, (1, 5)))[0]
    names = ("image", "look") if example else ("image", "caption")
    return Asked(
        sign * float(rng.uniform(0.5, 3)), example, dict.fromkeys(names, row), dict(zip(names, (0.3, 0.7), strict=True))
    )


def obvious(
    asked: Sequence[Asked], picture: dict[str, np.ndarray], captioned: bool, space: LibrarySpace, strategy: str
) -> float:
    """One picture, term by term, as the module's docstring says it."""

    def value(term: Asked) -> float:
        total = 0.0
        for name, share in term.targets.items():
            of = "image" if name == "caption" and not captioned else name
            (mean,), (spread,) = space.spreads[of].levels(term.vectors[name][None])
            total += share * (float(picture[name].astype(float) @ term.vectors[name].astype(float)) - mean) / spread
        return total

    def mean(pairs: Sequence[tuple[float, float]]) -> float:
        return sum(w * v for w, v in pairs) / sum(w for w, _ in pairs)

    words = [(t.weight, value(t)) for t in asked if not t.example]
    likes = [(t.weight, value(t)) for t in asked if t.example and t.weight > 0]
    dislikes = [(-t.weight, value(t)) for t in asked if t.example and t.weight < 0]
    wanted = [(w, v) for w, v in words if w > 0]
    unwanted = [(-w, v) for w, v in words if w < 0]
    usual_like = sum(w for w, _ in likes) / len(likes) if likes else 0.0
    usual_dislike = sum(w for w, _ in dislikes) / len(dislikes) if dislikes else 0.0
    disliked = 0.0
    if dislikes:
        disliked = mean(dislikes)
        if strategy == "best_score":
            disliked = max(w / usual_dislike * v for w, v in dislikes)
    if not wanted and not likes:
        parts = [*unwanted, *([(sum(w for w, _ in dislikes), disliked)] if dislikes else [])]
        return -mean(parts)
    if likes:
        liked = mean(likes)
        heavier = usual_dislike / usual_like
        if strategy == "sum_scores":
            liked = sum(w * v for w, v in likes) - sum(w * v for w, v in dislikes)
            liked /= sum(w for w, _ in likes)
        elif strategy == "best_score":
            liked = max(w / usual_like * v for w, v in likes)
            bad = max((w / usual_like * v for w, v in dislikes), default=-math.inf)
            liked = min(liked, -bad) if bad >= liked else liked
        elif dislikes:
            more = max(len(dislikes) - FEW, 0)
            rocchio = more / (more + SETTLED)
            liked -= heavier * ((1 - rocchio) * max(disliked - liked, 0) + rocchio * disliked)
        wanted.append((usual_like, liked))
    elif dislikes:
        unwanted.append((usual_dislike, disliked))
    whole = sum(w for w, _ in wanted)
    met = sum(w * (v if v <= FULL else FULL + math.log(1 + v - FULL)) for w, v in wanted) / whole
    met = met if met <= FULL else FULL + math.exp(met - FULL) - 1
    return met - UNWANTED * sum(w * max(v, 0) for w, v in unwanted) / whole


def test_candidates_of_one_word_come_in_the_order_of_its_relevance() -> None:
    rng = np.random.default_rng(5)
    rows = {name: unit(rng.normal(0.2, 1, (80, 6))) for name in ("image", "caption")}
    space = LibrarySpace.of(rows, [True] * 80, 80)
    row = unit(rng.normal(size=(1, 6)))[0]
    term = Asked(1.0, False, {"image": row, "caption": row}, {"image": 0.4, "caption": 0.6})
    found = linear([term], space)
    sums = sum(weight * (rows[name] @ vector) for name, (weight, vector) in found.items())
    exact = score([term], rows, np.ones(80, bool), space).relevance
    assert np.argsort(sums).tolist() == np.argsort(exact).tolist()
    assert max(weight for weight, _ in found.values()) == 1
    assert all(np.linalg.norm(vector) == pytest.approx(1) for _, vector in found.values())


def test_candidates_are_searched_away_from_what_is_unwanted() -> None:
    """Both words have the same spread: the unwanted one has half of its weight."""
    [(name, (weight, vector))] = linear([word(0), word(1, -1.0)], library()).items()
    assert (name, weight) == ("image", 1.0)
    assert vector.tolist() == pytest.approx([2 / math.sqrt(5), -1 / math.sqrt(5), 0, 0])


def test_likes_weigh_as_much_as_one_word_among_the_candidates_too() -> None:
    found = linear([word(0), example(1), example(2)], library())
    assert found["image"][0] == pytest.approx(1)
    assert found["look"][0] == pytest.approx(math.sqrt(0.5))
    assert found["look"][1].tolist() == pytest.approx([0, math.sqrt(0.5), math.sqrt(0.5), 0])


def test_likes_and_dislikes_that_are_added_keep_their_sizes_among_the_candidates() -> None:
    """Two likes and a dislike, by the number of likes: halves, whose sum is √.75 of a word's length."""
    asked = [word(3), example(0), example(1), example(2, -1.0)]
    weight, vector = linear(asked, library(), "sum_scores")["look"]
    assert weight == pytest.approx(0.75**0.5)
    assert vector.tolist() == pytest.approx([3**-0.5, 3**-0.5, -(3**-0.5), 0])


def test_a_target_that_hardly_counts_is_not_searched() -> None:
    """Weaviate would look for its nearest too, and score every one of them."""
    assert linear([word(0, image=1 - 1e-5, caption=1e-5)], library()).keys() == {"image"}
    assert linear([word(0, image=0.999, caption=0.001)], library()).keys() == {"image", "caption"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_dislikes_are_searched_in_the_other_direction(strategy: str) -> None:
    found = linear([example(0, -1.0)], library(), strategy)
    assert found["look"][1].tolist() == pytest.approx([-1, 0, 0, 0])


def test_terms_that_cancel_out_on_a_target_are_not_searched_there() -> None:
    assert linear([example(0), example(0, -1.0)], library(), "sum_scores") == {}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_best_are_among_the_candidates(strategy: str) -> None:
    """At least .95 of the exact top 24 among the linear top 240 of 3,000; `docs/composed.md` has the measured figures
    of real vectors."""
    rng = np.random.default_rng(8)
    centres = rng.normal(size=(40, 24))
    rows = {n: unit(centres[rng.integers(0, 40, 3000)] + rng.normal(size=(3000, 24))) for n in ("image", "look")}
    rows["caption"] = unit(rows["image"] + 0.05 * rng.normal(size=(3000, 24)))
    everywhere = np.ones(3000, bool)
    space = LibrarySpace.of({name: vectors[:1000] for name, vectors in rows.items()}, everywhere[:1000], 3000)
    found = []
    for at in range(12):
        a, b = (unit(centres[[i]] + 0.3 * rng.normal(size=(1, 24)))[0] for i in (at, at + 12))
        words = [
            Asked(s, False, {"image": v, "caption": v}, {"image": 0.33, "caption": 0.67}) for s, v in ((1, a), (-1, b))
        ]
        likes = [Asked(1, True, {"look": rows["look"][at]}, {"look": 1.0})]
        asked = [*words, *likes]
        best = np.argsort(-score(asked, rows, everywhere, space, strategy).relevance)[:24]
        sums = sum(weight * (rows[name] @ vector) for name, (weight, vector) in linear(asked, space, strategy).items())
        found.append(np.isin(best, np.argsort(-sums)[:240]).mean())
    assert np.mean(found) >= 0.95
