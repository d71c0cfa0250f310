"""A profile and its question; the targets learned from likes, against a slow pair by pair version."""

import json
import math
import uuid

import numpy as np
import pytest

from encoder.protocol import unit
from errors import QueryError
from search.preference import CHANCE, MOST_UNDONE, SHARPNESS, Profile, closeness, learn_targets
from search.query import AUTO, MAX_HIDDEN, MAX_TERMS
from search.scoring import LibrarySpace

A, B, C, D = (uuid.UUID(int=i) for i in range(1, 5))


def profile(**given: object) -> Profile:
    return Profile(encoder="colours-1", **given)  # type: ignore[arg-type]


def test_liking_what_was_disliked_moves_it_over_and_leaves_the_old_profile_as_it_was() -> None:
    before = profile().disliking(A).liking(B, 2.0)
    after = before.liking(A, 3.0)
    assert dict(after.likes) == {B: 2.0, A: 3.0} and not after.dislikes
    assert dict(before.dislikes) == {A: 1.0}
    assert dict(after.disliking(B).likes) == {A: 3.0}
    assert after.forgetting(A).items == (B,)


def test_undo_goes_back_edit_by_edit_with_what_was_seen_then() -> None:
    first = profile().liking(A)
    second = first.seeing([B, C]).disliking(D).edit(words="beach")
    assert second.undone() == first.seeing([B, C]).disliking(D)
    assert second.undone().undone() == first.seeing([B, C])
    assert second.undone().undone().undone() == profile()
    assert not profile().can_undo and profile().undone() == profile()


def test_a_reset_can_be_undone_and_keeps_what_counts() -> None:
    full = profile(targets={"look": 1.0}, strategy="best_score", diversity=0.5).liking(A).seeing([A]).edit(words="x")
    empty = full.reset()
    assert empty.empty and not empty.seen
    assert (empty.targets, empty.strategy, empty.diversity) == ({"look": 1.0}, "best_score", 0.5)
    assert empty.undone() == full


def test_histories_do_not_grow_without_end() -> None:
    edited = profile()
    for number in range(3 * MOST_UNDONE):
        edited = edited.liking(uuid.UUID(int=number + 1))
    assert len(edited.history) == MOST_UNDONE
    assert all(not one.history for one in edited.history)


def test_its_question_holds_likes_dislikes_words_and_hides_what_was_judged_or_seen() -> None:
    asking = profile(words="beach - people tag:sea").liking(A, 2.0).disliking(B, 0.5).seeing([C, A])
    query = asking.query(limit=12, offset=12)
    assert [(t.text, t.weight) for t in query.terms if t.text] == [("beach", 1.0), ("people", -1.0)]
    assert [(t.item, t.weight) for t in query.terms if t.item] == [(A, 2.0), (B, -0.5)]
    assert [str(condition) for condition in query.filters] == ["tags=sea"]
    assert set(query.hidden) == {A, B, C}
    assert (query.limit, query.offset, query.targets, query.collapse) == (12, 12, AUTO, True)


def test_only_dislikes_ask_too() -> None:
    assert [term.weight for term in profile().disliking(A).query().terms] == [-1.0]


def test_an_empty_profile_says_what_to_do() -> None:
    assert profile().empty and profile(words="  ").empty
    with pytest.raises(QueryError, match="like a picture first"):
        profile().query()


def test_more_examples_than_a_question_holds_leave_the_lightest_and_oldest_out_and_say_how_many() -> None:
    many = {uuid.UUID(int=i + 1): 1.0 for i in range(50)}
    other = {uuid.UUID(int=i + 1001): 1.0 for i in range(50)}
    asking = profile(likes={**many, uuid.UUID(int=1): 9.0}, dislikes=other, words="beach")
    items = [term for term in asking.query().terms if term.item]
    assert len(asking.query().terms) == MAX_TERMS
    liked = [term.item for term in items if term.weight > 0]
    assert len(liked) == len(items) // 2
    assert liked == [uuid.UUID(int=1), *list(many)[-len(liked) + 1 :]], "the heaviest, then the latest"
    assert set(asking.query().hidden) == set(many) | set(other), "what is not asked with does not come back either"


