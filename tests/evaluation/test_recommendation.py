"""Recommending judged, in libraries made by hand: which questions are asked, what is found, what a user gets."""

import argparse
import csv
import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from encoder.protocol import unit
from errors import EvaluationError
from evaluation import recommendation, recommendation_users
from evaluation.command import run_recommendation
from evaluation.library import Gathered, Pictured, gather
from evaluation.recommendation import SINGLES, draw_questions, judge_kinds
from evaluation.recommendation_copies import COPIES, LEAST_COPIED, judge_copies
from evaluation.recommendation_users import ROUNDS, SHOWN, farthest_point, judge_spread, preferences, simulate
from pictures.open import Limits
from search.scoring import LibrarySpace
from tests.colours import ColourEncoder

DIM = 24
SUBJECTS, STYLES = 4, 3


def library(count: int = 120, seed: int = 0) -> Gathered:
    """Row i shows subject i mod 4 in style i mod 3: `image` and `caption` say the subject, `look` the style. Tags are
    subjects, folders are styles."""
    rng = np.random.default_rng(seed)
    axes = np.eye(DIM)
    subject, style = np.arange(count) % SUBJECTS, np.arange(count) % STYLES

    def noisy(kind: np.ndarray, noise: float) -> np.ndarray:
        return unit(axes[kind] + noise * rng.normal(size=(count, DIM)))

    vectors = {"image": noisy(subject, 0.3), "caption": noisy(subject, 0.2), "look": noisy(style, 0.2)}
    keys = tuple(uuid.UUID(int=i + 1) for i in range(count))
    pictured = Pictured(keys, ("captioned",) * count, tuple((f"subject {s}",) for s in subject), vectors)
    space = LibrarySpace.of(vectors, [True] * count, count, keys)
    return Gathered(pictured, tuple(f"style {s}" for s in style), ("0" * 16,) * count, {}, space)


def test_a_question_asks_with_some_of_a_group_for_all_the_others() -> None:
    groups = {"a": range(6), "few": range(6, 11), "most": range(20), "b": range(30, 40)}
    questions = draw_questions(groups, 39, 3, 10, seed=0)
    assert [q.group for q in questions] == ["a", "b"] * 5, "in turn; five are too few, twenty of 39 too many"
    for question in questions:
        assert len(question.likes) == 3 and not question.relevant & set(question.likes)
        assert question.relevant | set(question.likes) == set(groups[question.group])
    assert draw_questions(groups, 39, 3, 10, seed=0) == questions != draw_questions(groups, 39, 3, 10, seed=1)


def test_subjects_are_found_by_what_is_shown_styles_by_how_it_looks_and_auto_knows_which() -> None:
    found = judge_kinds(library(), count=24)
    mean = {title: {name: f["nDCG@10"].mean for name, f in kind.methods.items()} for title, kind in found.items()}
    assert mean["tags"]["look alone"] < 0.6 < 0.95 < mean["tags"]["caption alone"]
    assert mean["folders"]["caption alone"] < 0.6 < 0.95 < mean["folders"]["look alone"]
    assert mean["tags"]["auto, average"] > 0.95 and mean["folders"]["auto, average"] > 0.95
    assert found["both"].gain["auto, average"].low > 0.1, "no single target does both"
    assert found["tags"].learned["look"] < 0.1 < 0.9 < found["folders"].learned["look"]
    assert found["both"].questions == 48 and found["both"].groups == SUBJECTS + STYLES


def test_both_is_the_mean_of_its_kinds() -> None:
    found = judge_kinds(library(), count=12)
    for name in SINGLES:
        halves = [found[title].methods[name]["S@10"].mean for title in ("tags", "folders")]
        assert found["both"].methods[name]["S@10"].mean == pytest.approx(np.mean(halves))


def test_the_likes_are_never_an_answer() -> None:
    gathered = library(24)
    [kind] = [judge_kinds(gathered, likes=3, count=8)["tags"]]
    assert kind.methods["caption alone"]["nDCG@10"].mean > 0.99, "six in a group, the three others come first"


def test_a_library_without_groups_says_so() -> None:
    gathered = library(5)
    with pytest.raises(EvaluationError, match=r"No tag and no folder has 6 pictures and at most half of the 5"):
        judge_kinds(gathered)


