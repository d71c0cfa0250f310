"""Which negatives are mined, from arrays and from the live collection."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from errors import TrainingError
from evaluation.library import LiveLibrary, read_pictures
from schema.collection import Pictures
from settings import PROJECT
from training.negatives import Array, ExactNearest, LiveNearest, mine, mine_library


def on_circle(*degrees: float) -> Array:
    turn = np.deg2rad(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)


def unit(rows: np.ndarray) -> Array:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


# An index


def test_the_exact_index_by_hand() -> None:
    index = ExactNearest(on_circle(0, 90, 30, 180), chunk=1)
    numbers, similarities = index.nearest(on_circle(20, 170), 6)
    assert numbers.tolist() == [[2, 0, 1, 3, -1, -1], [3, 1, 2, 0, -1, -1]]
    assert similarities[0, :2] == pytest.approx(np.cos(np.deg2rad([10, 20])), abs=1e-6)
    assert np.isneginf(similarities[:, 4:]).all()


# Mining


def test_mining_by_hand() -> None:
    """An anchor at 0°, its positive at 60° (cosine .5, ceiling .475 = 61.6°). Rank 1 is left of the ranks, 58° above
    the ceiling, 70° of its concept; 65° and 80° remain, 85° is beyond rank 6, and the anchor itself is not ranked."""
    index = ExactNearest(on_circle(0, 30, 60, 58, 65, 70, 80, 85))
    concepts = [1, 9, 1, 2, 3, 1, 5, 6]
    mined = mine(on_circle(0), np.array([0.5]), index, concepts, [1], itself=[0], ranks=(2, 6))
    assert [found.tolist() for found in mined.negatives] == [[4, 6]]
    assert mined.dropped == {"same concept": 2, "near-duplicate": 0, "above the ceiling": 1}


def test_near_duplicates_of_the_anchor_and_of_its_positive_are_no_negatives() -> None:
    """At 4° and 5° beside the anchor, and at 88° and 91° beside the positive at 90°, with captions of other concepts.
    Without the positives' vectors the latter two cannot be known."""
    index = ExactNearest(on_circle(4, 5, 88, 91, 120))
    concepts = [1, 2, 3, 4, 5]
    asked = {"ranks": (1, 5), "ceiling": 10.0}
    known = mine(on_circle(0), np.array([0.9]), index, concepts, [0], positives=on_circle(90), **asked)
    assert known.negatives[0].tolist() == [4]
    assert known.dropped["near-duplicate"] == 4
    unknown = mine(on_circle(0), np.array([0.9]), index, concepts, [0], **asked)
    assert unknown.negatives[0].tolist() == [2, 3, 4]


def slow_mine(
    anchor: Array, similarity: float, rows: Array, concepts: Sequence[int], concept: int, itself: int, positive: Array
) -> list[int]:
    others = [number for number in range(len(rows)) if number != itself]
    ranked = sorted(others, key=lambda number: -float(anchor @ rows[number]))
    mined = []
    for rank, number in enumerate(ranked, 1):
        near = float(anchor @ rows[number])
        duplicate = near >= 0.98 or float(positive @ rows[number]) >= 0.98
        if 5 <= rank <= 50 and near <= 0.95 * similarity and concepts[number] != concept and not duplicate:
            mined.append(number)
    return mined


def test_mining_equals_the_slow_loop(rng: np.random.Generator) -> None:
    rows = unit(rng.normal(size=(300, 3)))  # so few dimensions that there are near-duplicates
    concepts = rng.integers(20, size=300)
    anchors = np.arange(0, 300, 7)
    positives = np.array([rng.choice(np.flatnonzero(concepts == concepts[at])) for at in anchors])
    similarities = (rows[anchors] * rows[positives]).sum(axis=1)
    mined = mine(
        rows[anchors],
        similarities,
        ExactNearest(rows),
        concepts,
        concepts[anchors],
        itself=anchors,
        positives=rows[positives],
    )
    for at, (anchor, found) in enumerate(zip(anchors, mined.negatives, strict=True)):
        expected = slow_mine(
            rows[anchor],
            float(similarities[at]),
            rows,
            concepts.tolist(),
            int(concepts[anchor]),
            int(anchor),
            rows[positives[at]],
        )
        assert found.tolist() == expected
    kept = sum(len(found) for found in mined.negatives)
    assert 0 < kept < len(anchors) * 46 and all(mined.dropped.values())
    assert kept + sum(mined.dropped.values()) == len(anchors) * 46, "each candidate is kept or counted"


def test_an_index_smaller_than_the_ranks_gives_what_it_has() -> None:
    mined = mine(on_circle(0, 10), np.array([1.0, 1.0]), ExactNearest(on_circle(90, 100)), [1, 2], [3, 3])
    assert [found.tolist() for found in mined.negatives] == [[], []]
    mined = mine(on_circle(0), np.array([1.0]), ExactNearest(on_circle()), [], [3])
    assert [found.tolist() for found in mined.negatives] == [[]]
    mined = mine(on_circle(0), np.array([1.0]), ExactNearest(on_circle(90, 100)), [1, 2], [3], ranks=(1, 50))
    assert [found.tolist() for found in mined.negatives] == [[0, 1]]