def test_of_too_much_seen_the_latest_stays_hidden() -> None:
    seen = [uuid.UUID(int=i + 1) for i in range(MAX_HIDDEN + 5)]
    hidden = profile().liking(D).seeing(seen).query().hidden
    assert len(hidden) == MAX_HIDDEN and seen[-1] in hidden and seen[4] not in hidden and D in hidden


def test_pictures_that_are_gone_are_left_out_and_named() -> None:
    kept, said = profile().liking(A).liking(B).disliking(C).present({B})
    assert kept.items == (B,)
    assert said == f"1 liked and 1 disliked pictures are no longer in the library and do not count: {A}, {C}."
    assert profile().liking(A).present({A}) == (profile().liking(A), "")
    _, said = profile().liking(A).present(())
    assert said == f"1 liked picture is no longer in the library and does not count: {A}."
    many = profile(likes={uuid.UUID(int=i + 1): 1.0 for i in range(9)})
    assert "and 6 more" in many.present(())[1]


def test_json_round_trip() -> None:
    full = profile(words="2:beach", targets={"look": 1.0}, strategy="sum_scores", diversity=0.25)
    full = full.liking(A, 0.5).disliking(B).seeing([C, D])
    assert Profile.from_json(json.loads(json.dumps(full.to_json())), "colours-1") == full
    assert Profile.from_json({"encoder": "colours-1"}) == profile(targets=None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"likes": {str(A): math.nan}}, "needs a weight above 0"),
        ({"likes": {str(A): 0}}, "needs a weight above 0"),
        ({"dislikes": {str(A): 1e9}}, "needs a weight above 0, up to 1000"),
        ({"likes": {str(A): "much"}}, "a picture needs a weight above 0, up to 1000, got 'much'"),
        ({"likes": {str(A): True}}, "a picture needs a weight above 0, up to 1000, got True"),
        ({"likes": {"no": 1}}, "'no' is not the uuid of a picture"),
        ({"likes": [str(A)]}, "'likes' must be an object"),
        ({"likes": {str(A): 1}, "dislikes": {str(A): 1}}, "cannot be liked and disliked at once"),
        ({"seen": "all"}, "'seen' must be a list"),
        ({"words": 5}, "'words' must be a string"),
        ({"stars": 5}, "unknown key 'stars'"),
        ({"targets": {"taste": 1}}, "unknown target 'taste'"),
        ({"targets": "best"}, "targets are 'auto' or an object"),
        ({"targets": 5}, "targets are 'auto' or an object"),
        ({"strategy": "luck"}, "strategy is one of average, best_score, sum_scores"),
        ({"strategy": ["average"]}, "strategy is one of average"),
        ({"diversity": math.nan}, "diversity must be 0 to 1"),
        ({"diversity": 2}, "diversity must be 0 to 1"),
        ({"encoder": ""}, "does not say which encoder"),
    ],
)
def test_a_bad_profile_is_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(QueryError, match=sentence):
        Profile.from_json({"encoder": "colours-1", **change})


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_what_is_no_object_is_no_profile(data: object) -> None:
    with pytest.raises(QueryError, match="a profile is a JSON object"):
        Profile.from_json(data)


def test_a_profile_of_another_encoder_is_refused_with_both_names() -> None:
    with pytest.raises(QueryError, match=r"'clip-1'.*'colours-1'"):
        Profile.from_json({"encoder": "clip-1"}, "colours-1")


def space(seed: int = 0, count: int = 200, captioned: bool = True) -> LibrarySpace:
    rng = np.random.default_rng(seed)
    sample = {name: unit(rng.normal(size=(count, 16))) for name in ("image", "caption", "look")}
    return LibrarySpace.of(sample, [captioned] * count, count)