def test_hidden_preferences_are_tags_and_tags_less_another() -> None:
    tags = {"animal": range(40), "bird": range(30, 42), "cat": range(38, 40), "all": range(95)}
    found = preferences(tags, 100, 20, None)
    assert set(found) == {"animal", "animal, not bird"}, "cat takes too little of animal, bird is too few"
    assert found["animal, not bird"] == frozenset(range(30))
    assert set(preferences(tags, 100, 11, 40)) == {"animal, not bird", "bird"}


def test_a_user_who_likes_a_subject_is_shown_it_after_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_users, "USERS", 2)
    gathered = library(400)
    hidden = {"subject 0": frozenset(range(0, 400, SUBJECTS)), "style 1": frozenset(range(1, 400, STYLES))}
    curve = simulate(gathered, hidden, "average")
    assert len(curve.liked) == len(curve.reached) == ROUNDS + 1 and curve.users == 4
    assert curve.liked[0] < 0.6 and min(curve.liked[2:]) > 0.9 and curve.reached[2] == 1
    assert list(curve.reached) == sorted(curve.reached)
    assert simulate(gathered, hidden, "average") == curve


def test_nothing_is_shown_twice_and_what_is_left_to_like_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve are liked: however well they are found, once all were seen a round without any is no failure."""
    monkeypatch.setattr(recommendation_users, "USERS", 1)
    gathered = library(48)
    curve = simulate(gathered, {"subject 0": frozenset(range(0, 48, SUBJECTS))}, None)
    assert curve.liked[0] < 1 and curve.liked[3] == 1.0


def test_who_likes_nothing_is_shown_more_of_the_library_all_of_it_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_users, "USERS", 1)

    def in_order(rows: np.ndarray, k: int, seed: int, *, shown: list[int]) -> list[int]:
        return [row for row in range(len(rows)) if row not in shown][:k]

    monkeypatch.setattr(recommendation_users, "spread_out", in_order)
    count = SHOWN * (ROUNDS + 1)
    curve = simulate(library(count), {"last": frozenset({count - 1})}, None)
    assert curve.liked == (0.0,) * ROUNDS + (1.0,)


def test_a_user_who_only_likes_dislikes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_users.Profile, "disliking", None)
    hidden = {"subject 0": frozenset(range(0, 120, SUBJECTS))}
    assert max(simulate(library(), hidden, "average", dislikes=False).liked) > 0.9
    with pytest.raises(TypeError):
        simulate(library(), hidden, "average")


def test_a_random_start_shows_every_picture_once_until_one_is_liked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_users, "spread_out", None)
    count = SHOWN * (ROUNDS + 1)
    curve = simulate(library(count), {"last": frozenset({count - 1})}, None, random_start=True)
    assert curve.liked[-1] == 1 and list(curve.liked) == sorted(curve.liked)
    with pytest.raises(TypeError):
        simulate(library(count), {"last": frozenset({count - 1})}, None)


def test_farthest_point_takes_the_farthest_each_time() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(30, 5)))
    chosen = farthest_point(rows, 6, np.random.default_rng(0))
    assert chosen[0] == int((rows @ rows.sum(axis=0)).argmax())
    for place in range(1, 6):
        nearest = (rows @ rows[chosen[:place]].T).max(axis=1)
        assert nearest[chosen[place]] == pytest.approx(nearest.min(), abs=1e-6)


def test_k_medoids_stand_for_more_of_a_library_than_random_pictures() -> None:
    gathered = library()
    found = judge_spread(gathered.vectors, gathered.by_folder())
    assert found["k-medoids, image"]["near"] > found["random"]["near"]
    assert found["k-medoids, all targets"]["met"] == 1.0
    assert 0 < found["random"]["farthest"] < found["random"]["near"] < 1


def drawings(folder: Path, count: int = 14) -> Path:
    """Pictures of coloured squares, two tags, half of them in a folder below."""
    rng = np.random.default_rng(0)
    names = [f"{'more/' if i % 2 else ''}{i}.png" for i in range(count)]
    (folder / "more").mkdir(parents=True)
    for name in names:
        image = Image.new("RGB", (96, 64), "white")
        draw = ImageDraw.Draw(image)
        for _ in range(6):
            x, y = (int(v) for v in rng.integers(0, 60, 2))
            colour = tuple(int(v) for v in rng.integers(0, 255, 3))
            draw.rectangle((x, y, x + int(rng.integers(8, 36)), y + int(rng.integers(8, 36))), fill=colour)
        image.save(folder / name)
    with (folder / "metadata.csv").open("w", newline="") as file:
        rows = [(name, f"squares {i}", "first" if i < count // 2 else "second") for i, name in enumerate(names)]
        csv.writer(file).writerows([("file_name", "text", "tags"), *rows])
    return folder


def test_a_folder_is_gathered_with_its_folders_hashes_and_pictures_to_copy(tmp_path: Path) -> None:
    gathered, unread = gather(drawings(tmp_path), ColourEncoder(), Limits(), copied=5)
    assert not unread and len(gathered.pixels) == 5
    assert {folder: len(rows) for folder, rows in gathered.by_folder().items()} == {"": 7, "more": 7}
    assert all(len(text) == 16 for text in gathered.phashes) and len(set(gathered.phashes)) == 14
    for row, folder in enumerate(gathered.folders):
        number = int(gathered.pictured.captions[row].split()[1])
        assert folder == ("more" if number % 2 else "")
        assert gathered.pictured.tags[row] == ("first" if number < 7 else "second",)


def test_copies_are_found_and_different_pictures_are_not(tmp_path: Path) -> None:
    gathered, _ = gather(drawings(tmp_path), ColourEncoder(), Limits(), copied=14)
    found = judge_copies(gathered, ColourEncoder())
    assert (found.pictures, found.copies, found.pairs) == (14, 14 * len(COPIES), 14 * 13 // 2)
    own = found.rules["hash and look (the search's)"]
    assert own.by_kind["half the size"] == own.by_kind["JPEG 50"] == 1.0
    assert own.wrong == len(found.joined) == 0 and own.precision == 1.0
    assert own.recall == pytest.approx(np.mean(list(own.by_kind.values())))


def test_too_few_pictures_to_copy_is_a_sentence(tmp_path: Path) -> None:
    gathered, _ = gather(drawings(tmp_path), ColourEncoder(), Limits(), copied=LEAST_COPIED - 1)
    with pytest.raises(EvaluationError, match="Only 9 pictures can be copied"):
        judge_copies(gathered, ColourEncoder())


def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation, "LIKES", (3, 12))
    monkeypatch.setattr(recommendation, "NARROW", 4)
    monkeypatch.setattr(recommendation, "QUESTIONS", 6)
    monkeypatch.setattr(recommendation_users, "USERS", 1)


def asked(folder: Path, **changed: object) -> argparse.Namespace:
    return argparse.Namespace(**{"folder": folder, "seed": 0, "copied": 14, "without": [], "json": False, **changed})


def test_the_command_prints_every_table_and_names_what_could_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short(monkeypatch)
    (drawings(tmp_path) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert run_recommendation(asked(tmp_path), ColourEncoder(), Limits()) == 1
    captured = capsys.readouterr()
    assert "broken.png" in captured.err
    for part in (
        "Given 3 of a group, by tags (2 groups",
        "by both (4 groups",
        "Simulated users with a narrow preference",
        "The first 12 pictures",
        "copies of 14 pictures",
        "No group is large enough to be asked for with 12 likes.",
        "No hidden preference is wide",
    ):
        assert part in captured.out
    assert max(map(len, captured.out.splitlines())) <= 110


def test_its_json_holds_the_same_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short(monkeypatch)
    values = asked(drawings(tmp_path), json=True, without=["second"], seed=3)
    assert run_recommendation(values, ColourEncoder(), Limits()) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["images"], data["captioned"], data["seed"], data["without"]) == (14, 14, 3, ["second"])
    assert set(data["leave_one_out"]["3"]) == {"tags", "folders", "both"}
    assert data["simulated_users"]["narrow"]["average"]["preferences"] == ["first"]
    assert data["near_duplicates"]["rules"]["hash and look (the search's)"]["wrong"] == 0
    low = data["leave_one_out"]["3"]["tags"]["methods"]["auto, average"]["nDCG@10"]
    assert low[1] <= low[0] <= low[2]
