"""The live library judged: its index, its captions as questions, its targets. Knows it by a protocol, and the encoder.

Index figures are over the whole library. Captions and targets are judged by exact search, so that the index has no part
in them, over at most AT_MOST pictures and QUESTIONS questions of a kind, drawn by a fixed seed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from encoder.protocol import Encoder
from evaluation.index import IndexFigures, Probes, judge_index
from evaluation.metrics import judge_embeddings
from evaluation.questions import ask_targets
from evaluation.retrieval import RANDOM, Direction, direction_of
from evaluation.stored import Library, Pictured, drawn, read_pictures
from evaluation.targets import TargetFigures, judge_targets

AT_MOST = 20_000
QUESTIONS = 1000
PROBES = 500
CAPTIONS = "captions"
"""The method's name in the figures of captions that ask."""


@dataclass(frozen=True)
class CollectionReport:
    stored: int
    judged: int
    """Pictures that captions and targets were judged over; fewer than `stored` when they were sampled."""
    captioned: int
    """Of those judged."""
    index: Mapping[str, IndexFigures]
    """Named vector -> figures; `image, asked by captions` beside those asked by their own kind."""
    captions: Direction | None
    targets: tuple[TargetFigures, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        captions = self.captions
        return {
            "images": self.stored,
            "judged": self.judged,
            "captioned": self.captioned,
            "index": {title: figures.to_json() for title, figures in self.index.items()},
            "text_to_image": captions and {**captions.to_json(CAPTIONS), RANDOM: captions.to_json(RANDOM)},
            "targets": {figures.title: figures.to_json() for figures in self.targets},
            "notes": list(self.notes),
        }


def judge_collection(
    library: Library,
    encoder: Encoder,
    weights: Mapping[str, Mapping[str, float]],
    *,
    at_most: int = AT_MOST,
    questions: int = QUESTIONS,
    probes: int = PROBES,
    seed: int = 0,
    on_step: Callable[[str], object] = lambda step: None,
) -> CollectionReport:
    """`weights`: kind of question ("text", "item") -> target -> weight, as the search asks by default.

    Raises EvaluationError for a library of fewer than three pictures.
    """
    rng = np.random.default_rng(seed)
    on_step("reading vectors")
    pictured, lacking = read_pictures(library, tuple(encoder.identity.dims), at_most)
    stored = library.count()
    captions = pictured.by_caption()
    index = {}
    for title, (name, asking) in _all_probes(pictured, captions, probes, rng).items():
        on_step(f"asking the index: {title}")
        index[title] = judge_index(asking, library.vectors(name), partial(library.nearest, name))
    on_step("judging captions and targets")
    found = judge_captions(pictured, captions, questions, rng) if len(captions) > 1 else None
    asked, why = ask_targets(pictured, encoder, weights, questions, rng)
    captioned = sum(bool(caption) for caption in pictured.captions)
    notes = []
    if lacking:
        notes.append(f"{lacking} pictures lack a named vector (another program stored them) and are not judged.")
    if len(pictured.uuids) + lacking < stored:
        notes.append(
            f"Captions and targets are judged over a random {len(pictured.uuids):,} of {stored:,} pictures; among "
            "all of them every figure would be lower."
        )
    if found is None:
        notes.append(f"Captions are not judged: there are {len(captions)} different ones.")
    targets = tuple(map(judge_targets, asked))
    return CollectionReport(stored, len(pictured.uuids), captioned, index, found, targets, (*notes, *why))


def judge_captions(
    pictured: Pictured, captions: Mapping[str, Sequence[int]], questions: int, rng: np.random.Generator
) -> Direction:
    """Captions ask for the `image` vectors with their stored `caption` vectors, which are their words encoded."""
    chosen = drawn(list(captions.values()), questions, rng)
    vectors = pictured.vectors["caption"][[pictures[0] for pictures in chosen]]
    judgement = judge_embeddings(vectors, pictured.vectors["image"], chosen)
    return direction_of({CAPTIONS: judgement}, chosen)


def _all_probes(
    pictured: Pictured, captions: Mapping[str, Sequence[int]], count: int, rng: np.random.Generator
) -> dict[str, tuple[str, Probes]]:
    """Title -> the named vector that is asked, and what asks it. Words lie elsewhere than pictures, and are harder for
    an index that was built over pictures."""
    rows = drawn(range(len(pictured.uuids)), count, rng)
    own = [pictured.uuids[row] for row in rows]
    probes = {name: (name, Probes(vectors[rows], own)) for name, vectors in pictured.vectors.items()}
    if captions:
        chosen = drawn([pictures[0] for pictures in captions.values()], count, rng)
        asking = Probes(pictured.vectors["caption"][chosen], [None] * len(chosen))
        probes["image, asked by captions"] = ("image", asking)
    return probes