A, B, STRANGER = (uuid.uuid5(uuid.NAMESPACE_OID, name) for name in ("a", "b", "stranger"))


def test_what_is_not_numbered_is_passed_over_and_the_rest_moves_up() -> None:
    asked = []

    def nearest(name: str, vector: np.ndarray, k: int) -> list[tuple[uuid.UUID, float]]:
        asked.append((name, vector.tolist(), k))
        return [(STRANGER, 0.9), (B, 0.8), (A, 0.5)][:k]

    index = LiveNearest(SimpleNamespace(nearest=nearest), "caption", {A: 0, B: 7})  # type: ignore[arg-type]
    numbers, similarities = index.nearest(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), 4)
    assert asked == [("caption", [1.0, 0.0], 4), ("caption", [0.0, 1.0], 4)]
    assert numbers.tolist() == [[7, 0, -1, -1]] * 2
    assert np.allclose(similarities[0], [0.8, 0.5, -np.inf, -np.inf])


def test_the_live_collection_mines_as_the_exact_index(samples: Pictures) -> None:
    """100 pictures: below 40,000 the flat part of the index is exact, so only ties and rounding may differ."""
    library = LiveLibrary(samples)
    pictured, _ = read_pictures(library, ("look",), 100)
    rows = pictured.vectors["look"]
    live, exact = LiveNearest(library, "look", {key: at for at, key in enumerate(pictured.uuids)}), ExactNearest(rows)
    anchors = np.arange(0, len(rows), 4)
    positives = rows[exact.nearest(rows[anchors], 2)[0][:, 1]]
    similarities, concepts = (rows[anchors] * positives).sum(axis=1), np.arange(len(rows))
    ours, theirs = (
        mine(rows[anchors], similarities, index, concepts, anchors, itself=anchors, positives=positives).negatives
        for index in (live, exact)
    )
    shared = sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(ours, theirs, strict=True))
    assert shared / sum(len(found) for found in theirs) > 0.99
    assert all(anchor not in found for anchor, found in zip(anchors.tolist(), ours, strict=True))


def test_mining_a_library_writes_for_each_caption_what_the_slow_loop_finds(samples: Pictures, tmp_path: Path) -> None:
    """All a picture's neighbours by its caption, from rank 5, except its own caption's pictures and near-duplicates."""
    library, out = LiveLibrary(samples), tmp_path / "below" / "mined.jsonl"
    said = mine_library(library, out, 100)
    pictured, _ = read_pictures(library, ("image", "caption"), 100)
    place = {str(key): at for at, key in enumerate(pictured.uuids)}
    names = [caption.casefold() or str(at) for at, caption in enumerate(pictured.captions)]
    concepts = [names.index(name) for name in names]
    images, captions = pictured.vectors["image"], pictured.vectors["caption"]
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["caption"] for line in lines] == [caption for caption in pictured.captions if caption]
    agreed = total = 0
    for line in lines:
        at = place[line["picture"]]
        wanted = slow_mine(
            captions[at], float(captions[at] @ images[at]), images, concepts, concepts[at], at, images[at]
        )
        found = [place[key] for key in line["negatives"]]
        agreed, total = agreed + len(set(found) & set(wanted)), total + len(set(found) | set(wanted))
        assert at not in found and line["caption"] == pictured.captions[at]
    assert total > 100 and agreed / total > 0.98
    assert said.startswith(f"{len(lines)} captions asked {samples.name} for ranks 5 to 50: ") and said.endswith(
        str(out)
    )


def test_a_library_without_captions_has_nothing_to_mine_with(samples: Pictures, tmp_path: Path) -> None:
    bare = SimpleNamespace(vectors=lambda name, _: _without_captions(LiveLibrary(samples), name))
    with pytest.raises(TrainingError, match="No picture of the library has a caption"):
        mine_library(bare, tmp_path / "mined.jsonl", 100)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def _without_captions(library: LiveLibrary, name: str) -> Iterator[SimpleNamespace]:
    for chunk in library.vectors(name):
        yield SimpleNamespace(
            uuids=chunk.uuids, vectors=chunk.vectors, properties=[{}] * len(chunk.uuids), without=chunk.without
        )


def test_the_command_mines_the_library_that_is_running(
    samples: Pictures, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "training", "mine", "--out", str(tmp_path / "mined.jsonl"), "--at-most", "60"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "mined.jsonl").read_text().splitlines()
    assert 0 < len(lines) <= 60 and done.stdout.startswith(f"{len(lines)} captions asked {samples.name} for ranks 5 to")