def near(rng: np.random.Generator, count: int) -> np.ndarray:
    return unit(rng.normal(size=16) + 0.4 * rng.normal(size=(count, 16)))


def test_the_target_on_which_the_likes_lie_together_counts_most() -> None:
    rng = np.random.default_rng(1)
    likes = {name: unit(rng.normal(size=(5, 16))) for name in ("image", "caption")}
    learned = learn_targets({**likes, "look": near(rng, 5)}, space())
    assert learned["look"] > 0.9 and sum(learned.values()) == pytest.approx(1)


def test_closeness_is_the_mean_over_pairs_of_calibrated_cosines() -> None:
    rng = np.random.default_rng(2)
    rows, weights, spread = near(rng, 4), np.array([1.0, 2.0, 0.5, 3.0]), space().spreads["image"]
    sample = space().sample["image"].astype(float)
    values, whole = 0.0, 0.0
    for i in range(4):
        cosines = sample @ rows[i].astype(float)
        for j in range(4):
            if i != j:
                values += weights[i] * weights[j] * (rows[i] @ rows[j] - cosines.mean()) / cosines.std()
                whole += weights[i] * weights[j]
    assert closeness(rows, spread, weights) == pytest.approx(values / whole, rel=1e-5)


def test_random_likes_are_no_closer_than_chance() -> None:
    rng = np.random.default_rng(3)
    found = [closeness(unit(rng.normal(size=(3, 16))), space().spreads["look"], np.ones(3)) for _ in range(300)]
    assert abs(float(np.mean(found))) < 0.1


def test_strengths_become_weights_by_the_formula() -> None:
    rng = np.random.default_rng(4)
    likes = {"image": near(rng, 3), "look": near(rng, 3)}
    strengths = {
        name: max(closeness(rows, space().spreads[name], np.ones(3)) - CHANCE, 0) ** SHARPNESS
        for name, rows in likes.items()
    }
    whole = sum(strengths.values())
    assert learn_targets(likes, space()) == pytest.approx({name: value / whole for name, value in strengths.items()})


def test_nothing_is_learned_from_one_like_from_opposites_or_without_a_space() -> None:
    rng = np.random.default_rng(5)
    one = near(rng, 1)
    assert learn_targets({"image": one}, space()) == {}
    assert learn_targets({}, space()) == {}
    assert learn_targets({"image": near(rng, 3)}, None) == {}
    assert learn_targets({"image": np.concatenate([one, -one])}, space()) == {}
    few = LibrarySpace.of({"image": near(rng, 5)}, [True] * 5, 5)
    assert learn_targets({"image": near(rng, 3)}, few) == {}


def test_likes_without_a_caption_do_not_count_their_image_twice() -> None:
    rng = np.random.default_rng(6)
    image = near(rng, 4)
    assert learn_targets({"image": image, "caption": image.copy()}, space()) == {"image": 1.0}
    caption = near(rng, 4)
    caption[2:] = image[2:]
    half = learn_targets({"image": image, "caption": caption}, space())
    captioned = closeness(caption[:2], space().spreads["caption"], np.ones(2)) - CHANCE
    alike = closeness(image, space().spreads["image"], np.ones(4)) - CHANCE
    assert half["caption"] / half["image"] == pytest.approx(0.5 * (captioned / alike) ** SHARPNESS)


def test_a_like_of_little_weight_hardly_changes_what_is_learned() -> None:
    rng = np.random.default_rng(7)
    look = np.concatenate([near(rng, 3), unit(rng.normal(size=(1, 16)))])
    image = np.concatenate([unit(rng.normal(size=(3, 16))), look[3:]])
    whole = learn_targets({"image": image, "look": look}, space())["look"]
    light = learn_targets({"image": image, "look": look}, space(), [1, 1, 1, 0.001])["look"]
    without = learn_targets({"image": image[:3], "look": look[:3]}, space()).get("look", 0)
    assert abs(light - without) < 0.01 and whole <= light + 1e-9
